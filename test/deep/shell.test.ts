/** shellcheck and bats really were there: the tests beside the script skip what a machine does not have. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { isMissing, programPath } from './software.ts'

const node = resolve(import.meta.dirname, '../node')

test("the document's shell passes shellcheck and its own bats tests, and so do those tests", (t) => {
  const [shellcheck, bats] = [programPath('shellcheck'), programPath('bats')]
  if (isMissing(t, { shellcheck: shellcheck !== null, bats: bats !== null })) return
  for (const [command, args] of [
    [shellcheck, ['--shell=bash', `${node}/shell.bats`]],
    [bats, [`${node}/shell.bats`]],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(command ?? '', args, { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  }
})
