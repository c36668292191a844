/** Good plans in a world where they cannot be done: the secret, the registry, the document, the permissions. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marked } from '../doubles/marks.ts'
import { actionStep } from './action.ts'
import { gitlabPlan, staticPlan } from './plans.ts'
import { actionRefuses, cliRefuses, planFile, planOption, singleInputs } from './refusal.ts'
import { errorsPart, matchSnapshot } from './snapshot.ts'
import { ALLOWED, KEPT, SECRET, setStage, storedConfig } from './stage.ts'

const without = (action: string) => ALLOWED.operator.filter((allowed) => allowed !== action)

actionRefuses([
  {
    what: 'a secret that does not exist',
    code: 'SECRET_NOT_FOUND',
    says: /prod\/ecs\/agent-confug/,
    inputs: (stage) => planFile(stage, gitlabPlan(stage).replace(SECRET, 'prod/ecs/agent-confug')),
  },
  {
    what: 'a secret without a value',
    code: 'CONFIG_EMPTY',
    says: /has no current value/,
    stage: { config: null },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'a secret that is no ecs.config',
    code: 'CONFIG_NOT_ECS',
    says: /is not an ECS config: it is a credential with username and password/,
    stage: { config: ({ first }) => JSON.stringify(first) },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'a config that would be too large',
    code: 'CONFIG_TOO_LARGE',
    says: /65536 are allowed/,
    stage: { config: (parts) => `${storedConfig(parts)}# ${'x'.repeat(65_000)}\n` },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'a registry that nobody answers for',
    code: 'PROBE_UNKNOWN',
    says: /the registry gave no clear answer.* Nothing was published/,
    inputs: (stage) => {
      stage.registry.fault = () => ({ kind: 'hang-up' })
      return singleInputs(stage, { password: marked('unproven') })
    },
  },
  {
    what: 'a credential that the registry rejects',
    code: 'PROBE_REJECTED',
    says: /the registry rejects the credential/,
    inputs: (stage) => singleInputs(stage, { username: 'nobody' }),
  },
  {
    what: 'a credential that may not pull the probe',
    code: 'PROBE_DENIED',
    says: /logs in but may not pull it/,
    inputs: (stage) => singleInputs(stage, { probe: `${stage.registry.host}/outside/app:stable` }),
  },
  {
    what: 'a minted token that may not pull the probe',
    code: 'PROBE_DENIED',
    says: /logs in but may not pull it/,
    // Its version stays under the private label; retire finds the token by its name when it is an hour old.
    orphans: 1,
    inputs: (stage) => planFile(stage, gitlabPlan(stage).replace('/acme/app:stable', '/outside/app:stable')),
  },
  {
    what: 'a probe that anybody can pull',
    code: 'PROBE_PUBLIC',
    says: /anybody can pull it, so pulling it proves nothing.* proof: login-only/,
    stage: { registry: { publicRepositories: ['acme/app'] } },
    inputs: (stage) => singleInputs(stage),
  },
  {
    what: 'a probe without such a tag',
    code: 'PROBE_MISSING',
    says: /no such tag or digest/,
    inputs: (stage) => singleInputs(stage, { probe: `${stage.registry.host}/acme/app:stabel` }),
  },
  {
    what: 'a root credential that is dead',
    code: 'MINT_REJECTED',
    says: /prod\/gitlab\/dead-root/,
    inputs: (stage) => {
      stage.keep('prod/gitlab/dead-root', `glpat-${marked('dead')}`)
      return planFile(stage, gitlabPlan(stage).replace('prod/gitlab/root', 'prod/gitlab/dead-root'))
    },
  },
  {
    what: 'a credential secret that is no credential',
    code: 'CREDENTIAL_INVALID',
    says: /prod\/registry\/pull/,
    inputs: (stage) => {
      stage.keep(KEPT, JSON.stringify({ user: 'somebody', token: marked('kept') }))
      return planFile(stage, staticPlan(stage))
    },
  },
  {
    what: 'an SSM document that nobody has created',
    code: 'DOCUMENT_MISSING',
    says: /ecs-pull-auth document > document\.json/,
    stage: { document: false },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'a runbook that nobody has created',
    code: 'RUNBOOK_MISSING',
    says: /ecs-pull-auth document --runbook > runbook\.json/,
    inputs: (stage) =>
      planFile(
        stage,
        `${gitlabPlan(stage).trimEnd()}\n  runbook: { role: 'arn:aws:iam::111122223333:role/rollout' }\n`,
      ),
  },
  {
    what: 'credentials that may not read the secret',
    code: 'ACCESS_DENIED',
    says: /lacks secretsmanager:GetSecretValue/,
    stage: { operatorMay: without('secretsmanager:GetSecretValue') },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'credentials that may not store the new version',
    code: 'ACCESS_DENIED',
    says: /lacks secretsmanager:PutSecretValue/,
    stage: { operatorMay: without('secretsmanager:PutSecretValue') },
    inputs: (stage) => singleInputs(stage, { password: marked('unstored') }),
  },
  {
    what: 'credentials of somebody else',
    code: 'AWS_CREDENTIALS',
    says: /UnrecognizedClientException/,
    env: { AWS_ACCESS_KEY_ID: 'ASIANOBODY0000000000' },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'no AWS credentials',
    code: 'AWS_CREDENTIALS',
    says: /configure-aws-credentials/,
    env: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
  {
    what: 'no Region',
    code: 'AWS_CREDENTIALS',
    says: /needs a Region/,
    env: { AWS_REGION: undefined },
    inputs: (stage) => planFile(stage, gitlabPlan(stage)),
  },
])

cliRefuses([
  {
    what: 'a fleet without an instance',
    code: 'TARGETS_NONE',
    says: /No container instance matches tag:ecs-pull-auth=prdo/,
    argv: (stage) => ['reload', ...planOption(stage, (plan) => plan.replace('[prod]', '[prdo]'))],
  },
  {
    what: 'a document of another name',
    code: 'DOCUMENT_MISSING',
    says: /no SSM document ecs-reload .* aws ssm create-document --name ecs-reload/,
    argv: (stage) => ['reload', ...planOption(stage, (plan) => `${plan}  document: ecs-reload\n`)],
  },
  {
    what: 'a plan without a fleet',
    code: 'USAGE',
    says: /has no fleet/,
    exit: 2,
    argv: (stage) => ['reload', ...planOption(stage, (plan) => plan.replace(/^fleet:[\s\S]*/m, ''))],
  },
  {
    what: 'nothing that proves what the instances run',
    code: 'RETIRE_NOT_YET',
    says: /Run ecs-pull-auth reload first/,
    argv: (stage) => ['retire', '--yes', ...planOption(stage)],
  },
  {
    what: 'a credential that the stored config cannot hold',
    code: 'CREDENTIAL_INVALID',
    says: /has a password that has a control character or a line break/,
    argv: (stage) => {
      stage.keep(KEPT, JSON.stringify({ username: 'puller', password: `${marked('two-lines')}\nECS_CLUSTER=evil` }))
      return ['rotate', '--plan', planFile(stage, staticPlan(stage)).plan]
    },
  },
])

