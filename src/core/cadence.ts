/**
 * Does every credential live until its successor has reached the last instance? The arithmetic, and a schedule for which
 * it holds. Rules: facts/secrets-manager-rotation.md section 5, facts/registries.md section 6.
 */

import { PullAuthError } from './errors.ts'
import type { Plan, PlannedRegistry } from './plan.ts'
import { rolloutSeconds, timeoutWithin } from './plan-rollout.ts'
import type { FieldProblem, Journal, Provider, ProviderTraits, SecretDescription } from './ports.ts'
import { durationText, type Schedule, scheduleOf } from './schedule.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/**
 * Clocks that differ, the seconds of a mint and a proof, a pull that began just before its instance reloaded. The drain
 * time of a fleet is no part of it: it begins when every instance has the successor, and only delays a revocation.
 */
export const MARGIN = 5 * MINUTE

/**
 * Secrets Manager tries a failed rotation several times; how long that takes it does not say. Three times four steps of
 * at most two minutes, the timeout that docs/lambda.md asks for, are 24 minutes.
 */
const RETRIES = 30 * MINUTE

/** One that runs, one that failed, one to spare: a life that is shorter is used up by its own rollouts. */
export const ROLLOUTS_IN_A_LIFE = 3

/** Seconds that a life must have, from the moment of one rotation. */
export interface Need {
  readonly interval: number
  readonly window: number
  readonly retries: number
  readonly rollout: number
  readonly margin: number
  readonly total: number
}

export interface RegistryCadence {
  readonly registry: string
  /** Seconds; null = does not expire, or nobody can know from the plan. */
  readonly life: number | null
  readonly verdict: 'safe' | 'unsafe' | 'no-expiry'
  /** One run that does not happen at all is survived too. */
  readonly survivesMiss: boolean
  /** The arithmetic as one line, without the registry. */
  readonly text: string
}

export interface Cadence {
  readonly ok: boolean
  readonly schedule: Schedule
  readonly need: Need
  readonly registries: readonly RegistryCadence[]
  readonly rotationsPerDay: number
  /** One per rotation, however many registries it renews; 0 without a fleet. */
  readonly reloadsPerDay: number
}

/** The worst case: one rotation at the very start of its window, the next at the very end of its own. */
export function judgeCadence(plan: Plan, schedule: Schedule): Cadence {
  const need = needOf(plan, schedule, 1)
  const missed = needOf(plan, schedule, 2)
  const registries = plan.registries.map((registry): RegistryCadence => {
    const life = lifeOf(registry)
    const common = { registry: registry.key, life }
    if (life === null) return { ...common, verdict: 'no-expiry', survivesMiss: true, text: endless(registry) }
    const survivesMiss = survives(life, missed)
    const verdict = survives(life, need) ? 'safe' : 'unsafe'
    return { ...common, verdict, survivesMiss, text: arithmetic(life, need) }
  })
  const { rotationsPerDay } = schedule
  return {
    ok: registries.every(({ verdict }) => verdict !== 'unsafe'),
    schedule,
    need,
    registries,
    rotationsPerDay,
    reloadsPerDay: plan.fleet === null ? 0 : rotationsPerDay,
  }
}

/** What the plan asks for, or what its source gives unasked. */
export function lifeOf({ ttl, provider }: PlannedRegistry): number | null {
  return ttl ?? provider.traits.ttl.default
}

/** `runs`: 2 = the next one does not happen. */
function needOf(plan: Plan, { interval, window }: Pick<Schedule, 'interval' | 'window'>, runs: number): Need {
  const rollout = rolloutSeconds(plan.fleet)
  const total = runs * interval + window + RETRIES + rollout + MARGIN
  return { interval, window, retries: RETRIES, rollout, margin: MARGIN, total }
}

/** Equal is enough: the worst gap is a bound that no rotation reaches ("< 5 h" in the facts), and the margin is whole. */
function survives(life: number, { total, rollout }: Need): boolean {
  return life >= total && life >= ROLLOUTS_IN_A_LIFE * rollout
}

function arithmetic(life: number, need: Need): string {
  const { interval, window, retries, rollout, margin, total } = need
  const parts = Object.entries({ interval, window, retries, rollout, margin })
    .filter(([, seconds]) => seconds > 0)
    .map(([name, seconds]) => `${durationText(seconds)} ${name}`)
  const sum = `${parts.join(' + ')} = ${durationText(total)}`
  if (life < total) return `${durationText(life)} life < ${sum}`
  const rollouts = ROLLOUTS_IN_A_LIFE * rollout
  if (life < rollouts)
    return `${durationText(life)} life < ${ROLLOUTS_IN_A_LIFE} × ${durationText(rollout)} rollout = ${durationText(rollouts)}`
  return `${durationText(life)} life ≥ ${sum}`
}

