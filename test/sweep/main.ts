/**
 * `npm run sweep -- [--json] [--pairs N] [--seed N] [--only SCENARIOS] [--first]`, or `--replay ID` for one schedule with
 * a trace. The last line of stdout tells the numbers; exit 1 on any violation. `--first` ends at the first one.
 */

import { parseArgs } from 'node:util'
import { NAMES, pairs, singles } from './explore.ts'
import { type Outcome, replay } from './schedule.ts'

// Thousands of refusals are thrown and caught: nobody reads their stacks.
Error.stackTraceLimit = 0

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    first: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
})

const began = performance.now()
process.exitCode = values.replay === undefined ? await sweep() : await trace(values.replay)

async function trace(id: string): Promise<0 | 1> {
  Error.stackTraceLimit = 10
  const outcome = await replay(id, (line) => console.log(line))
  for (const { promise, what } of outcome.violations) console.log(`VIOLATION of ${promise}: ${what}`)
  if (outcome.violations.length === 0) console.log('every promise was kept')
  if (!outcome.whole) console.log('not every fault found the call that it is for')
  return outcome.violations.length === 0 ? 0 : 1
}

async function sweep(): Promise<0 | 1> {
  const counts = { schedules: 0, violations: 0 }
  const names = values.only === undefined ? NAMES : NAMES.filter((name) => values.only?.includes(name))
  await count(singles(names), counts, 'singles')
  if (!(values.first && counts.violations > 0)) await count(pairs(Number(values.pairs), Number(values.seed)), counts, 'pairs')
  const seconds = Math.round((performance.now() - began) / 100) / 10
  if (!values.json) console.log(`${counts.schedules} schedules, ${counts.violations} with a broken promise`)
  console.log(JSON.stringify({ ...counts, seconds }))
  return counts.violations === 0 ? 0 : 1
}

async function count(outcomes: AsyncGenerator<Outcome>, counts: { schedules: number; violations: number }, what: string) {
  for await (const outcome of outcomes) {
    counts.schedules += 1
    if (counts.schedules % 1000 === 0) console.error(`${counts.schedules} schedules, now ${what}`)
    if (outcome.violations.length === 0) continue
    counts.violations += 1
    tell(outcome)
    if (values.first) return
  }
}

function tell({ id, violations }: Outcome): void {
  if (values.json) console.log(JSON.stringify({ id, violations }))
  else for (const { promise, what } of violations) console.log(`${id}  ${promise}: ${what}`)
}
