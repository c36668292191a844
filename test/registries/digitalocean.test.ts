import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { FieldProblem } from '../../src/core/ports.ts'
import { Secret, shownUsername } from '../../src/core/secret.ts'
import { digitalocean } from '../../src/registries/digitalocean.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { startDigitalocean } from '../doubles/digitalocean.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { startRegistry } from '../doubles/registry.ts'
import type { ApiDouble } from '../doubles/token-api.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const ROOT = marked('root')
const SCOPELESS = marked('scopeless')

interface World {
  readonly double: ApiDouble
  readonly tokens: TokenStore
  readonly cx: RecordedContext
  mint(ttl: number | null, fields?: Readonly<Record<string, unknown>>): ReturnType<typeof digitalocean.mint>
}

async function inWorld(run: (world: World) => Promise<void>, now = () => NOW): Promise<void> {
  const tokens = createTokenStore(now)
  const roots = { [ROOT]: { reads: true }, [SCOPELESS]: { reads: false } }
  const double = await startDigitalocean({ tokens, now, name: 'acme', roots })
  const cx = recordedContext({
    root: ROOT,
    scopeless: SCOPELESS,
    dead: marked('dead'),
    prose: 'the token is in the vault',
  })
  cx.secrets.set('pinned', JSON.stringify({ token: ROOT, url: double.url }))
  cx.secrets.set('elsewhere', JSON.stringify({ token: ROOT, url: 'https://api.digitalocean.com' }))
  const mint: World['mint'] = (ttl, fields = {}) => {
    const config = digitalocean.parse(
      { url: double.url, name: 'acme', root: 'root', ...fields },
      'registry.digitalocean.com',
    )
    assert.ok('api' in config, JSON.stringify(config))
    return digitalocean.mint(cx, config, { label: 'ecs-pull-auth/prod/1', ttl, inUse: [] })
  }
  try {
    await run({ double, tokens, cx, mint })
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
}

test('an end is always asked for, because a credential without one lives for ever and cannot be revoked', () =>
  inWorld(async ({ double, mint }) => {
    assert.equal((await mint(3600)).expiresAt, NOW + 3_600_000)
    assert.equal((await mint(null)).expiresAt, NOW + 86_400_000)
    assert.deepEqual(
      double.requests.map(({ path }) => path),
      ['3600', '86400'].map((life) => `/v2/registries/acme/docker-credentials?expiry_seconds=${life}&read_write=false`),
    )
  }))

test('it dies at that end', async () => {
  let now = NOW
  await inWorld(
    async ({ tokens, mint }) => {
      const { username, password } = await mint(3600)
      assert.ok(tokens.login(username, password.reveal()) !== null)
      now += 3_600_000
      assert.equal(tokens.login(username, password.reveal()), null)
    },
    () => now,
  )
})

test('the user name is the token too: it is masked, hidden where names are shown, and kept out of URLs', () =>
  inWorld(async ({ tokens, cx, mint }) => {
    const minted = await mint(3600)
    assert.equal(minted.username, minted.password.reveal())
    assert.ok(cx.masked.some((secret) => secret.reveal() === minted.username))
    assert.equal(shownUsername(minted.username, minted.password), '[secret]')
    assert.equal(shownUsername('token', new Secret('other')), 'token')
    const registry = await startRegistry({ tokens, now: () => NOW })
    const { verdict } = await createPullVerifier(cx.http, cx.clock)(`${registry.host}/acme/app:stable`, minted)
    await registry.close()
    assert.equal(verdict, 'pull-ok')
    assertNoMarks(JSON.stringify(registry.requests), 'a URL of the registry')
  }))

test('a root that names its address goes nowhere else', () =>
  inWorld(async ({ double, mint }) => {
    await mint(60, { root: 'pinned' })
    const asked = double.requests.length
    await assert.rejects(mint(60, { root: 'elsewhere' }), { code: 'CREDENTIAL_INVALID' })
    assert.equal(double.requests.length, asked)
  }))

const REFUSALS: readonly (readonly [string, Readonly<Record<string, unknown>>, string, RegExp])[] = [
  ['a dead token', { root: 'dead' }, 'MINT_REJECTED', /secret dead/],
  ['a token without the scope', { root: 'scopeless' }, 'MINT_NOT_PERMITTED', /registry:read/],
  ['a registry of somebody else', { name: 'other' }, 'MINT_NOT_PERMITTED', /a registry other/],
  ['a secret without a token', { root: 'prose' }, 'CREDENTIAL_INVALID', /bare text/],
]
for (const [what, fields, code, hint] of REFUSALS) {
  test(`${what}: ${code}`, () =>
    inWorld(({ mint }) =>
      assert.rejects(mint(60, fields), (error) => {
        assert.ok(error instanceof PullAuthError)
        assert.equal(error.code, code)
        assert.match(error.hint, hint)
        assertNoMarks(shownBy(error), 'the error')
        return true
      }),
    ))
}

const ANSWERS: readonly (readonly [string, string])[] = [
  ['no auths', '{}'],
  ['two registries', '{"auths":{"a":{"auth":"YTpi"},"b":{"auth":"YTpi"}}}'],
  ['an auth without a colon', '{"auths":{"a":{"auth":"YWJj"}}}'],
  ['an auth without a user', '{"auths":{"a":{"auth":"OmI="}}}'],
  ['an auth without a password', '{"auths":{"a":{"auth":"YTo="}}}'],
  ['an auth that is no text', '{"auths":{"a":{"auth":7}}}'],
]
for (const [what, body] of ANSWERS) {
  test(`an answer with ${what} is of no use`, () =>
    inWorld(async ({ double, mint }) => {
      double.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 200, body } })
      await assert.rejects(mint(60), { code: 'MINT_UNAVAILABLE' })
    }))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[]])[] = [
  [{ name: 'acme', root: 'root' }, []],
  [{ name: 'acme/../..', root: 'root' }, ['name']],
  [{ name: 'Acme', root: 'root' }, ['name']],
  [{ url: 'http://api.digitalocean.com' }, ['name', 'root', 'url']],
]
for (const [fields, wrong] of FIELDS) {
  test(`${JSON.stringify(fields)} has ${wrong.length === 0 ? 'no problem' : `problems at ${wrong.join(', ')}`}`, () => {
    const config = digitalocean.parse(fields, 'registry.digitalocean.com')
    const problems = 'api' in config ? [] : (config as readonly FieldProblem[])
    assert.deepEqual(
      problems.map(({ field }) => field),
      wrong,
    )
  })
}
