import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { Credential, JsonValue, Minted } from '../../src/core/ports.ts'
import { createHttp } from '../../src/http.ts'
import { harbor } from '../../src/registries/harbor.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { FACTORY, type HarborDouble, type HarborOptions, startHarbor } from '../doubles/harbor.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { type RegistryDouble, startRegistry } from '../doubles/registry.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const PASSWORD = marked('factory')
const LABEL = 'ecs-pull-auth/prod/agent/01234567-0123-4123-8123-0123456789ab/1795521600'
const DAY = 86_400_000
const ROOT = { username: 'robot$acme+factory', password: PASSWORD }

interface World {
  readonly harbor: HarborDouble
  readonly registry: RegistryDouble
  readonly context: RecordedContext
}

async function withHarbor(options: Partial<HarborOptions>, run: (world: World) => Promise<void>): Promise<void> {
  const now = () => NOW
  const tokens = createTokenStore(now)
  // As Harbor: a wrong password with a scope gets an anonymous token.
  const registry = await startRegistry({ tokens, now, wrongPassword: 'anonymous', publicRepositories: ['public/*'] })
  const double = await startHarbor({
    tokens,
    now,
    roots: [{ ...ROOT, permissions: { acme: FACTORY } }],
    secretText: (n) => marked(`robot-${n}`),
    ...options,
  })
  const context = recordedContext({ root: JSON.stringify(ROOT) })
  try {
    await run({ harbor: double, registry, context })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify([double.requests, registry.requests]), 'a URL')
  } finally {
    await double.close()
    await registry.close()
  }
}

function configOf({ harbor: double }: World) {
  const config = harbor.parse({ url: double.url, project: 'acme', root: 'root' }, 'harbor.acme.test')
  assert.ok('project' in config, JSON.stringify(config))
  return config
}

function mint(world: World, days: number | null = 7, label = LABEL): Promise<Minted> {
  return harbor.mint(world.context, configOf(world), { label, ttl: days === null ? null : days * 86_400, inUse: [] })
}

async function revoke(world: World, handle: JsonValue, planned = [configOf(world)]) {
  return await harbor.revoke?.(world.context, handle, planned)
}

function find(world: World, prefix = 'ecs-pull-auth/prod/agent/') {
  assert.ok(harbor.find !== undefined)
  return harbor.find(world.context, configOf(world), prefix)
}

