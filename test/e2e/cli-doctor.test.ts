/** `doctor`: everything that a plan needs, each line good or with its remedy; nothing is changed by it. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Check } from '../../src/core/doctor.ts'
import { startIam } from '../doubles/iam.ts'
import { cliCommand } from './cli.ts'
import { gitlabPlan } from './plans.ts'
import { cliParts, matchSnapshot, normalise, requestParts } from './snapshot.ts'
import { ALLOWED, DOCUMENT, SECRET, type Stage, type StageOptions, setStage } from './stage.ts'

const ROLE = 'arn:aws:iam::111122223333:role/operator'
const LOOKS = ['ssm:GetDocument', 'iam:SimulatePrincipalPolicy']

interface Scene extends StageOptions {
  /** What the caller's policies allow by simulation; default everything. */
  readonly allows?: (action: string, resource: string) => boolean
}

async function scene(t: TestContext, { allows = () => true, ...options }: Scene = {}) {
  const stage = await setStage(t, { operatorMay: [...ALLOWED.operator, ...LOOKS], ...options })
  const iam = await startIam({
    region: stage.aws.region,
    account: stage.aws.account,
    identities: Object.values(stage.identities),
    principals: { [ROLE]: allows },
  })
  t.after(() => iam.close())
  const run = async (plan: string, ...more: readonly string[]) => {
    const env = { AWS_ENDPOINT_URL_STS: iam.url, AWS_ENDPOINT_URL_IAM: iam.url }
    const ended = await cliCommand(stage, ['doctor', '--plan', stage.file('plan.yaml', plan), ...more], env)
    const checks: readonly Check[] = more.includes('--json') ? JSON.parse(ended.stdout) : []
    return { ...ended, checks, find: (name: RegExp) => checks.filter(({ check }) => name.test(check)) }
  }
  return { stage, iam, run }
}

/** Calls that change something anywhere. */
const CHANGES = /^(?:Put|Update|Create|Delete|Send|Start|Stop|Cancel|Rotate)/

function assertOnlyRead(stage: Stage): void {
  const operator = stage.aws.requests.filter(({ caller }) => caller === stage.identities.operator.name)
  assert.deepEqual(
    operator.filter(({ operation }) => CHANGES.test(operation)),
    [],
  )
  assert.ok(operator.length > 0)
}

test('doctor finds everything in order, and reads only', async (t) => {
  const { stage, run } = await scene(t)
  const plan = gitlabPlan(stage)
  const table = await run(plan)
  assert.equal(table.exitCode, 0, table.stdout)
  const { checks } = await run(plan, '--json')
  assert.deepEqual(
    checks.filter(({ ok }) => ok === false),
    [],
  )
  assertOnlyRead(stage)
  matchSnapshot(t, stage, [...cliParts(table), ...requestParts(stage, ['operator'])])
})

interface Trouble {
  readonly what: string
  readonly scene?: Scene
  plan?(plan: string): string
  before?(stage: Stage): void
  readonly check: RegExp
  readonly ok: false | null
  readonly says: RegExp
}

