/** Rollouts by the runbook: closed calendar, approval, canaries, everybody, and the way back. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cliCommand } from './cli.ts'
import { FLEET, gitlabPlan, rotatedByGitlab } from './plans.ts'
import { cliParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { RUNBOOK, type Stage, setStage, TAG } from './stage.ts'

const ROLE = 'arn:aws:iam::111122223333:role/ecs-pull-auth-rollout'
const TOPIC = 'arn:aws:sns:eu-central-1:111122223333:AutomationApprovals'

/** The last instance is the canary. `runbook`: further fields, as YAML. */
async function runbookStage(t: Parameters<typeof setStage>[0], runbook: string) {
  const stage = await setStage(t, { config: rotatedByGitlab, runbook: true })
  const canary = stage.instances.at(-1)
  assert.ok(canary)
  stage.aws.ssm.register({ id: canary.id, tags: { ...TAG, ring: 'canary' } })
  const fleet = `${FLEET}\n  canary: { "tag:ring": [canary] }\n  runbook: { role: '${ROLE}', ${runbook} }`
  return { stage, plan: ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage, fleet))] }
}

function comments({ aws }: Stage): readonly string[] {
  return aws.ssm.rollouts().map(({ order }) => order.comment.replace(/ [0-9a-f-]{36}$/, ''))
}

const CANARY_THEN_ALL = ['ecs-pull-auth canary', 'ecs-pull-auth']

test('by the runbook: nothing while the calendar is closed, then canaries and everybody, and back again', async (t) => {
  const { stage, plan } = await runbookStage(t, 'calendar: freeze')
  const { automation } = stage.aws.ssm
  const old = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(old)
  const parts: string[] = []
  const step = async (exitCode: number, ...argv: readonly string[]) => {
    const from = mark(stage)
    const run = await cliCommand(stage, [...argv, ...plan])
    assert.equal(run.exitCode, exitCode, run.stderr)
    parts.push(`════ ${argv.join(' ')}`, ...cliParts(run), ...requestParts(stage, ['operator'], from))
    return run.stdout
  }
  await step(0, 'rotate')
  automation.calendars.set('freeze', 'CLOSED')
  await step(1, 'reload')
  assert.match(await step(1, 'status'), /Automation \S+ ended Failed at its step checkCalendar/)
  assert.deepEqual(comments(stage), [])
  automation.calendars.set('freeze', 'OPEN')
  const node = stage.instances[0]
  assert.ok(node)
  node.agent.health = () => (node.agent.starts === 2 ? 'exits' : 'healthy')
  await step(1, 'reload')
  assert.deepEqual(comments(stage), CANARY_THEN_ALL)
  assert.match(await step(1, 'status'), /rolled-back/)
  const { how, rollout, retire } = JSON.parse(await step(0, 'rollback', '--yes', '--json'))
  assert.deepEqual([how, rollout.outcomes, retire.retired.length], ['merged', { 'on-version': 3 }, 1])
  assert.deepEqual(comments(stage), [...CANARY_THEN_ALL, ...CANARY_THEN_ALL])
  assert.ok(stage.instances.every((one) => one.credentialFor(stage.probe)?.username === old.username))
  assert.ok(await stage.pulls(old))
  assert.match(await step(0, 'status'), /Nothing to do\./)
  matchSnapshot(t, stage, parts)
})

test('somebody must approve: status says who is waited for, Ctrl-C leaves the run, reload finds it', async (t) => {
  const { stage, plan } = await runbookStage(t, `approvers: [on-call], notify: '${TOPIC}'`)
  const { automation } = stage.aws.ssm
  assert.equal((await cliCommand(stage, ['rotate', ...plan])).exitCode, 0)
  const left = await cliCommand(stage, ['reload', ...plan], {}, undefined, 'Automation approve')
  assert.equal(left.exitCode, 1)
  assert.match(left.stderr, /error ROLLOUT_DETACHED: Stopped following Automation \S+, which goes on\./)
  const { ok, rollingOut, run, findings } = JSON.parse((await cliCommand(stage, ['status', ...plan, '--json'])).stdout)
  assert.deepEqual([ok, rollingOut, run.status, run.steps.at(-1).name], [false, true, 'Waiting', 'approve'])
  assert.match(findings[0], /still under way: Automation \S+ is Waiting at its step approve/)
  const [id = ''] = automation.runs()
  const signal = { AutomationExecutionId: id, SignalType: 'Approve' }
  await automation.operations()['SendAutomationSignal']?.run(signal, { stale: false, caller: 'on-call' })
  const ended = await cliCommand(stage, ['reload', ...plan, '--json'])
  assert.equal(ended.exitCode, 0, ended.stderr)
  assert.match(ended.stderr, /already rolls out version/)
  assert.equal(JSON.parse(ended.stdout).rollout.onVersion, 3)
  assert.deepEqual(automation.runs(), [id])
  assert.deepEqual(comments(stage), CANARY_THEN_ALL)
})

test('other accounts and Regions: green when every run is, and nothing is revoked', async (t) => {
  const { stage, plan } = await runbookStage(
    t,
    "locations: [{ accounts: ['444455556666'], regions: [eu-west-1, us-east-1] }]",
  )
  const { automation } = stage.aws.ssm
  await cliCommand(stage, ['rotate', ...plan])
  automation.elsewhere = (_, region) => (region === 'us-east-1' ? 'Failed' : 'Success')
  const red = await cliCommand(stage, ['reload', ...plan])
  assert.equal(red.exitCode, 1)
  assert.match(red.stderr, /error RUNBOOK_ENDED: .* in at least one account or Region/)
  assert.match((await cliCommand(stage, ['status', ...plan])).stdout, /in at least one account or Region/)
  automation.elsewhere = () => 'Success'
  const green = await cliCommand(stage, ['reload', ...plan, '--json'])
  assert.deepEqual([green.exitCode, JSON.parse(green.stdout).retire], [0, null])
  assert.match((await cliCommand(stage, ['status', ...plan])).stdout, /Nothing to do\./)
  assert.equal(stage.gitlab.deployTokens().length, 2)
  const asked = stage.aws.requests.filter(({ operation }) => operation === 'StartAutomationExecution')
  assert.deepEqual(asked.at(-1)?.input['TargetLocations'], [
    { Accounts: ['444455556666'], Regions: ['eu-west-1', 'us-east-1'] },
  ])
  assert.equal(asked.at(-1)?.input['DocumentName'], RUNBOOK)
})
