/**
 * How long a rollout takes, from how many instances there are: Systems Manager's ramp and rate control, the time of one
 * node, and whether every credential lives that long (facts/ssm-fleet-reload.md sections 5 and 8).
 */

import { lifeOf, MARGIN, ROLLOUTS_IN_A_LIFE } from './cadence.ts'
import type { FleetPlan, Plan } from './plan.ts'
import { rolloutSeconds } from './plan-rollout.ts'
import { durationText } from './schedule.ts'

/** Lock, fetch, restart and registration of one node, in seconds; the jitter comes on top. */
const NODE_TIME = 15
/** The document's own timeout, in seconds: after it and fleet.timeout Systems Manager gives up what has not ended. */
const EXECUTION = 1_600

export interface Pace {
  readonly instances: number
  /** Instances at a time. */
  readonly concurrency: number
  /** One, two, four and so on up to that many; then that many each. */
  readonly waves: number
  /** Seconds when every instance is connected and well, canaries included. */
  readonly expected: number
  /** Seconds after which nothing of it runs any more, however many instances are offline or hang. */
  readonly worst: number
  /** `unfinished`: the last wave begins after fleet.timeout, so it never does. `dies`: a credential does not live through it. */
  readonly verdict: 'fits' | 'unfinished' | 'dies'
  /** What is wrong and what to change; null = it fits. */
  readonly finding: string | null
}

type Rate = Pick<FleetPlan, 'maxConcurrency' | 'timeout' | 'jitter'>

/** null: the plan has no fleet. */
export function paceOf(plan: Plan, instances: number): Pace | null {
  const { fleet } = plan
  if (fleet === null) return null
  const concurrency = concurrencyOf(fleet.maxConcurrency, instances)
  const waves = wavesOf(instances, concurrency)
  const expected = Math.ceil((canaryWaves(fleet) + waves) * nodeTime(fleet))
  const common = {
    instances,
    concurrency,
    waves,
    expected,
    worst: rolloutSeconds(fleet) + EXECUTION * (fleet.canary === null ? 1 : 2),
  }
  const unfinished = unfinishedText(fleet, instances)
  if (unfinished !== null) return { ...common, verdict: 'unfinished', finding: unfinished }
  const dies = dyingText(plan, fleet, expected)
  return { ...common, verdict: dies === null ? 'fits' : 'dies', finding: dies }
}

/** A percentage rounds down, at least to one. */
function concurrencyOf(text: string, instances: number): number {
  const number = Number.parseInt(text, 10)
  const wanted = text.endsWith('%') ? Math.floor((instances * number) / 100) : number
  return Math.max(1, Math.min(wanted, instances))
}

/** The ramp doubles what is under way until it is all that may be; from then on as many start as end. */
function wavesOf(instances: number, concurrency: number): number {
  let waves = 0
  let left = instances
  for (let size = 1; size < concurrency && left > 0; size *= 2) {
    waves += 1
    left -= size
  }
  return waves + Math.ceil(Math.max(0, left) / concurrency)
}

/** A command of their own, before the rest. How many match further targets is not known: one wave at least. */
function canaryWaves({ canary, maxConcurrency }: FleetPlan): number {
  if (canary === null) return 0
  return typeof canary === 'number' ? wavesOf(canary, concurrencyOf(maxConcurrency, canary)) : 1
}

function nodeTime({ jitter }: Rate): number {
  return NODE_TIME + jitter / 2
}

/** When the last wave begins must be within fleet.timeout: what has not started by then never does. */
function lastStart(fleet: Rate, waves: number): number {
  return Math.max(0, waves - 1) * nodeTime(fleet)
}

/** Why not every instance would be reached within fleet.timeout, and what to change; null = it fits. */
export function unfinishedText(fleet: Rate, instances: number): string | null {
  const waves = wavesOf(instances, concurrencyOf(fleet.maxConcurrency, instances))
  const start = lastStart(fleet, waves)
  if (start <= fleet.timeout) return null
  const fitting = Array.from({ length: 100 }, (_, index) => `${index + 1}%`).find(
    (percent) => lastStart(fleet, wavesOf(instances, concurrencyOf(percent, instances))) <= fleet.timeout,
  )
  const ways = [
    ...(fitting === undefined ? [] : [`raise fleet.maxConcurrency to ${fitting}`]),
    `raise fleet.timeout to ${Math.ceil((start + nodeTime(fleet)) / 60)}m`,
  ]
  return `the last of ${waves} waves would begin after ${durationText(start)}, later than fleet.timeout (${durationText(fleet.timeout)}); ${ways.join(', or ')}`
}

function dyingText(plan: Plan, fleet: FleetPlan, expected: number): string | null {
  const need = Math.max(rolloutSeconds(fleet) + MARGIN, ROLLOUTS_IN_A_LIFE * expected)
  const dying = plan.registries.flatMap((registry) => {
    const life = lifeOf(registry)
    return life === null || life >= need ? [] : [`${registry.key} lives ${durationText(life)}`]
  })
  if (dying.length === 0) return null
  return `${dying.join(', ')}, and ${durationText(need)} are needed: fleet.timeout and ${durationText(MARGIN)}, and ${ROLLOUTS_IN_A_LIFE} rollouts of ${durationText(expected)}; lower fleet.timeout, raise fleet.maxConcurrency, or ask for a longer ttl`
}

/** One line, without the number of instances. */
export function paceText({ concurrency, waves, expected, worst, finding }: Pace): string {
  const count = waves === 1 ? 'one wave' : `${waves} waves`
  const text = `${countText(concurrency)} at a time, ${count}, about ${durationText(expected)}, ${durationText(worst)} at most`
  return finding === null ? text : `${text}; ${finding}`
}

/** `10,000`. */
export function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}