async function verdict({ registry, context }: World, credential: Credential): Promise<string> {
  const verify = createPullVerifier(createHttp(), context.clock)
  return (await verify(`${registry.host}/acme/app:stable`, credential)).verdict
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

test('a robot has a legal, unique name, its label in its description, whole days to live, and pulls with its $', () =>
  withHarbor({}, async (world) => {
    const [one, two] = [await mint(world), await mint(world)]
    assert.match(one.username, /^robot\$acme\+ecs-pull-auth-[0-9a-f]{8}-[0-9a-f]{4}$/)
    assert.notEqual(one.username, two.username)
    const [robot] = world.harbor.robots()
    assert.match(robot?.description ?? '', /^ecs-pull-auth\/prod\/agent\/.*\/1795521600#[0-9a-f-]{13}$/)
    assert.deepEqual([one.issuedAt, one.expiresAt], [NOW, NOW + 7 * DAY])
    assert.deepEqual(one.handle, { url: world.harbor.url, project: 'acme', root: 'root', id: 41 })
    assert.equal(await verdict(world, one), 'pull-ok')
    assert.equal(await revoke(world, one.handle), 'revoked')
    assert.equal(await verdict(world, one), 'rejected')
    assert.equal(await verdict(world, two), 'pull-ok')
  }))

test('without a ttl a robot lives for 30 days', () =>
  withHarbor({}, async (world) => assert.equal((await mint(world, null)).expiresAt, NOW + 30 * DAY)))

test('the prefix of robots is Harbor’s choice', () =>
  withHarbor({ prefix: 'bot_' }, async (world) => {
    const minted = await mint(world)
    assert.match(minted.username, /^bot_acme\+ecs-pull-auth-/)
    assert.equal(await verdict(world, minted), 'pull-ok')
  }))

test('an hour less, as a change to summer time takes it, is no reason to refuse', () =>
  withHarbor({ shorten: 3600 }, async (world) => {
    assert.equal((await mint(world)).expiresAt, NOW + 7 * DAY - 3_600_000)
  }))

test('a robot that Harbor lets die early is deleted and CREDENTIAL_EXPIRING', () =>
  withHarbor({ shorten: 7200 }, async (world) => {
    await rejectsWith(
      'CREDENTIAL_EXPIRING',
      mint(world),
      /a new robot lives until 2026-12-01T10:00:00\.000Z, less than/,
    )
    assert.deepEqual(world.harbor.robots(), [])
  }))

const ROOTS: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['may not create robots', FACTORY.filter((one) => one !== 'robot:create'), /may create, list and delete robots/],
  ['may not pull itself', FACTORY.filter((one) => one !== 'repository:pull'), /hands on only what it may do itself/],
]
for (const [what, permissions, hint] of ROOTS) {
  test(`a root that ${what} is MINT_NOT_PERMITTED`, () =>
    withHarbor({ roots: [{ ...ROOT, permissions: { acme: permissions } }] }, (world) =>
      rejectsWith('MINT_NOT_PERMITTED', mint(world), /robots of project acme: it answered 403\.$/, hint),
    ))
}

test('a root that has expired is MINT_REJECTED for minting and finding, REVOKE_FAILED for revoking', () => {
  let handle: JsonValue = null
  const expired = [{ ...ROOT, permissions: { acme: FACTORY }, expiresAt: NOW - 1 }]
  return withHarbor({}, async (alive) => {
    handle = (await mint(alive)).handle
    await withHarbor({ roots: expired }, async (world) => {
      await rejectsWith('MINT_REJECTED', mint(world), /it answered 401\.$/, /a robot account expires/)
      await rejectsWith('MINT_REJECTED', find(world), /it answered 401\.$/)
      const moved = { ...(handle as object), url: world.harbor.url }
      await rejectsWith('REVOKE_FAILED', revoke(world, moved), /no list shows it \(.*401\.\)/, /retire tries again/)
    })
  })
})

for (const missing of ['project:read', 'robot:list', 'robot:delete']) {
  test(`a root without ${missing} makes robots but revokes none, and says so`, () =>
    withHarbor(
      { roots: [{ ...ROOT, permissions: { acme: FACTORY.filter((one) => one !== missing) } }] },
      async (world) => {
        const minted = await mint(world)
        await rejectsWith('REVOKE_FAILED', revoke(world, minted.handle), /403/)
        assert.equal(await verdict(world, minted), 'pull-ok')
      },
    ))
}

test('a robot without our label is never deleted, whatever the handle says, nor taken for gone', () =>
  withHarbor({}, async (world) => {
    const minted = await mint(world, 7, 'somebody/else')
    await rejectsWith('REVOKE_FAILED', revoke(world, minted.handle), /Robot 41 .* carries no label of ours/)
    assert.equal(await verdict(world, minted), 'pull-ok')
    const factory = { ...(minted.handle as object), id: 1 }
    await rejectsWith('REVOKE_FAILED', revoke(world, factory), /Robot 1 .* carries no label of ours/, /by hand/)
    assert.equal(await revoke(world, { ...(minted.handle as object), id: 1000 }), 'already-gone')
    assert.equal(world.harbor.requests.filter(({ method }) => method === 'DELETE').length, 0)
  }))

test('a delete whose answer is lost failed; the next one finds it gone', () =>
  withHarbor({}, async (world) => {
    const { handle } = await mint(world)
    world.harbor.fault = ({ method }) => (method === 'DELETE' ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    await rejectsWith(
      'REVOKE_FAILED',
      revoke(world, handle),
      /Robot 41 of .*, project acme, could not be revoked: no answer/,
    )
    world.harbor.fault = null
    assert.equal(await revoke(world, handle), 'already-gone')
  }))

test('find follows every page, and expired robots are found too, since Harbor keeps them', () =>
  withHarbor({ pageLimit: 2 }, async (world) => {
    const handles: JsonValue[] = []
    for (const version of ['a', 'b', 'c', 'd'])
      handles.push((await mint(world, 1, `ecs-pull-auth/prod/agent/${version}`)).handle)
    await mint(world, 1, 'ecs-pull-auth/other/a')
    const found = await find(world)
    assert.deepEqual(
      found.map(({ label }) => label),
      ['a', 'b', 'c', 'd'].map((version) => `ecs-pull-auth/prod/agent/${version}`),
    )
    assert.deepEqual(
      found.map(({ handle }) => handle),
      handles,
    )
  }))

test('a list without an end is given up', () =>
  withHarbor({}, async (world) => {
    const body = JSON.stringify([{ id: 5, name: 'x', description: 'y' }])
    world.harbor.fault = ({ path }) =>
      path.includes('/robots') ? { when: 'before', fault: { kind: 'answer', status: 200, body } } : null
    assert.deepEqual(await find(world), [])
    assert.equal(world.harbor.requests.filter(({ path }) => path.includes('/robots')).length, 1000)
  }))

const ROOT_ENDS: readonly (readonly [string, string, Record<string, readonly string[]>, number | null])[] = [
  ['a robot of the project', 'robot$acme+factory', { acme: FACTORY }, NOW + DAY],
  ['a robot of the system that may list those', 'robot$factory', { acme: FACTORY, '/': ['robot:list'] }, NOW + DAY],
  ['a robot that never expires', 'robot$acme+factory', { acme: FACTORY }, null],
]
for (const [what, username, permissions, expiresAt] of ROOT_ENDS) {
  test(`the expiry of the root is known: ${what}`, () =>
    withHarbor({ roots: [{ username, password: PASSWORD, permissions, expiresAt }] }, async (world) => {
      world.context.secrets.set('root', JSON.stringify({ username, password: PASSWORD }))
      assert.equal(await harbor.rootExpiry?.(world.context, configOf(world)), expiresAt)
    }))
}

const BAD_ROOTS = [
  '',
  'bare',
  '{}',
  `{"username":"a"}`,
  `{"username":"a:b","password":"x"}`,
  `{"username":"a","password":"x\\n"}`,
]
for (const text of BAD_ROOTS) {
  test(`a root secret like ${JSON.stringify(text)} is CREDENTIAL_INVALID, and nothing is asked`, () =>
    withHarbor({}, async (world) => {
      world.context.secrets.set('root', text)
      await rejectsWith('CREDENTIAL_INVALID', mint(world), /^Secret root holds no login of Harbor\.$/)
      assert.deepEqual(world.harbor.requests, [])
    }))
}

test('a root goes nowhere that only the handle names, and to no other Harbor than its secret says', () =>
  withHarbor({}, async (world) => {
    const { handle } = await mint(world)
    const before = world.harbor.requests.length
    await rejectsWith('REVOKE_FAILED', revoke(world, handle, []), /no root was sent/, /somebody wrote it/)
    assert.equal(world.harbor.requests.length, before)
    world.context.secrets.set('root', JSON.stringify({ ...ROOT, url: `${world.harbor.url}/` }))
    assert.equal(await revoke(world, handle, []), 'revoked')
    world.context.secrets.set('root', JSON.stringify({ ...ROOT, url: 'https://harbor.acme.test' }))
    await rejectsWith('CREDENTIAL_INVALID', mint(world), /says that its root is for https:\/\/harbor\.acme\.test/)
  }))

const BROKEN_HANDLES: readonly JsonValue[] = [
  null,
  'text',
  { url: 'https://h.test', project: 'acme', root: 'root' },
  { url: 'http://h.test', project: 'acme', root: 'root', id: 1 },
  { url: 'https://h.test', project: '../acme', root: 'root', id: 1 },
  { url: 'https://h.test', project: 'acme', root: 'root', id: '1/..' },
]
for (const handle of BROKEN_HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is REVOKE_FAILED before the root is even read`, () =>
    rejectsWith('REVOKE_FAILED', Promise.resolve(harbor.revoke?.(recordedContext({}), handle, [])), /cannot be read/))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[] | string])[] = [
  [{ project: 'acme' }, 'https://harbor.acme.test'],
  [{ project: 'a.b_c-d', url: 'https://other.test/harbor/' }, 'https://other.test/harbor'],
  [{ project: '1234' }, 'https://harbor.acme.test'],
  [{}, ['project']],
  [{ project: 'Acme' }, ['project']],
  [{ project: 'acme/app' }, ['project']],
  [{ project: '..' }, ['project']],
  [{ project: 'acme', url: 'http://harbor.acme.test' }, ['url']],
  [{ project: 'acme', root: undefined }, ['root']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${typeof expected === 'string' ? 'are fine' : `have a problem with ${expected}`}`, () => {
    const config = harbor.parse({ root: 'root', ...fields }, 'harbor.acme.test/acme/')
    if ('url' in config) assert.equal(config.url, expected)
    else
      assert.deepEqual(
        config.map(({ field }) => field),
        expected,
      )
  })
}
