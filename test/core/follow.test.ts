/** Following a rollout: how often is asked, what is told, and what Ctrl-C and a cancelled workflow leave behind. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import { type Followed, follow } from '../../src/core/follow.ts'
import type { Runbook } from '../../src/core/plan-rollout.ts'
import type { Interrupt, Journal, Millis } from '../../src/core/ports.ts'
import { type RolloutPorts, rollOut } from '../../src/core/rollout.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'
import { code, type FleetWorld, fleetOf, plan, published, rolledOut, WANTED } from './fleet-world.ts'

const RUNBOOK = readFileSync(new URL('../../deploy/runbook.json', import.meta.url), 'utf8')

function told(): { notes: string[]; journal: Journal } {
  const notes: string[] = []
  const note = (text: string) => void notes.push(text)
  return { notes, journal: { mask: () => undefined, phase: note, info: note, warn: note } }
}

/** Something that ends after a while, and how often it was asked. */
function lasting(clock: { now(): Millis }, time: Millis): { followed: Followed<'end'>; asked: () => number } {
  const end = clock.now() + time
  let asked = 0
  const followed: Followed<'end'> = {
    name: 'It',
    limit: 100 * 86_400_000,
    resume: '',
    cancel: async () => undefined,
    look: async () => {
      asked += 1
      return { progress: `look ${asked}`, detail: {}, latest: null, end: clock.now() >= end ? 'end' : null }
    },
  }
  return { followed, asked: () => asked }
}

describe('how often is asked', () => {
  for (const [name, minutes, most, late] of [
    ['a small fleet', 1, 10, 30],
    ['50,000 instances at 10 %', 11, 30, 60],
    ['50,000 instances at 1 %', 54, 50, 240],
    ['the default timeout with its execution time', 87, 52, 240],
    ['a night', 8 * 60, 150, 240],
  ] as const) {
    test(`${name}: ${minutes} min cost at most ${most} calls, and the end is seen within ${late} s`, async () => {
      const clock = virtualClock()
      const begun = clock.now()
      const { followed, asked } = lasting(clock, minutes * 60_000)
      await follow({ clock, journal: told().journal }, followed)
      assert.ok(asked() <= most, `${asked()} calls`)
      assert.ok(clock.now() - begun - minutes * 60_000 <= late * 1000, `${(clock.now() - begun) / 1000} s`)
    })
  }

  test('what has not changed is told once', async () => {
    const clock = virtualClock()
    const { notes, journal } = told()
    const { followed } = lasting(clock, 600_000)
    const look = async () => ({ progress: 'as ever', detail: {}, latest: null, end: null })
    await assert.rejects(
      follow({ clock, journal }, { ...followed, limit: 600_000, look }),
      /ROLLOUT_TIMEOUT|still running after 600 s/,
    )
    assert.deepEqual(notes, ['as ever'])
  })

  test('a shell that can write over a line is given progress, another one lines', async () => {
    const clock = virtualClock()
    const { notes, journal } = told()
    const live: string[] = []
    const progress = (text: string) => void live.push(text)
    await follow({ clock, journal: { ...journal, progress } }, lasting(clock, 5_000).followed)
    assert.ok(live.length > 2)
    assert.deepEqual(notes, [])
  })
})

/** Interrupts at the n-th call of an operation. */
function interrupting(world: FleetWorld, operation: string, at: number, rollout: Interrupt['rollout']): RolloutPorts {
  const stop = new AbortController()
  let calls = 0
  world.client.onCall = (name) => {
    if (name === operation && ++calls === at) stop.abort(new Error('SIGINT'))
    return null
  }
  return { ...world.ports, interrupt: { signal: () => stop.signal, rollout } }
}

async function failure(promise: Promise<unknown>): Promise<PullAuthError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof PullAuthError) return error
    throw error
  }
  assert.fail('it succeeded')
}

