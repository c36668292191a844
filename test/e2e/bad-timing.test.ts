/** Error codes that take minutes, or somebody who is faster between two calls: from the shipped bundles, without waiting. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { RotationEvent } from '../aws/stored-secret.ts'
import type { Json } from '../aws/wire.ts'
import { actionStep } from './action.ts'
import { cliCommand } from './cli.ts'
import { FUNCTION_ARN } from './function-story.ts'
import { asJson, gitlabPlan, rotatedByGitlab, staticPlan } from './plans.ts'
import { cliRefuses, planOption } from './refusal.ts'
import { NO_WAITING } from './run-process.ts'
import { type LambdaFunction, startFunction } from './runtime-api.ts'
import { cliParts, errorsPart, matchSnapshot, part } from './snapshot.ts'
import { KEPT, SECRET, type Stage, setStage } from './stage.ts'

const ALWAYS = Number.POSITIVE_INFINITY

/** Runs once, before the first call of an operation. */
function before(stage: Stage, operation: string, run: (input: Json) => void): void {
  let asked: Json = {}
  const match = (name: string, input: Json) => {
    if (name === operation) asked = input
    return name === operation
  }
  stage.aws.faults.add({ kind: 'before', match, run: () => run(asked) })
}

/** Somebody else's version of the stored config. */
function theirs(id: string, text: string) {
  return { id, value: { text }, createdAt: Date.now(), withRotationToken: false }
}

cliRefuses([
  {
    what: 'an answer of SendCommand that is lost twice, and a command that never shows',
    code: 'COMMAND_UNCONFIRMED',
    says: /not known whether.*Run reload again/,
    env: NO_WAITING,
    argv: (stage) => {
      stage.aws.faults.add({ kind: 'reset-before', times: ALWAYS, match: (name) => name === 'SendCommand' })
      return ['reload', ...planOption(stage)]
    },
  },
])

test('ROLLOUT_TIMEOUT: a rollout that does not end in its time', async (t) => {
  const { stage, plan } = await endlessRollout(t)
  const run = await actionStep(stage, { inputs: { plan }, env: NO_WAITING })
  assert.equal(run.exitCode, 1)
  assert.equal(run.outputs['rollout-id'], stage.aws.ssm.rollouts()[0]?.order.id)
  assert.match(run.stdout, /^::error title=ROLLOUT_TIMEOUT::Run Command .* was still running after 5400 s/m)
  const again = await cliCommand(stage, ['reload', '--plan', plan, '--json'], NO_WAITING)
  const { code, hint } = JSON.parse(again.stdout).error
  assert.deepEqual([again.exitCode, code], [1, 'ROLLOUT_TIMEOUT'])
  assert.match(hint, /reload --command [0-9a-f-]+; stop it: .*fleet\.maxConcurrency/)
  assert.equal(stage.aws.ssm.rollouts().length, 1)
  matchSnapshot(t, stage, [errorsPart(run), `${code}: ${hint}`])
})

/** One instance is offline, and Run Command goes on waiting for it. */
async function endlessRollout(t: TestContext): Promise<{ stage: Stage; plan: string }> {
  const stage = await setStage(t, { config: rotatedByGitlab, instances: 2 })
  stage.aws.ssm.register({ id: stage.instances[1]?.id ?? '', online: false })
  // Else the stage answers when the rollout has ended.
  stage.aws.faults.clear()
  return { stage, plan: stage.file('plan.yaml', gitlabPlan(stage)) }
}

test('ROTATION_TIMEOUT: a rotation function that never comes to its end', async (t) => {
  const ended = Promise.withResolvers<void>()
  const stage = await setStage(t, {
    instances: 1,
    invokeLambda: async () => {
      await ended.promise
      return { error: 'it was stopped' }
    },
  })
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  const { error, exitCode } = await rotate(t, stage)
  assert.deepEqual([exitCode, error.code], [1, 'ROTATION_TIMEOUT'])
  assert.match(
    `${error.message} ${error.hint}`,
    /did not become current within 15 minutes.*log of the rotation function/,
  )
  ended.resolve()
})

