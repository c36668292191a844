import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/core/errors.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { fixed } from '../../src/registries/static.ts'
import { type Fault, listen, misbehave, shut } from '../doubles/faults.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { NOW, recordedContext, shownBy } from './context.ts'

const PASSWORD = marked('kept')
const KEPT = JSON.stringify({ username: 'puller', password: PASSWORD })
const REQUEST = { label: 'ecs-pull-auth/agent/1', ttl: null, inUse: [] }

function configOf(fields: Readonly<Record<string, unknown>>, registry = 'nexus.acme.test') {
  const config = fixed.parse({ credential: 'pull', ...fields }, registry)
  assert.ok('credential' in config, JSON.stringify(config))
  return config
}

function mintFrom(text: string, fields: Readonly<Record<string, unknown>> = {}) {
  const context = recordedContext({ pull: text })
  return { context, minted: fixed.mint(context, configOf(fields), REQUEST) }
}

test('the credential is read as it is, masked, and has nothing to revoke', async () => {
  const { context, minted } = mintFrom(KEPT)
  const { password, ...rest } = await minted
  assert.deepEqual(rest, { username: 'puller', issuedAt: NOW, expiresAt: null, handle: null })
  assert.equal(password.reveal(), PASSWORD)
  assert.ok(context.masked.some((secret) => secret.reveal() === PASSWORD))
  assertNoMarks(context.told.join('\n'), 'the journal')
})

test('an "expires" of the secret is the expiry, as a date or a moment', async () => {
  for (const [expires, moment] of [
    ['2027-01-31', Date.UTC(2027, 0, 31)],
    ['2027-01-31T12:00:00+02:00', Date.UTC(2027, 0, 31, 10)],
  ] as const) {
    const { minted } = mintFrom(JSON.stringify({ username: 'puller', password: PASSWORD, expires }))
    assert.equal((await minted).expiresAt, moment)
  }
})

const INVALID: readonly (readonly [string, string, RegExp])[] = [
  ['an empty secret', '', /has no JSON object with the text username and password/],
  ['a bare token', PASSWORD, /has no JSON object with the text username and password/],
  ['broken JSON', `{"password":"${PASSWORD}"`, /has no JSON object/],
  ['a list', `["puller","${PASSWORD}"]`, /has no JSON object/],
  ['the names of a pull-through cache', `{"username":"puller","accessToken":"${PASSWORD}"}`, /the text password\./],
  ['no username', `{"password":"${PASSWORD}"}`, /the text username\./],
  ['a number as password', '{"username":"puller","password":1}', /the text password\./],
  ['an empty password', '{"username":"puller","password":""}', /a password that is empty/],
  ['an empty username', `{"username":"","password":"${PASSWORD}"}`, /a username that is empty/],
  ['a colon in the username', `{"username":"a:b","password":"${PASSWORD}"}`, /a username that has a colon/],
  [
    'a line break in the username',
    `{"username":"a\\nb","password":"${PASSWORD}"}`,
    /a username that has a control character/,
  ],
  [
    'a line break after the password',
    `{"username":"puller","password":"${PASSWORD}\\n"}`,
    /a password that has a control character/,
  ],
  ['a lone surrogate', `{"username":"puller","password":"${PASSWORD}\\ud800"}`, /a password that is not valid Unicode/],
  [
    'an unreadable expiry',
    `{"username":"puller","password":"${PASSWORD}","expires":"soon"}`,
    /"expires" that is not an ISO date/,
  ],
  [
    'an expiry of nobody knows which zone',
    `{"username":"puller","password":"${PASSWORD}","expires":"2027-01-31 12:00"}`,
    /"expires" that is not an ISO date/,
  ],
  [
    'an expiry as number',
    `{"username":"puller","password":"${PASSWORD}","expires":1800000000}`,
    /"expires" that is not an ISO date/,
  ],
  [
    'a GitHub installation token',
    '{"username":"x-access-token","password":"ghs_1234"}',
    /holds a GitHub installation token/,
  ],
]
for (const [what, text, message] of INVALID) {
  test(`${what} is CREDENTIAL_INVALID, names the secret and shows nothing of it`, async () => {
    const { context, minted } = mintFrom(text)
    await assert.rejects(minted, (error) => {
      assertCode(error, 'CREDENTIAL_INVALID')
      assert.match(error.message, message)
      assert.match(error.message, /^Secret pull /)
      assertNoMarks(shownBy(error), 'the error')
      return true
    })
    assertNoMarks(context.told.join('\n'), 'the journal')
  })
}

test('an installation token passes when the plan insists', async () => {
  const text = JSON.stringify({ username: 'x-access-token', password: 'ghs_1234' })
  const { minted } = mintFrom(text, { 'allow-installation-token': true })
  assert.equal((await minted).password.reveal(), 'ghs_1234')
})

