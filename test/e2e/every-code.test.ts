/** Every error code, as somebody has seen it who ran the Action, the CLI or a function. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ERROR_CODES } from '../../src/core/errors.ts'

/** The snapshots of this folder hold what the shipped bundles said; the names of their tests do not count. */
function said(): string {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts.snapshot'))
  const texts = files.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
  return texts.map((text) => text.replaceAll(/^exports\[`.*$/gm, '')).join('\n')
}

test('every error code is in what a shipped bundle said', () => {
  const text = said()
  const missing = Object.keys(ERROR_CODES).filter((code) => !new RegExp(`\\b${code}\\b`).test(text))
  assert.deepEqual(missing, [])
})
