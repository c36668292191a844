/** When rotations come: Secrets Manager's own schedule with its window, or EventBridge Scheduler calling RotateSecret. */

import { readCron } from './cron.ts'
import type { FieldProblem, RotationRules } from './ports.ts'

/** All times in seconds. Rules: facts/secrets-manager-rotation.md section 5. */
export interface Schedule {
  readonly expression: string
  readonly by: 'secrets-manager' | 'eventbridge-scheduler'
  /** From one planned time to the next; where they differ, the longest. */
  readonly interval: number
  /** The rotation comes at any moment from the planned time until this much later. */
  readonly window: number
  /** On average. */
  readonly rotationsPerDay: number
}

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400
const YEAR = 366 * DAY

/** Secrets Manager schedules no faster. */
const FASTEST_NATIVE = 4 * HOUR
/** Secrets Manager keeps about 100 versions and never drops one of the last 24 hours: 15 minutes make 96. */
const FASTEST_SCHEDULER = 15 * MINUTE
const SLOWEST = 999 * DAY
/** `Duration` takes two digits. */
const LONGEST_WINDOW = 99 * HOUR

/** `window`: seconds, null = Secrets Manager's default. A problem names the field `schedule` or `window`. */
export function readSchedule(expression: string, window: number | null): Schedule | FieldProblem {
  if (expression.startsWith('cron(')) return cronSchedule(expression, window)
  const [, count = '', unit] = /^rate\(([1-9][0-9]{0,5}) (minute|hour|day)s?\)$/.exec(expression) ?? []
  if (unit === undefined) {
    return wrong(
      'schedule',
      'must be rate(N hours), rate(N days), cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *) or, with EventBridge Scheduler, rate(N minutes)',
    )
  }
  const interval = Number(count) * (unit === 'minute' ? MINUTE : unit === 'hour' ? HOUR : DAY)
  if (interval > SLOWEST) return wrong('schedule', 'must not be slower than rate(999 days)')
  if (unit === 'minute' || interval < FASTEST_NATIVE) return schedulerSchedule(expression, interval, window)
  return rateSchedule(expression, interval, unit === 'day', window)
}

/** The rules that a secret has. `AutomaticallyAfterDays` alone is a rate in days; beside an expression it only repeats it. */
export function scheduleOf({
  scheduleExpression,
  duration,
  automaticallyAfterDays,
}: RotationRules): Schedule | FieldProblem {
  const hours = /^([0-9]{1,2})h$/.exec(duration ?? '')?.[1]
  const window = hours === undefined ? null : Number(hours) * HOUR
  if (scheduleExpression !== null) return readSchedule(scheduleExpression, window)
  if (automaticallyAfterDays === null) return wrong('schedule', 'is missing')
  return rateSchedule(`AutomaticallyAfterDays=${automaticallyAfterDays}`, automaticallyAfterDays * DAY, true, window)
}

/** EventBridge Scheduler calls at the minute, with its flexible time window off. */
function schedulerSchedule(expression: string, interval: number, window: number | null): Schedule | FieldProblem {
  if (interval < FASTEST_SCHEDULER) {
    return wrong(
      'schedule',
      'must not be faster than rate(15 minutes): Secrets Manager keeps about 100 versions of a secret, and all of the last 24 hours',
    )
  }
  if (window !== null) {
    return wrong('window', 'is for schedules of Secrets Manager; EventBridge Scheduler calls RotateSecret on time')
  }
  return { expression, by: 'eventbridge-scheduler', interval, window: 0, rotationsPerDay: DAY / interval }
}

function rateSchedule(
  expression: string,
  interval: number,
  inDays: boolean,
  given: number | null,
): Schedule | FieldProblem {
  const most = Math.min(inDays ? DAY : interval, LONGEST_WINDOW)
  const window = given ?? (inDays ? DAY : HOUR)
  const problem = windowProblem(window, most, inDays ? 'it must end with the UTC day' : 'it must end before the next')
  return problem ?? { expression, by: 'secrets-manager', interval, window, rotationsPerDay: DAY / interval }
}

/** Several times a day are a schedule in hours: its window is 1 hour. One time a day is open to the end of the UTC day. */
function cronSchedule(expression: string, given: number | null): Schedule | FieldProblem {
  const times = readCron(expression)
  if (typeof times === 'string') return wrong('schedule', times)
  const { hours } = times
  const closest = Math.min(24, ...hours.slice(1).map((hour, index) => hour - (hours[index] ?? 0)))
  if (closest * HOUR < FASTEST_NATIVE) {
    return wrong('schedule', `names times ${closest} h apart; Secrets Manager rotates every 4 hours at most`)
  }
  if (times.longest * HOUR > YEAR) return wrong('schedule', 'must come at least once a year')
  const leftOfDay = 24 - (hours.at(-1) ?? 0)
  const window = given ?? (hours.length > 1 ? HOUR : leftOfDay * HOUR)
  const most = Math.min(closest, leftOfDay) * HOUR
  const problem = windowProblem(window, most, 'it must end with the UTC day and before the next')
  const interval = times.longest * HOUR
  return problem ?? { expression, by: 'secrets-manager', interval, window, rotationsPerDay: times.timesPerDay }
}

function windowProblem(window: number, most: number, why: string): FieldProblem | null {
  if (window < HOUR || window % HOUR !== 0) return wrong('window', 'must be whole hours, at least 1h')
  return window > most ? wrong('window', `must be at most ${most / HOUR}h here: ${why}`) : null
}

function wrong(field: 'schedule' | 'window', problem: string): FieldProblem {
  return { field, problem }
}

/** `9 h 35 min`, for people. */
export function durationText(seconds: number): string {
  const parts = [
    [Math.floor(seconds / DAY), 'd'],
    [Math.floor(seconds / HOUR) % 24, 'h'],
    [Math.floor(seconds / MINUTE) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ] as const
  const text = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`)
  return text.length === 0 ? '0 s' : text.join(' ')
}
