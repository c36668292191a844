/** One thread of the crew. */

import { parentPort, workerData } from 'node:worker_threads'
import type { Part, Told } from './crew.ts'
import { pairs, singles } from './explore.ts'
import type { Known } from './schedule.ts'

// Thousands of refusals are thrown and caught: nobody reads their stacks.
Error.stackTraceLimit = 0

const part: Part = workerData
const known: Known | null = part.whole ? null : new Map()
let schedules = 0
for await (const { id, violations } of part.kind === 'singles' ? singles(part, known) : pairs(part, known)) {
  schedules += 1
  if (violations.length > 0) tell({ kind: 'broken', id, violations })
  if (schedules % 100 === 0) tell({ kind: 'progress', schedules: 100 })
}
tell({ kind: 'progress', schedules: schedules % 100 })

function tell(told: Told): void {
  parentPort?.postMessage(told)
}
