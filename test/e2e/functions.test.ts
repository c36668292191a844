/** Both functions as Lambda runs them: Secrets Manager rotates, its event reloads the fleet, the end of that retires. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AwsEvent } from '../aws/world.ts'
import { cliCommand } from './cli.ts'
import { isForReact, rotateThroughFunctions } from './function-story.ts'
import { asJson, FLEET, gitlabPlan, rotatedByGitlab } from './plans.ts'
import { type LambdaFunction, startFunction } from './runtime-api.ts'
import { awsRequests, matchSnapshot } from './snapshot.ts'
import { SECRET, setStage } from './stage.ts'

test('a rotation by Secrets Manager, from RotateSecret to the revoked old credential', async (t) => {
  const { stage, parts } = await rotateThroughFunctions(t)
  matchSnapshot(t, stage, parts)
})

test('an event that comes twice is one rollout, and a node that fails keeps the old credential', async (t) => {
  const react: { running: LambdaFunction | null } = { running: null }
  const stage = await setStage(t, {
    config: rotatedByGitlab,
    onEvent: async (event) => {
      if (isForReact(event)) await Promise.all([1, 2].map(() => react.running?.invoke(event)))
    },
  })
  const old = stage.instances[0]?.credentialFor(stage.probe)
  const node = stage.instances[0]
  assert.ok(old && node)
  node.agent.health = () => (node.agent.starts === 2 ? 'exits' : 'healthy')
  const env = { ...stage.env('react'), PLAN: asJson(gitlabPlan(stage)) }
  react.running = await startFunction(t, { ...stage, bundle: 'react', env })

  const run = await cliCommand(stage, ['rotate', '--plan', stage.file('plan.yaml', gitlabPlan(stage))])
  assert.equal(run.exitCode, 0, run.stderr)
  await stage.aws.idle()

  assert.equal(stage.aws.ssm.rollouts().length, 1)
  assert.ok(await stage.pulls(old), 'the old credential was revoked while an instance uses it')
  const told = react.running
    .log()
    .split('\n')
    .filter((line) => line.includes('"ROLLOUT_INCOMPLETE"'))
  assert.equal(told.length, 2)
  stage.evidence.add('the log of react', react.running.log())
})

test('with a runbook an event that comes twice is one run, and its end is judged and retires', async (t) => {
  const react: { running: LambdaFunction | null } = { running: null }
  const isForRunbook = (event: AwsEvent) =>
    event['detail-type'] === 'Secret Label Updated'
      ? event.detail['labelUpdated'] === 'AWSCURRENT'
      : event['detail-type'] === 'EC2 Automation Execution Status-change Notification'
  const stage = await setStage(t, {
    config: rotatedByGitlab,
    runbook: true,
    onEvent: async (event) => {
      if (isForRunbook(event)) await Promise.all([1, 2].map(() => react.running?.invoke(event)))
    },
  })
  const old = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(old)
  const role = 'arn:aws:iam::111122223333:role/ecs-pull-auth-rollout'
  const plan = gitlabPlan(stage, `${FLEET}\n  runbook: { role: '${role}' }`)
  react.running = await startFunction(t, {
    ...stage,
    bundle: 'react',
    env: { ...stage.env('react'), PLAN: asJson(plan) },
  })

  const run = await cliCommand(stage, ['rotate', '--plan', stage.file('plan.yaml', plan)])
  assert.equal(run.exitCode, 0, run.stderr)
  await stage.aws.idle()

  assert.equal(stage.aws.ssm.automation.runs().length, 1)
  assert.equal(stage.aws.ssm.rollouts().length, 1)
  assert.match(react.running.log(), /Every instance runs the version\./)
  assert.equal(await stage.pulls(old), false, 'the old credential still pulls')
  stage.evidence.add('the log of react', react.running.log())
})

test('an event for another secret, or none of Secrets Manager, changes nothing', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const env = { ...stage.env('rotate'), PLAN: asJson(gitlabPlan(stage)) }
  const rotate = await startFunction(t, { ...stage, bundle: 'rotate', env })
  const good = {
    Step: 'createSecret',
    SecretId: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:other-AbCdEf',
    ClientRequestToken: '00000000-0000-4000-8000-000000000001',
    RotationToken: '0'.repeat(36),
  }
  const told: string[] = []
  for (const event of [
    null,
    {},
    'text',
    { ...good, Step: 'dropSecret' },
    { ...good, ClientRequestToken: 'short' },
    good,
  ]) {
    const { error } = await rotate.invoke(event)
    assert.equal(error?.errorType, 'PullAuthError')
    assert.match(error?.errorMessage ?? '', /^ROTATION_EVENT: /)
    told.push(error?.errorMessage ?? '')
  }
  matchSnapshot(t, stage, told)
  assert.deepEqual(awsRequests(stage, 'rotate'), [])
})

test('a function without a plan says which variable to set', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const rotate = await startFunction(t, { ...stage, bundle: 'rotate', env: stage.env('rotate') })
  const SecretId = `arn:aws:secretsmanager:eu-central-1:111122223333:secret:${SECRET}-AbCdEf`
  const event = { Step: 'createSecret', SecretId, ClientRequestToken: '00000000-0000-4000-8000-000000000001' }
  const { error } = await rotate.invoke(event)
  assert.match(error?.errorMessage ?? '', /^PLAN_MISSING: Neither PLAN nor PLAN_PARAMETER is set/)
})

test('the plan may be kept in an SSM parameter', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const env = { ...stage.env('react'), PLAN_PARAMETER: '/ecs-pull-auth/plan' }
  stage.aws.ssm.parameters.set('/ecs-pull-auth/plan', '{"version":1}')
  const react = await startFunction(t, { ...stage, bundle: 'react', env })
  const { error } = await react.invoke({ 'detail-type': 'Something', source: 'aws.other', detail: {} })
  assert.match(error?.errorMessage ?? '', /^ACCESS_DENIED: .*ssm:GetParameter/)
})