const TROUBLES: readonly Trouble[] = [
  {
    what: 'a secret that is not there',
    plan: (plan) => plan.replace(SECRET, 'prod/ecs/agent-confug'),
    check: /^stored config$/,
    ok: false,
    says: /SECRET_NOT_FOUND/,
  },
  {
    what: 'a secret that may not be read',
    scene: { operatorMay: [...ALLOWED.operator.filter((name) => name !== 'secretsmanager:GetSecretValue'), ...LOOKS] },
    check: /^may secretsmanager:GetSecretValue$/,
    ok: false,
    says: /refused the call.*iam --actor/,
  },
  {
    what: 'a root that is not there',
    plan: (plan) => plan.replace('prod/gitlab/root', 'prod/gitlab/rot'),
    check: /^secret prod\/gitlab\/rot$/,
    ok: false,
    says: /SECRET_NOT_FOUND/,
  },
  {
    what: 'a document that is not there',
    scene: { document: false },
    check: /^document /,
    ok: false,
    says: /DOCUMENT_MISSING.*aws ssm create-document/,
  },
  {
    what: 'a document of another version',
    before: ({ aws }) => {
      const steps = [{ action: 'aws:runShellScript', name: 'nothing', inputs: { runCommand: ['true'] } }]
      const content = { schemaVersion: '2.2', mainSteps: steps }
      aws.ssm.publishDocument(DOCUMENT, JSON.stringify(content))
    },
    check: /^document /,
    ok: false,
    says: /not the one that this version.*update-document/,
  },
  {
    what: 'a document that may not be read',
    scene: { operatorMay: [...ALLOWED.operator, 'iam:SimulatePrincipalPolicy'] },
    check: /^document /,
    ok: null,
    says: /lacks ssm:GetDocument/,
  },
  {
    what: 'targets that match nobody',
    plan: (plan) => plan.replace('[prod]', '[prdo]'),
    check: /^instances under fleet\.targets$/,
    ok: false,
    says: /tag:ecs-pull-auth=prdo.*Tag the container instances/,
  },
  {
    what: 'an instance that is not connected',
    before: ({ aws }) => aws.ssm.register({ id: 'i-0a11c0ffee0000001', online: false }),
    check: /^instances under fleet\.targets$/,
    ok: false,
    says: /0 of 1 are connected.*not i-0a11c0ffee0000001.*instance profile/,
  },
  {
    what: 'an SSM agent that is too old',
    before: ({ aws }) => aws.ssm.register({ id: 'i-0a11c0ffee0000001', agentVersion: '2.3.1319.0' }),
    check: /^SSM agents$/,
    ok: false,
    says: /i-0a11c0ffee0000001 \(2\.3\.1319\.0\).*AWS-UpdateSSMAgent/,
  },
  {
    what: 'targets that nobody can list',
    plan: (plan) => plan.replace('"tag:ecs-pull-auth": [prod]', '"resource-groups:Name": [prod]'),
    check: /^instances under fleet\.targets$/,
    ok: null,
    says: /by tags or ids only/,
  },
  {
    what: 'a cluster that is not there',
    plan: (plan) => `${plan.trimEnd()}\n  cluster: prod\n`,
    check: /^cluster prod$/,
    ok: false,
    says: /CLUSTER_MISSING/,
  },
  {
    what: 'an instance of the cluster that is no target',
    plan: (plan) => `${plan.trimEnd()}\n  cluster: prod\n`,
    before: ({ aws }) =>
      aws.ecs.register('prod', { instanceId: 'i-0a11c0ffee0000001' }, { instanceId: 'i-0a11c0ffee0000009' }),
    check: /^cluster prod$/,
    ok: false,
    says: /1 of its 2 .* no targets: i-0a11c0ffee0000009.*Tag them/,
  },
  {
    what: 'a registry that does not answer',
    plan: (plan) =>
      plan.replace(/probe: \S+/, 'probe: localhost:1/acme/app:stable').replace(/'127[^']+'/, "'localhost:1'"),
    check: /^way to localhost:1$/,
    ok: false,
    says: /ECONNREFUSED.*proxy/,
  },
  {
    what: 'a schedule that nothing carries out',
    plan: (plan) => `${plan}rotation: { schedule: rate(4 hours) }\n`,
    check: /^schedule of the secret$/,
    ok: false,
    says: /rotation is not enabled/,
  },
  {
    what: 'a schedule that lets credentials die',
    plan: (plan) => `${plan}rotation: { schedule: rate(20 hours) }\n`,
    check: /^schedule of the plan$/,
    ok: false,
    says: /plan shows the arithmetic/,
  },
  {
    what: 'a permission that the policies lack',
    scene: { allows: (action) => action !== 'ssm:SendCommand' },
    check: /^may ssm:SendCommand$/,
    ok: false,
    says: /role\/operator lacks it on arn:aws:ssm:.*iam --actor operator-reload/,
  },
  {
    what: 'a simulation that is not allowed',
    scene: { operatorMay: [...ALLOWED.operator, 'ssm:GetDocument'] },
    check: /^may ssm:SendCommand$/,
    ok: null,
    says: /iam:SimulatePrincipalPolicy/,
  },
]

