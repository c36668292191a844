import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/core/errors.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { fixed } from '../../src/registries/static.ts'
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

test('an expired credential is CREDENTIAL_EXPIRING and says when it ended', async () => {
  const { minted } = mintFrom(JSON.stringify({ username: 'puller', password: PASSWORD, expires: '2026-11-24' }))
  await assert.rejects(minted, (error) => {
    assertCode(error, 'CREDENTIAL_EXPIRING')
    assert.match(error.message, /expired at 2026-11-24T00:00:00\.000Z/)
    return true
  })
})

test('fields that cannot work are named', () => {
  assert.deepEqual(fixed.parse({}, 'quay.io'), [{ field: 'credential', problem: 'is missing' }])
})

test('ghcr.io is sent to the provider that watches its tokens', () => {
  for (const key of ['ghcr.io', 'https://ghcr.io', 'ghcr.io/acme/']) {
    const problems = fixed.parse({ credential: 'pull' }, key)
    assert.ok(Array.isArray(problems))
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['provider'],
    )
    assert.match(problems[0].problem, /^is ghcr for ghcr\.io/)
  }
})

function assertCode(error: unknown, code: ErrorCode): asserts error is PullAuthError {
  assert.ok(error instanceof PullAuthError, String(error))
  assert.equal(error.code, code)
}