test('a fleet that may not be reloaded is told of beside the version that is current now', async (t) => {
  const stage = await setStage(t, { instances: 1, operatorMay: without('ssm:SendCommand') })
  const run = await actionStep(stage, { inputs: planFile(stage, gitlabPlan(stage)) })
  assert.equal(run.exitCode, 1)
  assert.match(run.stdout, /^::error title=ACCESS_DENIED::.*lacks ssm:SendCommand/m)
  assert.match(run.summary, /^## The fleet was not reloaded\n/)
  assert.equal(run.outputs['version'], stage.aws.secrets.secret(SECRET).versions.holder('AWSCURRENT'))
  assert.equal(run.outputs['changed'], 'true')
  assert.equal(JSON.parse(run.outputs['result'] ?? '').problem.code, 'ACCESS_DENIED')
})

test('an answer that did not come is not taken for one that says no', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  stage.aws.faults.add({ kind: '500', match: (operation) => operation === 'PutSecretValue', times: 3 })
  const run = await actionStep(stage, { inputs: planFile(stage, gitlabPlan(stage)) })
  assert.equal(run.exitCode, 1)
  assert.match(run.summary, /^## Not finished\n[\s\S]*\*\*AWS_UNAVAILABLE\*\* PutSecretValue /)
  matchSnapshot(t, stage, [errorsPart(run)])
  // The version may be stored after all, so its token must live.
  assert.equal(stage.gitlab.deployTokens().length, 1)
})
