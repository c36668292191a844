/** A cancelled workflow: the runner sends SIGINT, then SIGTERM, then kills. Nothing is half done, and the next run heals. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { actionStep, type StepOptions } from './action.ts'
import type { ActionRun } from './action-runner.ts'
import { FLEET, gitlabPlan, rotatedByGitlab } from './plans.ts'
import { NO_WAITING } from './run-process.ts'
import { errorsPart, matchSnapshot } from './snapshot.ts'
import { ALLOWED, SECRET, type Stage, setStage } from './stage.ts'

type Signals = readonly NodeJS.Signals[]

/** Sends the signals, as fast as they go, when the log shows a text for the first time. */
function cancelAt(text: string, signals: Signals): NonNullable<StepOptions['onOutput']> {
  let log = ''
  let sent = false
  return (said, signal) => {
    log += said
    if (sent || !log.includes(text)) return
    sent = true
    for (const name of signals) signal(name)
  }
}

/** One of its instances is offline, so that the rollout goes on for as long as anybody likes. */
async function longStage(
  t: TestContext,
  more: readonly string[] = [],
): Promise<{ stage: Stage; plan: string; node: string }> {
  const stage = await setStage(t, {
    config: rotatedByGitlab,
    instances: 2,
    operatorMay: [...ALLOWED.operator, ...more],
  })
  const node = stage.instances[1]?.id ?? ''
  stage.aws.ssm.register({ id: node, online: false })
  return { stage, plan: stage.file('plan.yaml', gitlabPlan(stage)), node }
}

/** How far a rollout had come by then is told too. */
function matchErrors(t: TestContext, stage: Stage, run: ActionRun): void {
  matchSnapshot(t, stage, [
    errorsPart(run).replaceAll(/ Last seen: \S+: \d+ of \d+ instances done\.| Last seen: \w+\./g, ''),
  ])
}

const current = ({ aws }: Stage) => aws.secrets.secret(SECRET).versions.holder('AWSCURRENT')
const rollout = ({ aws }: Stage) => aws.ssm.rollouts().at(-1)?.order.id
const states = ({ aws }: Stage) => aws.ssm.rollouts().map((rollout) => rollout.state())