function endless({ provider }: PlannedRegistry): string {
  if (provider.traits.rotation === 'static') return 'lives as long as it was made for; the plan cannot know'
  const how = isChoosable(provider) ? 'set ttl to give it one' : 'it lives until it is replaced'
  return `${provider.kind} gives it no expiry; ${how}`
}

function isChoosable({ traits }: Provider): boolean {
  return traits.rotation !== 'static' && traits.ttl.granularity !== 'none'
}

// ── A schedule that works ────────────────────────────────────────────────────────────────────────────────────────────

export type Proposal =
  /** Nothing expires. */
  | { readonly kind: 'any'; readonly text: string }
  | { readonly kind: 'schedule'; readonly cadence: Cadence; readonly text: string }
  | { readonly kind: 'none'; readonly text: string }

/** From the fastest on. Hours are those that divide a day, so that it does not matter whether a rate begins anew at midnight. */
const NATIVE: readonly Schedule[] = [
  ...[4, 6, 8, 12].map((hours) => native(hours * HOUR, `rate(${hours} hours)`)),
  ...Array.from({ length: 999 }, (_, index) =>
    native((index + 1) * DAY, index === 0 ? 'rate(1 day)' : `rate(${index + 1} days)`),
  ),
]

const FASTEST = scheduled(15 * MINUTE, 'rate(15 minutes)')
const SCHEDULER: readonly Schedule[] = [
  FASTEST,
  ...[20, 30].map((minutes) => scheduled(minutes * MINUTE, `rate(${minutes} minutes)`)),
  ...[1, 2, 3].map((hours) => scheduled(hours * HOUR, hours === 1 ? 'rate(1 hour)' : `rate(${hours} hours)`)),
]

function native(interval: number, expression: string): Schedule {
  return { expression, by: 'secrets-manager', interval, window: HOUR, rotationsPerDay: DAY / interval }
}

function scheduled(interval: number, expression: string): Schedule {
  return { expression, by: 'eventbridge-scheduler', interval, window: 0, rotationsPerDay: DAY / interval }
}

/**
 * Secrets Manager's own schedule where one survives, else EventBridge Scheduler. Of each, the slowest that survives one
 * missed run; where none does, the fastest, which a missed run hurts least.
 */
export function proposeSchedule(plan: Plan): Proposal {
  const shortest = shortestLife(plan)
  if (shortest === null) return { kind: 'any', text: 'No credential of this plan expires: any schedule holds.' }
  for (const schedules of [NATIVE, SCHEDULER]) {
    const [fastest] = schedules
    if (fastest === undefined || !survives(shortest.life, needOf(plan, fastest, 1))) continue
    const sparing = schedules.filter((schedule) => survives(shortest.life, needOf(plan, schedule, 2)))
    const cadence = judgeCadence(plan, sparing.at(-1) ?? fastest)
    return { kind: 'schedule', cadence, text: proposalText(plan, cadence, shortest.life) }
  }
  return { kind: 'none', text: whatToChange(plan, shortest) }
}

interface Shortest {
  readonly life: number
  readonly registry: PlannedRegistry
}

function shortestLife(plan: Plan): Shortest | null {
  const lives = plan.registries.flatMap((registry) => {
    const life = lifeOf(registry)
    return life === null ? [] : [{ life, registry }]
  })
  return lives.sort((a, b) => a.life - b.life)[0] ?? null
}

function proposalText(plan: Plan, cadence: Cadence, life: number): string {
  const { expression, by, window } = cadence.schedule
  const isNative = by === 'secrets-manager'
  const field = isNative
    ? `rotation: { schedule: ${expression}, window: ${window / HOUR}h }`
    : `rotation: { schedule: ${expression} }, for EventBridge Scheduler calling RotateSecret`
  const text = `Use ${field}: ${frequencyText(cadence)}; ${missText(cadence)}.`
  const timeout = isNative ? null : timeoutFor(plan, life, native(4 * HOUR, ''))
  return timeout === null
    ? text
    : `${text} Or lower fleet.timeout to ${timeout}: then Secrets Manager's own rate(4 hours), window 1h, is enough.`
}

export function missText({ registries }: Cadence): string {
  return registries.every(({ survivesMiss }) => survivesMiss)
    ? 'survives one missed run'
    : 'does not survive a missed run'
}

/** `6 fleet reloads a day`, `one fleet reload every 3 days`. Each makes a version, of which Secrets Manager keeps about 100. */
export function frequencyText({ rotationsPerDay, reloadsPerDay, schedule }: Cadence): string {
  const what = reloadsPerDay > 0 ? 'fleet reload' : 'rotation'
  const tidy = (value: number) => String(Math.round(value * 10) / 10)
  const often =
    rotationsPerDay === 1
      ? `one ${what} a day`
      : rotationsPerDay > 1
        ? `${tidy(rotationsPerDay)} ${what}s a day`
        : `one ${what} every ${tidy(1 / rotationsPerDay)} days`
  return schedule.by === 'eventbridge-scheduler'
    ? `${often}, ${tidy(rotationsPerDay)} of the about 100 versions that Secrets Manager keeps`
    : often
}