test('ROTATION_ABANDONED: somebody cancels the rotation that a command waits for', async (t) => {
  const stage = await setStage(t, { instances: 1, invokeLambda: () => Promise.resolve({ error: 'it failed' }) })
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  const { versions } = stage.aws.secrets.secret(SECRET)
  const isPending = () => versions.holder('AWSPENDING') !== undefined
  stage.aws.faults.add({
    kind: 'before',
    match: (name) => name === 'DescribeSecret' && isPending(),
    run: () => versions.drop('AWSPENDING'),
  })
  const { error, exitCode } = await rotate(t, stage)
  assert.deepEqual([exitCode, error.code], [1, 'ROTATION_ABANDONED'])
  assert.match(error.hint, /Nothing is lost/)
})

test('ROTATION_ABANDONED: two workflows at the same time: the one that stores its version last wins', async (t) => {
  const stage = await setStage(t, { instances: 1, config: rotatedByGitlab })
  const winner = Promise.withResolvers<string>()
  stage.aws.faults.add({
    kind: 'before',
    match: (name, { VersionStage }) => name === 'GetSecretValue' && VersionStage === 'ECSAUTH-STAGED',
    run: async () => {
      const run = await cliCommand(stage, ['rotate', ...planOption(stage), '--json'])
      winner.resolve(JSON.parse(run.stdout).version)
    },
  })
  const { error, exitCode } = await rotate(t, stage)
  assert.deepEqual([exitCode, error.code], [1, 'ROTATION_ABANDONED'])
  assert.equal(stage.aws.secrets.secret(SECRET).versions.holder('AWSCURRENT'), await winner.promise)
})

async function rotate(t: TestContext, stage: Stage) {
  const run = await cliCommand(stage, ['rotate', ...planOption(stage), '--json'], NO_WAITING)
  matchSnapshot(t, stage, cliParts(run))
  return { exitCode: run.exitCode, error: JSON.parse(run.stdout).error }
}

/** Asked directly, as Secrets Manager would. */
async function rotateFunction(t: TestContext, stage: Stage, plan: string) {
  const env = { ...stage.env('rotate'), ...NO_WAITING, PLAN: asJson(plan) }
  const running: LambdaFunction = await startFunction(t, { ...stage, bundle: 'rotate', env })
  const { arn } = stage.aws.secrets.secret(SECRET)
  return async (Step: RotationEvent['Step'], version: string) => {
    const event = { Step, SecretId: arn, ClientRequestToken: version }
    const { error } = await running.invoke(event)
    if (error !== null) matchSnapshot(t, stage, [part(`${Step} failed`, error.errorMessage)])
    stage.evidence.add(`the log of ${Step}`, running.log())
    return { error: error?.errorMessage ?? '', told: running.log() }
  }
}

/** What Secrets Manager has done before it invokes the function. */
function emptyPending({ aws }: Stage): string {
  const secret = aws.secrets.secret(SECRET)
  const id = randomUUID()
  secret.versions.store({ id, value: null, createdAt: Date.now(), withRotationToken: false }, ['AWSPENDING'])
  return id
}

async function stageWithFunction(t: TestContext): Promise<Stage> {
  const stage = await setStage(t, { instances: 1, config: rotatedByGitlab })
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  return stage
}

test('ROTATION_ABANDONED: another rotation takes AWSPENDING between two steps of the function', async (t) => {
  const stage = await stageWithFunction(t)
  const step = await rotateFunction(t, stage, gitlabPlan(stage))
  const version = emptyPending(stage)
  assert.equal((await step('createSecret', version)).error, '')
  emptyPending(stage)
  for (const next of ['testSecret', 'finishSecret'] as const)
    assert.match((await step(next, version)).error, /^ROTATION_ABANDONED: .*superseded it\. Nothing is lost/)
  assert.notEqual(stage.aws.secrets.secret(SECRET).versions.holder('AWSCURRENT'), version)
})

