import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { JsonValue, Minted } from '../../src/core/ports.ts'
import { jfrogToken } from '../../src/registries/jfrog-token.ts'
import type { JfrogTokenConfig } from '../../src/registries/jfrog-token-api.ts'
import { type JfrogDouble, type JfrogOptions, startJfrog } from '../doubles/jfrog.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const ROOT = marked('root')
const POWERLESS = marked('powerless')
const LABEL = 'ecs-pull-auth/prod/agent/0123/1795521600'
const HOUR = 3600

interface World {
  readonly double: JfrogDouble
  readonly tokens: TokenStore
  readonly cx: RecordedContext
  readonly config: JfrogTokenConfig
  mint(ttl?: number | null, label?: string): Promise<Minted>
  find(): Promise<readonly { readonly label: string; readonly handle: JsonValue }[]>
  revoke(handle: JsonValue, planned?: readonly JfrogTokenConfig[]): Promise<string>
}

interface Change {
  readonly fields?: Readonly<Record<string, unknown>>
  readonly options?: Partial<JfrogOptions>
}

async function inWorld(run: (world: World) => Promise<void>, { fields, options }: Change = {}): Promise<void> {
  const now = () => NOW
  const tokens = createTokenStore(now)
  const roots = [
    { token: ROOT, admin: true },
    { token: POWERLESS, admin: false },
  ]
  const double = await startJfrog({ tokens, now, roots, ...options })
  const cx = recordedContext({ root: ROOT, powerless: POWERLESS, dead: marked('dead') })
  cx.secrets.set('pinned', JSON.stringify({ token: ROOT, url: double.url }))
  const config = jfrogToken.parse({ url: double.url, user: 'ecs-pull', root: 'root', ...fields }, 'acme.jfrog.io')
  assert.ok('url' in config, JSON.stringify(config))
  try {
    await run({
      double,
      tokens,
      cx,
      config,
      mint: (ttl = HOUR, label = LABEL) => jfrogToken.mint(cx, config, { label, ttl, inUse: [] }),
      find: async () => (await jfrogToken.find?.(cx, config, 'ecs-pull-auth/prod/agent/')) ?? [],
      revoke: async (handle, planned = [config]) => (await jfrogToken.revoke?.(cx, handle, planned)) ?? 'none',
    })
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
}

test('a token carries its label, is forced to be revocable, and is published by its reference', () =>
  inWorld(async ({ double, cx, mint, find }) => {
    const { username, password, issuedAt, expiresAt, handle } = await mint()
    assert.deepEqual([username, issuedAt, expiresAt], ['ecs-pull', NOW, NOW + HOUR * 1000])
    assert.match(password.reveal(), /^mark-jfrog-reference-/)
    assert.equal(cx.masked.length, 3)
    const [{ description, ...asked } = { description: '' }] = double.creates
    assert.match(String(description), /^ecs-pull-auth\/prod\/agent\/0123\/1795521600#[0-9a-f-]{13}$/)
    assert.deepEqual(asked, {
      grant_type: 'client_credentials',
      username: 'ecs-pull',
      scope: 'applied-permissions/user',
      expires_in: HOUR,
      refreshable: false,
      include_reference_token: true,
      force_revocable: true,
    })
    assert.deepEqual(await find(), [{ label: LABEL, handle }])
  }))

test('without a ttl a token lives for 30 days, never for the year that JFrog would give it', () =>
  inWorld(async ({ double, mint }) => {
    assert.equal((await mint(null)).expiresAt, NOW + 30 * 86_400_000)
    assert.equal(double.creates[0]?.['expires_in'], 30 * 86_400)
  }))

test('an Artifactory that gives no reference tokens serves with the long one', () =>
  inWorld(
    async ({ tokens, mint }) => {
      const { username, password } = await mint()
      assert.notEqual(tokens.login(username, password.reveal()), null)
    },
    { options: { knows: { reference: false } } },
  ))

test('below 6 h an Artifactory that cannot force keeps no token: it is reported as one that only expires', () =>
  inWorld(
    async ({ double, cx, tokens, mint, find, revoke }) => {
      const { username, password, handle } = await mint(HOUR)
      assert.match(cx.told.join(), /so it can only expire, not be revoked/)
      const asked = double.requests.length
      assert.equal(await revoke(handle), 'by-expiry')
      assert.equal(double.requests.length, asked)
      assert.notEqual(tokens.login(username, password.reveal()), null)
      assert.deepEqual(await find(), [])

      const long = await mint(6 * HOUR)
      assert.equal(await revoke(long.handle), 'revoked')
      assert.equal(tokens.login(long.username, long.password.reveal()), null)
    },
    { options: { knows: { force: false } } },
  ))

test('a token whose revocability is not told counts as revocable', () =>
  inWorld(async ({ double, mint, revoke }) => {
    double.fault = ({ method }) => (method === 'GET' ? { when: 'before', fault: { kind: 'hang-up' } } : null)
    const { handle } = await mint()
    double.fault = null
    assert.equal(await revoke(handle), 'revoked')
  }))

test('a token with less life than asked is revoked again', () =>
  inWorld(
    async ({ double, mint }) => {
      await assert.rejects(mint(2 * HOUR), { code: 'CREDENTIAL_EXPIRING' })
      assert.deepEqual(double.accessTokens(), [])
    },
    { options: { cut: HOUR } },
  ))

test('find sees living tokens of the prefix alone', () =>
  inWorld(async ({ mint, find }) => {
    await mint(HOUR, 'ecs-pull-auth/stage/agent/1/2')
    await mint(0.0005)
    await mint(HOUR)
    assert.deepEqual(
      (await find()).map(({ label }) => label),
      [LABEL],
    )
  }))

test('a handle sends a root only where the plan or the root itself says', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint()
    const changed = (change: object) => ({ ...(handle as object), ...change }) as JsonValue
    const asked = double.requests.length
    await assert.rejects(revoke(handle, []), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(changed({ url: 'https://evil.test' })), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(changed({ url: 'https://evil.test', root: 'pinned' })), { code: 'REVOKE_FAILED' })
    assert.equal(double.requests.length, asked)
    assert.equal(await revoke(changed({ root: 'pinned' }), []), 'revoked')
  }))

