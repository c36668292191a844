/** Canaries first: what they stop, what they let go on, and that nothing is done twice whatever happens between. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FleetPlan } from '../../src/core/plan.ts'
import type { VersionId } from '../../src/core/ports.ts'
import { resumeRollout, rollOut, startRest, startRollout } from '../../src/core/rollout.ts'
import { hasPassed, reportOn, rolloutProblem } from '../../src/core/rollout-report.ts'
import type { InstanceSeed, ScriptResult } from '../aws/instances.ts'
import { applied, code, type FleetWorld, fleetOf, plan, published, rolledOut, VERSION, WANTED } from './fleet-world.ts'

const failing: ScriptResult = {
  exitCode: 13,
  stdout: 'ecs-pull-auth result=rolled-back version=- agent=- seconds=9 reason=agent-unhealthy\n',
  stderr: '',
}
const NEWER = '00000000-0000-4000-8000-000000000009' as VersionId
const first: FleetPlan = { ...plan, canary: 1 }
const ring: FleetPlan = { ...plan, canary: { 'tag:ring': ['canary'] } }
const ringed = (index: number): Partial<InstanceSeed> =>
  index >= 3 ? { tags: { 'ecs-pull-auth': 'prod', ring: 'canary' } } : {}

/** Which instances each command was for, in the order of the commands. */
function reached(world: FleetWorld): readonly (readonly number[])[] {
  return world.ssm
    .rollouts()
    .map(({ invocations }) => invocations.map(({ instance }) => Number.parseInt(instance.id.slice(2), 16)))
}

/** Until the lists of Systems Manager tell what is. */
async function settled(world: FleetWorld): Promise<void> {
  await world.world.idle()
  for (let look = 0; look < 3; look += 1) await world.ports.fleet.recent(plan.document, 0)
}

describe('who is a canary', () => {
  test('a number: the first instances by id, then everybody', async () => {
    const world = published(fleetOf(4))
    const report = await rolledOut(world.ports, { ...plan, canary: 2 })
    assert.deepEqual(reached(world), [
      [0, 1],
      [0, 1, 2, 3],
    ])
    assert.deepEqual([report.canary, report.onVersion, rolloutProblem(report, first)], [false, 4, null])
  })

  test('an instance that is offline is none: everybody would wait for it', async () => {
    const offline = (index: number) => (index === 0 ? { online: false } : {})
    const world = published(fleetOf(3, () => applied, offline))
    await startRollout(world.ports, first, WANTED, { again: false })
    assert.deepEqual(reached(world), [[1]])
  })

  test('targets: those of the fleet that match them too', async () => {
    const world = published(fleetOf(5, () => applied, ringed))
    world.ssm.register({ id: 'i-0000000000000ffff', tags: { ring: 'canary' } })
    await rolledOut(world.ports, ring)
    assert.deepEqual(reached(world), [
      [3, 4],
      [0, 1, 2, 3, 4],
    ])
  })

  test('of tags, no other filter is asked for at the same time', async () => {
    const world = published(fleetOf(3))
    await rolledOut(world.ports, first)
    const [asked] = world.client.calls.filter(({ operation }) => operation === 'DescribeInstanceInformation')
    assert.deepEqual(asked?.input['Filters'], [{ Key: 'tag:ecs-pull-auth', Values: ['prod'] }])
  })

  test('a fleet of none has none, and says so as without canaries', async () => {
    const world = published(fleetOf(0))
    const report = await rolledOut(world.ports, first)
    assert.equal(rolloutProblem(report, first)?.code, 'TARGETS_NONE')
    assert.equal(report.canary, false)
  })
})