test('doctor tells what is wrong, with its remedy', { concurrency: 4 }, async (parent) => {
  const done = TROUBLES.map((trouble) =>
    parent.test(trouble.what, async (t) => {
      const { stage, run } = await scene(t, { instances: 1, ...trouble.scene })
      trouble.before?.(stage)
      const ended = await run((trouble.plan ?? ((plan) => plan))(gitlabPlan(stage)), '--json')
      const [found] = ended.find(trouble.check)
      assert.ok(found, ended.stdout + ended.stderr)
      assert.equal(found.ok, trouble.ok, ended.stdout)
      assert.match(`${found.detail} ${found.remedy}`, trouble.says)
      assert.equal(ended.exitCode, ended.checks.some(({ ok }) => ok === false) ? 1 : 0)
      assertOnlyRead(stage)
      for (const check of ended.checks) assert.equal(check.remedy === null, check.ok === true, check.check)
    }),
  )
  await Promise.all(done)
})

test('doctor without AWS credentials still looks at the registries', async (t) => {
  const { stage } = await scene(t, { instances: 1 })
  const env = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined }
  const ended = await cliCommand(stage, ['doctor', '--plan', stage.file('p.yaml', gitlabPlan(stage)), '--json'], env)
  const checks: readonly Check[] = JSON.parse(ended.stdout)
  assert.equal(ended.exitCode, 1)
  assert.deepEqual(
    checks.map(({ check, ok }) => [normalise(stage, check), ok]),
    [
      ['caller', false],
      ['way to <registry>', true],
    ],
  )
  assert.match(checks[0]?.detail ?? '', /AWS_CREDENTIALS/)
})

test('doctor looks at the permissions of another role', async (t) => {
  const { stage, iam, run } = await scene(t, { instances: 1, allows: () => false })
  const argv = ['--actor', 'instance', '--principal', ROLE, '--json']
  const ended = await run(gitlabPlan(stage), ...argv)
  assert.deepEqual(
    ended.find(/^may /).map(({ check, ok }) => [check, ok]),
    [['may secretsmanager:GetSecretValue', false]],
  )
  const asked = iam.requests.find(({ Action }) => Action === 'SimulatePrincipalPolicy')
  assert.equal(asked?.['ContextEntries.member.1.ContextKeyName'], 'secretsmanager:VersionStage')
  assert.equal(asked?.['ContextEntries.member.1.ContextKeyValues.member.1'], 'AWSCURRENT')
  const unknown = await run(
    gitlabPlan(stage),
    '--actor',
    'rotate-function',
    '--principal',
    `${ROLE}-of-nobody`,
    '--json',
  )
  assert.ok(unknown.find(/^may /).every(({ ok }) => ok === null))
  const bad = await run(gitlabPlan(stage), '--actor', 'nobody')
  assert.equal(bad.exitCode, 2)
})

test('after a rollout doctor knows that the agents keep their state', async (t) => {
  const { stage, run } = await scene(t, { instances: 1 })
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))]
  for (const command of ['rotate', 'reload']) {
    const { exitCode, stderr } = await cliCommand(stage, [command, ...plan])
    assert.equal(exitCode, 0, stderr)
  }
  const [state] = (await run(gitlabPlan(stage), '--json')).find(/ECS_DATADIR/)
  assert.deepEqual([state?.ok, state?.detail], [true, 'the last rollout reloaded 1 of them'])
})
