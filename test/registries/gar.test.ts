import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { Minted } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { gar } from '../../src/registries/gar.ts'
import { type AwsRole, startAwsRole } from '../doubles/aws-role.ts'
import { type GoogleDouble, type GoogleOptions, keyFile, type PoolProvider, startGoogle } from '../doubles/google.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const HOUR = 3600
const EMAIL = 'ecs-pull@acme.iam.gserviceaccount.com'
const POOL = 'projects/1234/locations/global/workloadIdentityPools/rotation/providers'
const [AWS, OIDC] = [`${POOL}/aws-role`, `${POOL}/github`]
const KEY = keyFile(EMAIL, 'k1')
const SUBJECT = 'repo:acme/infra:environment:prod'

const now = () => NOW
const GITHUB = githubIssuer(now)

interface World {
  readonly double: GoogleDouble
  readonly cx: RecordedContext
  readonly audiences: readonly string[]
  mint(ttl?: number | null): Promise<Minted>
}

interface Change {
  readonly fields?: Readonly<Record<string, unknown>>
  readonly options?: (role: AwsRole) => Partial<GoogleOptions>
  readonly region?: string
  readonly secret?: string
}

/** All is well unless `options` say otherwise: two pool providers and one service account that both subjects may act as. */
async function inWorld(
  run: (world: World) => Promise<void>,
  { fields, options, region = 'eu-west-1', secret = KEY }: Change,
): Promise<void> {
  const role = await startAwsRole({ now, region })
  const pools: readonly PoolProvider[] = [
    { name: AWS, subjects: [role.arn], trusts: { kind: 'aws', callerOf: role.callerOf } },
    {
      name: OIDC,
      subjects: [SUBJECT],
      trusts: { kind: 'oidc', audience: `https://iam.googleapis.com/${OIDC}`, claimsOf: GITHUB.claimsOf },
    },
  ]
  const accounts = { [EMAIL]: { users: [role.arn, SUBJECT], keyId: 'k1' } }
  const double = await startGoogle({ tokens: createTokenStore(now), now, pools, accounts, ...options?.(role) })
  const http = createHttp()
  const send: typeof http.send = (request) => http.send({ ...request, url: double.reroute(request.url) })
  const audiences: string[] = []
  const identityToken = async (audience: string) => {
    audiences.push(audience)
    return new Secret(GITHUB.issue(audience))
  }
  const cx = { ...recordedContext({ root: secret }, { send }), signAws: role.signAws, identityToken }
  const config = gar.parse({ ...fields }, 'europe-docker.pkg.dev')
  assert.ok('kind' in config, JSON.stringify(config))
  try {
    await run({
      double,
      cx,
      audiences,
      mint: (ttl = null) => gar.mint(cx, config, { label: 'ecs-pull-auth/a', ttl, inUse: [] }),
    })
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
    await role.close()
  }
}

const byRole = { workloadIdentityProvider: AWS, serviceAccount: EMAIL }
const byIdentity = { workloadIdentityProvider: OIDC, serviceAccount: EMAIL, identity: 'oidc' }
const byKey = { root: 'root' }

for (const region of ['eu-west-1', 'us-east-1']) {
  test(`a signature made in ${region} names the role to Google, which lets it act as the service account`, () =>
    inWorld(
      async ({ double, mint }) => {
        const { username, issuedAt, expiresAt, handle } = await mint()
        assert.deepEqual([username, issuedAt, expiresAt, handle], ['oauth2accesstoken', NOW, NOW + HOUR * 1000, null])
        assert.deepEqual(
          double.requests.map(({ path }) => path),
          [
            '/sts.googleapis.com/v1/token',
            `/iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${EMAIL}:generateAccessToken`,
          ],
        )
      },
      { fields: byRole, region },
    ))
}

test('an identity token is asked for the audience that a pool takes by default', () =>
  inWorld(
    async ({ audiences, mint }) => {
      assert.equal((await mint(600)).expiresAt, NOW + 600_000)
      assert.deepEqual(audiences, [`https://iam.googleapis.com/${OIDC}`])
    },
    { fields: byIdentity },
  ))

test('a key signs an assertion for Google alone, whatever token_uri it names, and its text stays hidden', () =>
  inWorld(
    async ({ double, cx, mint }) => {
      const { expiresAt } = await mint()
      assert.equal(expiresAt, NOW + 3_599_000)
      assert.deepEqual(
        double.requests.map(({ path }) => path),
        ['/oauth2.googleapis.com/token'],
      )
      const { private_key: pem } = JSON.parse(KEY)
      assert.ok(cx.masked.some((secret) => secret.reveal() === pem))
    },
    { fields: byKey },
  ))

