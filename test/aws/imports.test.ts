/** The doubles are part of the demo that ships: they stand on Node and the core alone. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

test('the doubles import node:, the core and each other', () => {
  const doubles = readdirSync(import.meta.dirname).filter((name) => !/\.test\.ts$|fixture\.ts$/.test(name))
  assert.ok(doubles.includes('server.ts'))
  const offenders = doubles.flatMap((name) => {
    const text = readFileSync(new URL(name, import.meta.url), 'utf8')
    const imported = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '')
    return imported
      .filter((from) => !/^(node:|\.\/|\.\.\/\.\.\/src\/core\/)/.test(from))
      .map((from) => `${name} → ${from}`)
  })
  assert.deepEqual(offenders, [])
})
