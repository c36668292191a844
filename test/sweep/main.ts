/**
 * `npm run sweep -- [--json] [--pairs N] [--seed N] [--only SCENARIOS] [--threads N] [--whole] [--first]`: all single faults,
 * then N pairs. `--whole` ends every schedule with its clean rotations, also where the world is like one that was seen
 * to end well; `--first` ends at the first broken promise; `--replay ID` runs one schedule and shows a trace. The last line
 * of stdout tells the numbers; exit 1 on any broken promise, 2 when a schedule cannot be read.
 */

import { parseArgs } from 'node:util'
import { explore, type Part, type Told } from './crew.ts'
import { NAMES } from './explore.ts'
import { parseScheduleId } from './faults.ts'
import { SCENARIOS } from './scenarios.ts'
import { runSchedule } from './schedule.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '4000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    whole: { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
    first: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
})

process.exitCode = values.replay === undefined ? await sweep() : await trace(values.replay)

async function trace(id: string): Promise<0 | 1 | 2> {
  const parsed = parseScheduleId(id)
  if (parsed === null || SCENARIOS[parsed.scenario] === undefined) {
    console.error(`${id} is no schedule: write it like a:12.lost1+17.kill, with one of these scenarios:`)
    for (const [name, { title }] of Object.entries(SCENARIOS)) console.error(`  ${name}  ${title}`)
    return 2
  }
  const outcome = await runSchedule(parsed.scenario, parsed.strikes, { tell: (line) => console.log(line) })
  for (const { promise, what } of outcome.violations) console.log(`broken ${promise}: ${what}`)
  if (outcome.violations.length === 0) console.log('every promise was kept')
  if (!outcome.whole) console.log('not every fault found the call that it is for')
  return outcome.violations.length === 0 ? 0 : 1
}

async function sweep(): Promise<0 | 1> {
  const began = performance.now()
  const { first } = values
  const threads = Number(values.threads)
  const numbers = Array.from({ length: threads }, (_, number) => number)
  const names = values.only === undefined ? NAMES : NAMES.filter((name) => values.only?.includes(name))
  const parts: readonly (readonly Part[])[] = [
    numbers.map((from) => ({ kind: 'singles', names, from, of: threads, whole: values.whole })),
    numbers.map((number) => ({
      kind: 'pairs',
      count: Math.ceil(Number(values.pairs) / threads),
      seed: Number(values.seed) * 1000 + number,
      whole: values.whole,
    })),
  ]
  const counts = { schedules: 0, violations: 0 }
  for (const [at, part] of parts.entries()) {
    if (first && counts.violations > 0) break
    const told = { first, tell: (one: Told, done: number) => tell(one, counts.schedules + done, at === 0) }
    const { schedules, broken } = await explore(part, told)
    counts.schedules += schedules
    counts.violations += broken.length
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10
  if (!values.json) console.log(`${counts.schedules} schedules, ${counts.violations} of them break a promise`)
  console.log(JSON.stringify({ ...counts, seconds }))
  return counts.violations === 0 ? 0 : 1
}

function tell(told: Told, schedules: number, single: boolean): void {
  if (told.kind === 'progress') {
    if (schedules % 1000 === 0) console.error(`${schedules} schedules, now ${single ? 'single faults' : 'pairs'}`)
  } else if (values.json) console.log(JSON.stringify({ id: told.id, violations: told.violations }))
  else for (const { promise, what } of told.violations) console.log(`${told.id}  ${promise}: ${what}`)
}
