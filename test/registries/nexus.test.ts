import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { JsonValue, Minted } from '../../src/core/ports.ts'
import { nexus } from '../../src/registries/nexus.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { type NexusDouble, type NexusRoot, startNexus } from '../doubles/nexus.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const LOGIN = { username: 'rotator', password: marked('root') }
const LABEL = 'ecs-pull-auth/prod/agent/01234567-0123-4123-8123-0123456789ab/1795521600'
const ALL: NexusRoot['may'] = ['create', 'read', 'delete']

interface World {
  readonly nexus: NexusDouble
  readonly tokens: TokenStore
  readonly context: RecordedContext
}

async function withNexus(may: NexusRoot['may'], run: (world: World) => Promise<void>): Promise<void> {
  const tokens = createTokenStore(() => NOW)
  const double = await startNexus({ tokens, roots: [{ ...LOGIN, may }] })
  const context = recordedContext({ root: JSON.stringify(LOGIN) })
  try {
    await run({ nexus: double, tokens, context })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
}

function configOf({ nexus: { url } }: World, role = 'docker-pull') {
  const config = nexus.parse({ url, role, root: 'root' }, 'nexus.acme.test:8083')
  assert.ok('url' in config, JSON.stringify(config))
  return config
}

function mint(world: World, label = LABEL): Promise<Minted> {
  return nexus.mint(world.context, configOf(world), { label, ttl: null, inUse: [] })
}

async function revoke(world: World, handle: JsonValue, planned = [configOf(world)]) {
  return await nexus.revoke?.(world.context, handle, planned)
}

function lives({ tokens }: World, { username, password }: Minted): boolean {
  return tokens.login(username, password.reveal()) !== null
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, message: RegExp, hint = /./): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    assertNoMarks(shownBy(error), 'the error')
    return true
  })
}

test('a user has an id of its own, its label as last name, one role, a long password of ours, masked, and no end', () =>
  withNexus(ALL, async (world) => {
    const [one, two] = [await mint(world), await mint(world)]
    const { username, password, issuedAt, expiresAt, handle } = one
    assert.match(username, /^ecs-pull-auth-[0-9a-f]{8}-[0-9a-f]{4}$/)
    assert.notEqual(username, two.username)
    assert.match(password.reveal(), /^[\w-]{43}$/)
    assert.ok(!password.equals(two.password))
    assert.ok(world.context.masked.some((secret) => secret.equals(password)))
    assert.deepEqual([issuedAt, expiresAt], [NOW, null])
    assert.deepEqual(handle, { url: world.nexus.url, root: 'root', user: username })
    assert.deepEqual(world.nexus.users()[0], { userId: username, lastName: LABEL, roles: ['docker-pull'] })
    assert.equal(await revoke(world, handle), 'revoked')
    assert.deepEqual([lives(world, one), lives(world, two)], [false, true])
  }))

const RIGHTS: readonly (readonly [string, NexusRoot['may'], boolean, ErrorCode])[] = [
  ['create', ['read', 'delete'], false, 'MINT_NOT_PERMITTED'],
  ['read', ['create', 'delete'], true, 'REVOKE_FAILED'],
  ['delete', ['create', 'read'], true, 'REVOKE_FAILED'],
]
for (const [right, may, mints, code] of RIGHTS) {
  test(`a root that may not ${right} users is ${code}`, () =>
    withNexus(may, async (world) => {
      if (!mints) return await rejectsWith(code, mint(world), /it answered 403\.$/, /nx-users-create/)
      const minted = await mint(world)
      await rejectsWith(code, revoke(world, minted.handle), /403/, /may read and delete users/)
      assert.equal(lives(world, minted), true)
    }))
}

test('a wrong root is MINT_REJECTED, asked once', () =>
  withNexus(ALL, async (world) => {
    world.context.secrets.set('root', JSON.stringify({ ...LOGIN, password: marked('wrong') }))
    await rejectsWith('MINT_REJECTED', mint(world), /it answered 401\.$/, /must be active/)
    assert.equal(world.nexus.requests.length, 1)
  }))

