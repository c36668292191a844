/**
 * What every provider must hold, in one suite: mint → proven → a second mint overlaps → the first revoked → the first
 * refused, the second pulls → an answer lost at each call → the orphan found → nothing leaks. It runs against the registry
 * double on every commit, and against a real docker-registry in the deeper checks.
 */

import assert from 'node:assert/strict'
import { isCode, PullAuthError } from '../../src/core/errors.ts'
import type {
  Credential,
  HttpRequest,
  JsonValue,
  Minted,
  Provider,
  ProviderContext,
  ProviderTraits,
  PullVerifier,
} from '../../src/core/ports.ts'
import { createHttp } from '../../src/http.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import type { ApiFault, ApiRecord } from '../doubles/token-api.ts'
import type { TokenStore } from '../doubles/tokens.ts'
import { type RecordedContext, recordedContext, shownBy } from './context.ts'

/** The token API of one provider, with what a plan and its secrets hold for it. */
export interface ServiceDouble {
  /** The provider's own fields of the plan's registry entry. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Texts of secrets by name: roots and kept credentials, all `marked`. */
  readonly secrets: Readonly<Record<string, string>>
  /** Who runs us, for sources without a stored root. Default: nobody. */
  readonly identity?: Partial<Pick<ProviderContext, 'identityToken' | 'signAws'>>
  /** Where the double answers for a URL of a service that no plan can name otherwise. */
  reroute?(url: string): string
  readonly requests: readonly ApiRecord[]
  fault: ((request: ApiRecord) => ApiFault | null) | null
  close(): Promise<void>
}

export interface Bench {
  /** The living credentials of the registry. Grant `acme/*`. */
  readonly tokens: TokenStore
  /** `127.0.0.1:PORT` of the registry, the plan's registry key. */
  readonly host: string
  readonly now: () => number
}

export interface ContractCase {
  /** `jfrog, by AWS role` */
  readonly name: string
  readonly provider: Provider
  start(bench: Bench): Promise<ServiceDouble>
  /** Seconds to ask for; default the provider's own. */
  readonly ttl?: number
  /** How many mints live side by side; default 3. A source with two slots has 2. */
  readonly overlap?: number
}

const LABEL = 'ecs-pull-auth/prod/agent/01234567-0123-4123-8123-0123456789ab/1795521600'

/** One provider on one registry, ready to be asked. */
export interface ContractWorld {
  readonly service: ServiceDouble
  readonly context: RecordedContext
  /** The provider's, or what the plan declares in their place. */
  readonly traits: Pick<ProviderTraits, 'rotation' | 'revoke'>
  mint(inUse?: readonly JsonValue[], label?: string): Promise<Minted>
  find(): Promise<readonly { readonly label: string; readonly handle: JsonValue }[]>
  revoke(handle: JsonValue): Promise<string>
  /** The verdict of a real pull of `acme/app:stable`. */
  verdict(credential: Credential): Promise<string>
}

export async function inContractWorld(
  { provider, start, ttl }: ContractCase,
  bench: Bench,
  run: (world: ContractWorld) => Promise<void>,
): Promise<void> {
  const service = await start(bench)
  const http = createHttp()
  // Only what hangs on purpose is given up early: a create that is cut off is a fault of its own.
  const patience = () => (service.fault === null ? {} : { timeoutMs: 100 })
  const send = (request: HttpRequest) =>
    http.send({ ...request, ...patience(), url: service.reroute?.(request.url) ?? request.url })
  const context = { ...recordedContext(service.secrets, { send }), ...service.identity }
  const verify: PullVerifier = createPullVerifier(http, context.clock)
  const config = provider.parse(service.fields, bench.host)
  assert.ok(!Array.isArray(config), `the plan's fields have problems: ${JSON.stringify(config)}`)
  const world: ContractWorld = {
    service,
    context,
    traits: provider.declared?.(config as never) ?? provider.traits,
    mint: (inUse = [], label = LABEL) => provider.mint(context, config, { label, ttl: ttl ?? null, inUse }),
    find: async () => (await provider.find?.(context, config, 'ecs-pull-auth/prod/agent/')) ?? [],
    revoke: async (handle) => (await provider.revoke?.(context, handle, [config])) ?? 'none',
    verdict: async (credential) => (await verify(`${bench.host}/acme/app:stable`, credential)).verdict,
  }
  try {
    await run(world)
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(service.requests), 'a URL')
  } finally {
    await service.close()
  }
}

/** Every part of the contract, as named checks on fresh worlds. `withBench` gives each its own registry. */
export function contractChecks(
  one: ContractCase,
  withBench: (run: (bench: Bench) => Promise<void>) => Promise<void>,
): readonly (readonly [string, () => Promise<void>])[] {
  const inWorld = (run: (world: ContractWorld) => Promise<void>) => () =>
    withBench((bench) => inContractWorld(one, bench, run))
  return [
    [
      `${one.name}: mint, prove, overlap, revoke the old one, and only the new one pulls`,
      inWorld((world) => overlaps(one, world)),
    ],
    [
      `${one.name}: an answer lost at each call leaves nothing behind that cannot be found`,
      inWorld((world) => survivesLoss(one, world)),
    ],
    [`${one.name}: every refusal has its code, and shows nothing`, inWorld((world) => refusesClearly(one, world))],
  ]
}

