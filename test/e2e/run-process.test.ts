/** What stops a process of these tests: it once waited for words that a busy machine had handed over in two pieces. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interruptAt, NODE_24, runProcess } from './run-process.ts'

test('words that arrive in pieces interrupt once', () => {
  const sent: string[] = []
  const hear = interruptAt('Sent Run Command')
  for (const piece of ['Reload\nSent Ru', 'n Command 1', ' Sent Run Command 2']) hear(piece, (name) => sent.push(name))
  assert.deepEqual(sent, ['SIGINT'])
})

test('a process that would go on for ever ends with the words that it was to be interrupted at', async () => {
  const argv = [
    NODE_24,
    '-e',
    'setInterval(() => {}, 1e6); process.stdout.write("Sent Ru"); setImmediate(() => process.stdout.write("n Command"))',
  ]
  const run = await runProcess({ argv, cwd: '.', env: {}, onOutput: interruptAt('Sent Run Command') })
  assert.deepEqual([run.exitCode, run.stdout], [128, 'Sent Run Command'])
})