test('PENDING_STALE: a version of an earlier attempt, made for another plan, is let go', async (t) => {
  const stage = await stageWithFunction(t)
  const { versions } = stage.aws.secrets.secret(SECRET)
  const first = await rotateFunction(t, stage, gitlabPlan(stage))
  const version = emptyPending(stage)
  assert.equal((await first('createSecret', version)).error, '')

  stage.keep(KEPT, JSON.stringify(stage.first))
  const second = await rotateFunction(t, stage, staticPlan(stage))
  const { error, told } = await second('createSecret', version)
  assert.match(error, /^PENDING_STALE: .* came from provider gitlab\. Its label was removed\. The next rotation/)
  assert.match(told, /"code":"PENDING_STALE"/)
  assert.equal(versions.holder('AWSPENDING'), undefined)
  assert.equal((await second('createSecret', emptyPending(stage))).error, '')
})

test('PLAN_UNSUPPORTED: a plan for workflows in a function', async (t) => {
  const stage = await stageWithFunction(t)
  const hub = { provider: 'dockerhub', org: 'acme', connection: randomUUID(), probe: 'acme/app:stable' }
  const hubEntry = `  https://index.docker.io/v1/: ${JSON.stringify(hub)}\n`
  const plan = gitlabPlan(stage).replace('\nregistries:\n', `\nregistries:\n${hubEntry}`)
  const step = await rotateFunction(t, stage, plan)
  const { error } = await step('createSecret', emptyPending(stage))
  assert.match(
    error,
    /^PLAN_UNSUPPORTED: No rotation function can mint for https:\/\/index\.docker\.io\/v1\/ \(dockerhub\).*from the Action/,
  )
  assert.equal(stage.gitlab.deployTokens().length, 1)
})

/** A rotation has replaced a credential that still pulls. */
async function rotated(t: TestContext): Promise<Stage> {
  const stage = await setStage(t, { instances: 1, config: rotatedByGitlab })
  const run = await cliCommand(stage, ['rotate', ...planOption(stage)])
  assert.equal(run.exitCode, 0, run.stderr)
  return stage
}

test('LABEL_MOVED: somebody else’s version becomes current while a rollback is under way, and stays', async (t) => {
  const stage = await rotated(t)
  const { versions } = stage.aws.secrets.secret(SECRET)
  const text = stage.aws.secrets.secret(SECRET).text('AWSCURRENT') ?? assert.fail('there is no value')
  const id = randomUUID()
  before(stage, 'UpdateSecretVersionStage', () => versions.store(theirs(id, `${text}# theirs\n`), ['AWSCURRENT']))
  const run = await cliCommand(stage, ['rollback', '--yes', ...planOption(stage), '--json'], NO_WAITING)
  const { code, message, hint } = JSON.parse(run.stdout).error
  assert.deepEqual([run.exitCode, code], [1, 'LABEL_MOVED'])
  matchSnapshot(t, stage, cliParts(run))
  assert.match(`${message} ${hint}`, /AWSCURRENT of .* could not be moved.*another writer was first/)
  assert.equal(versions.holder('AWSCURRENT'), id)
  assert.deepEqual(stage.aws.ssm.rollouts(), [])
})

test('VERSION_EXISTS: somebody else has stored another value under the id that a rollback would use', async (t) => {
  const stage = await rotated(t)
  const { versions } = stage.aws.secrets.secret(SECRET)
  const current = versions.holder('AWSCURRENT')
  before(stage, 'PutSecretValue', (input) =>
    versions.store(theirs(String(input['ClientRequestToken']), 'ECS_CLUSTER=theirs\n'), []),
  )
  for (const time of ['first', 'second']) {
    const run = await cliCommand(stage, ['rollback', '--yes', ...planOption(stage), '--json'])
    const { code, message, hint } = JSON.parse(run.stdout).error
    assert.deepEqual([run.exitCode, code], [1, 'VERSION_EXISTS'], time)
    matchSnapshot(t, stage, cliParts(run))
    assert.match(`${message} ${hint}`, /already holds another value.*Rotate/)
  }
  assert.equal(versions.holder('AWSCURRENT'), current)
  assert.deepEqual(stage.aws.ssm.rollouts(), [])
})