test('a handle that names a token of somebody else does not turn the root against it', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint(HOUR, 'build server')
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED', message: /ecs-pull-auth did not make it/ })
    assert.equal(double.accessTokens().length, 1)
  }))

test('a token is gone only when a root that still has its rights does not find it', () =>
  inWorld(async ({ double, cx, mint, revoke }) => {
    const { handle } = await mint()
    cx.secrets.set('root', POWERLESS)
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    cx.secrets.set('root', ROOT)
    double.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 404 } })
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    double.fault = ({ method }) => (method === 'DELETE' ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    double.fault = null
    assert.equal(await revoke(handle), 'already-gone')
  }))

const JWT = `e30.${Buffer.from('{"exp":1900000000}').toString('base64url')}.${marked('jwt')}`
const ENDLESS = `e30.${Buffer.from('{"sub":"jfac@01test/users/admin"}').toString('base64url')}.${marked('jwt')}`
const ROOT_ENDS: readonly (readonly [string, string, number | null])[] = [
  ['a JWT with an end', JWT, 1_900_000_000_000],
  ['a JWT without an end', ENDLESS, null],
  ['a reference token with an end', ROOT, NOW + 86_400_000],
  ['a reference token that JFrog does not know', marked('unknown'), null],
]
for (const [what, token, expected] of ROOT_ENDS) {
  test(`the end of a root that is ${what} is ${expected === null ? 'not known' : 'told'}`, () =>
    inWorld(
      async ({ double, cx, config }) => {
        cx.secrets.set('root', token)
        assert.equal(await jfrogToken.rootExpiry?.(cx, config), expected)
        assert.equal(double.requests.length, token.startsWith('e30.') ? 0 : 1)
      },
      { options: { roots: [{ token: ROOT, admin: true, expiresAt: NOW + 86_400_000 }] } },
    ))
}

const HANDLES: readonly JsonValue[] = [
  null,
  'id',
  { url: 'https://acme.jfrog.io', id: '1' },
  { url: 'https://acme.jfrog.io', id: '../users/admin', root: 'root' },
  { url: 'http://acme.jfrog.io', id: '1', root: 'root' },
]
for (const handle of HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is refused, and nothing is asked`, () =>
    inWorld(async ({ double, revoke }) => {
      await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED', message: /cannot be read/ })
      assert.deepEqual(double.requests, [])
    }))
}

const REFUSALS: readonly (readonly [string, Change, string, RegExp])[] = [
  ['a dead root', { fields: { root: 'dead' } }, 'MINT_REJECTED', /secret dead/],
  ['a root that is no admin', { fields: { root: 'powerless' } }, 'MINT_NOT_PERMITTED', /admin token/],
  ['a user that does not exist', { fields: { user: 'nobody' } }, 'MINT_NOT_PERMITTED', /admin token/],
  ['a ttl above the longest', { options: { longest: 60 } }, 'MINT_NOT_PERMITTED', /longest/],
]
for (const [what, change, code, hint] of REFUSALS) {
  test(`${what}: ${code}`, () =>
    inWorld(
      ({ mint }) =>
        assert.rejects(mint(), (error) => {
          assert.ok(error instanceof PullAuthError, String(error))
          assert.equal(error.code, code)
          assert.match(error.hint, hint)
          assertNoMarks(shownBy(error), 'the error')
          return true
        }),
      change,
    ))
}

test('a root whose secret names another platform is not sent', () =>
  inWorld(async ({ double, cx, mint }) => {
    cx.secrets.set('root', JSON.stringify({ token: ROOT, url: 'https://other.jfrog.io' }))
    await assert.rejects(mint(), { code: 'CREDENTIAL_INVALID' })
    assert.deepEqual(double.requests, [])
  }))

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, unknown])[] = [
  [
    { user: 'ecs-pull', root: 'root' },
    {
      url: 'https://acme.jfrog.io',
      root: 'root',
      user: 'ecs-pull',
      scope: 'applied-permissions/user',
      reference: true,
    },
  ],
  [{ user: 'a:b', root: 'root' }, ['user']],
  [{ user: 'a b' }, ['root', 'user']],
  [{ user: 'a', root: 'root', url: 'http://acme.jfrog.io', scope: 'x'.repeat(501) }, ['url', 'scope']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields).slice(0, 60)} ${Array.isArray(expected) ? `have problems with ${expected}` : 'are fine'}`, () => {
    const config = jfrogToken.parse(fields, 'acme.jfrog.io')
    assert.deepEqual('url' in config ? config : config.map(({ field }) => field), expected)
  })
}
