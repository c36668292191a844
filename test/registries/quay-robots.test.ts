import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import { readUnjudgedPlan } from '../../src/core/plan.ts'
import type { JsonValue, Minted } from '../../src/core/ports.ts'
import { type QuayRobotsConfig, quayRobots } from '../../src/registries/quay-robots.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { type QuayDouble, startQuay } from '../doubles/quay.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const ROOT = marked('root')
const POWERLESS = marked('powerless')
const [A, B] = ['acme+pull_a', 'acme+pull_b']

interface World {
  readonly double: QuayDouble
  readonly tokens: TokenStore
  readonly cx: RecordedContext
  readonly config: QuayRobotsConfig
  mint(...inUse: readonly JsonValue[]): Promise<Minted>
  revoke(handle: JsonValue, planned?: readonly QuayRobotsConfig[]): Promise<string>
}

async function inWorld(
  run: (world: World) => Promise<void>,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const now = () => NOW
  const tokens = createTokenStore(now)
  const roots = [
    { token: ROOT, admin: true },
    { token: POWERLESS, admin: false },
  ]
  const double = await startQuay({ tokens, now, roots, robots: [A, B, 'acme+other'] })
  const cx = recordedContext({ root: ROOT, powerless: POWERLESS, dead: marked('dead') })
  cx.secrets.set('pinned', JSON.stringify({ token: ROOT, url: double.url }))
  const given = { url: double.url, organization: 'acme', first: 'pull_a', second: 'pull_b', root: 'root', ...fields }
  const config = quayRobots.parse(given, 'quay.io')
  assert.ok('url' in config, JSON.stringify(config))
  try {
    await run({
      double,
      tokens,
      cx,
      config,
      mint: (...inUse) => quayRobots.mint(cx, config, { label: 'ecs-pull-auth/a', ttl: null, inUse }),
      revoke: async (handle, planned = [config]) => (await quayRobots.revoke?.(cx, handle, planned)) ?? 'none',
    })
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
}

/** Paths of what was asked, from the robots on. */
function asked({ requests }: QuayDouble): readonly string[] {
  return requests.map(({ method, path }) => `${method} ${path.replace(/^.*robots/, '')}`)
}

test('the robots take turns, and the one in use is never touched', () =>
  inWorld(async ({ double, tokens, mint }) => {
    const first = await mint()
    assert.deepEqual([first.username, first.expiresAt], [A, null])
    const second = await mint(first.handle)
    assert.equal(second.username, B)
    assert.equal(double.tokenOf(A), first.password.reveal())
    assert.notEqual(tokens.login(B, second.password.reveal()), null)
    assert.deepEqual(asked(double), ['POST /pull_a/regenerate', 'POST /pull_b/regenerate'])
  }))

test('while an older version still uses the other robot nothing is made, until retire has freed it', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const old = await mint()
    const current = await mint(old.handle)
    await assert.rejects(mint(current.handle, old.handle), (error) => {
      assert.ok(error instanceof PullAuthError)
      assert.equal(error.code, 'MINT_NOT_PERMITTED')
      assert.match(error.message, /instances that have not reloaded yet/)
      assert.match(error.hint, /retire/)
      return true
    })
    assert.equal(double.tokenOf(A), old.password.reveal())
    assert.equal(await revoke(old.handle), 'revoked')
    assert.equal((await mint(current.handle, old.handle)).username, A)
    assert.equal(double.tokenOf(B), current.password.reveal())
  }))

test('an older handle of the current robot keeps nobody from the other robot', () =>
  inWorld(async ({ mint }) => {
    const oldest = await mint()
    const between = await mint(oldest.handle)
    const current = await mint(between.handle)
    assert.deepEqual([oldest.username, current.username], [A, A])
    assert.equal((await mint(current.handle, oldest.handle)).username, B)
  }))

test('the current robot is not touched even when somebody renewed it by hand: the config may hold that token', () =>
  inWorld(async ({ double, mint }) => {
    const old = await mint()
    const current = await mint(old.handle)
    double.regenerate(B)
    const byHand = double.tokenOf(B)
    await assert.rejects(mint(current.handle, old.handle), { code: 'MINT_NOT_PERMITTED' })
    assert.equal(double.tokenOf(B), byHand)
  }))

test('when another source is current, both robots of older versions are spared until they are renewed', () =>
  inWorld(async ({ double, mint }) => {
    const one = await mint()
    const two = await mint(one.handle)
    const other = { registry: 'elsewhere' }
    await assert.rejects(mint(other, two.handle, one.handle), { code: 'MINT_NOT_PERMITTED' })
    double.regenerate(B)
    assert.equal((await mint(other, two.handle, one.handle)).username, B)
  }))

test('handles of another Quay or organization name none of our robots', () =>
  inWorld(async ({ mint }) => {
    const { handle } = await mint()
    const foreign = { ...(handle as object), organization: 'others' }
    assert.equal((await mint(foreign)).username, A)
    assert.equal((await mint({ ...(handle as object), url: 'https://quay.io' })).username, A)
  }))