test('REVOKE_FAILED: an old credential that its source does not revoke, as JSON and as a table', async (t) => {
  const stage = await rotated(t)
  stage.gitlab.fault = ({ method }) =>
    method === 'DELETE' ? { when: 'before', fault: { kind: 'answer', status: 403, headers: {}, body: '{}' } } : null
  const reload = await cliCommand(stage, ['reload', ...planOption(stage), '--json'])
  assert.equal(reload.exitCode, 0, reload.stderr)
  assert.match(reload.stderr, /warning: .* could not be revoked: REVOKE_FAILED: /)
  const [failed] = JSON.parse(reload.stdout).retire.failed
  assert.match(failed.reason, /^REVOKE_FAILED: .*403/)
  assert.match(failed.hint, /root/)
  const table = await cliCommand(stage, ['retire', '--yes', ...planOption(stage)])
  assert.equal(table.exitCode, 1)
  assert.match(table.stdout, /gitlab +REVOKE_FAILED: /)
  matchSnapshot(t, stage, [...cliParts(reload), ...cliParts(table)])
  assert.equal(stage.gitlab.deployTokens().length, 2)

  stage.gitlab.fault = () => null
  const healed = await cliCommand(stage, ['retire', '--yes', ...planOption(stage), '--json'])
  assert.deepEqual([healed.exitCode, JSON.parse(healed.stdout).retired.length], [0, 1])
})

/** What no rule foresees, and our code does not read: an answer that AWS has never given. */
async function stageWithDefect(t: TestContext): Promise<Stage> {
  const stage = await stageWithFunction(t)
  const body = { ARN: stage.aws.secrets.secret(SECRET).arn, VersionIdsToStages: { [randomUUID()]: 7 } }
  stage.aws.faults.add({ kind: 'answer', body, times: ALWAYS, match: (name) => name === 'DescribeSecret' })
  return stage
}

const REPORT =
  /^Unexpected TypeError inside ecs-pull-auth\. Open an issue with the stack: .*--verbose.*debug logging.*log/
/** A line of a stack, as it is and within JSON. */
const FRAME = /(?:^|\\n) {4}at .*\.cjs:\d/m

test('INTERNAL: a defect, in the CLI: its stack with --verbose only', async (t) => {
  const stage = await stageWithDefect(t)
  for (const more of [[], ['--verbose']]) {
    const run = await cliCommand(stage, ['status', ...planOption(stage), ...more, '--json'])
    const { code, message, hint } = JSON.parse(run.stdout).error
    assert.deepEqual([run.exitCode, code], [1, 'INTERNAL'])
    matchSnapshot(t, stage, [run.stdout])
    assert.match(`${message} ${hint}`, REPORT)
    assert.equal(FRAME.test(run.stderr), more.length > 0, run.stderr)
    assert.doesNotMatch(run.stderr, /is not a function/)
  }
})

test('INTERNAL: a defect, in the Action: its stack with step debug logging only', async (t) => {
  const stage = await stageWithDefect(t)
  const plan = stage.file('plan.yaml', gitlabPlan(stage))
  for (const env of [{}, { RUNNER_DEBUG: '1' }]) {
    const run = await actionStep(stage, { inputs: { plan }, env })
    const errors = run.commands.filter(({ name }) => name === 'error')
    assert.deepEqual([run.exitCode, errors.map(({ properties }) => properties['title'])], [1, ['INTERNAL']])
    assert.match(errors[0]?.message ?? '', REPORT)
    matchSnapshot(t, stage, [errorsPart(run)])
    assert.match(run.summary, /^## Not finished\n[\s\S]*\*\*INTERNAL\*\*/)
    assert.equal(FRAME.test(run.log), 'RUNNER_DEBUG' in env, run.log)
    assert.doesNotMatch(run.log + run.stderr + run.summary, /is not a function/)
  }
})

test('INTERNAL: a defect, in a function: its stack in the line of the failure', async (t) => {
  const stage = await stageWithDefect(t)
  const step = await rotateFunction(t, stage, gitlabPlan(stage))
  const { error, told } = await step('createSecret', emptyPending(stage))
  assert.match(error, /^INTERNAL: Unexpected TypeError inside ecs-pull-auth\. Open an issue/)
  const line = told.split('\n').find((text) => text.includes('"level":"warn"')) ?? ''
  assert.equal(JSON.parse(line).code, 'INTERNAL')
  assert.match(line, FRAME)
  assert.doesNotMatch(told, /is not a function/)
})
