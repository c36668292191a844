/** `ecs-pull-auth iam`: which actors a plan has, what the options change, and what is refused. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandContext } from '../../src/cli/command.ts'
import { iam } from '../../src/cli/iam-command.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { ACTORS, type ActorPolicies, policiesOf } from '../../src/core/iam.ts'
import { readUnjudgedPlan } from '../../src/core/plan.ts'
import { stackProblem } from '../../src/core/stack-parameters.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { PLAN, PLAN_TEXT, SECRET, SETTINGS } from './plan.ts'

const entry = { provider: 'static', credential: 'prod/ghcr/pull', probe: 'registry.acme.com/acme/app:1' }
const least = { version: 1, secret: 'prod/ecs/agent-config', registries: { 'registry.acme.com': entry } }

function read(value: object) {
  return readUnjudgedPlan(value, 'of this test', PROVIDERS)
}

async function command(plan: object, options: CommandContext['options'] = {}, env: Record<string, string> = {}) {
  const terminal = { env, readFile: () => Buffer.from(JSON.stringify(plan)) }
  const all = { plan: 'plan.json', account: '111122223333', region: 'eu-central-1', ...options }
  return await iam.run({ terminal, options: all, arguments: [] } as unknown as CommandContext)
}

test('a plan that needs all there is has every actor', () => {
  assert.deepEqual(Object.keys(policiesOf(PLAN, SETTINGS)), [...ACTORS])
})

test('actors that a plan has no use for are left out', () => {
  const names = Object.keys(policiesOf(read(least), SETTINGS))
  for (const actor of ['operator-reload', 'operator-retire', 'approver', 'instance', 'runbook', 'scheduler'])
    assert.ok(!names.includes(actor), actor)
})

test('no statement has a resource of everything, but for actions that know none', () => {
  const free = /^(?:ssm:(?:List|Describe|Cancel)|ec2:|sts:GetWebIdentityToken|cloudwatch:DescribeAlarms)/
  for (const [actor, { policy }] of Object.entries(policiesOf(PLAN, SETTINGS))) {
    for (const { Action, Resource } of policy.Statement)
      if (Resource.includes('*')) for (const action of Action) assert.match(action, free, actor)
  }
})

test('a Sid is there once, and a policy fits into a role', () => {
  for (const [actor, { policy }] of Object.entries(policiesOf(PLAN, SETTINGS))) {
    const names = policy.Statement.map(({ Sid }) => Sid)
    assert.equal(new Set(names).size, names.length, actor)
    // 10,240 characters without white space are the most that inline policies of a role may have together.
    assert.ok(JSON.stringify(policy).length < 10_240, actor)
  }
})

test('a secret that is named gets exactly the six characters that Secrets Manager adds', () => {
  const { policy } = policiesOf(read(least), SETTINGS)['operator-status'] as ActorPolicies
  assert.deepEqual(policy.Statement[0]?.Resource, [
    'arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/ecs/agent-config-??????',
  ])
})

test('targets become conditions: every key, any of its values', () => {
  const cases = [
    [
      { 'tag:a': ['1', '2'], 'tag:b': ['3'] },
      ['instance/*', 'managed-instance/*'],
      { StringEquals: { 'ssm:resourceTag/a': ['1', '2'], 'ssm:resourceTag/b': ['3'] } },
    ],
    [{ 'tag-key': ['ring'] }, ['instance/*', 'managed-instance/*'], { Null: { 'ssm:resourceTag/ring': ['false'] } }],
    [
      { InstanceIds: ['i-0a11c0ffee0000001', 'mi-0a11c0ffee0000001a'] },
      ['instance/i-0a11c0ffee0000001', 'managed-instance/mi-0a11c0ffee0000001a'],
      undefined,
    ],
  ] as const
  for (const [targets, resources, condition] of cases) {
    const statements =
      policiesOf(read({ ...least, fleet: { targets } }), SETTINGS)['operator-reload']?.policy.Statement ?? []
    const send = statements.find(({ Sid }) => Sid === 'SendToFleet')
    assert.deepEqual(
      send?.Resource.map((arn) => arn.split(':').at(-1)),
      resources,
    )
    assert.deepEqual(send?.Condition, condition)
  }
})

test('in China the service principals, the audience and the domain are China’s', () => {
  const china = { ...SETTINGS, partition: 'aws-cn', region: 'cn-north-1', domain: 'amazonaws.com.cn' }
  const policies = policiesOf(read({ ...least, fleet: { targets: { 'tag:a': ['1'] } } }), china)
  assert.deepEqual(policies.instance?.trust?.Statement[0]?.Principal, { Service: 'ec2.amazonaws.com.cn' })
  assert.match(JSON.stringify(policies.workflow?.trust), /"sts\.amazonaws\.com\.cn"/)
  assert.match(JSON.stringify(policies.instance?.policy), /secretsmanager\.cn-north-1\.amazonaws\.com\.cn/)
  assert.doesNotMatch(JSON.stringify({ ...policies, kms: '' }).replaceAll(SETTINGS.kmsKey ?? '', ''), /arn:aws:/)
})

test('a workflow is trusted by name and ids, under both spellings of its subject', () => {
  const [trust] = policiesOf(PLAN, SETTINGS).workflow?.trust?.Statement ?? []
  const equals = trust?.Condition?.['StringEquals'] ?? {}
  assert.deepEqual(equals['token.actions.githubusercontent.com:sub'], [
    'repo:acme@1234/infrastructure@5678:ref:refs/heads/main',
    'repo:acme/infrastructure:ref:refs/heads/main',
  ])
  assert.equal(equals['token.actions.githubusercontent.com:repository_id'], '5678')
  assert.equal(equals['token.actions.githubusercontent.com:repository_owner_id'], '1234')
})

test('the text is the JSON, and --actor gives one policy alone', async () => {
  const { text, json } = await command(least)
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(json)))
  const one = await command(least, { actor: 'operator-status' })
  assert.equal(JSON.parse(one.text).Version, '2012-10-17')
})

test('--parameters gives what the stack needs to know of the plan', async () => {
  const fleet = { targets: { 'tag:ecs-pull-auth': ['prod', 'canary'] }, drain: '1h' }
  const rotation = { schedule: 'rate(4 hours)', window: '2h' }
  const { json } = await command({ ...least, fleet, rotation }, { parameters: true })
  const given = Object.fromEntries(
    (json as { ParameterKey: string; ParameterValue: string }[]).map((one) => [one.ParameterKey, one.ParameterValue]),
  )
  assert.deepEqual(JSON.parse(given['Plan'] ?? ''), { ...least, fleet, rotation })
  assert.deepEqual(
    [
      given['FleetTagValues'],
      given['DrainSeconds'],
      given['RotationWindow'],
      given['MaxVersionAgeSeconds'],
      given['RetireSecretArns'],
    ],
    ['prod,canary', '900', '2h', '43200', ''],
  )
})

describe('what is refused, and why', () => {
  const cases = [
    ['without an account', least, { account: undefined }, /No account is known/],
    ['without a Region', least, { region: undefined }, /No Region is known/],
    ['a key by its alias', least, { 'kms-key': 'alias/ecs' }, /must be named by its ARN/],
    ['a repository without ids', least, { repository: 'acme/infrastructure' }, /name and ids together/],
    ['an actor that the plan has not', least, { actor: 'runbook' }, /has no actor runbook/],
    [
      'a stack for other targets',
      { ...least, fleet: { targets: { 'tag:team': ['a'] } } },
      { parameters: true },
      /fleet\.targets must be the tag/,
    ],
    [
      'a stack in another account than the secret',
      { ...least, secret: SECRET },
      { parameters: true, account: '999988887777' },
      /is in account 111122223333, the stack in 999988887777/,
    ],
    [
      'a stack for a replica',
      { ...least, secret: SECRET },
      { parameters: true, region: 'eu-west-1' },
      /is in eu-central-1, the stack in eu-west-1/,
    ],
  ] as const
  for (const [what, plan, options, message] of cases) {
    test(what, async () => {
      await assert.rejects(
        command(plan, options),
        (error) => error instanceof PullAuthError && error.code === 'USAGE' && message.test(error.message),
      )
    })
  }
})

test('account and Region of the stored config’s ARN are known', async () => {
  const secret = 'arn:aws-us-gov:secretsmanager:us-gov-west-1:999988887777:secret:config-AbCdEf'
  const { text } = await command({ ...least, secret }, { account: undefined, region: undefined })
  assert.match(text, /arn:aws-us-gov:lambda:us-gov-west-1:999988887777:function:ecs-pull-auth-rotate/)
})

test('the plan of these tests is one that the stack carries out', () => {
  assert.equal(stackProblem(PLAN, SETTINGS, 'ecs-pull-auth'), null)
  assert.ok(PLAN_TEXT.length < 4_096)
})
