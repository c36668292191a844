import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normaliseKey, registryHost, shownKey, twinId } from '../../src/core/registry-key.ts'

test('a key loses one literal scheme and nothing else', () => {
  const cases: Readonly<Record<string, string>> = {
    'https://ghcr.io/': 'ghcr.io/',
    'http://ghcr.io': 'ghcr.io',
    'https://http://ghcr.io': 'http://ghcr.io',
    'HTTPS://ghcr.io': 'HTTPS://ghcr.io',
    ' ghcr.io': ' ghcr.io',
  }
  for (const [key, bare] of Object.entries(cases)) assert.equal(normaliseKey(key), bare)
})

test('spellings of one registry are twins, other registries are not', () => {
  const families: readonly (readonly string[])[] = [
    ['ghcr.io', 'https://ghcr.io', 'http://ghcr.io/', 'ghcr.io//'],
    ['ghcr.io/org', 'https://ghcr.io/org/'],
    ['GHCR.io'],
    ['ghcr.io:443'],
    [
      'docker.io',
      'https://index.docker.io/v1/',
      'index.docker.io/v1',
      'index.docker.io/v2/',
      'https://registry-1.docker.io/',
      'index.docker.io',
    ],
    ['docker.io/org', 'https://docker.io/org/'],
    ['ghcr.io/v1', 'ghcr.io/v1/'],
    ['registry.hub.docker.com'],
  ]
  const ids = families.map((family) => [...new Set(family.map(twinId))])
  for (const [at, id] of ids.entries()) assert.equal(id.length, 1, String(families[at]))
  assert.equal(new Set(ids.flat()).size, families.length)
})

test('the host of a key is docker.io for every form of Docker Hub', () => {
  assert.equal(registryHost('https://index.docker.io/v1/'), 'docker.io')
  assert.equal(registryHost('registry-1.docker.io'), 'docker.io')
  assert.equal(registryHost('http://localhost:5000/team'), 'localhost:5000')
})

test('a key is shown without user information, control characters or undue length', () => {
  assert.equal(shownKey('https://user:secret@ghcr.io/x'), 'https://…@ghcr.io/x')
  assert.equal(shownKey('user:secret@ghcr.io'), '…@ghcr.io')
  assert.equal(shownKey('a\nb'), 'a\\u{a}b')
  assert.equal(shownKey('k'.repeat(500)).length, 121)
})
