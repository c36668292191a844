/** Completion as bash itself computes it, from the table of commands. zsh and fish: test/deep/completion.test.ts. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { cliProcess } from './cli.ts'
import { runProcess } from './run-process.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-completion-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const RUN = `source ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ecs_pull_auth; printf "%s\\n" "\${COMPREPLY[@]}"`

async function bashComplete(t: TestContext) {
  const folder = folderOf(t)
  const { exitCode, stdout, stderr } = await cliProcess({ folder, cwd: folder, env: {}, argv: ['completion', 'bash'] })
  assert.deepEqual([exitCode, stderr], [0, ''])
  writeFileSync(join(folder, 'script'), stdout)
  return async (...words: readonly string[]) => {
    const argv = ['/usr/bin/env', 'bash', '--norc', '--noprofile', '-c', RUN, 'bash', 'ecs-pull-auth', ...words]
    const ended = await runProcess({ argv, cwd: folder, env: { PATH: process.env['PATH'] ?? '' } })
    assert.equal(ended.stderr, '')
    return ended.stdout.split('\n').filter((word) => word !== '')
  }
}

test('bash completes every command and every option of each', async (t) => {
  const complete = await bashComplete(t)
  assert.deepEqual(await complete(''), [...COMMANDS.keys(), '--help', '--version'])
  for (const [name, { options }] of COMMANDS) {
    const wanted = [...Object.keys(options), 'json', 'verbose', 'help'].map((option) => `--${option}`)
    assert.deepEqual(await complete(name, '--'), wanted, name)
  }
})

const CASES: readonly (readonly [words: readonly string[], answer: readonly string[]])[] = [
  [['re'], ['reload', 'retire']],
  [['nothing'], []],
  [
    ['reload', '--on-interrupt', ''],
    ['detach', 'cancel'],
  ],
  [['demo', '--break', 'lost'], ['lost-response']],
  [['iam', '--actor', 'operator-rel'], ['operator-reload']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  // Files are readline's own, which sees no answer.
  [['lint', ''], []],
  [['rotate', '--plan', ''], []],
  [['nothing', '--'], []],
]

test('bash completes what can be said after a command', async (t) => {
  const complete = await bashComplete(t)
  for (const [words, answer] of CASES) assert.deepEqual(await complete(...words), answer, words.join(' '))
})

test('completion of another shell is bad usage', async (t) => {
  const folder = folderOf(t)
  const run = await cliProcess({ folder, cwd: folder, env: {}, argv: ['completion', 'tcsh'] })
  assert.deepEqual([run.exitCode, run.stdout], [2, ''])
  assert.match(run.stderr, /takes bash, zsh or fish/)
})
