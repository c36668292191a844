import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { JsonValue, Minted } from '../../src/core/ports.ts'
import { gitea } from '../../src/registries/gitea.ts'
import { type GiteaDouble, type GiteaOptions, startGitea } from '../doubles/gitea.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const BOT = { username: 'ecs pull', password: marked('bot') }
const LABEL = 'ecs-pull-auth/prod/agent/01234567-0123-4123-8123-0123456789ab/1795521600'

interface World {
  readonly gitea: GiteaDouble
  readonly tokens: TokenStore
  readonly context: RecordedContext
}

async function withGitea(options: Partial<GiteaOptions>, run: (world: World) => Promise<void>): Promise<void> {
  const tokens = createTokenStore(() => NOW)
  const double = await startGitea({ tokens, users: [BOT], tokenText: (n) => marked(`token-${n}`), ...options })
  const context = recordedContext({ root: JSON.stringify(BOT) })
  try {
    await run({ gitea: double, tokens, context })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
}

function configOf({ gitea: { url } }: World, path = '') {
  const config = gitea.parse({ url: `${url}${path}`, root: 'root' }, 'git.acme.test')
  assert.ok('url' in config, JSON.stringify(config))
  return config
}

function mint(world: World, label = LABEL): Promise<Minted> {
  return gitea.mint(world.context, configOf(world), { label, ttl: null, inUse: [] })
}

async function revoke(world: World, handle: JsonValue, planned = [configOf(world)]) {
  return await gitea.revoke?.(world.context, handle, planned)
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

test('a token bears its label, belongs to the bot, may read packages only and has no end', () =>
  withGitea({}, async (world) => {
    const minted = await mint(world)
    const { username, issuedAt, expiresAt, handle } = minted
    assert.deepEqual([username, issuedAt, expiresAt], ['ecs pull', NOW, null])
    assert.deepEqual(handle, { url: world.gitea.url, root: 'root', user: 'ecs pull', id: 1 })
    assert.match(
      world.gitea.accessTokens()[0]?.name ?? '',
      /^ecs-pull-auth\/prod\/agent\/.*\/1795521600#[0-9a-f-]{13}$/,
    )
    assert.deepEqual(
      world.gitea.requests.map(({ path }) => path),
      ['/api/v1/users/ecs%20pull/tokens'],
    )
    assert.equal(await revoke(world, handle), 'revoked')
    assert.equal(lives(world, minted), false)
  }))

test('a Gitea below a path is asked there', () =>
  withGitea({ path: '/git' }, async (world) => {
    const config = configOf(world, '/git/')
    const { handle } = await gitea.mint(world.context, config, { label: LABEL, ttl: null, inUse: [] })
    assert.equal(await revoke(world, handle, [config]), 'revoked')
  }))

const LOGINS: readonly (readonly [string, GiteaOptions['users']])[] = [
  ['a wrong password', [{ ...BOT, password: marked('other') }]],
  ['a user with a second factor', [{ ...BOT, twoFactor: true }]],
]
for (const [what, users] of LOGINS) {
  test(`${what} is MINT_REJECTED, asked once, and REVOKE_FAILED for revoking`, () =>
    withGitea({ users }, async (world) => {
      await rejectsWith(
        'MINT_REJECTED',
        mint(world),
        /it answered 401\.$/,
        /never with a token, and not by a user who has two-factor/,
      )
      assert.equal(world.gitea.requests.length, 1)
      const handle = { url: world.gitea.url, root: 'root', user: 'ecs pull', id: 1 }
      await rejectsWith(
        'REVOKE_FAILED',
        revoke(world, handle),
        /Access token 1 of ecs pull .* no list shows it \(.*401\.\)/,
      )
    }))
}

test('a token of the bot that somebody else made is never deleted', () =>
  withGitea({}, async (world) => {
    const minted = await mint(world, 'by hand')
    await rejectsWith('REVOKE_FAILED', revoke(world, minted.handle), /carries no label of ours/, /by hand/)
    assert.equal(lives(world, minted), true)
  }))

test('the list of another user proves nothing about a token', () => {
  const other = { username: 'other', password: marked('other') }
  return withGitea({ users: [BOT, other] }, async (world) => {
    const minted = await mint(world)
    world.context.secrets.set('root', JSON.stringify(other))
    await rejectsWith('REVOKE_FAILED', revoke(world, minted.handle), /secret root holds the login of another user now/)
    assert.equal(lives(world, minted), true)
  })
})

test('find follows every page of a server with short ones', () =>
  withGitea({ pageLimit: 2 }, async (world) => {
    const labels = ['a', 'b', 'c', 'd', 'e'].map((version) => `ecs-pull-auth/prod/agent/${version}`)
    const handles: JsonValue[] = []
    for (const label of labels) handles.push((await mint(world, label)).handle)
    await mint(world, 'ecs-pull-auth/other/a')
    const found = await gitea.find?.(world.context, configOf(world), 'ecs-pull-auth/prod/agent/')
    assert.deepEqual(
      found,
      labels.map((label, index) => ({ label, handle: handles[index] })),
    )
  }))

test('a root goes nowhere that only the handle names', () =>
  withGitea({}, async (world) => {
    const { handle } = await mint(world)
    await rejectsWith('REVOKE_FAILED', revoke(world, handle, []), /no root was sent/, /somebody wrote it/)
    const other = [{ url: world.gitea.url, root: 'another' }]
    await rejectsWith('REVOKE_FAILED', revoke(world, handle, other), /no root was sent/)
    world.context.secrets.set('root', JSON.stringify({ ...BOT, url: world.gitea.url }))
    assert.equal(await revoke(world, handle, []), 'revoked')
    world.context.secrets.set('root', JSON.stringify({ ...BOT, url: 'https://git.acme.test' }))
    await rejectsWith('CREDENTIAL_INVALID', mint(world), /is for https:\/\/git\.acme\.test, not for/)
  }))

const BROKEN_HANDLES: readonly JsonValue[] = [
  null,
  { url: 'https://git.test', root: 'root' },
  { url: 'https://git.test', root: 'root', id: 1 },
  { url: 'http://git.test', root: 'root', user: 'bot', id: 1 },
  { url: 'https://git.test', root: 'root', user: 'bot', id: '1' },
]
for (const handle of BROKEN_HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is REVOKE_FAILED before the root is even read`, () =>
    rejectsWith('REVOKE_FAILED', Promise.resolve(gitea.revoke?.(recordedContext({}), handle, [])), /cannot be read/))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[] | string])[] = [
  [{}, 'https://git.acme.test'],
  [{ url: 'https://acme.test/git/' }, 'https://acme.test/git'],
  [{ url: 'http://acme.test' }, ['url']],
  [{ url: 'https://bot@acme.test' }, ['url']],
  [{ root: undefined }, ['root']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${typeof expected === 'string' ? 'are fine' : `have a problem with ${expected}`}`, () => {
    const config = gitea.parse({ root: 'root', ...fields }, 'git.acme.test/acme/')
    if ('url' in config) assert.equal(config.url, expected)
    else
      assert.deepEqual(
        config.map(({ field }) => field),
        expected,
      )
  })
}
