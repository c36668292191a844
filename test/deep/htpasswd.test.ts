/**
 * The contract of all providers against a real docker-registry with users in an htpasswd file. Such a file has one
 * password per user name: credentials overlap there only where each mint has a name of its own.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Credential } from '../../src/core/ports.ts'
import { basicCredential } from '../../src/core/secret.ts'
import { type Account, createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW } from '../registries/context.ts'
import { type Bench, type ContractCase, contractChecks, inContractWorld } from '../registries/contract.ts'
import { CONTRACT_CASES } from '../registries/contract-cases.ts'
import { BCRYPT_BYTES, type HtpasswdRegistry, startRealRegistry } from './registry.ts'
import { isMissing, programPath } from './software.ts'

const NEEDS = Object.fromEntries(
  ['skopeo', 'docker-registry', 'htpasswd', 'setpriv'].map((name) => [name, programPath(name) !== null]),
)

let registry: HtpasswdRegistry | null = null
const ends: (() => unknown)[] = []

before(async () => {
  if (Object.values(NEEDS).includes(false)) return
  registry = await startRealRegistry({ after: (end) => ends.push(end) })
  registry.allow(new Map([['pusher', 'push']]))
  const auth = Buffer.from('pusher:push').toString('base64')
  const pushed = await registry.push('acme/app', JSON.stringify({ [registry.host]: { auth } }), 'stable')
  assert.equal(pushed.status, 0, pushed.stderr)
})

after(async () => {
  for (const end of ends.reverse()) await end()
})

/** A store whose living accounts stand in the file, the youngest of each name. */
function storeInFile({ allow }: HtpasswdRegistry): TokenStore {
  const store = createTokenStore(() => NOW)
  const living = new Map<number, Account>()
  const write = () => {
    const able = [...living.values()].filter(({ pulls }) => pulls.length > 0)
    allow(new Map(able.map(({ username, password }) => [username, password])))
  }
  write()
  return {
    ...store,
    add(account) {
      const id = store.add(account)
      living.set(id, account)
      write()
      return id
    },
    remove(id) {
      living.delete(id)
      write()
      return store.remove(id)
    },
  }
}

async function withBench(run: (bench: Bench) => Promise<void>): Promise<void> {
  assert.ok(registry !== null, 'the registry runs')
  await run({ tokens: storeInFile(registry), host: registry.host, now: () => NOW })
}

async function inspected({ username, password }: Credential): Promise<boolean> {
  assert.ok(registry !== null)
  const auths = JSON.stringify({ [registry.host]: { auth: basicCredential(username, password).reveal() } })
  const { status, stderr } = await registry.inspect('acme/app', auths, 'stable')
  if (status !== 0) assert.match(stderr, /unauthorized|authentication required|invalid username\/password/i)
  return status === 0
}

/** What of a password the file can tell from another: tokens that begin alike are one to it. */
const inFile = ({ password }: Credential) => password.reveal().slice(0, BCRYPT_BYTES)

/** Two mints of one name: the file knows only the second, and both verifiers say so. */
async function replaces(one: ContractCase): Promise<void> {
  await withBench((bench) =>
    inContractWorld(one, bench, async (world) => {
      const first = await world.mint()
      assert.deepEqual([await world.verdict(first), await inspected(first)], ['pull-ok', true])
      const second = await world.mint([first.handle])
      assert.deepEqual([await world.verdict(second), await inspected(second)], ['pull-ok', true])
      if (inFile(first) === inFile(second)) return
      assert.deepEqual([await world.verdict(first), await inspected(first)], ['rejected', false])
    }),
  )
}

/** Whether each mint of a case has a user name of its own. */
async function hasOwnNames(one: ContractCase): Promise<boolean> {
  const names = new Set<string>()
  await withBench((bench) =>
    inContractWorld(one, bench, async (world) => {
      const first = await world.mint()
      names.add(first.username)
      names.add((await world.mint([first.handle])).username)
    }),
  )
  return names.size === 2
}

for (const one of CONTRACT_CASES) {
  test(`${one.name}, users in a file`, async (t) => {
    if (isMissing(t, NEEDS)) return
    const own = await hasOwnNames(one)
    const [overlap] = contractChecks(one, withBench)
    t.diagnostic(own ? 'each mint has its own name: they overlap' : 'one name for all mints: they replace each other')
    if (own) await overlap?.[1]()
    else await replaces(one)
  })
}
