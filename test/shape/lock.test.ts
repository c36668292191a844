/** The lock file: complete for every platform, and without the address of any registry. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'))
const packages: Readonly<Record<string, Locked>> = lock.packages

test('each platform’s binary of a package is locked, or npm ci refuses the lock file', () => {
  const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
    Object.entries(optionalDependencies)
      .filter(([name, version]) => packages[`node_modules/${name}`]?.version !== version)
      .map(([name]) => name),
  )
  assert.deepEqual(missing, [])
})

test('no address of a registry is locked', () => {
  assert.deepEqual(
    Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined),
    [],
  )
})