for (const signals of [['SIGINT'], ['SIGTERM'], ['SIGINT', 'SIGTERM']] as const) {
  test(`${signals.join(' and ')} while the fleet is reloaded: the rollout goes on, the report is written, a later run follows it`, async (t) => {
    const { stage, plan, node } = await longStage(t)
    const old = stage.instances[1]?.credentialFor(stage.probe) ?? assert.fail('there is no credential')
    const run = await actionStep(stage, { inputs: { plan }, onOutput: cancelAt('Sent Run Command', signals) })
    assert.equal(run.exitCode, 1)
    assert.match(run.stdout, /^::error title=ROLLOUT_DETACHED::Stopped following Run Command .*, which goes on\./m)
    assert.match(run.summary, /^## Rotated; the rollout goes on without this run\n/)
    assert.ok(run.report.includes('ROLLOUT_DETACHED'))
    matchErrors(t, stage, run)
    assert.equal(run.outputs['version'], current(stage))
    assert.equal(run.outputs['rollout-id'], rollout(stage))
    assert.equal(run.outputs['failed'], '', 'nobody knows how many instances will run the version')
    assert.deepEqual(states(stage), ['InProgress'])
    assert.ok(await stage.pulls(old), 'a credential was revoked that an instance may use')

    stage.aws.ssm.register({ id: node, online: true })
    await stage.aws.idle()
    const again = await actionStep(stage, { inputs: { plan }, env: { GITHUB_RUN_ID: '1234567891' } })
    assert.equal(again.exitCode, 0, again.stdout)
    assert.equal(again.outputs['on-version'], '2')
  })
}

test('on-cancel: cancel: the rollout is cancelled', async (t) => {
  const { stage, plan } = await longStage(t, ['ssm:CancelCommand'])
  const inputs = { plan, 'on-cancel': 'cancel' }
  const run = await actionStep(stage, { inputs, onOutput: cancelAt('Sent Run Command', ['SIGINT', 'SIGTERM']) })
  assert.equal(run.exitCode, 1)
  assert.match(run.stdout, /^::error title=ROLLOUT_CANCELLED::Run Command .* was cancelled, as asked\./m)
  assert.match(run.summary, /^## Rotated; the rollout was cancelled\n/)
  matchErrors(t, stage, run)
  assert.equal(run.outputs['rollout-id'], rollout(stage))
  await stage.aws.idle()
  assert.deepEqual(states(stage), ['Cancelled'])
})

for (const [phase, next, headline] of [
  ['Mint and merge', 'Prove', 'Cancelled'],
  ['Prove', 'Promote', 'Cancelled'],
  ['Promote', 'Reload the fleet', 'Rotated; the fleet was not asked to reload'],
]) {
  test(`a signal in step ${phase}: it is ended, ${next} is not begun, and the next run is green`, async (t) => {
    const stage = await setStage(t, { config: rotatedByGitlab, instances: 1 })
    const plan = stage.file('plan.yaml', gitlabPlan(stage))
    const old = stage.instances[0]?.credentialFor(stage.probe) ?? assert.fail('there is no credential')
    const run = await actionStep(stage, { inputs: { plan }, onOutput: cancelAt(`::group::${phase}`, ['SIGINT']) })
    assert.equal(run.exitCode, 1)
    assert.match(run.stdout, new RegExp(`^::error title=RUN_CANCELLED::.*stopped before its step "${next}"`, 'm'))
    assert.ok(run.summary.startsWith(`## ${headline}\n`), run.summary)
    matchErrors(t, stage, run)
    assert.ok(await stage.pulls(old), 'the credential in use is dead')
    assert.deepEqual(states(stage), [], 'a rollout was begun')

    const again = await actionStep(stage, { inputs: { plan }, env: { GITHUB_RUN_ID: '1234567891' } })
    assert.equal(again.exitCode, 0, again.stdout)
    assert.equal(again.outputs['on-version'], '1')
    assert.equal(again.outputs['version'], current(stage))
  })
}

test('a signal while old credentials wait for the drain time: nothing is revoked, and the run is as green as the fleet', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab, instances: 1 })
  const old = stage.instances[0]?.credentialFor(stage.probe) ?? assert.fail('there is no credential')
  const plan = stage.file('plan.yaml', gitlabPlan(stage).replace('drain: 0s', 'drain: 1h'))
  const run = await actionStep(stage, {
    inputs: { plan },
    onOutput: cancelAt('Old credentials stay alive', ['SIGINT']),
  })
  assert.equal(run.exitCode, 0, run.stdout)
  assert.match(run.stdout, /^::warning title=RETIRE_NOT_YET::Nothing was revoked/m)
  assert.equal(run.outputs['on-version'], '1')
  assert.ok(await stage.pulls(old))
})

test('a step that does not end in time: the report is written before the runner kills', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab, instances: 1 })
  stage.registry.fault = () => ({ kind: 'silence' })
  const plan = stage.file('plan.yaml', gitlabPlan(stage))
  const run = await actionStep(stage, {
    inputs: { plan },
    onOutput: cancelAt('::group::Prove', ['SIGINT']),
    env: NO_WAITING,
  })
  assert.equal(run.exitCode, 1)
  assert.match(run.stdout, /^::error title=RUN_CANCELLED::.*while its step "Prove" was under way/m)
  assert.match(run.summary, /^## Cancelled\n/)
})

for (const { step, at, prepare } of [
  {
    step: 'Reload the fleet',
    at: 'Success: 1 of 1 instances done',
    // What is asked between the canary and the rest.
    prepare: ({ aws }: Stage) =>
      aws.faults.add({ kind: 'hang', match: (name) => name === 'DescribeSecret' && aws.ssm.rollouts().length > 0 }),
  },
  {
    step: 'Retire',
    at: '::group::Retire',
    prepare: (stage: Stage) => {
      stage.gitlab.fault = ({ method }) => (method === 'DELETE' ? { when: 'before', fault: { kind: 'silence' } } : null)
    },
  },
]) {
  test(`a step ${step} that does not end in time, after a rollout was begun: the id of it is there for later steps`, async (t) => {
    const stage = await setStage(t, { config: rotatedByGitlab, instances: 2 })
    prepare(stage)
    const plan = stage.file('plan.yaml', gitlabPlan(stage, `${FLEET}\n  canary: 1`))
    const run = await actionStep(stage, { inputs: { plan }, onOutput: cancelAt(at, ['SIGINT']), env: NO_WAITING })
    assert.equal(run.exitCode, 1)
    assert.match(run.stdout, new RegExp(`^::error title=RUN_CANCELLED::.*while its step "${step}" was under way`, 'm'))
    assert.equal(run.outputs['rollout-id'], rollout(stage))
  })
}
