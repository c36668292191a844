import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { Secret } from '../../src/core/secret.ts'
import { acr } from '../../src/registries/acr.ts'
import { ACR_USER, type AcrOptions, startAcr } from '../doubles/acr.ts'
import { createIssuer, githubIssuer } from '../doubles/identity-issuer.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import type { ApiDouble } from '../doubles/token-api.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'
import { AUDIENCE, type AzureIdentity, bySecret, byWorkflow, CLIENT, TENANT } from './contract-acr.ts'

const HOURS = 3_600_000
const now = () => NOW

interface World {
  readonly double: ApiDouble
  readonly context: RecordedContext
  mint(ttl?: number | null): ReturnType<typeof acr.mint>
}

async function withAcr(
  { entra, fields, secrets, identity }: AzureIdentity,
  options: Partial<AcrOptions>,
  run: (world: World) => Promise<void>,
): Promise<void> {
  const double = await startAcr({ ...entra, tokens: createTokenStore(now), now, ...options })
  const context = { ...recordedContext(secrets), ...identity }
  const config = acr.parse({ ...fields, url: double.url, authority: double.url }, 'acme.azurecr.io')
  assert.ok('client' in config, JSON.stringify(config))
  try {
    await run({
      double,
      context,
      mint: (ttl = null) => acr.mint(context, config, { label: 'ecs-pull-auth/x', ttl, inUse: [] }),
    })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
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

test('a token is the password of the user of zeros, ends when its JWT says, and everything on the way is masked', () =>
  withAcr(bySecret(), {}, async ({ mint, double, context }) => {
    const { username, password, issuedAt, expiresAt, handle } = await mint()
    assert.deepEqual([username, issuedAt, expiresAt, handle], [ACR_USER, NOW, NOW + 3 * HOURS, null])
    assert.deepEqual(
      double.requests.map(({ method, path }) => `${method} ${path}`),
      [`POST /${TENANT}/oauth2/v2.0/token`, 'POST /oauth2/exchange'],
    )
    const masked = context.masked.map((secret) => secret.reveal())
    assert.equal(masked.length, 3)
    assert.equal(masked.at(-1), password.reveal())
  }))

test('the end is read from the token, not taken from the documentation', () =>
  withAcr(bySecret(), { claims: { exp: NOW / 1000 + 3600 } }, async ({ mint }) => {
    assert.equal((await mint()).expiresAt, NOW + HOURS)
    await rejectsWith('CREDENTIAL_EXPIRING', mint(10_800), /a new token lives until 2026-11-24T13:00:00\.000Z/)
  }))

test('a token that does not tell its end is not taken', () =>
  withAcr(bySecret(), { claims: { exp: null } }, ({ mint }) =>
    rejectsWith('MINT_UNAVAILABLE', mint(), /its answer has no refresh_token that tells when it ends/),
  ))

test('an application without AcrPull is MINT_NOT_PERMITTED', () =>
  withAcr(bySecret(), { permitted: false }, ({ mint }) =>
    rejectsWith('MINT_NOT_PERMITTED', mint(), /it answered 403\.$/, /role AcrPull/),
  ))

test('a wrong client secret is MINT_REJECTED with Entra’s number', () =>
  withAcr(bySecret(), { secret: marked('another') }, async ({ mint, double }) => {
    await rejectsWith('MINT_REJECTED', mint(), /it answered 401 \(AADSTS7000215\)\.$/, /client secret in secret root/)
    assert.equal(double.requests.length, 1)
  }))

const stranger = createIssuer({ issuer: 'https://stranger.test', claims: {}, now })
const FEDERATIONS: readonly (readonly [string, AcrOptions['federation'], RegExp])[] = [
  ['another subject', { issuer: githubIssuer(now), audience: AUDIENCE, subject: 'repo:acme/other' }, /AADSTS700213/],
  ['another issuer', { issuer: stranger, audience: AUDIENCE, subject: 'repo:acme/infra' }, /AADSTS700211/],
  ['no federated credential', null, /AADSTS700211/],
]
for (const [what, federation, message] of FEDERATIONS) {
  test(`an application that trusts ${what} is MINT_REJECTED, and the hint names what must agree`, () =>
    withAcr(byWorkflow(now), { federation }, ({ mint }) =>
      rejectsWith('MINT_REJECTED', mint(), message, /issuer, subject .* and the audience api:\/\/AzureADTokenExchange/),
    ))
}

test('a refusal with 400 and a number is a refusal, not an outage', () => {
  const issuer = githubIssuer(now)
  const trusting = byWorkflow(now)
  const identity = { identityToken: async (audience: string) => new Secret(issuer.issue(audience)) }
  const federation = { issuer, audience: AUDIENCE, subject: 'repo:acme/infra:environment:Prod' }
  return withAcr({ ...trusting, identity }, { federation }, async ({ mint, double }) => {
    await rejectsWith('MINT_REJECTED', mint(), /it answered 400 \(AADSTS700213\)\.$/, /letter case counts/)
    assert.equal(double.requests.length, 1)
  })
})

test('another cloud has its own audience', () => {
  const audience = 'api://AzureADTokenExchangeUSGov'
  const issuer = githubIssuer(now)
  const identity = { identityToken: async (wanted: string) => new Secret(issuer.issue(wanted)) }
  const world = { ...byWorkflow(now), identity, fields: { tenant: TENANT, client: CLIENT, audience } }
  const federation = { issuer, audience, subject: 'repo:acme/infra:environment:prod' }
  return withAcr(world, { federation }, async ({ mint }) => assert.equal((await mint()).username, ACR_USER))
})

test('the client secret may name its Entra, and then goes nowhere else', () => {
  const secret = marked('pinned')
  const pinned = (url: string) => ({ root: JSON.stringify({ clientSecret: secret, url }) })
  const world = { ...bySecret(), secrets: pinned('https://login.microsoftonline.com') }
  return withAcr(world, { secret }, async ({ mint, double, context }) => {
    await rejectsWith('CREDENTIAL_INVALID', mint(), /is for https:\/\/login\.microsoftonline\.com, not for/)
    assert.deepEqual(double.requests, [])
    context.secrets.set('root', pinned(double.url).root)
    assert.equal((await mint()).username, ACR_USER)
  })
})

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[] | string])[] = [
  [{}, 'https://acme.azurecr.io by federation at https://login.microsoftonline.com'],
  [{ root: 'r' }, 'https://acme.azurecr.io by r at https://login.microsoftonline.com'],
  [{ tenant: 'acme.onmicrosoft.com' }, 'https://acme.azurecr.io by federation at https://login.microsoftonline.com'],
  [
    { url: 'https://x.azurecr.us/', authority: 'https://login.microsoftonline.us/' },
    'https://x.azurecr.us by federation at https://login.microsoftonline.us',
  ],
  [{ tenant: undefined }, ['tenant']],
  [{ tenant: 'a/b' }, ['tenant']],
  [{ tenant: '..' }, ['tenant']],
  [{ client: 'ecs' }, ['client']],
  [{ root: 'r', audience: 'api://x' }, ['audience']],
  [{ authority: 'http://login.acme.test' }, ['authority']],
  [{ url: 'http://acme.azurecr.io' }, ['url']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${typeof expected === 'string' ? 'are fine' : `have a problem with ${expected}`}`, () => {
    const config = acr.parse({ tenant: TENANT, client: CLIENT, ...fields }, 'acme.azurecr.io')
    if ('url' in config)
      assert.equal(`${config.url} by ${config.root ?? 'federation'} at ${config.authority}`, expected)
    else
      assert.deepEqual(
        config.map(({ field }) => field),
        expected,
      )
  })
}
