/** Rollouts by the shipped Automation runbook, against a strict Systems Manager: steps, tokens, and what the end proves. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { shippedRunbook } from '../../deploy/make-runbook.mjs'
import type { FleetPlan } from '../../src/core/plan.ts'
import type { Runbook } from '../../src/core/plan-rollout.ts'
import type { VersionId } from '../../src/core/ports.ts'
import { resumeRollout, rollOut, startRollout } from '../../src/core/rollout.ts'
import { type RolloutReport, rolloutProblem } from '../../src/core/rollout-report.ts'
import { canaryComment, fleetComment } from '../../src/core/send.ts'
import type { ScriptResult } from '../aws/instances.ts'
import { applied, code, type FleetWorld, fleetOf, plan, published, VERSION, WANTED } from './fleet-world.ts'

const RUNBOOK = readFileSync(new URL('../../deploy/runbook.json', import.meta.url), 'utf8')
const ROLE = 'arn:aws:iam::111122223333:role/ecs-pull-auth-rollout'
const TOPIC = 'arn:aws:sns:eu-west-1:111122223333:AutomationApprovals'
const NEWER = '00000000-0000-4000-8000-000000000009' as VersionId
const failing: ScriptResult = { exitCode: 13, stdout: '', stderr: '' }

function planWith(runbook: Partial<Runbook> = {}, fleet: Partial<FleetPlan> = {}): FleetPlan {
  const none = { name: 'ecs-pull-auth-rollout', role: ROLE, approvers: [], notify: null, calendar: null, locations: [] }
  return { ...plan, runbook: { ...none, ...runbook }, ...fleet }
}

function withRunbook(...parameters: Parameters<typeof fleetOf>): FleetWorld {
  const world = published(fleetOf(...parameters))
  world.ssm.automation.publish('ecs-pull-auth-rollout', RUNBOOK)
  return world
}

async function roll(world: FleetWorld, wanted: FleetPlan, again = true): Promise<RolloutReport | null> {
  return await rollOut(world.ports, wanted, WANTED, { again })
}

function sentComments(world: FleetWorld): readonly string[] {
  return world.ssm.rollouts().map(({ order }) => order.comment)
}

const asked = (world: FleetWorld, name: string) =>
  world.client.calls.filter(({ operation }) => operation === name).length

test('deploy/runbook.json is what its maker makes', () => {
  assert.equal(RUNBOOK, shippedRunbook())
})

describe('a run', () => {
  test('reloads everybody, and its report is that of any other rollout', async () => {
    const world = withRunbook(3)
    const wanted = planWith()
    const report = await roll(world, wanted)
    assert.ok(report)
    assert.deepEqual([report.canary, report.targets, report.onVersion], [false, 3, 3])
    assert.equal(rolloutProblem(report, wanted), null)
    assert.deepEqual(sentComments(world), [fleetComment(VERSION)])
    const [order] = world.ssm.rollouts()
    assert.equal(order?.order.maxConcurrency, '100%')
    assert.deepEqual(order?.order.parameters, {
      secretArn: [WANTED.secret],
      versionId: [VERSION],
      mode: ['auth-only'],
      jitterSeconds: ['0'],
      bootHook: ['keep'],
    })
  })

  test('reloads canaries first, by number or by tag', async () => {
    const tagged = { 'tag:ring': ['canary'] }
    for (const canary of [1, tagged] as const) {
      const world = withRunbook(3, undefined, (index) =>
        index === 0 ? { tags: { 'ecs-pull-auth': 'prod', ring: 'canary' } } : {},
      )
      const wanted = planWith({}, { canary })
      const report = await roll(world, wanted)
      assert.ok(report)
      assert.equal(rolloutProblem(report, wanted), null)
      assert.deepEqual(sentComments(world), [canaryComment(VERSION), fleetComment(VERSION)])
      assert.deepEqual(
        world.ssm.rollouts().map(({ invocations }) => invocations.length),
        [1, 3],
      )
    }
  })

  for (const [name, count, seed] of [
    ['a canary that fails', 3, {}],
    ['canaries that match nobody', 0, {}],
    ['a canary that is not reached', 3, { delivery: 'undeliverable' }],
  ] as const) {
    test(`${name} ends it before anybody else is reloaded`, async () => {
      const ring = (index: number) =>
        index < count ? { tags: { 'ecs-pull-auth': 'prod', ring: 'canary' }, ...seed } : {}
      const world = withRunbook(4, () => failing, ring)
      const wanted = planWith({}, { canary: { 'tag:ring': ['canary'] } })
      const report = await roll(world, wanted)
      assert.ok(report)
      assert.equal(report.canary, true)
      assert.notEqual(rolloutProblem(report, wanted), null)
      assert.deepEqual(sentComments(world), [canaryComment(VERSION)])
    })
  }

  test('a step that calls undelivered nodes a success is believed by nobody', async () => {
    const world = withRunbook(
      5,
      () => applied,
      (index) => (index < 4 ? { delivery: 'undeliverable' } : {}),
    )
    const wanted = planWith()
    const report = await roll(world, wanted)
    assert.ok(report)
    assert.equal(rolloutProblem(report, wanted)?.code, 'ROLLOUT_INCOMPLETE')
  })

  test('a fleet of none is red, unless the plan allows it', async () => {
    for (const allowEmpty of [false, true]) {
      const wanted = planWith({}, { allowEmpty })
      const world = withRunbook(0)
      const report = await roll(world, wanted)
      assert.ok(report)
      assert.equal(rolloutProblem(report, wanted)?.code, allowEmpty ? undefined : 'TARGETS_NONE')
      assert.equal(await statusOf(world), allowEmpty ? 'Success' : 'Failed')
    }
  })
})

async function statusOf(world: FleetWorld): Promise<string | undefined> {
  const [id = ''] = world.ssm.automation.runs()
  return (await world.ports.automation.execution(id))?.status
}

describe('what keeps it from beginning', () => {
  test('a change calendar that is closed', async () => {
    const world = withRunbook(2)
    const wanted = planWith({ calendar: 'freeze' })
    world.ssm.automation.calendars.set('freeze', 'CLOSED')
    await assert.rejects(
      roll(world, wanted),
      /ended Failed at its step checkCalendar \(Failed\), before it reloaded anything/,
    )
    assert.equal(world.sent(), 0)
    world.ssm.automation.calendars.set('freeze', 'OPEN')
    const report = await roll(world, wanted)
    assert.equal(report?.onVersion, 2)
  })

  for (const decision of ['Approve', 'Reject'] as const) {
    test(`somebody who is asked: ${decision}`, async () => {
      const world = withRunbook(2)
      const wanted = planWith({ approvers: ['arn:aws:iam::111122223333:role/on-call'], notify: TOPIC })
      let looks = 0
      world.client.onCall = (operation) => {
        if (operation === 'GetAutomationExecution' && ++looks === 4) signal(world, decision)
        return null
      }
      if (decision === 'Approve') assert.equal((await roll(world, wanted))?.onVersion, 2)
      else await assert.rejects(roll(world, wanted), /ended Rejected at its step approve/)
      assert.equal(world.sent(), decision === 'Approve' ? 1 : 0)
      assert.ok(
        world.notes.some((note) => note === 'Automation approve InProgress.'),
        world.notes.join('\n'),
      )
    })
  }

  function signal(world: FleetWorld, SignalType: string): void {
    const [AutomationExecutionId = ''] = world.ssm.automation.runs()
    void world.ssm.operations()['SendAutomationSignal']?.run({ AutomationExecutionId, SignalType }, CALL)
  }
  const CALL = { stale: false, caller: 'on-call' }

  test('a runbook that is not there is named, with the command that creates it', async () => {
    const world = published(fleetOf(1))
    assert.equal(await code(roll(world, planWith())), 'RUNBOOK_MISSING')
  })

  test('a runbook of another version of ecs-pull-auth', async () => {
    const world = withRunbook(1)
    world.ssm.automation.publish('ecs-pull-auth-rollout', RUNBOOK.replaceAll('maxErrors', 'maxFailures'))
    assert.equal(await code(roll(world, planWith())), 'COMMAND_REFUSED')
  })
})

describe('one rollout for one version', () => {
  test('an event that comes twice is one run, also when both come in the same moment', async () => {
    const world = withRunbook(2)
    const wanted = planWith()
    const both = await Promise.all([1, 2].map(() => startRollout(world.ports, wanted, WANTED, { again: false })))
    both.push(await startRollout(world.ports, wanted, WANTED, { again: false }))
    assert.equal(new Set(both).size, 1)
    await world.world.idle()
    assert.equal(world.sent(), 1)
  })

  for (const fault of ['lost', 'reset', 'throttle', 'server-error'] as const) {
    test(`StartAutomationExecution is asked again after ${fault}, and that is still one run`, async () => {
      const world = withRunbook(2)
      let struck = false
      world.client.onCall = (operation) => {
        if (operation !== 'StartAutomationExecution' || struck) return null
        struck = true
        return fault
      }
      const report = await roll(world, planWith())
      assert.equal(report?.onVersion, 2)
      assert.equal(asked(world, 'StartAutomationExecution'), 2)
      assert.equal(world.ssm.automation.runs().length, 1)
    })
  }

  test('a plan that has changed meanwhile finds the run that has the token', async () => {
    const world = withRunbook(2)
    const id = await startRollout(world.ports, planWith(), WANTED, { again: false })
    const { recent } = world.ports.automation
    let looks = 0
    // The list lags behind.
    const late = {
      ...world.ports.automation,
      recent: (...asked: Parameters<typeof recent>) => (looks++ < 2 ? Promise.resolve([]) : recent(...asked)),
    }
    const ports = { ...world.ports, automation: late }
    const changed = planWith({}, { maxErrors: '3' })
    assert.equal(await startRollout(ports, changed, WANTED, { again: false }), id)
    assert.equal(world.ssm.automation.runs().length, 1)
  })

  test('a rollout that is wanted again after one that has ended is another run', async () => {
    const world = withRunbook(2)
    await roll(world, planWith())
    await roll(world, planWith())
    assert.equal(world.ssm.automation.runs().length, 2)
    assert.equal(await startRollout(world.ports, planWith(), WANTED, { again: false }), world.ssm.automation.runs()[1])
  })

  test('also long after, when the first one is not found any more', async () => {
    const world = withRunbook(2)
    await roll(world, planWith())
    world.ports.clock.sleep(30 * 86_400_000)
    assert.equal((await roll(world, planWith()))?.onVersion, 2)
    assert.equal(world.ssm.automation.runs().length, 2)
  })

  test('a run that ends at once, as at a closed calendar, is not started twice', async () => {
    const world = withRunbook(2)
    world.ssm.automation.calendars.set('freeze', 'CLOSED')
    const { automation } = world.ports
    const execution: typeof automation.execution = async (id) => {
      await world.world.idle()
      return await automation.execution(id)
    }
    const wanted = planWith({ calendar: 'freeze' })
    const ports = { ...world.ports, automation: { ...automation, execution } }
    assert.equal(await code(rollOut(ports, wanted, WANTED, { again: true })), 'RUNBOOK_ENDED')
    assert.equal(world.ssm.automation.runs().length, 1)
  })

  test('a run for another version in between proves nothing for this one', async () => {
    const world = withRunbook(2)
    const wanted = planWith()
    const first = await startRollout(world.ports, wanted, WANTED, { again: false })
    await world.world.idle()
    world.ports.clock.sleep(1000)
    await startRollout(world.ports, wanted, { ...WANTED, version: NEWER }, { again: false })
    await world.world.idle()
    assert.notEqual(await startRollout(world.ports, wanted, WANTED, { again: true }), first)
  })
})

test('one of its commands that is followed by its id sends nothing beside the runbook', async () => {
  const world = withRunbook(3)
  const wanted = planWith({}, { canary: 1 })
  await startRollout(world.ports, wanted, WANTED, { again: true })
  await new Promise((resolve) => setImmediate(resolve))
  const [canary] = world.ssm.rollouts()
  const report = await resumeRollout(world.ports, wanted, WANTED, canary?.order.id ?? '')
  assert.equal(report.canary, true)
  await world.world.idle()
  assert.deepEqual(sentComments(world), [canaryComment(VERSION), fleetComment(VERSION)])
})

describe('other accounts and Regions', () => {
  const locations = [
    { accounts: ['444455556666'], regions: ['eu-west-1', 'us-east-1'], role: null },
    { accounts: ['777788889999'], regions: ['eu-west-1'], role: 'rollout' },
  ]

  test('are started in by one run, whose success is all that is known here', async () => {
    const world = withRunbook(2)
    assert.equal(await roll(world, planWith({ locations })), null)
    const started = world.client.calls.find(({ operation }) => operation === 'StartAutomationExecution')
    assert.deepEqual(started?.input['TargetLocations'], [
      { Accounts: ['444455556666'], Regions: ['eu-west-1', 'us-east-1'] },
      { Accounts: ['777788889999'], Regions: ['eu-west-1'], ExecutionRoleName: 'rollout' },
    ])
    assert.equal(world.sent(), 0)
  })

  test('make it red when one of them fails', async () => {
    const world = withRunbook(2)
    world.ssm.automation.elsewhere = (account) => (account === '777788889999' ? 'Failed' : 'Success')
    assert.equal(await code(roll(world, planWith({ locations }))), 'RUNBOOK_ENDED')
  })
})