describe('a canary that is not green stops everything', () => {
  const cases: Record<string, { answer?: ScriptResult; seed?: Partial<InstanceSeed>; says: RegExp }> = {
    'rolled back': { answer: failing, says: /The canary is not green: 0 of 2 .* \(rolled-back: agent-unhealthy\)/ },
    'no status line': { answer: { exitCode: 0, stdout: '', stderr: '' }, says: /0 of 2 .* \(unclear/ },
    undelivered: { seed: { delivery: 'undeliverable' }, says: /0 of 2 .* \(undelivered/ },
    'never connected': { seed: { online: false }, says: /0 of 2 .* \(undelivered/ },
    'another version': {
      answer: { ...applied, stdout: applied.stdout.replace(VERSION, NEWER) },
      says: /0 of 2 .* \(other-version/,
    },
  }
  for (const [name, { answer = applied, seed = {}, says }] of Object.entries(cases)) {
    test(name, async () => {
      const bad = (index: number) => ({ ...ringed(index), ...(index >= 3 ? seed : {}) })
      const world = published(fleetOf(5, (index) => (index >= 3 ? answer : applied), bad))
      const report = await rolledOut(world.ports, { ...ring, timeout: 60 })
      const problem = rolloutProblem(report, ring)
      assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
      assert.match(problem?.message ?? '', says)
      assert.match(problem?.hint ?? '', /Nothing else was restarted, and no old credential was revoked/)
      assert.equal(world.sent(), 1)
    })
  }

  test('nobody matches its targets', async () => {
    const world = published(fleetOf(3))
    const report = await rolledOut(world.ports, ring)
    const problem = rolloutProblem(report, ring)
    assert.equal(problem?.code, 'TARGETS_NONE')
    assert.match(problem?.message ?? '', /tag:ecs-pull-auth=prod and tag:ring=canary/)
    assert.equal(world.sent(), 1)
  })

  test('the first failure keeps other canaries from beginning', async () => {
    const world = published(fleetOf(5, () => failing))
    await rolledOut(world.ports, { ...plan, maxConcurrency: '1', canary: 5 })
    const states = world.ssm.rollouts()[0]?.invocations.map(({ state }) => state)
    assert.deepEqual(states, ['Failed', 'Terminated', 'Terminated', 'Terminated', 'Terminated'])
  })
})

describe('between the canary and the rest', () => {
  test('canaries that passed are no green rollout by themselves', async () => {
    const world = published(fleetOf(3))
    const id = await startRollout(world.ports, first, WANTED, { again: false })
    await world.world.idle()
    const report = await judged(world, id)
    assert.equal(hasPassed(report, first), true)
    assert.match(rolloutProblem(report, first)?.message ?? '', /the rest of the fleet was not reloaded/)
  })

  async function judged(world: FleetWorld, id: string) {
    await world.ports.fleet.command(id)
    await world.ports.fleet.command(id)
    const command = await world.ports.fleet.command(id)
    assert.ok(command)
    return await reportOn(world.ports, first, command, VERSION, null)
  }

  test('a process that died there: the next reload goes on with the rest', async () => {
    const world = published(fleetOf(3))
    await startRollout(world.ports, first, WANTED, { again: true })
    await settled(world)
    const report = await rolledOut(world.ports, first)
    assert.deepEqual(reached(world), [[0], [0, 1, 2]])
    assert.equal(rolloutProblem(report, first), null)
  })

  test('a canary that failed is asked again by the next reload, and by no event', async () => {
    let healthy = false
    const world = published(fleetOf(3, () => (healthy ? applied : failing)))
    const failed = await rolledOut(world.ports, first)
    assert.equal(failed.canary, true)
    assert.equal(await startRollout(world.ports, first, WANTED, { again: false }), failed.commandId)
    healthy = true
    await rolledOut(world.ports, first)
    assert.deepEqual(reached(world), [[0], [0], [0, 1, 2]])
  })

  test('events that come twice, before and after, send two commands in all', async () => {
    const world = published(fleetOf(3))
    const again = { again: false }
    const canary = await startRollout(world.ports, first, WANTED, again)
    assert.equal(await startRollout(world.ports, first, WANTED, again), canary)
    await world.world.idle()
    const rest = await startRest(world.ports, first, WANTED)
    assert.equal(await startRest(world.ports, first, WANTED), rest)
    // The first event once more, and late.
    assert.equal(await startRollout(world.ports, first, WANTED, again), rest)
    assert.deepEqual(reached(world), [[0], [0, 1, 2]])
  })

  test('the event of its end is lost, and that of the label comes once more: the rest begins', async () => {
    const world = published(fleetOf(3))
    await startRollout(world.ports, first, WANTED, { again: false })
    await settled(world)
    await startRollout(world.ports, first, WANTED, { again: false })
    assert.deepEqual(reached(world), [[0], [0, 1, 2]])
  })

  for (const lost of [1, 2]) {
    test(`the answer of SendCommand number ${lost} is lost: one canary, one rest`, async () => {
      const world = published(fleetOf(3))
      let sends = 0
      world.client.onCall = (operation) => (operation === 'SendCommand' && ++sends === lost ? 'lost' : null)
      const report = await rolledOut(world.ports, first)
      assert.equal(rolloutProblem(report, first), null)
      assert.deepEqual(reached(world), [[0], [0, 1, 2]])
    })
  }

  test('a newer version became current: the rest waits for that one', async () => {
    const world = published(
      fleetOf(3, () => {
        world.current = NEWER
        return applied
      }),
    )
    const report = await rolledOut(world.ports, first)
    assert.equal(report.canary, true)
    assert.equal(rolloutProblem(report, first)?.code, 'ROLLOUT_INCOMPLETE')
    assert.deepEqual(reached(world), [[0]])
    assert.equal(await startRest(world.ports, first, WANTED), null)
    await startRollout(world.ports, first, { ...WANTED, version: NEWER }, { again: false })
    assert.deepEqual(reached(world), [[0], [0]])
  })

  test('the canary of another version says nothing about this one', async () => {
    const world = published(fleetOf(3))
    await startRollout(world.ports, first, { ...WANTED, version: NEWER }, { again: false })
    await world.world.idle()
    await startRollout(world.ports, first, WANTED, { again: false })
    assert.deepEqual(reached(world), [[0], [0]])
  })
})

describe('a command that is followed by its id', () => {
  test('goes on where it ends: the rest after a canary', async () => {
    const world = published(fleetOf(3))
    const id = await startRollout(world.ports, first, WANTED, { again: true })
    const report = await resumeRollout(world.ports, first, WANTED, id)
    assert.equal(rolloutProblem(report, first), null)
    assert.deepEqual(reached(world), [[0], [0, 1, 2]])
  })

  test('is not sent again', async () => {
    const world = published(fleetOf(3))
    const id = await startRollout(world.ports, plan, WANTED, { again: true })
    const report = await resumeRollout(world.ports, plan, WANTED, id)
    assert.deepEqual([report.commandId, report.onVersion, world.sent()], [id, 3, 1])
  })

  test('must be a rollout of the current version', async () => {
    const world = published(fleetOf(3))
    const other = await startRollout(world.ports, plan, { ...WANTED, version: NEWER }, { again: true })
    await world.world.idle()
    assert.equal(await code(resumeRollout(world.ports, plan, WANTED, other)), 'COMMAND_UNKNOWN')
    assert.equal(await code(resumeRollout(world.ports, plan, WANTED, '0'.repeat(36))), 'COMMAND_UNKNOWN')
  })
})

test('an alarm of the plan stops either command', async () => {
  const world = published(fleetOf(2))
  await rollOut(world.ports, { ...first, alarm: 'pull-errors' }, WANTED, { again: true })
  const alarms = world.client.calls.flatMap(({ operation, input }) =>
    operation === 'SendCommand' ? [input['AlarmConfiguration']] : [],
  )
  assert.deepEqual(alarms, Array(2).fill({ Alarms: [{ Name: 'pull-errors' }] }))
})
