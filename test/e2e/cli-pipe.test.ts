/** A reader that goes away, as `head` does: what is under way goes on to its end, and nobody is shown a stack. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { NODE_24 } from './run-process.ts'
import { SECRET, setStage } from './stage.ts'

const CLI = resolve(import.meta.dirname, '../../dist/cli.cjs')

interface Cut {
  readonly exitCode: number | null
  readonly stderr: string
}

/** Nobody reads standard output, from before the first word. */
async function unread(argv: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = '/'): Promise<Cut> {
  const child = spawn(NODE_24, [CLI, ...argv], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return await new Promise((done) => child.on('close', (exitCode) => done({ exitCode, stderr })))
}

test('a command whose output nobody reads ends as it would have ended', async () => {
  assert.deepEqual(await unread(['document']), { exitCode: 0, stderr: '' })
  assert.deepEqual(await unread(['lint', join(import.meta.dirname, 'cli-pipe.test.ts')]), { exitCode: 1, stderr: '' })
})

test('an output that a full disk did not take is a failure', () => {
  const full = openSync('/dev/full', 'w')
  try {
    const { status, stderr } = spawnSync(NODE_24, [CLI, 'document'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    assert.deepEqual([status, stderr], [1, ''])
  } finally {
    closeSync(full)
  }
})

test('a rotation whose output nobody reads is brought to its end', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab, instances: 1 })
  const plan = stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))
  const { versions } = stage.aws.secrets.secret(SECRET)
  const before = versions.holder('AWSCURRENT')
  const { exitCode, stderr } = await unread(['rotate', '--plan', plan], stage.env('operator'), stage.workspace)
  assert.equal(exitCode, 0, stderr)
  assert.doesNotMatch(stderr, /EPIPE|\bat /)
  assert.notEqual(versions.holder('AWSCURRENT'), before)
})
