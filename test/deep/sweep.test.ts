/** The sweep at length: many pairs of faults, each planted defect caught, and a long run under load. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { MUTATIONS } from '../sweep/mutations.ts'
import type { Violation } from '../sweep/watch.ts'

const root = join(import.meta.dirname, '../..')

interface Run {
  readonly code: number | null
  /** One JSON value a line. */
  readonly lines: readonly Record<string, unknown>[]
  readonly stderr: string
}

function run(file: string, args: readonly string[], mutation?: string): Promise<Run> {
  const hook = mutation === undefined ? [] : ['--import', './test/sweep/mutate.ts']
  const child = spawn(process.execPath, [...hook, join('test/sweep', file), '--json', ...args], {
    cwd: root,
    env: { ...process.env, ...(mutation === undefined ? {} : { SWEEP_MUTATION: mutation }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  return new Promise((resolve) =>
    child.on('close', (code) => {
      const lines = output.stdout.split('\n').filter((line) => line !== '')
      resolve({ code, lines: lines.map((line) => JSON.parse(line)), stderr: output.stderr })
    }),
  )
}

test('no pair of faults breaks a promise', async () => {
  const { code, lines, stderr } = await run('main.ts', ['--pairs', '20000', '--whole'])
  const last = lines.at(-1)
  assert.deepEqual(lines.slice(0, -1), [], 'npm run sweep -- --replay ID shows what happens')
  assert.equal(code, 0, stderr)
  assert.equal(last?.['violations'], 0)
  assert.ok(Number(last?.['schedules']) > 24_000)
})

for (const { name, caughtBy } of MUTATIONS) {
  test(`a defect is caught: ${name}`, async (context) => {
    const { code, lines, stderr } = await run(
      'main.ts',
      ['--first', '--threads', '1', '--pairs', '20000', '--seed', '2'],
      name,
    )
    assert.equal(code, 1, stderr)
    const { id, violations } = lines[0] as unknown as { id: string; violations: readonly Violation[] }
    context.diagnostic(`${id} breaks ${[...new Set(violations.map(({ promise }) => promise))].join(', ')}`)
    assert.ok(
      violations.some(({ promise }) => caughtBy.includes(promise)),
      JSON.stringify(violations),
    )
  })
}

test('200 rotations under faults and load fail no pull and leave no credential behind', async () => {
  const { code, lines, stderr } = await run('soak.ts', [])
  const last = lines.at(-1)
  assert.equal(code, 0, `${JSON.stringify(lines)} ${stderr}`)
  assert.equal(last?.['rotations'], 200)
  assert.equal(last?.['failedPulls'], 0)
  assert.equal(last?.['leaked'], 0)
})
