import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { Minted } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { jfrog } from '../../src/registries/jfrog.ts'
import { type AwsRole, startAwsRole } from '../doubles/aws-role.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { type JfrogDouble, type JfrogOptions, type OidcIntegration, startJfrog } from '../doubles/jfrog.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, recordedContext, shownBy } from './context.ts'

interface World {
  readonly double: JfrogDouble
  readonly audiences: readonly string[]
  mint(ttl?: number | null): Promise<Minted>
}

const now = () => NOW
const GITHUB = githubIssuer(now)
const INTEGRATION: OidcIntegration = {
  name: 'github',
  audience: 'jfrog',
  claimsOf: GITHUB.claimsOf,
  mapping: { 'repo:acme/infra:environment:prod': 'ecs-pull' },
}

interface Change {
  readonly fields?: Readonly<Record<string, unknown>>
  readonly options?: Partial<JfrogOptions> | ((role: AwsRole) => Partial<JfrogOptions>)
  readonly region?: string
}

async function inWorld(
  run: (world: World) => Promise<void>,
  { fields, options, region = 'eu-west-1' }: Change,
): Promise<void> {
  const role = await startAwsRole({ now, region })
  const changed = typeof options === 'function' ? options(role) : options
  const double = await startJfrog({ tokens: createTokenStore(now), now, callerOf: role.callerOf, ...changed })
  const audiences: string[] = []
  const identityToken = async (audience: string) => {
    audiences.push(audience)
    return new Secret(GITHUB.issue(audience))
  }
  const cx = { ...recordedContext({}), signAws: role.signAws, identityToken }
  const config = jfrog.parse({ url: double.url, ...fields }, 'acme.jfrog.io')
  assert.ok('url' in config, JSON.stringify(config))
  try {
    await run({
      double,
      audiences,
      mint: (ttl = null) => jfrog.mint(cx, config, { label: 'ecs-pull-auth/a', ttl, inUse: [] }),
    })
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
    await role.close()
  }
}

const mapped = () => ({ roles: { 'arn:aws:iam::123456789012:role/ecs-pull-auth': 'ecs-pull' } })

for (const region of ['eu-west-1', 'us-east-1']) {
  test(`the role's signature in ${region} is one that AWS takes when JFrog passes it on`, () =>
    inWorld(
      async ({ double, mint }) => {
        const { username, issuedAt, expiresAt, handle } = await mint()
        assert.deepEqual([username, issuedAt, expiresAt, handle], ['ecs-pull', NOW, NOW + 21_600_000, null])
        assert.equal((await mint(900)).expiresAt, NOW + 900_000)
        const path = `/access/api/v1/aws/token?region=${region}`
        assert.deepEqual(double.requests, [
          { method: 'POST', path },
          { method: 'POST', path },
        ])
      },
      { options: mapped, region },
    ))
}

const oidc = { oidcProvider: 'github', audience: 'jfrog' }

const REFUSALS: readonly (readonly [string, Change, string, RegExp])[] = [
  ['a role that nobody mapped', {}, 'MINT_NOT_PERMITTED', /iam_role/],
  ['a signature that AWS refuses', { options: mapped, region: 'eu-south-2' }, 'MINT_REJECTED', /iam_role/],
  ['a ttl above the longest', { options: () => ({ ...mapped(), longest: 3600 }) }, 'MINT_NOT_PERMITTED', /longest/],
  ['a life cut silently', { options: () => ({ ...mapped(), cut: 3600 }) }, 'CREDENTIAL_EXPIRING', /ttl/],
  ['no integration of that name', { fields: oidc }, 'MINT_NOT_PERMITTED', /OIDC integration github/],
  [
    'an identity for another audience',
    { fields: { oidcProvider: 'github' }, options: { integration: INTEGRATION } },
    'MINT_REJECTED',
    /audience http/,
  ],
  [
    'an identity that no mapping fits',
    { fields: oidc, options: { integration: { ...INTEGRATION, mapping: {} } } },
    'MINT_NOT_PERMITTED',
    /identity mapping/,
  ],
  [
    'a mapping that gives less than the default',
    { fields: oidc, options: { integration: { ...INTEGRATION, life: 3600 } } },
    'CREDENTIAL_EXPIRING',
    /identity mapping decides/,
  ],
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

const ENDS: readonly (readonly [string, Partial<OidcIntegration>, number])[] = [
  ['the answer says', { life: 28_800 }, 28_800],
  ['only the JWT says', { life: 28_800, tells: { expiresIn: false } }, 28_800],
  ['neither says, and then counts as a day', { life: 28_800, tells: { expiresIn: false, exp: false } }, 86_400],
]
for (const [what, change, life] of ENDS) {
  test(`an OIDC token ends when ${what}`, () =>
    inWorld(
      async ({ audiences, mint }) => {
        assert.equal((await mint()).expiresAt, NOW + life * 1000)
        assert.deepEqual(audiences, ['jfrog'])
      },
      { fields: oidc, options: { integration: { ...INTEGRATION, ...change } } },
    ))
}

test('an identity mapping can be named, and a mapping of one hour serves a plan that asks for one hour', () =>
  inWorld(
    async ({ mint }) => {
      assert.equal((await mint(3600)).expiresAt, NOW + 3_600_000)
    },
    {
      fields: { ...oidc, identityMapping: 'prod' },
      options: { integration: { ...INTEGRATION, mappingName: 'prod', life: 3600 } },
    },
  ))

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, unknown])[] = [
  [{}, { url: 'https://acme.jfrog.io', oidc: null }],
  [{ url: 'https://jfrog.acme.com/' }, { url: 'https://jfrog.acme.com', oidc: null }],
  [
    { oidcProvider: 'github' },
    {
      url: 'https://acme.jfrog.io',
      oidc: { provider: 'github', audience: 'https://acme.jfrog.io', mapping: null },
    },
  ],
  [{ url: 'http://acme.jfrog.io' }, ['url']],
  [{ audience: 'a', identityMapping: 'b' }, ['audience', 'identityMapping']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${Array.isArray(expected) ? `have problems with ${expected}` : 'are fine'}`, () => {
    const config = jfrog.parse(fields, 'acme.jfrog.io/docker')
    assert.deepEqual('url' in config ? config : config.map(({ field }) => field), expected)
  })
}
