/** Provider `ghcr`: what a token must not be, and what GitHub tells about it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { ghcr } from '../../src/registries/ghcr.ts'
import type { Fault } from '../doubles/faults.ts'
import { type GithubToken, startGithub } from '../doubles/github.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import type { ApiDouble } from '../doubles/token-api.ts'
import { NOW, recordedContext, shownBy } from './context.ts'

const PASSWORD = marked('pat')
const KEPT = JSON.stringify({ username: 'puller', password: PASSWORD })
const REQUEST = { label: 'ecs-pull-auth/agent/1', ttl: null, inUse: [] }
const TOKEN: GithubToken = { token: PASSWORD, expiration: null, scopes: 'read:packages' }

async function withGithub(
  token: Partial<GithubToken>,
  run: (mint: (text?: string, allow?: boolean) => ReturnType<typeof mintFrom>, api: ApiDouble) => Promise<void>,
): Promise<void> {
  const api = await startGithub([{ ...TOKEN, ...token }])
  try {
    await run((text = KEPT, allow = false) => mintFrom(api.url, text, allow), api)
  } finally {
    await api.close()
  }
}

function mintFrom(url: string, text: string, allowInstallationToken: boolean) {
  const context = recordedContext({ pull: text })
  const config = { credential: 'pull', githubApi: `${url}/api/v3`, allowInstallationToken }
  return { context, minted: ghcr.mint(context, config, REQUEST) }
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

const EXPIRIES: readonly (readonly [string | null, number | null])[] = [
  ['2026-12-31 23:59:59 UTC', Date.UTC(2026, 11, 31, 23, 59, 59)],
  ['2026-12-31 16:59:59 -0700', Date.UTC(2026, 11, 31, 23, 59, 59)],
  [null, null],
]
for (const [expiration, expected] of EXPIRIES) {
  test(`GitHub’s answer ${expiration ?? 'without an expiry'} is understood`, () =>
    withGithub({ expiration }, async (mint, api) => {
      const { context, minted } = mint()
      const { password, ...rest } = await minted
      assert.deepEqual(rest, { username: 'puller', issuedAt: NOW, expiresAt: expected, handle: null })
      assert.equal(password.reveal(), PASSWORD)
      assert.deepEqual(api.requests, [{ method: 'GET', path: '/api/v3/user' }])
      assert.deepEqual(context.told, [])
    }))
}

test('of two expiries the earlier counts', () =>
  withGithub({ expiration: '2026-12-31 23:59:59 UTC' }, async (mint) => {
    const kept = (expires: string) => JSON.stringify({ username: 'puller', password: PASSWORD, expires })
    assert.equal((await mint(kept('2026-12-01')).minted).expiresAt, Date.UTC(2026, 11, 1))
    assert.equal((await mint(kept('2027-12-01')).minted).expiresAt, Date.UTC(2026, 11, 31, 23, 59, 59))
  }))

test('a token that GitHub calls ended is CREDENTIAL_EXPIRING', () =>
  withGithub({ expiration: '2026-11-24 11:59:59 UTC' }, (mint) =>
    rejectsWith('CREDENTIAL_EXPIRING', mint().minted, /secret pull expired at 2026-11-24T11:59:59\.000Z/),
  ))

const FAILING: readonly (readonly [string, Fault | null, RegExp])[] = [
  ['401', { kind: 'answer', status: 401 }, /did not tell when the token in secret pull expires: it answered 401/],
  ['a limit', { kind: 'answer', status: 429, headers: { 'retry-after': '60' } }, /answered 429 and asks to wait 60 s/],
  ['500', { kind: 'answer', status: 500 }, /it answered 500/],
  [
    'a redirect',
    { kind: 'answer', status: 301, headers: { location: 'https://evil.test/' } },
    /a redirect, which is not/,
  ],
  ['no answer', { kind: 'hang-up' }, /no answer \(127\.0\.0\.1:\d+: ECONNRESET\)/],
  ['an unknown form', null, /in an unknown form/],
]
for (const [what, fault, warning] of FAILING) {
  test(`a watch that ends with ${what} is a warning and nothing more`, () =>
    withGithub({ expiration: 'next year' }, async (mint, api) => {
      api.fault = () => (fault === null ? null : { when: 'before', fault })
      const { context, minted } = mint()
      assert.equal((await minted).expiresAt, null)
      assert.equal(context.told.length, 1)
      assert.match(context.told[0] ?? '', warning)
      assertNoMarks(context.told.join('\n'), 'the journal')
    }))
}

const SCOPES: readonly (readonly [string | null, RegExp | null])[] = [
  ['read:packages', null],
  [null, null],
  ['', /has no scope read:packages/],
  ['repo, user', /has no scope read:packages/],
  ['write:packages', /may do more than pull/],
  ['read:packages, repo', /may do more than pull/],
]
for (const [scopes, warning] of SCOPES) {
  test(`a token with ${scopes === null ? 'no scopes to tell' : `the scopes "${scopes}"`} ${warning === null ? 'is fine' : 'is warned of'}`, () =>
    withGithub({ scopes }, async (mint) => {
      const { context, minted } = mint()
      await minted
      assert.equal(context.told.length, warning === null ? 0 : 1)
      if (warning !== null) assert.match(context.told[0] ?? '', warning)
    }))
}

test('an installation token is refused, and GitHub is not asked about it', () =>
  withGithub({}, async (mint, api) => {
    const text = JSON.stringify({ username: 'x-access-token', password: 'ghs_1234' })
    const refusal = rejectsWith(
      'CREDENTIAL_INVALID',
      mint(text).minted,
      /^Secret pull holds a GitHub installation token/,
    )
    await refusal
    assert.deepEqual(api.requests, [])
    assert.equal((await mint(text, true).minted).password.reveal(), 'ghs_1234')
  }))

test('a secret without the parts is CREDENTIAL_INVALID', () =>
  withGithub({}, async (mint) => {
    await rejectsWith(
      'CREDENTIAL_INVALID',
      mint(PASSWORD).minted,
      /the text username and password/,
      /Store \{"username"/,
    )
  }))

const APIS: readonly (readonly [string, string])[] = [
  ['ghcr.io', 'https://api.github.com'],
  ['https://ghcr.io', 'https://api.github.com'],
  ['ghcr.io/acme/', 'https://api.github.com'],
  ['containers.acme.ghe.com', 'https://api.acme.ghe.com'],
]
for (const [key, githubApi] of APIS) {
  test(`${key} is watched at ${githubApi}`, () => {
    const config = { credential: 'pull', githubApi, allowInstallationToken: false }
    assert.deepEqual(ghcr.parse({ credential: 'pull' }, key), config)
  })
}

test('fields that cannot work are named', () => {
  const bad: readonly (readonly [Readonly<Record<string, unknown>>, string, string])[] = [
    [{}, 'ghcr.io', 'credential'],
    [{ credential: 'a', githubApi: 'http://github.acme.test' }, 'ghcr.io', 'githubApi'],
    [{ credential: 'a' }, 'containers.github.acme.test', 'githubApi'],
    [{ credential: 'a' }, 'containers.a.b.ghe.com', 'githubApi'],
  ]
  for (const [fields, key, field] of bad) {
    const problems = ghcr.parse(fields, key)
    assert.deepEqual(Array.isArray(problems) && problems.map((problem) => problem.field), [field], key)
  }
})
