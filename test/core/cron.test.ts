import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCron } from '../../src/core/cron.ts'

/** The examples of Secrets Manager's user guide, then what else its table of wildcards allows; longest gap in days. */
const EXPRESSIONS: readonly [fields: string, hours: readonly number[], longestDays: number, why: string][] = [
  ['0 /8 * * ? *', [0, 8, 16], 8 / 24, 'every eight hours from midnight'],
  ['0 8/8 * * ? *', [8, 16], 16 / 24, 'increments begin anew each day'],
  ['0 2/10 * * ? *', [2, 12, 22], 10 / 24, 'and so the last one of a day is nearer to the next day'],
  ['0 4/12 * * ? *', [4, 16], 12 / 24, 'twelve hours fit a day'],
  ['0 10 * * ? *', [10], 1, 'every day'],
  ['0 18 ? * SAT *', [18], 7, 'every week'],
  ['0 8 1 * ? *', [8], 31, 'the first of the month, after a long one'],
  ['0 1 ? 1/3 SUN#1 *', [1], 98, 'the first Sunday of each quarter'],
  ['0 17 L * ? *', [17], 31, 'the last day of the month'],
  ['0 8 ? * MON-FRI *', [8], 3, 'the weekend'],
  ['0 16 1,15 * ? *', [16], 17, 'from the 15th over a long month to the 1st'],
  ['0 0 ? * SUN#1 *', [0], 35, 'the first Sunday, after a month with five'],
  ['0 0 ? 1/11 2#1 *', [0], 336, 'the first Monday of January and December'],
  ['0 0 1/2 * ? *', [0], 2, 'odd days'],
  ['0 0 1-15/2 JAN,JUL ? *', [0], 170, 'a step within a range, in named months'],
  ['0 0 ? * 1-4 *', [0], 4, 'weekdays by number: 1 is Sunday'],
  ['0 0 ? * 1/2 *', [0], 2, 'days 1, 3, 5 and 7 of the week'],
  ['0 0 ? * L *', [0], 7, 'the last day of the week'],
  ['0 0 ? * SUNL *', [0], 35, 'the last Sunday of the month'],
  ['0 0 SUNL * ? *', [0], 35, 'the same, where the guide lists it'],
  ['0 0 ? * 1L *', [0], 35, 'the same, by number'],
  ['0 0 15W * ? *', [0], 32, 'the workday nearest to the 15th'],
  ['0 0 1W * ? *', [0], 33, 'never in another month: a Saturday 1st counts on Monday the 3rd'],
  ['0 0 LW * ? *', [0], 33, 'the last workday of the month'],
  ['0 0 ? * MON#1,MON#3 *', [0], 21, 'two weeks of a month'],
  ['0 23 29 2 ? *', [23], 2921, 'leap days, and 2100 has none'],
  ['0 3,15 ? jan-dec tue *', [3, 15], 6.5, 'small letters'],
]

for (const [fields, hours, days, why] of EXPRESSIONS) {
  test(`cron(${fields}): ${why}`, () => {
    const times = readCron(`cron(${fields})`)
    assert.ok(typeof times !== 'string', String(times))
    assert.deepEqual(times.hours, hours)
    assert.equal(times.longest / 24, days)
    assert.ok(times.timesPerDay > 0 && times.timesPerDay <= hours.length)
  })
}

test('how often it comes is an average over the whole calendar', () => {
  const perDay = (fields: string) => {
    const times = readCron(`cron(${fields})`)
    return typeof times === 'string' ? times : times.timesPerDay
  }
  assert.equal(perDay('0 /8 * * ? *'), 3)
  assert.equal(perDay('0 8 ? * SAT *'), 1 / 7)
  assert.equal(perDay('0 0 1 1 ? *'), 400 / 146_097)
})

const REFUSED: readonly [expression: string, problem: RegExp][] = [
  ['cron(5 0 * * ? *)', /must have 0 as its minutes/],
  ['cron(0 0 * * ? 2030)', /must have \* as its year/],
  ['cron(0 0 * * * *)', /must have \? as its day of month or as its day of week/],
  ['cron(0 0 ? * ? *)', /must have \? as its day/],
  ['cron(0 0 * * ?)', /six fields/],
  ['cron(0 0 * * ? * *)', /six fields/],
  ['cron(0 0 * * ? *', /six fields/],
  ['cron(0\n0 * * ? *)', /six fields/],
  ['cron()', /six fields/],
  ['cron(0 24 * * ? *)', /has 24 as its hours/],
  ['cron(0 1/0 * * ? *)', /has 1\/0 as its hours/],
  ['cron(0 /25/2 * * ? *)', /as its hours/],
  ['cron(0 4, * * ? *)', /as its hours/],
  ['cron(0 ? * * ? *)', /as its hours/],
  ['cron(0 *-3 * * ? *)', /as its hours/],
  ['cron(0 0 0 * ? *)', /has 0 as its day of month/],
  ['cron(0 0 32 * ? *)', /as its day of month/],
  ['cron(0 0 32W * ? *)', /as its day of month/],
  ['cron(0 0 MON * ? *)', /as its day of month/],
  ['cron(0 0 1 13 ? *)', /has 13 as its month/],
  ['cron(0 0 1 JUL-JAN ? *)', /as its month/],
  ['cron(0 0 ? * FRI-MON *)', /as its day of week/],
  ['cron(0 0 ? * 8 *)', /as its day of week/],
  ['cron(0 0 ? * SUN#6 *)', /as its day of week/],
  ['cron(0 0 ? * FOO#1 *)', /as its day of week/],
  ['cron(0 0 31 2 ? *)', /names a day that never comes/],
  ['cron(0 0 31W 2,4 ? *)', /names a day that never comes/],
]

for (const [expression, problem] of REFUSED) {
  test(`what cannot be evaluated is refused with its field: ${JSON.stringify(expression)}`, () => {
    assert.match(String(readCron(expression)), problem)
  })
}