describe('somebody interrupts it', () => {
  /** One instance is offline, so the rollout lasts. */
  const lastingFleet = () => published(fleetOf(3, undefined, (index) => (index === 1 ? { online: false } : {})))

  test('the rollout goes on, and the message says how to follow it', async () => {
    const world = lastingFleet()
    const ports = interrupting(world, 'ListCommands', 6, 'goes-on')
    const error = await failure(rollOut(ports, plan, WANTED, { again: true }))
    const [rollout] = world.ssm.rollouts()
    assert.equal(error.code, 'ROLLOUT_DETACHED')
    assert.match(error.message, /which goes on\. Last seen: InProgress: 2 of 3 instances done\.$/)
    assert.ok(error.hint.includes(`ecs-pull-auth reload --command ${rollout?.order.id}`), error.hint)
    assert.equal(rollout?.state(), 'InProgress')
    assert.ok(world.client.calls.every(({ operation }) => operation !== 'CancelCommand'))
    // Whoever reloads again follows it, to its end.
    world.client.onCall = () => null
    assert.equal((await rolledOut(world.ports, plan)).onVersion, 2)
    assert.equal(world.sent(), 1)
  })

  test('or it is cancelled, when that was asked for', async () => {
    const world = lastingFleet()
    const ports = interrupting(world, 'ListCommands', 6, 'cancelled')
    const error = await failure(rollOut(ports, plan, WANTED, { again: true }))
    assert.equal(error.code, 'ROLLOUT_CANCELLED')
    assert.equal(world.ssm.rollouts()[0]?.state(), 'Cancelled')
  })

  test('a call under way keeps nobody waiting', async () => {
    const world = lastingFleet()
    const ports = interrupting(world, 'ListCommands', 6, 'goes-on')
    let looks = 0
    const command: typeof ports.fleet.command = (id) =>
      ++looks === 3 ? new Promise(() => undefined) : world.ports.fleet.command(id)
    const stop = new AbortController()
    const interrupt: Interrupt = { signal: () => stop.signal, rollout: 'goes-on' }
    const hanging = { ...ports, interrupt, fleet: { ...ports.fleet, command } }
    setImmediate(() => stop.abort(new Error('SIGINT')))
    assert.equal(await code(rollOut(hanging, plan, WANTED, { again: true })), 'ROLLOUT_DETACHED')
  })

  test('before anything was sent nobody listens for it', async () => {
    const world = lastingFleet()
    let asked = 0
    const signal = () => {
      asked += 1
      return new AbortController().signal
    }
    const ports: RolloutPorts = { ...world.ports, interrupt: { signal, rollout: 'goes-on' } }
    const missing = { ...plan, document: 'not-there' }
    assert.equal(await code(rollOut(ports, missing, WANTED, { again: true })), 'DOCUMENT_MISSING')
    assert.equal(asked, 0)
  })

  for (const [rollout, expected] of [
    ['goes-on', 'ROLLOUT_DETACHED'],
    ['cancelled', 'ROLLOUT_CANCELLED'],
  ] as const) {
    test(`of a runbook: ${rollout}`, async () => {
      const world = lastingFleet()
      world.ssm.automation.publish('ecs-pull-auth-rollout', RUNBOOK)
      // Its commands end by themselves with this clock, so somebody is asked first.
      const topic = 'arn:aws:sns:eu-west-1:111122223333:AutomationApprovals'
      const runbook: Runbook = {
        name: 'ecs-pull-auth-rollout',
        role: 'arn:aws:iam::111122223333:role/rollout',
        approvers: ['on-call'],
        notify: topic,
        calendar: null,
        locations: [],
      }
      const ports = interrupting(world, 'GetAutomationExecution', 3, rollout)
      const error = await failure(rollOut(ports, { ...plan, runbook }, WANTED, { again: true }))
      assert.equal(error.code, expected)
      await new Promise((resolve) => setImmediate(resolve))
      const [id = ''] = world.ssm.automation.runs()
      const run = await world.ports.automation.execution(id)
      assert.equal(run?.ended, rollout === 'cancelled')
      assert.match(error.hint, rollout === 'goes-on' ? /stop-automation-execution --automation-execution-id/ : /reload/)
    })
  }
})
