/** Runs of one character that a regular expression for the end of a text would search anew from each of them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { fixConfig } from '../../src/core/fix.ts'
import { twinId } from '../../src/core/registry-key.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'

const MUCH = 400_000

function ends(work: () => unknown): void {
  assert.doesNotThrow(() => runInNewContext('work()', { work }, { timeout: 10_000 }))
}

function withPassword(password: string): string {
  const auth = basicCredential('u', new Secret(password)).reveal()
  return `ECS_CLUSTER=x\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"quay.io":{"auth":"${auth}"}}\n`
}

test('a comment with many backslashes inside is repaired', () => {
  ends(() => fixConfig(`# ${'\\'.repeat(MUCH)}x\nECS_CLUSTER=x\n`))
})

test('a password with many line ends inside is repaired', () => {
  ends(() => fixConfig(withPassword(`${'\n'.repeat(MUCH)}x`)))
})

test('a key of Docker Hub with many slashes inside is compared', () => {
  ends(() => twinId(`docker.io/${'/'.repeat(MUCH)}x`))
})

test('a key with many slashes inside and one at its end is compared', () => {
  ends(() => twinId(`quay.io/${'/'.repeat(MUCH)}x/`))
})
