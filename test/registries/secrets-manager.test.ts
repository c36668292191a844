/** Provider `secrets-manager`: shapes, places, ends, and that a change is noticed. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { secretsManager } from '../../src/registries/secrets-manager.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { NOW, recordedContext, shownBy } from './context.ts'

const PASSWORD = marked('kept')
const REQUEST = { label: 'ecs-pull-auth/agent/1', ttl: null, inUse: [] }
type Fields = Readonly<Record<string, string>>

function configOf(fields: Fields) {
  const config = secretsManager.parse({ credential: 'kept', ...fields }, 'registry.acme.test')
  assert.ok('credential' in config, JSON.stringify(config))
  return config
}

function mintFrom(fields: Fields, text: string) {
  const context = recordedContext({ kept: text })
  return { context, minted: secretsManager.mint(context, configOf(fields), REQUEST) }
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, message: RegExp, hint: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    assertNoMarks(shownBy(error), 'the error')
    return true
  })
}

const GOOD: readonly (readonly [string, Fields, object, string])[] = [
  ['repositoryCredentials', { shape: 'repository-credentials' }, { username: 'bot', password: PASSWORD }, 'bot'],
  ['a pull-through cache', { shape: 'ecr-pull-through-cache' }, { username: 'bot', accessToken: PASSWORD }, 'bot'],
  ['GitLabAccessToken', { shape: 'gitlab-access-token' }, { token: PASSWORD, tokenId: '1' }, 'access-token'],
  [
    'GitLabAccessToken of a person',
    { shape: 'gitlab-access-token', username: 'jo' },
    { token: PASSWORD, username: 'no' },
    'jo',
  ],
  ['members', { usernameAt: 'user', passwordAt: 'pass' }, { user: 'bot', pass: PASSWORD }, 'bot'],
  ['pointers', { usernameAt: '/a/0/u', passwordAt: '/a/0/p~1w' }, { a: [{ u: 'bot', 'p/w': PASSWORD }] }, 'bot'],
  ['a fixed user name', { username: 'bot', passwordAt: '/token' }, { token: PASSWORD }, 'bot'],
  [
    'a shape with one other place',
    { shape: 'gitlab-access-token', usernameAt: '/bot' },
    { token: PASSWORD, bot: 'bot' },
    'bot',
  ],
]
for (const [what, fields, value, expected] of GOOD) {
  test(`a secret with ${what} is read and masked, and nothing can be revoked`, async () => {
    const { context, minted } = mintFrom(fields, JSON.stringify(value))
    const { password, ...rest } = await minted
    assert.deepEqual(rest, { username: expected, issuedAt: NOW, expiresAt: null, handle: null })
    assert.equal(password.reveal(), PASSWORD)
    assert.ok(context.masked.some((secret) => secret.equals(password)))
    assertNoMarks(context.told.join('\n'), 'the journal')
  })
}

const MOMENT = Date.UTC(2027, 0, 31, 12)
for (const [what, value] of [
  ['an ISO moment', '2027-01-31T12:00:00Z'],
  ['seconds', MOMENT / 1000],
  ['milliseconds', MOMENT],
] as const) {
  test(`an end in ${what} is understood`, async () => {
    const text = JSON.stringify({ token: PASSWORD, meta: { end: value } })
    const { minted } = mintFrom({ shape: 'gitlab-access-token', expiresAt: '/meta/end' }, text)
    assert.equal((await minted).expiresAt, MOMENT)
  })
}

test('a JWT tells its end itself, and of two ends the earlier counts', async () => {
  const exp = Buffer.from(JSON.stringify({ exp: MOMENT / 1000 })).toString('base64url')
  const text = (end: string) => JSON.stringify({ token: `e30.${exp}.c2ln`, end })
  const fields = { username: 'bot', passwordAt: 'token', expiresAt: 'end' }
  assert.equal((await mintFrom(fields, text('2027-12-31')).minted).expiresAt, MOMENT)
  assert.equal((await mintFrom(fields, text('2027-01-01')).minted).expiresAt, Date.UTC(2027, 0, 1))
})

test('what somebody else changes is noticed', async () => {
  const other = marked('kept')
  const { context, minted } = mintFrom({ shape: 'gitlab-access-token' }, JSON.stringify({ token: PASSWORD }))
  assert.equal((await minted).password.reveal(), PASSWORD)
  context.secrets.set('kept', JSON.stringify({ token: other }))
  const next = await secretsManager.mint(context, configOf({ shape: 'gitlab-access-token' }), REQUEST)
  assert.equal(next.password.reveal(), other)
})

const INVALID: readonly (readonly [string, Fields, string, RegExp])[] = [
  ['nothing', { shape: 'gitlab-access-token' }, '', /^Secret kept has no JSON object with the text \/token\.$/],
  ['a bare token', { shape: 'gitlab-access-token' }, PASSWORD, /the text \/token\./],
  [
    'another shape',
    { shape: 'ecr-pull-through-cache' },
    `{"username":"a","password":"${PASSWORD}"}`,
    /the text \/accessToken/,
  ],
  ['nothing there', { usernameAt: '/u', passwordAt: '/a/b' }, `{"a":"${PASSWORD}"}`, /the text \/u and \/a\/b/],
  ['an object as password', { username: 'a', passwordAt: '/a' }, `{"a":{"b":"${PASSWORD}"}}`, /the text \/a\./],
  [
    'a colon in the user',
    { usernameAt: 'u', passwordAt: 'p' },
    `{"u":"a:b","p":"${PASSWORD}"}`,
    /username that has a colon/,
  ],
  [
    'an end in words',
    { username: 'a', passwordAt: 'p', expiresAt: '/e' },
    `{"p":"${PASSWORD}","e":"soon"}`,
    /has an "\/e" that is not an ISO date/,
  ],
]
for (const [what, fields, text, message] of INVALID) {
  test(`a secret with ${what} is CREDENTIAL_INVALID, and shows nothing`, async () => {
    const { context, minted } = mintFrom(fields, text)
    await rejectsWith('CREDENTIAL_INVALID', minted, message, /./)
    assertNoMarks(context.told.join('\n'), 'the journal')
  })
}

test('an ended credential is CREDENTIAL_EXPIRING and points at whoever keeps the secret', async () => {
  const text = JSON.stringify({ username: 'a', password: PASSWORD, expires: '2026-11-24' })
  const { minted } = mintFrom({ shape: 'repository-credentials' }, text)
  await rejectsWith('CREDENTIAL_EXPIRING', minted, /expired at 2026-11-24T00:00:00/, /Its own rotation has failed/)
})

const BAD: readonly (readonly [Fields, readonly string[]])[] = [
  [{}, ['credential', 'passwordAt', 'usernameAt']],
  [{ credential: 'a' }, ['passwordAt', 'usernameAt']],
  [{ credential: 'a', passwordAt: 'p' }, ['usernameAt']],
  [{ credential: 'a', passwordAt: '/a~b', username: 'a' }, ['passwordAt']],
  [{ credential: 'a', passwordAt: 'p', usernameAt: '/u~' }, ['usernameAt']],
  [{ credential: 'a', passwordAt: 'p', usernameAt: 'u', username: 'a' }, ['username']],
  [{ credential: 'a', shape: 'gitlab-access-token', expiresAt: '/~2' }, ['expiresAt']],
]
for (const [fields, named] of BAD) {
  test(`${JSON.stringify(fields)} is refused, with ${named.join(', ')}`, () => {
    const problems = secretsManager.parse(fields, 'registry.acme.test')
    assert.deepEqual(Array.isArray(problems) && problems.map(({ field }) => field), named)
  })
}
