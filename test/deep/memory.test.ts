/** Peak memory of what ships, started as its users start it: the budgets of docs/performance.md. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startUp } from '../bench/start-up.ts'

test('the Action with three AWS calls stays below 70 MB, the functions below 90 MB', async () => {
  const runs = await startUp(1)
  const budgets = { actionFails: 70, threeCalls: 70, lint: 70, rotate: 90, react: 90 } as const
  for (const [name, most] of Object.entries(budgets)) {
    for (const { memory } of runs[name as keyof typeof budgets]) assert.ok(memory <= most, `${name}: ${memory} MB`)
  }
})

test('following 50,000 instances stays below 150 MB and 60 calls', async () => {
  // It ends with 1 when a budget is not kept.
  const { stdout } = await promisify(execFile)(process.execPath, [
    resolve(import.meta.dirname, '../bench/rollout.ts'),
    '--json',
  ])
  assert.equal(JSON.parse(stdout).at(-1).instances, 50_000)
})
