import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { FieldProblem } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { cloudsmith } from '../../src/registries/cloudsmith.ts'
import { type CloudsmithOptions, startCloudsmith } from '../doubles/cloudsmith.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, recordedContext, shownBy } from './context.ts'

const AUDIENCE = 'https://api.cloudsmith.io'
const issuer = githubIssuer(() => NOW)

async function mintAt(
  options: Partial<CloudsmithOptions>,
  fields: Readonly<Record<string, unknown>> = {},
  ttl: number | null = null,
) {
  const tokens = createTokenStore(() => NOW)
  const trust = { issuer, audience: AUDIENCE, org: 'acme', services: ['ecs-pull'] }
  const double = await startCloudsmith({ tokens, now: () => NOW, ...trust, ...options })
  const cx = { ...recordedContext({}), identityToken: async (audience: string) => new Secret(issuer.issue(audience)) }
  const config = cloudsmith.parse(
    { url: double.url, org: 'acme', service: 'ecs-pull', ...fields },
    'docker.cloudsmith.io',
  )
  assert.ok('api' in config, JSON.stringify(config))
  try {
    const minted = await cloudsmith.mint(cx, config, { label: 'ecs-pull-auth/prod/1', ttl, inUse: [] })
    assert.ok(tokens.login(minted.username, minted.password.reveal()) !== null)
    assert.ok(cx.masked.some((secret) => secret.equals(minted.password)))
    return minted
  } finally {
    assertNoMarks(cx.told.join('\n'), 'the journal')
    await double.close()
  }
}

test('a token lives until the end that it tells, and until two hours from now when it tells none', async () => {
  assert.equal((await mintAt({ life: 5400 })).expiresAt, NOW + 5_400_000)
  const opaque = await mintAt({ opaque: true })
  const { username, issuedAt, expiresAt, handle } = opaque
  assert.deepEqual([username, issuedAt, expiresAt, handle], ['token', NOW, NOW + 7_200_000, null])
})

test('an audience of the plan is the one that is asked for', async () => {
  const minted = await mintAt({ audience: 'acme-prod' }, { audience: 'acme-prod' })
  assert.equal(minted.username, 'token')
})

const REFUSALS: readonly (readonly [string, Partial<CloudsmithOptions>, number | null, string, RegExp])[] = [
  ['an audience that the settings do not name', { audience: 'other' }, null, 'MINT_REJECTED', /answered 401/],
  ['a service account that the settings do not name', { services: [] }, null, 'MINT_NOT_PERMITTED', /answered 403/],
  ['an organization that does not exist', { org: 'other' }, null, 'MINT_NOT_PERMITTED', /answered 404/],
  ['a life below the ttl', { life: 3600 }, 7200, 'CREDENTIAL_EXPIRING', /2026-11-24T13:00:00\.000Z, less than the ttl/],
]
for (const [what, options, ttl, code, message] of REFUSALS) {
  test(`${what}: ${code}`, () =>
    assert.rejects(mintAt(options, {}, ttl), (error) => {
      assert.ok(error instanceof PullAuthError)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assertNoMarks(shownBy(error), 'the error')
      return true
    }))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[]])[] = [
  [{ org: 'acme', service: 'ecs-pull' }, []],
  [{ org: 'Acme_2', service: 'ecs-pull-x1y2', audience: 'acme', url: 'https://api.acme.test/' }, []],
  [{ org: '../acme', service: 'a/b' }, ['org', 'service']],
  [{ org: 'acme', service: 'ECS pull' }, ['service']],
  [{ org: 'acme', service: 'ecs', url: 'http://api.cloudsmith.io' }, ['url']],
]
for (const [fields, wrong] of FIELDS) {
  test(`${JSON.stringify(fields)} has ${wrong.length === 0 ? 'no problem' : `problems at ${wrong.join(' and ')}`}`, () => {
    const config = cloudsmith.parse(fields, 'docker.cloudsmith.io')
    const problems = 'api' in config ? [] : (config as readonly FieldProblem[])
    assert.deepEqual(
      problems.map(({ field }) => field),
      wrong,
    )
  })
}
