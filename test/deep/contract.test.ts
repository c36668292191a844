/** The contract of all providers against a real docker-registry: each proof is a real pull, and skopeo agrees. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Credential } from '../../src/core/ports.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW } from '../registries/context.ts'
import { type Bench, type ContractCase, contractChecks, inContractWorld } from '../registries/contract.ts'
import { CONTRACT_CASES } from '../registries/contract-cases.ts'
import { type RealRegistry, startTokenRegistry } from './registry.ts'
import { isMissing, programPath } from './software.ts'
import { startTokenServer, type TokenServer } from './token-server.ts'

const NEEDS = Object.fromEntries(
  ['skopeo', 'docker-registry', 'setpriv'].map((name) => [name, programPath(name) !== null]),
)
const PUSHER = { username: 'pusher', password: 'push', pulls: ['*'], expiresAt: null }

interface Real {
  readonly registry: RealRegistry
  readonly tokens: TokenServer
}

let real: Real | null = null
const ends: (() => unknown)[] = []

before(async () => {
  if (Object.values(NEEDS).includes(false)) return
  const tokens = await startTokenServer(PUSHER)
  ends.push(tokens.close)
  const registry = await startTokenRegistry({ after: (end) => ends.push(end) }, tokens)
  const pushed = await registry.push('acme/app', authMap(registry, PUSHER.username, PUSHER.password), 'stable')
  assert.equal(pushed.status, 0, pushed.stderr)
  real = { registry, tokens }
})

after(async () => {
  for (const end of ends.reverse()) await end()
})

/** One registry for all: only its living credentials are new each time. */
async function withBench(run: (bench: Bench) => Promise<void>, now: () => number = () => NOW): Promise<void> {
  assert.ok(real !== null, 'the registry runs')
  const tokens = createTokenStore(now)
  real.tokens.use(tokens)
  await run({ tokens, host: real.registry.host, now })
}

function authMap({ host }: RealRegistry, username: string, password: string): string {
  return JSON.stringify({ [host]: { auth: basicCredential(username, new Secret(password)).reveal() } })
}

/** What is proven is pulled by skopeo too, and what is revoked, or past its end, is refused to it. */
async function skopeoAgrees(one: ContractCase): Promise<void> {
  let now = NOW
  const inspect = async ({ username, password }: Credential) => {
    assert.ok(real !== null)
    return await real.registry.inspect('acme/app', authMap(real.registry, username, password.reveal()), 'stable')
  }
  await withBench(
    (bench) =>
      inContractWorld(one, bench, async (world) => {
        const minted = await world.mint()
        const pulled = await inspect(minted)
        assert.equal(pulled.status, 0, pulled.stderr)
        if (world.traits.revoke === 'immediate') await world.revoke(minted.handle)
        else if (world.traits.rotation === 'destructive') await world.mint()
        else now = minted.expiresAt ?? now
        const refused = await inspect(minted)
        assert.notEqual(refused.status, 0, 'skopeo pulls with a credential that is gone')
        assert.match(refused.stderr, /unauthorized|authentication required|invalid username\/password/i)
      }),
    () => now,
  )
}

for (const one of CONTRACT_CASES) {
  const checks = [...contractChecks(one, withBench), [`${one.name}: skopeo agrees`, () => skopeoAgrees(one)] as const]
  for (const [name, check] of checks) {
    test(name, async (t) => {
      if (!isMissing(t, NEEDS)) await check()
    })
  }
}