test('after a lost answer the same robot is asked again, once', () =>
  inWorld(async ({ double, mint }) => {
    const current = await mint()
    let lost = 0
    double.fault = () => (lost++ === 0 ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    const next = await mint(current.handle)
    assert.equal(double.tokenOf(B), next.password.reveal())
    assert.deepEqual(asked(double).slice(1), ['POST /pull_b/regenerate', 'POST /pull_b/regenerate'])

    double.fault = () => ({ when: 'after', fault: { kind: 'answer', status: 502 } })
    await assert.rejects(mint(current.handle), { code: 'MINT_AMBIGUOUS', message: /pull_b\/regenerate/ })
    assert.equal(double.tokenOf(A), current.password.reveal())
  }))

test('a token that a robot had before is gone; the one that it has now is not touched for it', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const old = await mint()
    const between = await mint(old.handle)
    const current = await mint(between.handle)
    assert.equal(current.username, A)
    assert.equal(await revoke(old.handle), 'already-gone')
    assert.equal(double.tokenOf(A), current.password.reveal())
  }))

test('a token is gone with its robot only when the root can list robots and does not see it', () =>
  inWorld(async ({ double, cx, mint, revoke }) => {
    const { handle } = await mint()
    double.delete(A)
    double.fault = ({ path }) =>
      path.includes('?') ? { when: 'before', fault: { kind: 'answer', status: 403 } } : null
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    double.fault = null
    cx.secrets.set('root', POWERLESS)
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    cx.secrets.set('root', ROOT)
    assert.equal(await revoke(handle), 'already-gone')
  }))

test('a revoke whose answer is lost fails, and the next one sees that the token is gone', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint()
    double.fault = ({ method }) => (method === 'POST' ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    double.fault = null
    assert.equal(await revoke(handle), 'already-gone')
  }))

test('a handle sends a root only where the plan or the root itself says, and ends no token that it does not know', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint()
    const changed = (change: object) => ({ ...(handle as object), ...change }) as JsonValue
    const before = double.requests.length
    await assert.rejects(revoke(handle, []), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(changed({ url: 'https://evil.test' })), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(changed({ url: 'https://evil.test', root: 'pinned' })), { code: 'REVOKE_FAILED' })
    assert.equal(double.requests.length, before)
    const others = double.tokenOf('acme+other')
    assert.equal(await revoke(changed({ robot: 'other' })), 'already-gone')
    assert.equal(double.tokenOf('acme+other'), others)
    assert.equal(await revoke(changed({ root: 'pinned' }), []), 'revoked')
  }))

const WHOLE = {
  url: 'https://quay.io',
  organization: 'acme',
  robot: 'pull_a',
  mark: '0123456789abcdef',
  root: 'root',
}
const HANDLES: readonly JsonValue[] = [
  null,
  'pull_a',
  { ...WHOLE, robot: '../prototypes' },
  { ...WHOLE, organization: 'a/b' },
  { ...WHOLE, mark: 'x' },
  { ...WHOLE, url: 'http://quay.io' },
]
for (const handle of HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is refused, and nothing is asked`, () =>
    inWorld(async ({ double, revoke }) => {
      await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED', message: /cannot be read/ })
      assert.deepEqual(double.requests, [])
    }))
}

const REFUSALS: readonly (readonly [string, Readonly<Record<string, unknown>>, string, RegExp])[] = [
  ['a dead root', { root: 'dead' }, 'MINT_REJECTED', /secret dead/],
  ['a root without org:admin', { root: 'powerless' }, 'MINT_NOT_PERMITTED', /org:admin/],
  ['a robot that does not exist', { first: 'pull_c' }, 'MINT_UNAVAILABLE', /Make both robots/],
]
for (const [what, fields, code, hint] of REFUSALS) {
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
      fields,
    ))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, unknown])[] = [
  [
    { organization: 'acme', first: 'a', second: 'b', root: 'root' },
    { url: 'https://quay.io', organization: 'acme', root: 'root', robots: ['a', 'b'] },
  ],
  [{ organization: 'acme', first: 'acme+a', second: 'b', root: 'root' }, ['first']],
  [{ organization: 'acme', first: 'a', second: 'a', root: 'root' }, ['second']],
  [{ organization: '..', first: 'a', second: 'b', url: 'http://quay.io' }, ['url', 'organization', 'root']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${Array.isArray(expected) ? `have problems with ${expected}` : 'are fine'}`, () => {
    const config = quayRobots.parse(fields, 'quay.io')
    assert.deepEqual('url' in config ? config : config.map(({ field }) => field), expected)
  })
}

test('a plan that asks for a ttl is told that nothing expires', () => {
  const entry = { provider: 'quay-robots', organization: 'acme', first: 'a', second: 'b', root: 'root' }
  const registries = { 'quay.io': { ...entry, ttl: '30d', probe: 'quay.io/acme/app:stable' } }
  assert.throws(
    () => readUnjudgedPlan({ version: 1, secret: 'prod', registries }, 'plan', new Map([['quay-robots', quayRobots]])),
    {
      code: 'PLAN_INVALID',
      message: /ttl is not for provider quay-robots: its credentials live until they are replaced/,
    },
  )
})
