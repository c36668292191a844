/** Who signs, in every situation that users have: the same as with the SDK's own client, asked in the same way. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { createClients } from '../../src/aws/clients.ts'
import { createIdentitySource } from '../../src/aws/credentials.ts'
import { defaultProvider } from '../../src/aws/environment-credentials.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { DescribeSecretCommand } from '../../src/aws/secrets-manager-api.ts'
import { isCode } from '../../src/core/errors.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import {
  askOurs,
  askSdk,
  type Call,
  keys,
  linkLocal,
  outcome,
  type Place,
  shippedClients,
  ssoCache,
  start,
} from './credential-fixture.ts'

const STATIC = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'secret' }
const OFF = { AWS_EC2_METADATA_DISABLED: 'true' }
const LATER = () => new Date(Date.now() + 3_600_000).toISOString()

interface Situation {
  readonly what: string
  setUp(place: Place, context: TestContext): void
  /** Who signs the call to Secrets Manager, null when nobody can. */
  readonly by: string | null
  readonly token?: string
  readonly region?: string
  /** What is asked before: action or path, and by whom. */
  readonly before?: readonly string[]
}

const SITUATIONS: readonly Situation[] = [
  { what: 'keys of the environment', setUp: ({ env }) => env(STATIC), by: 'AKIAENV' },
  {
    what: 'keys of the environment with a session token',
    setUp: ({ env }) => env({ ...STATIC, AWS_SESSION_TOKEN: 'the token' }),
    by: 'AKIAENV',
    token: 'the token',
  },
  {
    what: 'half a pair of keys and nothing else',
    setUp: ({ env }) => env({ AWS_ACCESS_KEY_ID: 'AKIAENV', ...OFF }),
    by: null,
  },
  {
    what: 'a profile that is named, beside keys of the environment',
    setUp({ env, file }) {
      file('.aws/credentials', '[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = secret\n')
      env({ ...STATIC, AWS_PROFILE: 'other' })
    },
    by: 'AKIAOTHER',
  },
  {
    what: 'the default profile of the credentials file, with a token',
    setUp({ file }) {
      file(
        '.aws/credentials',
        '[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = secret\naws_session_token = tok\n',
      )
    },
    by: 'AKIAFILE',
    token: 'tok',
  },
  {
    what: 'a profile of the config file, with its Region',
    setUp({ env, config }) {
      config('[profile work]\nregion = us-west-2\naws_access_key_id = AKIAWORK\naws_secret_access_key = secret\n')
      env({ AWS_PROFILE: 'work', AWS_REGION: '' })
    },
    by: 'AKIAWORK',
    region: 'us-west-2',
  },
  {
    what: 'a profile that is not there',
    setUp: ({ env }) => env({ AWS_PROFILE: 'nobody', ...OFF }),
    by: null,
  },
  {
    what: 'a role of a profile, with keys of another profile, external id and session name',
    setUp({ env, config }) {
      config(`[profile source]
aws_access_key_id = AKIASOURCE
aws_secret_access_key = secret
[profile role]
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = source
external_id = ext
role_session_name = me
duration_seconds = 900
`)
      env({ AWS_PROFILE: 'role' })
    },
    by: 'ASIADEPLOY',
    token: 'token of DEPLOY',
    before: ['AssumeRole by AKIASOURCE'],
  },
  {
    what: 'a chain of two roles',
    setUp({ env, config }) {
      config(`[profile source]
aws_access_key_id = AKIASOURCE
aws_secret_access_key = secret
[profile first]
role_arn = arn:aws:iam::123456789012:role/first
source_profile = source
[profile second]
role_arn = arn:aws:iam::210987654321:role/second
source_profile = first
`)
      env({ AWS_PROFILE: 'second' })
    },
    by: 'ASIASECOND',
    before: ['AssumeRole by AKIASOURCE', 'AssumeRole by ASIAFIRST'],
  },
  {
    what: 'a ring of roles',
    setUp({ env, config }) {
      config(`[profile first]
role_arn = arn:aws:iam::123456789012:role/first
source_profile = second
[profile second]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = first
`)
      env({ AWS_PROFILE: 'first' })
    },
    by: null,
  },
  {
    what: 'a role that wants a code nobody can type',
    setUp({ env, config }) {
      config(`[profile source]
aws_access_key_id = AKIASOURCE
aws_secret_access_key = secret
[profile role]
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = source
mfa_serial = arn:aws:iam::123456789012:mfa/me
`)
      env({ AWS_PROFILE: 'role' })
    },
    by: null,
  },
  {
    what: 'a role with the keys of the environment as its source',
    setUp({ env, config }) {
      config('[profile role]\nrole_arn = arn:aws:iam::123456789012:role/deploy\ncredential_source = Environment\n')
      env({ ...STATIC, AWS_PROFILE: 'role' })
    },
    by: 'ASIADEPLOY',
    before: ['AssumeRole by AKIAENV'],
  },
  {
    what: 'a role that STS refuses',
    setUp({ env, config, answer }) {
      config('[profile role]\nrole_arn = arn:aws:iam::123456789012:role/deploy\ncredential_source = Environment\n')
      env({ ...STATIC, AWS_PROFILE: 'role' })
      answer((_, body) => (body.includes('Action=AssumeRole') ? stsRefusal('AccessDenied', 403) : null))
    },
    by: null,
    before: ['AssumeRole by AKIAENV'],
  },
  {
    what: 'a web identity of the environment (OIDC)',
    setUp({ env, file }) {
      env({
        AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'a.b.c'),
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/oidc',
        AWS_ROLE_SESSION_NAME: 'job',
      })
    },
    by: 'ASIAOIDC',
    token: 'token of OIDC',
    before: ['AssumeRoleWithWebIdentity by '],
  },
  {
    what: 'a web identity of a profile',
    setUp({ env, file, config }) {
      const token = file('token', 'a.b.c')
      config(
        `[profile web]\nrole_arn = arn:aws:iam::123456789012:role/oidc\nweb_identity_token_file = ${token}\nregion = us-west-2\n`,
      )
      env({ AWS_PROFILE: 'web', AWS_REGION: '' })
    },
    by: 'ASIAOIDC',
    region: 'us-west-2',
    before: ['AssumeRoleWithWebIdentity by '],
  },
  {
    what: 'a web identity whose file is gone',
    setUp({ env, home }) {
      env({
        AWS_WEB_IDENTITY_TOKEN_FILE: `${home}/gone`,
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/oidc',
      })
    },
    by: null,
  },
  {
    what: 'a web identity that STS refuses',
    setUp({ env, file, answer }) {
      env({
        AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'a.b.c'),
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/oidc',
      })
      answer((_, body) => (body.includes('WithWebIdentity') ? stsRefusal('InvalidIdentityToken', 400) : null))
    },
    by: null,
    before: ['AssumeRoleWithWebIdentity by '],
  },
  {
    what: 'the task role of a container, by relative address',
    setUp(place, context) {
      linkLocal(context, place)
      place.env({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/container' })
    },
    by: 'ASIACONTAINER',
    token: 'token of CONTAINER',
    before: ['GET /v2/container by '],
  },
  {
    what: 'a container with a full address and an authorization token',
    setUp({ env, base }) {
      env({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${base}/container`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'container token',
      })
    },
    by: 'ASIACONTAINER',
    before: ['GET /container by container token'],
  },
  {
    what: 'EKS pod identity, with its token in a file',
    setUp(place, context) {
      linkLocal(context, place)
      place.env({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://169.254.170.23/v1/container',
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: place.file('eks', 'pod token'),
      })
    },
    by: 'ASIACONTAINER',
    before: ['GET /v1/container by pod token'],
  },
  {
    what: 'a container whose address is neither local nor HTTPS',
    setUp: ({ env }) => env({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://192.0.2.1/container' }),
    by: null,
  },
  {
    what: 'the role of an instance, by IMDSv2',
    setUp: ({ env, base }) => env({ AWS_EC2_METADATA_SERVICE_ENDPOINT: base }),
    by: 'ASIAINSTANCE',
    token: 'token of INSTANCE',
    before: [
      'PUT /latest/api/token by ',
      'GET /latest/meta-data/iam/security-credentials/ by ',
      'GET /latest/meta-data/iam/security-credentials/instance by ',
    ],
  },
  {
    what: 'an instance that refuses tokens, where v1 is disabled',
    setUp({ env, base, answer }) {
      env({ AWS_EC2_METADATA_SERVICE_ENDPOINT: base, AWS_EC2_METADATA_V1_DISABLED: 'true' })
      answer(({ url }) => (url === '/latest/api/token' ? { status: 403, body: '' } : null))
    },
    by: null,
    before: ['PUT /latest/api/token by '],
  },
  {
    what: 'an instance without a role',
    setUp({ env, base, answer }) {
      env({ AWS_EC2_METADATA_SERVICE_ENDPOINT: base })
      answer(({ url }) => (url?.includes('security-credentials') ? { status: 404, body: '' } : null))
    },
    by: null,
    before: ['PUT /latest/api/token by ', 'GET /latest/meta-data/iam/security-credentials/ by '],
  },
  {
    what: 'an instance whose metadata service is disabled',
    setUp: ({ env, base }) => env({ AWS_EC2_METADATA_SERVICE_ENDPOINT: base, ...OFF }),
    by: null,
  },
  {
    what: 'an SSO session with a cached token',
    setUp(place) {
      place.config(SSO_SESSION)
      ssoCache(place, 'acme', { accessToken: 'sso', expiresAt: LATER() })
      place.env({ AWS_PROFILE: 'sso' })
    },
    by: 'ASIASSOAdmin',
    token: 'token of SSOAdmin',
    before: ['GET /federation/credentials by '],
  },
  {
    what: 'an SSO session without a cached token',
    setUp({ config, env }) {
      config(SSO_SESSION)
      env({ AWS_PROFILE: 'sso' })
    },
    by: null,
  },
  {
    what: 'an SSO start URL (the older form) with a cached token',
    setUp(place) {
      place.config(SSO_URL)
      ssoCache(place, 'https://acme.test/start', { accessToken: 'sso', expiresAt: LATER() })
      place.env({ AWS_PROFILE: 'sso' })
    },
    by: 'ASIASSOAdmin',
    before: ['GET /federation/credentials by '],
  },
  {
    what: 'an SSO start URL whose token has expired',
    setUp(place) {
      place.config(SSO_URL)
      ssoCache(place, 'https://acme.test/start', { accessToken: 'sso', expiresAt: '2020-01-01T00:00:00Z' })
      place.env({ AWS_PROFILE: 'sso' })
    },
    by: null,
  },
  {
    what: 'a role with an SSO session as its source',
    setUp(place) {
      place.config(
        `${SSO_SESSION}[profile role]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = sso\n`,
      )
      ssoCache(place, 'acme', { accessToken: 'sso', expiresAt: LATER() })
      place.env({ AWS_PROFILE: 'role' })
    },
    by: 'ASIADEPLOY',
    before: ['GET /federation/credentials by ', 'AssumeRole by ASIASSOAdmin'],
  },
  {
    what: 'a program that prints credentials',
    setUp(place) {
      const printed = { Version: 1, AccessKeyId: 'AKIAPROCESS', SecretAccessKey: 'secret', SessionToken: 'printed' }
      place.config(`[profile program]\ncredential_process = cat ${place.file('printed', JSON.stringify(printed))}\n`)
      place.env({ AWS_PROFILE: 'program' })
    },
    by: 'AKIAPROCESS',
    token: 'printed',
  },
  {
    what: 'a program that fails',
    setUp({ config, env }) {
      config('[profile program]\ncredential_process = false\n')
      env({ AWS_PROFILE: 'program' })
    },
    by: null,
  },
]

const SSO_SESSION = `[profile sso]
sso_session = acme
sso_account_id = 123456789012
sso_role_name = Admin
[sso-session acme]
sso_start_url = https://acme.test/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
`
const SSO_URL = `[profile sso]
sso_start_url = https://acme.test/start
sso_account_id = 123456789012
sso_role_name = Admin
sso_region = eu-central-1
`
const RENEWABLE = () => ({
  accessToken: 'sso',
  expiresAt: new Date(Date.now() + 60_000).toISOString(),
  clientId: 'client',
  clientSecret: 'client secret',
  refreshToken: 'refresh',
  registrationExpiresAt: LATER(),
})

function stsRefusal(code: string, status: number) {
  const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`
  return { status, body }
}

const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-chain-'))
after(() => rmSync(folder, { recursive: true }))
const shipped = await shippedClients(folder)

describe('the SDK and we, from the sources and as we ship, sign alike with', () => {
  for (const { what, setUp, by, token, region, before = [] } of SITUATIONS) {
    test(what, async (context) => {
      // Its warning that two sources are set.
      context.mock.method(console, 'warn', () => undefined)
      const place = await start(context)
      setUp(place, context)
      const sdk = await askSdk(place)
      for (const { outcome, calls } of [await askOurs(place), await askOurs(place, shipped)]) {
        assert.deepEqual(steps(calls), [...before, ...(by === null ? [] : [`secretsmanager.DescribeSecret by ${by}`])])
        assert.deepEqual(calls, sdk.calls)
        const last = calls.at(-1)
        if (token !== undefined) assert.equal(last?.token, token)
        if (by !== null) assert.equal(last?.region, region ?? 'eu-west-1')
        assert.equal(outcome, by === null ? 'CredentialsProviderError' : null)
      }
      assert.equal(sdk.outcome === null, by !== null, String(sdk.outcome))
    })
  }
})

function steps(calls: readonly Call[]): readonly string[] {
  return calls.map(({ what, by }) => `${what} by ${by}`)
}

/** One call with our client alone. */
async function call(place: Place, client = clientOf()): Promise<readonly Call[]> {
  assert.equal(await outcome(() => client.send(new DescribeSecretCommand({ SecretId: 's' }))), null)
  return place.calls.splice(0)
}

function clientOf() {
  return createClients({ userAgent: [], sleep: async () => undefined }).secrets
}

test('an SSO session is renewed, and its new token is asked with', async (context) => {
  const place = await start(context)
  place.config(SSO_SESSION)
  ssoCache(place, 'acme', RENEWABLE())
  place.env({ AWS_PROFILE: 'sso' })
  const calls = await call(place)
  assert.deepEqual(steps(calls), [
    'POST /token by ',
    'GET /federation/credentials by ',
    'secretsmanager.DescribeSecret by ASIASSOAdmin',
  ])
  assert.equal(calls[1]?.asked?.['x-amz-sso_bearer_token'], 'renewed')
})

describe('keys that run out', () => {
  /** A container that hands out new keys at each question; the first are good until `until`. */
  async function container(context: TestContext, until: number): Promise<Place> {
    const place = await start(context)
    let given = 0
    place.env({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${place.base}/container` })
    place.answer(({ url }) => {
      if (url !== '/container') return null
      given += 1
      const expiration = given === 1 ? new Date(Date.now() + until).toISOString() : LATER()
      return { status: 200, body: JSON.stringify(keys(String(given), expiration)) }
    })
    return place
  }
  const ASKED = 'GET /container by '
  const described = (key: string) => `secretsmanager.DescribeSecret by ${key}`

  test('in an hour are asked for once', async (context) => {
    const place = await container(context, 3_600_000)
    const client = clientOf()
    assert.deepEqual(steps(await call(place, client)), [ASKED, described('ASIA1')])
    assert.deepEqual(steps(await call(place, client)), [described('ASIA1')])
  })

  test('in two minutes are renewed beside the call that still uses them', async (context) => {
    const place = await container(context, 120_000)
    const client = clientOf()
    await call(place, client)
    const renewing = await call(place, client)
    assert.ok(steps(renewing).includes(described('ASIA1')))
    const later: string[] = []
    while (!later.includes(described('ASIA2')) && later.length < 100) later.push(...steps(await call(place, client)))
    assert.ok(later.includes(described('ASIA2')))
    assert.equal([...steps(renewing), ...later].filter((step) => step === ASKED).length, 1)
  })

  test('before the call are renewed first', async (context) => {
    const place = await container(context, -1_000)
    const client = clientOf()
    await call(place, client)
    assert.deepEqual(steps(await call(place, client)), [ASKED, described('ASIA2')])
  })

  test('although their time says otherwise are renewed when AWS says so, and the call is made again', async (context) => {
    for (const type of ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired']) {
      const place = await container(context, 3_600_000)
      place.answer(({ headers }) =>
        headers['x-amz-security-token'] === 'token of 1' && headers['x-amz-target'] !== undefined
          ? { status: 400, body: JSON.stringify({ __type: type, message: 'no' }) }
          : null,
      )
      const expected = [ASKED, described('ASIA1'), ASKED, described('ASIA2')]
      assert.deepEqual(steps(await call(place)), expected, type)
    }
  })

  test('and cannot be renewed are AWS_CREDENTIALS after one attempt', async (context) => {
    const place = await start(context)
    place.env({ ...STATIC, AWS_SESSION_TOKEN: 'old' })
    place.answer(() => ({ status: 400, body: '{"__type":"ExpiredTokenException","message":"no"}' }))
    const error = await failure()
    assert.match(error.message, /ExpiredTokenException/)
    assert.equal(place.calls.length, 1)
  })
})

/** What a person reads whose call found no credentials. */
async function failure(): Promise<Error & { readonly hint: string }> {
  try {
    await createSecretStore(clientOf()).describe('s')
  } catch (error) {
    assert.ok(isCode(error, 'AWS_CREDENTIALS'), String(error))
    return error
  }
  assert.fail('The call went well.')
}

describe('a person reads', () => {
  test('that a role could not be assumed, and not that the call was denied', async (context) => {
    const place = await start(context)
    place.config('[profile role]\nrole_arn = arn:aws:iam::123456789012:role/deploy\ncredential_source = Environment\n')
    place.env({ ...STATIC, AWS_PROFILE: 'role' })
    place.answer((_, body) => (body.includes('Action=AssumeRole') ? stsRefusal('AccessDenied', 403) : null))
    context.mock.method(console, 'warn', () => undefined)
    assert.match((await failure()).message, /\(CredentialsProviderError: AccessDenied\)/)
  })

  test('that a file is missing', async (context) => {
    const place = await start(context)
    const role = { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/oidc' }
    place.env({ AWS_WEB_IDENTITY_TOKEN_FILE: `${place.home}/gone`, ...role })
    assert.match((await failure()).message, /\(CredentialsProviderError: ENOENT\)/)
  })

  test('that there are no credentials, and not that AWS is away, where no metadata service answers', async (context) => {
    const place = await start(context)
    place.env({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' })
    assert.match((await failure()).message, /\(CredentialsProviderError\)/)
  })

  test('to log in again when an SSO session has expired', async (context) => {
    const place = await start(context)
    place.config(SSO_URL)
    ssoCache(place, 'https://acme.test/start', { accessToken: 'sso', expiresAt: '2020-01-01T00:00:00Z' })
    place.env({ AWS_PROFILE: 'sso' })
    assert.match((await failure()).hint, /aws sso login/)
  })

  test('nothing of a secret, whatever a source prints or answers', async (context) => {
    const printed = marked('printed')
    const place = await start(context)
    place.config(
      `[profile program]\ncredential_process = cat ${place.file('printed', `{"SecretAccessKey":"${printed}`)}\n`,
    )
    place.env({ AWS_PROFILE: 'program' })
    const answered = await failure()
    const token = marked('web')
    place.env({
      AWS_WEB_IDENTITY_TOKEN_FILE: place.file('token', token),
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/oidc',
    })
    place.answer((_, body) => (body.includes('WithWebIdentity') ? { status: 400, body } : null))
    for (const error of [answered, await failure()]) assertNoMarks(inspect(error, { depth: 9 }), 'the error')
  })
})

describe('a function', () => {
  test('signs with the role of its environment and passes its trace on', async (context) => {
    const place = await start(context)
    let trace: unknown
    place.answer(({ headers }) => {
      trace = headers['x-amzn-trace-id']
      return null
    })
    const lambda = { AWS_LAMBDA_FUNCTION_NAME: 'rotate', _X_AMZN_TRACE_ID: 'Root=1-2-3;Sampled=0' }
    place.env({ ...STATIC, AWS_SESSION_TOKEN: 'of the role', ...lambda })
    assert.deepEqual(await askOurs(place), await askSdk(place))
    const { secrets } = createClients({ userAgent: [], proxyEnv: process.env })
    await secrets.send(new DescribeSecretCommand({ SecretId: 's' }))
    assert.equal(trace, lambda._X_AMZN_TRACE_ID)
  })

  test('has no other source: without keys it says so by the name that the SDK uses', async (context) => {
    const place = await start(context)
    place.env({ AWS_ACCESS_KEY_ID: 'AKIAENV' })
    await assert.rejects(defaultProvider()(), { name: 'CredentialsProviderError' })
    place.env({ ...STATIC, AWS_PROFILE: 'left over', AWS_SESSION_TOKEN: 'tok' })
    const expected = { accessKeyId: 'AKIAENV', secretAccessKey: 'secret', sessionToken: 'tok' }
    assert.deepEqual(await defaultProvider()(), expected)
  })
})

test('the chain is not loaded where the environment has keys', async (context) => {
  const place = await start(context)
  place.env(STATIC)
  const source = createIdentitySource({
    region: () => assert.fail('asked for the Region'),
    agent: new Agent(),
  })
  assert.equal((await source()).accessKeyId, 'AKIAENV')
})