test('a user of somebody else is neither found nor deleted, even with an id like ours', () =>
  withNexus(ALL, async (world) => {
    world.nexus.add('ecs-pull-auth-01234567-89ab', 'Somebody')
    world.nexus.add('ecs-pull-auth-admin', LABEL)
    assert.deepEqual(await nexus.find?.(world.context, configOf(world), 'ecs-pull-auth/'), [])
    const handle = { url: world.nexus.url, root: 'root', user: 'ecs-pull-auth-01234567-89ab' }
    await rejectsWith('REVOKE_FAILED', revoke(world, handle), /carries no label of ours/, /by hand/)
    assert.equal(world.nexus.users().length, 2)
  }))

test('find asks once for the whole list, and knows labels and handles', () =>
  withNexus(ALL, async (world) => {
    const labels = ['a', 'b', 'c'].map((version) => `ecs-pull-auth/prod/agent/${version}`)
    const handles: JsonValue[] = []
    for (const label of labels) handles.push((await mint(world, label)).handle)
    await mint(world, 'ecs-pull-auth/other/a')
    const found = await nexus.find?.(world.context, configOf(world), 'ecs-pull-auth/prod/agent/')
    assert.deepEqual(
      found,
      labels.map((label, index) => ({ label, handle: handles[index] })),
    )
    assert.equal(world.nexus.requests.filter(({ method }) => method === 'GET').length, 1)
  }))

test('the longest label still fits into a last name', () =>
  withNexus(ALL, async (world) => {
    const label = `ecs-pull-auth/${'s'.repeat(100)}/${'v'.repeat(64)}/1795521600`
    await mint(world, label)
    assert.equal(world.nexus.users()[0]?.lastName, label)
  }))

test('a root goes nowhere that only the handle names', () =>
  withNexus(ALL, async (world) => {
    const { handle } = await mint(world)
    await rejectsWith('REVOKE_FAILED', revoke(world, handle, []), /no root was sent/, /somebody wrote it/)
    world.context.secrets.set('root', JSON.stringify({ ...LOGIN, url: world.nexus.url }))
    assert.equal(await revoke(world, handle, []), 'revoked')
  }))

const BROKEN_HANDLES: readonly JsonValue[] = [
  null,
  { url: 'https://nexus.test', root: 'root' },
  { url: 'https://nexus.test', root: 'root', user: 'admin' },
  { url: 'https://nexus.test', root: 'root', user: 'ecs-pull-auth-01234567-89ab/../admin' },
  { url: 'http://nexus.test', root: 'root', user: 'ecs-pull-auth-01234567-89ab' },
]
for (const handle of BROKEN_HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is REVOKE_FAILED before the root is even read`, () =>
    rejectsWith('REVOKE_FAILED', Promise.resolve(nexus.revoke?.(recordedContext({}), handle, [])), /cannot be read/))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[] | string])[] = [
  [{}, 'https://nexus.acme.test'],
  [{ url: 'https://acme.test/nexus/' }, 'https://acme.test/nexus'],
  [{ url: undefined }, ['url']],
  [{ url: 'http://nexus.acme.test' }, ['url']],
  [{ role: undefined }, ['role']],
  [{ role: 'a b' }, ['role']],
  [{ root: undefined }, ['root']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${typeof expected === 'string' ? 'are fine' : `have a problem with ${expected}`}`, () => {
    const all = { url: 'https://nexus.acme.test', role: 'docker-pull', root: 'root', ...fields }
    const config = nexus.parse(all, 'nexus.acme.test:8083')
    if ('url' in config) assert.equal(config.url, expected)
    else
      assert.deepEqual(
        config.map(({ field }) => field),
        expected,
      )
  })
}