test('an organization that allows it gives tokens of 12 hours', () =>
  inWorld(
    async ({ mint }) => {
      assert.equal((await mint(12 * HOUR)).expiresAt, NOW + 12 * HOUR * 1000)
    },
    { fields: byRole, options: ({ arn }) => ({ accounts: { [EMAIL]: { users: [arn], extended: true } } }) },
  ))

const REFUSALS: readonly (readonly [string, Change, string, RegExp, number?])[] = [
  ['a signature that AWS refuses', { fields: byRole, region: 'eu-south-2' }, 'MINT_REJECTED', /type AWS/],
  [
    'a role that the condition keeps out',
    {
      fields: byRole,
      options: ({ callerOf }) => ({ pools: [{ name: AWS, subjects: [], trusts: { kind: 'aws', callerOf } }] }),
    },
    'MINT_NOT_PERMITTED',
    /attribute condition/,
  ],
  [
    'a pool that does not exist',
    { fields: byRole, options: () => ({ pools: [] }) },
    'MINT_NOT_PERMITTED',
    /Check projects/,
  ],
  [
    'an identity token for another audience',
    { fields: { ...byIdentity, audience: 'https://github.com/acme' } },
    'MINT_REJECTED',
    /issuer must be GitHub/,
  ],
  [
    'a role that may not act as the service account',
    { fields: byRole, options: () => ({ accounts: { [EMAIL]: {} } }) },
    'MINT_NOT_PERMITTED',
    /workloadIdentityUser/,
  ],
  [
    'a service account that does not exist',
    { fields: byRole, options: () => ({ accounts: {} }) },
    'MINT_NOT_PERMITTED',
    /workloadIdentityUser/,
  ],
  [
    'more than one hour where the organization does not allow it',
    { fields: byRole },
    'MINT_UNAVAILABLE',
    /allowServiceAccountCredentialLifetimeExtension/,
    2 * HOUR,
  ],
  ['a deleted key', { fields: byKey, options: () => ({ accounts: { [EMAIL]: {} } }) }, 'MINT_REJECTED', /secret root/],
  ['a secret that is no key', { fields: byKey, secret: '{"client_email":"a"}' }, 'CREDENTIAL_INVALID', /JSON file/],
  ['a broken key', { fields: byKey, secret: KEY.replace('BEGIN PRIVATE', 'BEGIN') }, 'CREDENTIAL_INVALID', /JSON file/],
]
for (const [what, change, code, hint, ttl] of REFUSALS) {
  test(`${what}: ${code}`, () =>
    inWorld(
      ({ mint }) =>
        assert.rejects(mint(ttl), (error) => {
          assert.ok(error instanceof PullAuthError, String(error))
          assert.equal(error.code, code)
          assert.match(error.hint, hint)
          assertNoMarks(shownBy(error), 'the error')
          assert.doesNotMatch(shownBy(error), /PRIVATE KEY/)
          return true
        }),
      change,
    ))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, unknown])[] = [
  [byRole, { kind: 'aws', provider: AWS, serviceAccount: EMAIL, audience: `https://iam.googleapis.com/${AWS}` }],
  [
    { ...byIdentity, audience: 'a' },
    { kind: 'oidc', provider: OIDC, serviceAccount: EMAIL, audience: 'a' },
  ],
  [byKey, { kind: 'key', root: 'root' }],
  [{}, ['workloadIdentityProvider', 'serviceAccount']],
  [{ workloadIdentityProvider: AWS }, ['serviceAccount']],
  [{ ...byRole, workloadIdentityProvider: `//iam.googleapis.com/${AWS}` }, ['workloadIdentityProvider']],
  [{ ...byRole, workloadIdentityProvider: `${AWS}/../x` }, ['workloadIdentityProvider']],
  [{ ...byRole, serviceAccount: 'a@b.iam.gserviceaccount.com/x' }, ['serviceAccount']],
  [{ ...byRole, serviceAccount: 'somebody@acme.com' }, ['serviceAccount']],
  [{ ...byRole, audience: 'a' }, ['audience']],
  [{ ...byIdentity, root: 'root' }, ['workloadIdentityProvider', 'identity', 'serviceAccount']],
  [{ root: 'root', ttl: 7200 }, ['ttl']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${Array.isArray(expected) ? `have problems with ${expected}` : 'are fine'}`, () => {
    const config = gar.parse(fields, 'europe-docker.pkg.dev')
    assert.deepEqual('kind' in config ? config : config.map(({ field }) => field), expected)
  })
}

test('federation without a service account is refused with the reason', () => {
  const problems = gar.parse({ workloadIdentityProvider: AWS }, 'europe-docker.pkg.dev')
  assert.match(JSON.stringify(problems), /lives ten minutes, too short for an instance/)
})
