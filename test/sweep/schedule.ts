/** Runs one schedule: the start with its faults, Secrets Manager's own retries, then two clean rotations. */

import type { CallRecord } from './calls.ts'
import { planned, type Strike, scheduleId } from './faults.ts'
import { SMALL } from './layout.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import type { Violation } from './watch.ts'
import { SweepWorld } from './world.ts'

export interface Outcome {
  readonly id: string
  readonly violations: readonly Violation[]
  /** The calls that a fault could strike: those before the clean rotations. */
  readonly calls: readonly CallRecord[]
  /** Whether every planned fault had a call to strike. */
  readonly whole: boolean
}

/** What came of the clean rotations, by scenario and by what the world was like before them. */
export type Known = Map<string, readonly Violation[]>

/**
 * `tell` hears everything that happens, for a trace. With `known`, the clean rotations are run only in worlds unlike any
 * before: many faults leave the same world behind.
 */
export async function runSchedule(
  name: string,
  strikes: readonly Strike[],
  { tell = null, known = null }: { tell?: ((line: string) => void) | null; known?: Known | null } = {},
): Promise<Outcome> {
  const scenario = SCENARIOS[name]
  if (scenario === undefined) throw new Error(`There is no scenario ${name}.`)
  const world = new SweepWorld({ ...scenario.setup, layout: scenario.layout ?? SMALL, strikes: planned(strikes), tell })
  const begun = world.timeline.now()
  scenario.start(world)
  await world.rest()
  world.checkRest()
  const before = [...world.watch.violations]
  const key = known === null ? '' : `${name} ${world.digest()}`
  let after = known?.get(key)
  if (after === undefined) {
    await goOn(world, scenario, begun)
    after = world.watch.violations.slice(before.length)
    known?.set(key, after)
  }
  return {
    id: scheduleId(name, strikes),
    violations: [...before, ...after],
    calls: world.calls.records,
    whole: strikes.every(({ call }) => call < world.calls.records.length),
  }
}

async function goOn(world: SweepWorld, scenario: Scenario, begun: number): Promise<void> {
  world.disarm()
  for (const round of [1, 2]) {
    world.timeline.advanceTo(begun + round * scenario.interval)
    await rotateCleanly(world, scenario)
  }
  world.checkRest()
  world.finish()
}

/** I4: nothing is in the way any more, so this one has to succeed, on every instance. */
async function rotateCleanly(world: SweepWorld, { clean }: Scenario): Promise<void> {
  const version = clean === 'schedule' ? await onSchedule(world) : await byAction(world)
  if (version === null) world.watch.broken('I4', 'a rotation is still not complete after another attempt')
  else if (world.labelHolder('AWSCURRENT') !== version)
    world.watch.broken('I4', `the clean rotation to ${version} did not become current`)
  for (const node of world.nodes) {
    if (node.versions.at(-1) !== version) world.watch.broken('I4', `${node.id} does not run ${version}`)
  }
}

/** The schedule may find a rotation that is not complete: then that one is tried again, and the next time is free. */
async function onSchedule(world: SweepWorld): Promise<string | null> {
  for (const _ of ['this time', 'the next time']) {
    const version = world.rotateOnSchedule()
    await world.rest()
    if (version !== null) return version
    world.timeline.advanceTo(world.timeline.now() + 10 * 60_000)
  }
  return null
}

async function byAction(world: SweepWorld): Promise<string | null> {
  for (const _ of ['this time', 'the next time']) {
    void world.act()
    await world.rest()
    const { report, version } = world.reports.at(-1) ?? { report: null, version: '' }
    if (report?.version === version) {
      if (report.problem !== null) world.watch.broken('I4', `the clean Action ended with ${report.problem.code}`)
      return version
    }
    world.timeline.advanceTo(world.timeline.now() + 10 * 60_000)
  }
  return null
}
