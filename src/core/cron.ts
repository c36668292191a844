/** Cron expressions of Secrets Manager: `cron(0 H dom month dow *)`, which days and hours they name, in UTC. */

export interface CronTimes {
  /** Hours of a day on which it fires, in order. */
  readonly hours: readonly number[]
  /** Hours between the two neighbouring times that lie farthest apart. */
  readonly longest: number
  readonly timesPerDay: number
}

interface Day {
  /** 1 to 31, and how many the month has. */
  readonly day: number
  readonly days: number
  /** 1 to 12. */
  readonly month: number
  /** 1 = Sunday, as in the expressions. */
  readonly weekday: number
}

type Matches = (day: Day) => boolean

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

/**
 * The times of an expression, or what is wrong with it, as the end of a sentence about it. Syntax: Secrets Manager user
 * guide, "Schedule expressions" (facts/secrets-manager-rotation.md section 5), and `W` as EventBridge has it.
 */
export function readCron(expression: string): CronTimes | string {
  const fields = /^cron\(([0-9A-Za-z#?*\-/, ]*)\)$/.exec(expression)?.[1]?.trim().toUpperCase().split(/ +/)
  if (fields?.length !== 6) return 'must have six fields: cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)'
  const [minutes = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '', year = ''] = fields
  if (minutes !== '0') return 'must have 0 as its minutes: windows of Secrets Manager start on the hour'
  if (year !== '*') return 'must have * as its year: Secrets Manager takes no other'
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) return 'must have ? as its day of month or as its day of week'
  const hours = numbers(hour, 0, 23, [])
  if (hours === null) return unreadable('hours', hour)
  const months = numbers(month, 1, 12, MONTHS)
  if (months === null) return unreadable('month', month)
  const days = anyOf(dayOfMonth === '?' ? dayOfWeek : dayOfMonth, dayOfMonth === '?' ? ofWeek : ofMonth)
  if (days === null)
    return dayOfMonth === '?' ? unreadable('day of week', dayOfWeek) : unreadable('day of month', dayOfMonth)
  return timesOf(hours, (day) => months.includes(day.month) && days(day))
}

function unreadable(field: string, text: string): string {
  return `has ${text.slice(0, 40)} as its ${field}, which cannot be evaluated`
}

/** The Gregorian calendar, weekdays included, repeats after 400 years, which have this many days. */
const CALENDAR = 146_097

function timesOf(hours: readonly number[], fires: Matches): CronTimes | string {
  const first = hours[0] ?? 0
  const last = hours.at(-1) ?? 0
  let [firstDay, lastDay, count, widest] = [-1, -1, 0, 0]
  let number = 0
  for (const day of calendar()) {
    if (fires(day)) {
      if (firstDay < 0) firstDay = number
      else widest = Math.max(widest, number - lastDay)
      lastDay = number
      count++
    }
    number++
  }
  if (count === 0) return 'names a day that never comes'
  widest = Math.max(widest, firstDay + CALENDAR - lastDay)
  const within = hours.slice(1).map((hour, index) => hour - (hours[index] ?? 0))
  return {
    hours,
    longest: Math.max(widest * 24 + first - last, ...within),
    timesPerDay: (count * hours.length) / CALENDAR,
  }
}

/** Every day of the 400 years from 2000 on; 1 January 2000 was a Saturday. */
function* calendar(): Generator<Day> {
  let weekday = 7
  for (let year = 2000; year < 2400; year++) {
    const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
    for (let month = 1; month <= 12; month++) {
      const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
      for (let day = 1; day <= days; day++) {
        yield { day, days, month, weekday }
        weekday = (weekday % 7) + 1
      }
    }
  }
}

// ── Fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `1,15`, `1-15`, `1/2`, `/8`, `MON-FRI`, `*`: all values in order, or null. */
function numbers(text: string, low: number, high: number, names: readonly string[]): readonly number[] | null {
  const found = new Set<number>()
  for (const item of text.split(',')) {
    const values = range(item, low, high, names)
    if (values === null) return null
    for (const value of values) found.add(value)
  }
  return [...found].sort((a, b) => a - b)
}

function range(item: string, low: number, high: number, names: readonly string[]): readonly number[] | null {
  const [, from = '', to, step] = /^(\*|\w*)(?:-(\w+))?(?:\/(\d{1,2}))?$/.exec(item) ?? []
  const open = from === '*' || (from === '' && step !== undefined)
  if (open && to !== undefined) return null
  const start = open ? low : oneValue(from, low, high, names)
  // A step without an end runs to the end of the field; a bare value is itself.
  const end = to !== undefined ? oneValue(to, low, high, names) : open || step !== undefined ? high : start
  const every = step === undefined ? 1 : Number(step)
  if (start === null || end === null || end < start || every < 1) return null
  return Array.from({ length: Math.floor((end - start) / every) + 1 }, (_, index) => start + index * every)
}

function oneValue(text: string, low: number, high: number, names: readonly string[]): number | null {
  const name = names.indexOf(text)
  const value = name >= 0 ? low + name : /^\d{1,2}$/.test(text) ? Number(text) : -1
  return value >= low && value <= high ? value : null
}

function anyOf(text: string, read: (item: string) => Matches | null): Matches | null {
  const all = text.split(',').map(read)
  const known = all.filter((matches) => matches !== null)
  return known.length < all.length ? null : (day) => known.some((matches) => matches(day))
}

/** `L`, `LW`, `15W`, `SUNL` (the last Sunday of the month, which the guide lists here), or numbers. */
function ofMonth(item: string): Matches | null {
  if (item === 'L') return ({ day, days }) => day === days
  if (item === 'LW') return (day) => day.day === nearestWorkday(day.days, day)
  const workday = /^(\d{1,2})W$/.exec(item)
  if (workday !== null) {
    const wanted = oneValue(workday[1] ?? '', 1, 31, [])
    return wanted === null ? null : (day) => wanted <= day.days && day.day === nearestWorkday(wanted, day)
  }
  if (/^[A-Z]{3}L$/.test(item)) return ofWeek(item)
  const days = range(item, 1, 31, [])
  return days === null ? null : ({ day }) => days.includes(day)
}

/** `L` (Saturday), `SUNL` or `1L` (the last Sunday of the month), `SUN#1` or `1#1` (the first), or numbers and names. */
function ofWeek(item: string): Matches | null {
  if (item === 'L') return ({ weekday }) => weekday === 7
  const [, name = '', nth] = /^(\w{1,3}?)(?:L|#([1-5]))$/.exec(item) ?? []
  if (name !== '') {
    const wanted = oneValue(name, 1, 7, WEEKDAYS)
    if (wanted === null) return null
    return ({ day, days, weekday }) =>
      weekday === wanted && (nth === undefined ? day + 7 > days : Math.ceil(day / 7) === Number(nth))
  }
  const days = range(item, 1, 7, WEEKDAYS)
  return days === null ? null : ({ weekday }) => days.includes(weekday)
}

/** The Monday to Friday nearest to a day, never in another month. */
function nearestWorkday(wanted: number, { day, days, weekday }: Day): number {
  const of = (((weekday - 1 + wanted - day) % 7) + 7) % 7
  if (of === 6) return wanted === 1 ? 3 : wanted - 1
  if (of === 0) return wanted === days ? wanted - 2 : wanted + 1
  return wanted
}
