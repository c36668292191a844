/** Which schedules there are: every single fault at every call, then pairs of which a seeded part is chosen. */

import type { CallRecord } from './calls.ts'
import { FAULTS, type FaultKind, parseScheduleId, type Strike } from './faults.ts'
import { REGRESSIONS } from './regressions.ts'
import { SCENARIOS } from './scenarios.ts'
import { type Known, type Outcome, runSchedule } from './schedule.ts'

export const NAMES = Object.keys(SCENARIOS)

/** What once broke a promise, then every fault at every call of the run without faults, of these scenarios. */
export async function* singles(
  { names, from, of }: { names: readonly string[]; from: number; of: number },
  known: Known | null,
): AsyncGenerator<Outcome> {
  for (const { id } of from === 0 ? REGRESSIONS : []) {
    const parsed = parseScheduleId(id)
    if (parsed !== null && names.includes(parsed.scenario)) yield await runSchedule(parsed.scenario, parsed.strikes)
  }
  for (const name of names) {
    const clean = await runSchedule(name, [], { known })
    if (from === 0) yield clean
    const mine = everyStrike(clean.calls).filter((_, at) => at % of === from)
    for (const strike of mine) yield await runSchedule(name, [strike], { known })
  }
}

function everyStrike(calls: readonly CallRecord[], from = 0): readonly Strike[] {
  return calls.flatMap(({ sort }, call) => (call < from ? [] : FAULTS[sort].map((fault) => ({ call, fault }))))
}

/** How many second faults are tried after one first fault, whose own run has to be made to know the calls after it. */
const SECONDS_PER_FIRST = 8

/**
 * Second faults at calls of the run with the first one, since a fault changes what is called after it. All scenarios in
 * turn, so that each has its share however many calls it makes.
 */
export async function* pairs(
  { count, seed }: { count: number; seed: number },
  known: Known | null,
): AsyncGenerator<Outcome> {
  const random = randomFrom(seed)
  const firsts = new Map<string, readonly Strike[]>()
  for (const name of NAMES) firsts.set(name, everyStrike((await runSchedule(name, [], { known })).calls))
  for (let made = 0; made < count; ) {
    for (const name of NAMES) {
      const first = pick(firsts.get(name) ?? [], random)
      if (first === undefined) continue
      const { calls } = await runSchedule(name, [first], { known })
      for (let second = 0; second < SECONDS_PER_FIRST && made < count; second += 1) {
        const strike = pickAfter(calls, first.call, random)
        if (strike === null) break
        made += 1
        yield await runSchedule(name, [first, strike], { known })
      }
    }
  }
}

/** A call after the first, then a fault of it. Of a row of equal polls only a few count: they are one place. */
function pickAfter(calls: readonly CallRecord[], first: number, random: () => number): Strike | null {
  const places = calls.flatMap(({ by, name }, at) => {
    const poll = [1, 2, 3].every((back) => calls[at - back]?.by === by && calls[at - back]?.name === name)
    return at <= first || poll ? [] : [at]
  })
  const call = pick(places, random)
  const sort = call === undefined ? undefined : calls[call]?.sort
  const fault: FaultKind | undefined = sort === undefined ? undefined : pick(FAULTS[sort], random)
  return call === undefined || fault === undefined ? null : { call, fault }
}

function pick<T>(from: readonly T[], random: () => number): T | undefined {
  return from[Math.floor(random() * from.length)]
}

/** mulberry32: small, seeded, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