test('an expired credential is CREDENTIAL_EXPIRING and says when it ended', async () => {
  const { minted } = mintFrom(JSON.stringify({ username: 'puller', password: PASSWORD, expires: '2026-11-24' }))
  await assert.rejects(minted, (error) => {
    assertCode(error, 'CREDENTIAL_EXPIRING')
    assert.match(error.message, /expired at 2026-11-24T00:00:00\.000Z/)
    return true
  })
})

/** GitHub's API for one test: 200 with a header to the right token, 401 to any other. */
async function withGithub(
  expiry: string | Fault | null,
  run: (api: string, paths: string[]) => Promise<void>,
): Promise<void> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`)
    if (expiry !== null && typeof expiry !== 'string') misbehave(response, expiry)
    else if (request.headers.authorization !== `Bearer ${PASSWORD}`) response.writeHead(401).end()
    else response.writeHead(200, expiry === null ? {} : { 'GitHub-Authentication-Token-Expiration': expiry }).end('{}')
  })
  const host = await listen(server)
  try {
    await run(`http://${host}/api/v3`, paths)
  } finally {
    await shut(server)
  }
}

const EXPIRIES: readonly (readonly [string | null, number | null])[] = [
  ['2026-12-31 23:59:59 UTC', Date.UTC(2026, 11, 31, 23, 59, 59)],
  ['2026-12-31 16:59:59 -0700', Date.UTC(2026, 11, 31, 23, 59, 59)],
  [null, null],
]
for (const [header, expected] of EXPIRIES) {
  test(`GitHub’s answer ${header ?? 'without an expiry'} is understood`, () =>
    withGithub(header, async (api, paths) => {
      const { context, minted } = mintFrom(KEPT, { 'github-api': api })
      assert.equal((await minted).expiresAt, expected)
      assert.deepEqual(paths, ['GET /api/v3/user'])
      assert.deepEqual(context.told, [])
    }))
}

test('of two expiries the earlier counts', () =>
  withGithub('2026-12-31 23:59:59 UTC', async (api) => {
    const kept = (expires: string) => JSON.stringify({ username: 'puller', password: PASSWORD, expires })
    const early = mintFrom(kept('2026-12-01'), { 'github-api': api })
    const late = mintFrom(kept('2027-12-01'), { 'github-api': api })
    assert.equal((await early.minted).expiresAt, Date.UTC(2026, 11, 1))
    assert.equal((await late.minted).expiresAt, Date.UTC(2026, 11, 31, 23, 59, 59))
  }))

const FAILING: readonly (readonly [string, string | Fault, RegExp])[] = [
  ['401', { kind: 'answer', status: 401 }, /did not tell when the token expires; it answered 401/],
  ['500', { kind: 'answer', status: 500 }, /it answered 500/],
  ['no answer', { kind: 'hang-up' }, /could not be asked when the token expires: 127\.0\.0\.1:\d+: ECONNRESET/],
  ['an unknown form', 'next year', /in an unknown form/],
]
for (const [what, expiry, warning] of FAILING) {
  test(`a watch that ends with ${what} is a warning and nothing more`, () =>
    withGithub(expiry, async (api) => {
      const { context, minted } = mintFrom(KEPT, { 'github-api': api })
      assert.equal((await minted).expiresAt, null)
      assert.equal(context.told.length, 1)
      assert.match(context.told[0] ?? '', warning)
      assertNoMarks(context.told.join('\n'), 'the journal')
    }))
}

test('ghcr.io is watched at github.com by default, other registries by nobody', () => {
  for (const key of ['ghcr.io', 'https://ghcr.io', 'ghcr.io/acme/']) {
    assert.equal(configOf({}, key).githubApi, 'https://api.github.com')
  }
  assert.equal(configOf({}, 'quay.io').githubApi, null)
  assert.equal(
    configOf({ 'github-api': 'https://api.acme.ghe.com' }, 'containers.acme.ghe.com').githubApi,
    'https://api.acme.ghe.com',
  )
})

test('fields that cannot work are named', () => {
  assert.deepEqual(fixed.parse({}, 'quay.io'), [{ field: 'credential', problem: 'is missing' }])
  assert.deepEqual(fixed.parse({ credential: 'a', 'github-api': 'http://github.acme.test' }, 'ghcr.io'), [
    { field: 'github-api', problem: 'must begin with https://' },
  ])
})

function assertCode(error: unknown, code: ErrorCode): asserts error is PullAuthError {
  assert.ok(error instanceof PullAuthError, String(error))
  assert.equal(error.code, code)
}