async function overlaps({ provider, overlap = 3 }: ContractCase, world: ContractWorld): Promise<void> {
  const minted: Minted[] = []
  for (let round = 0; round < overlap; round++) {
    const inUse = minted.map(({ handle }) => handle).reverse()
    minted.push(await world.mint(inUse))
    for (const [index, credential] of minted.entries()) {
      assert.equal(await world.verdict(credential), 'pull-ok', `credential ${index} after mint ${round}`)
      assertNoMarks(JSON.stringify(credential.handle), 'the handle')
      assert.ok(JSON.stringify(credential.handle).length <= 256, 'a handle fits into the state line')
    }
  }
  const [old, ...others] = minted
  assert.ok(old !== undefined)
  if (provider.revoke === undefined || old.handle === null) return
  const outcome = await world.revoke(old.handle)
  if (world.traits.revoke === 'immediate') {
    assert.equal(outcome, 'revoked')
    assert.equal(await world.verdict(old), 'rejected')
    assert.equal(await world.revoke(old.handle), 'already-gone')
  }
  for (const credential of others) assert.equal(await world.verdict(credential), 'pull-ok', world.traits.rotation)
}

/**
 * One fault at a time, at every call of a mint, before and after its effect. Whatever came of it: what `find` shows plus
 * what was handed out is all that lives, and after revoking what was found nothing of ours is left to find.
 */
async function survivesLoss({ overlap = 3 }: ContractCase, world: ContractWorld): Promise<void> {
  const { service } = world
  const before = service.requests.length
  let current = (await world.mint()).handle
  const calls = service.requests.length - before
  for (let target = 0; target < calls; target++) {
    for (const when of ['before', 'after'] as const) {
      for (const fault of [{ kind: 'hang-up' }, { kind: 'answer', status: 502, body: '<html>' }] as const) {
        let seen = 0
        service.fault = () => (seen++ === target ? { when, fault } : null)
        const minted = await world.mint([current]).catch((error: unknown) => expectFailure(error))
        service.fault = null
        if (minted !== null) {
          assert.equal(await world.verdict(minted), 'pull-ok', `call ${target}, ${when}`)
          if (minted.handle !== null) current = minted.handle
        }
        if (world.traits.rotation === 'create-delete') await sweepAll(world, current)
        if (overlap === 2) current = await healSlots(world, current)
      }
    }
  }
}

function expectFailure(error: unknown): null {
  assert.ok(isCode(error, 'MINT_AMBIGUOUS', 'MINT_UNAVAILABLE', 'IDENTITY_UNAVAILABLE', 'MINT_REJECTED'), String(error))
  assertNoMarks(shownBy(error), 'the error')
  return null
}

/** All that our label finds, but the one in use, is revoked; then only that one is left. */
async function sweepAll(world: ContractWorld, current: JsonValue): Promise<void> {
  const inUse = JSON.stringify(current)
  for (const { handle } of await world.find()) {
    if (JSON.stringify(handle) !== inUse) assert.equal(await world.revoke(handle), 'revoked')
  }
  assert.deepEqual(
    (await world.find()).map(({ handle }) => JSON.stringify(handle)),
    [inUse],
  )
}

/** With two slots the next mint takes the slot that is not in use, whatever became of the last one. */
async function healSlots(world: ContractWorld, current: JsonValue): Promise<JsonValue> {
  const minted = await world.mint([current])
  assert.equal(await world.verdict(minted), 'pull-ok')
  return minted.handle
}

async function refusesClearly({ provider }: ContractCase, world: ContractWorld): Promise<void> {
  const { service } = world
  await world.mint()
  // A source that only reads its secret asks nobody who could refuse, or asks for a date that it can do without.
  if (provider.traits.rotation === 'static') return
  const cases = [
    [{ kind: 'answer', status: 401 }, ['MINT_REJECTED']],
    [{ kind: 'answer', status: 403 }, ['MINT_NOT_PERMITTED', 'MINT_REJECTED']],
    [{ kind: 'answer', status: 429, headers: { 'retry-after': '60' } }, ['MINT_RATE_LIMITED']],
    [{ kind: 'answer', status: 302, headers: { location: 'https://evil.test/' } }, ['MINT_UNAVAILABLE']],
    [{ kind: 'answer', status: 200, body: 'no JSON' }, ['MINT_UNAVAILABLE', 'MINT_AMBIGUOUS']],
    [{ kind: 'slow-body' }, ['MINT_UNAVAILABLE', 'MINT_AMBIGUOUS']],
    [{ kind: 'huge-body' }, ['MINT_UNAVAILABLE', 'MINT_AMBIGUOUS']],
    [{ kind: 'silence' }, ['MINT_UNAVAILABLE', 'MINT_AMBIGUOUS']],
  ] as const
  for (const [fault, codes] of cases) {
    service.fault = () => ({ when: 'before', fault })
    await assert.rejects(world.mint(), (error) => {
      assert.ok(error instanceof PullAuthError, String(error))
      assert.ok((codes as readonly string[]).includes(error.code), `${JSON.stringify(fault)}: ${error.code}`)
      assert.ok(error.hint.length > 10)
      assertNoMarks(shownBy(error), 'the error')
      if ('status' in fault && fault.status === 429) assert.match(error.message, /60 s/)
      return true
    })
  }
  service.fault = null
  assert.equal(await world.verdict(await world.mint()), 'pull-ok')
}