function whatToChange(plan: Plan, { life, registry }: Shortest): string {
  const { key, provider } = registry
  const rollout = rolloutSeconds(plan.fleet)
  const least = Math.max(needOf(plan, FASTEST, 1).total, ROLLOUTS_IN_A_LIFE * rollout)
  const timeout = timeoutFor(plan, life, FASTEST)
  const { max, granularity } = provider.traits.ttl
  const longer = isChoosable(provider) && (max === null || max >= least)
  const ways = [
    ...(timeout === null ? [] : [`lower fleet.timeout to ${timeout}`]),
    ...(longer ? [`ask for a ttl of ${spelled(least, granularity)} for ${key}`] : []),
  ]
  const remedy =
    ways.length > 0
      ? `${sentence(ways.join(', or '))}.`
      : `Give ${key} to its tasks by repositoryCredentials, which ECS reads at every task start, not to the agent.`
  return `No schedule holds for ${key}: even every 15 minutes is too slow. ${remedy}`
}

/** As the plan spells a duration: rounded up to minutes, or to the days that are all some sources know. */
function spelled(seconds: number, granularity: ProviderTraits['ttl']['granularity']): string {
  if (granularity === 'day') return `${Math.ceil(seconds / DAY)}d`
  const minutes = Math.ceil(seconds / MINUTE)
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The longest fleet.timeout with which a schedule holds, as the plan spells it; null = there is none worth setting. */
function timeoutFor(plan: Plan, life: number, schedule: Schedule): string | null {
  if (plan.fleet === null) return null
  const rest = life - schedule.interval - schedule.window - RETRIES - MARGIN
  const minutes = Math.floor(timeoutWithin(plan.fleet, Math.min(rest, life / ROLLOUTS_IN_A_LIFE)) / MINUTE)
  return minutes < 1 ? null : `${minutes}m`
}

// ── Where it acts ────────────────────────────────────────────────────────────────────────────────────────────────────

/** CADENCE_UNSAFE when the plan's own schedule lets a credential die. A plan without `rotation` promises nothing here. */
export function refuseUnsafe(plan: Plan, origin: string): void {
  if (plan.rotation === null) return
  const cadence = judgeCadence(plan, plan.rotation)
  if (cadence.ok) return
  throw new PullAuthError(
    'CADENCE_UNSAFE',
    `With the schedule ${plan.rotation.expression} of the plan ${origin} credentials die before every instance has their successors: ${unsafeText(cadence)}.`,
    proposeSchedule(plan).text,
  )
}

function unsafeText({ registries }: Cadence): string {
  const unsafe = registries.filter(({ verdict }) => verdict === 'unsafe')
  return unsafe.map(({ registry, text }) => `${registry}: ${text}`).join('; ')
}

export interface RealCadence {
  /** null: Secrets Manager rotates this secret by no schedule, or by one that cannot be evaluated. */
  readonly cadence: Cadence | null
  /** One sentence about what is wrong; null = nothing. */
  readonly finding: string | null
}

/** The schedule that the secret really has, from DescribeSecret, against the plan. */
export function judgeRealSchedule(plan: Plan, secret: SecretDescription): RealCadence {
  const { arn, rotationEnabled, rotationRules } = secret
  if (!rotationEnabled || rotationRules === null) {
    return { cadence: null, finding: plan.rotation === null ? null : unscheduled(plan.rotation, secret) }
  }
  const schedule: Schedule | FieldProblem = scheduleOf(rotationRules)
  if ('problem' in schedule) {
    return {
      cadence: null,
      finding: `Whether the schedule of ${arn} is safe is not known: its ${schedule.field} ${schedule.problem}.`,
    }
  }
  const cadence = judgeCadence(plan, schedule)
  // Then this schedule is the backstop only; EventBridge Scheduler's own cannot be seen from here.
  const isBackstop = plan.rotation?.by === 'eventbridge-scheduler'
  if (cadence.ok || isBackstop) return { cadence, finding: null }
  return {
    cadence,
    finding: `With the schedule ${schedule.expression} of ${arn} credentials die before every instance has their successors: ${unsafeText(cadence)}. ${proposeSchedule(plan).text}`,
  }
}

/** RotateSecret needs a function too, whoever calls it. */
function unscheduled({ by, expression }: Schedule, { arn, rotationEnabled }: SecretDescription): string | null {
  if (!rotationEnabled) return `The plan asks for ${expression}, but rotation is not enabled on ${arn}.`
  return by === 'secrets-manager' ? `The plan asks for ${expression}, but ${arn} has no rotation schedule.` : null
}

/** Refusing to rotate would turn a risk into a certainty, so a rotation only says it. */
export function warnOfCadence(journal: Journal, plan: Plan, secret: SecretDescription): void {
  const { finding } = judgeRealSchedule(plan, secret)
  if (finding !== null) journal.warn(finding, { code: 'CADENCE_UNSAFE' })
}
