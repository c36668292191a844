import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureLife, measurePromotion, watchRoot } from '../../src/core/lifetimes.ts'
import type { Journal, Millis, ProviderContext } from '../../src/core/ports.ts'
import { createVersion, providerContext, STAGED_LABEL } from '../../src/core/rotation.ts'
import { startWorld } from './rotation-world.ts'

const NOW: Millis = Date.UTC(2026, 10, 24)
const DAY = 86_400_000

function watched() {
  const world = startWorld()
  const numbers: string[] = []
  const told: string[] = []
  const journal: Journal = {
    mask: () => undefined,
    phase: () => undefined,
    info: (message) => told.push(message),
    warn: (message, detail) => told.push(`${detail?.['code']}: ${message}`),
    measure: (name, value, registry) => numbers.push(`${name} ${value} ${registry}`),
  }
  const [registry] = world.plan.registries
  assert.ok(registry)
  const cx: ProviderContext = { ...world.ports, journal }
  return { world, numbers, told, cx, registry }
}

function entry(issuedAt: Millis, expiresAt: Millis | null) {
  return { registry: 'registry.acme.com', provider: 'source', issuedAt, expiresAt, handle: null }
}

test('half a life, a life that is over, and a life without an end', () => {
  const { numbers, cx } = watched()
  measureLife(cx, [entry(NOW - DAY, NOW + DAY), entry(NOW - 3 * DAY, NOW - DAY), entry(NOW - DAY, null)])
  assert.deepEqual(numbers, [
    'CredentialDaysLeft 1 registry.acme.com',
    'CredentialLifeUsed 50 registry.acme.com',
    'CredentialDaysLeft -1 registry.acme.com',
    'CredentialLifeUsed 150 registry.acme.com',
  ])
})

test('a credential that had ended when it was noted has no share of a life, but an end', () => {
  const { numbers, cx } = watched()
  measureLife(cx, [entry(NOW, NOW - DAY)])
  assert.deepEqual(numbers, ['CredentialDaysLeft -1 registry.acme.com'])
})

test('what becomes current has as long to live as is left of it now', () => {
  const { numbers, cx } = watched()
  measurePromotion(cx, [entry(NOW - DAY, NOW + DAY)])
  assert.equal(numbers[0], 'TtlAtPromotion 86400 registry.acme.com')
})

test('a root is counted whenever its source tells, and a warning in its last two weeks', async () => {
  for (const [left, warnings] of [
    [15, 0],
    [14, 1],
    [-1, 1],
  ] as const) {
    const { numbers, told, cx, registry } = watched()
    const provider = { ...registry.provider, rootExpiry: async () => NOW + left * DAY }
    await watchRoot(cx, { ...registry, provider })
    assert.deepEqual(numbers, [`RootDaysLeft ${left} registry.acme.com`])
    assert.equal(told.filter((line) => line.startsWith('CREDENTIAL_EXPIRING')).length, warnings, String(left))
  }
})

test('a watch that fails is told and counts nothing', async () => {
  const { numbers, told, cx, registry } = watched()
  const provider = { ...registry.provider, rootExpiry: () => Promise.reject(new Error('secret words')) }
  await watchRoot(cx, { ...registry, provider })
  assert.deepEqual(numbers, [])
  assert.match(told.join(), /did not tell when its root credential dies/)
  assert.doesNotMatch(told.join(), /secret words/)
})

test('a provider that trusts GitHub alone gets GitHub’s identity or none', async () => {
  const { world } = watched()
  const asked: unknown[] = []
  const ports = {
    ...world.ports,
    identityToken: (...request: unknown[]) => {
      asked.push(request)
      return Promise.reject(new Error('none here'))
    },
  }
  await assert.rejects(providerContext(ports).identityToken('hub.acme.com', 'github'))
  assert.deepEqual(asked, [['hub.acme.com', 'github']])
})

test('a shell that keeps no numbers is asked for none', async () => {
  const { world } = watched()
  const attempt = { plan: world.plan, version: 'a'.repeat(32) as never, label: STAGED_LABEL }
  assert.equal(await createVersion(world.ports, attempt), 'minted')
})
