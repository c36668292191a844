/** Who runs us, as a token: GitHub's inside a workflow, the role's elsewhere. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../src/core/errors.ts'
import type { AwsRequest, Http, HttpRequest } from '../src/core/ports.ts'
import { createHttp } from '../src/http.ts'
import { createIdentity } from '../src/identity.ts'
import { type AwsRole, type AwsRoleOptions, startAwsRole } from './doubles/aws-role.ts'
import type { Fault } from './doubles/faults.ts'
import { githubIssuer } from './doubles/identity-issuer.ts'
import { assertNoMarks, marked } from './doubles/marks.ts'
import { noIdentity } from './doubles/no-identity.ts'
import { type ApiDouble, startApi } from './doubles/token-api.ts'
import { NOW, shownBy } from './registries/context.ts'

const AUDIENCE = 'https://registry.acme.test/a?b=c&d'
const now = () => NOW
const github = githubIssuer(now)
const REQUEST_TOKEN = marked('request')

/** The service that gives ID tokens to a job; its URL comes with a query of its own. */
async function withGithub(run: (api: ApiDouble, env: Record<string, string>) => Promise<void>): Promise<void> {
  const api = await startApi([
    [
      'GET',
      /^\/idtoken$/,
      ({ headers, query }) => {
        if (headers['authorization'] !== `Bearer ${REQUEST_TOKEN}`) return { status: 401, body: {} }
        if (query.get('api-version') !== '2.0') return { status: 400, body: {} }
        return {
          status: 200,
          body: { count: 1, value: github.issue(query.get('audience') ?? 'https://github.com/acme') },
        }
      },
    ],
  ])
  const env = {
    GITHUB_ACTIONS: 'true',
    ACTIONS_ID_TOKEN_REQUEST_URL: `${api.url}/idtoken?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN,
  }
  try {
    await run(api, env)
  } finally {
    await api.close()
  }
}

/** What hangs on purpose is given up early, and nothing else. */
function patienceFor({ kind }: Fault): Http {
  const http = createHttp()
  const hangs = kind === 'silence' || kind === 'slow-body'
  return hangs ? { send: (request) => http.send({ ...request, timeoutMs: 100 }) } : http
}

function fromGithub(env: Readonly<Record<string, string>>, http = createHttp()) {
  return createIdentity({ http, env, signAws: noIdentity.signAws })
}

async function unavailable(promise: Promise<unknown>, message: RegExp, hint: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, 'IDENTITY_UNAVAILABLE')
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    assertNoMarks(shownBy(error), 'the error')
    return true
  })
}

test('inside a workflow GitHub gives the token, for exactly the audience asked', () =>
  withGithub(async (api, env) => {
    for (const only of [undefined, 'github'] as const) {
      const token = await fromGithub(env)(AUDIENCE, only)
      assert.equal(github.claimsOf(token.reveal(), AUDIENCE)?.['repository'], 'acme/infra')
      assert.equal(`${token}`, '[secret]')
    }
    const { pathname, searchParams } = new URL(api.requests[0]?.path ?? '', api.url)
    assert.equal(pathname, '/idtoken')
    assert.deepEqual(
      [...searchParams.entries()],
      [
        ['api-version', '2.0'],
        ['audience', AUDIENCE],
      ],
    )
  }))

for (const missing of ['ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN']) {
  for (const value of [undefined, '']) {
    test(`a job with ${value === undefined ? 'no' : 'an empty'} ${missing} is told the line that its workflow lacks`, () =>
      withGithub(async (api, env) => {
        const { [missing]: _, ...rest } = env
        const identity = fromGithub(value === undefined ? rest : { ...rest, [missing]: value })
        await unavailable(identity(AUDIENCE), /may not ask GitHub for an ID token/, /permissions: \{ id-token: write/)
        assert.deepEqual(api.requests, [])
      }))
  }
}

test('an address for tokens that is no URL asks nobody', async () => {
  const env = { GITHUB_ACTIONS: 'true', ACTIONS_ID_TOKEN_REQUEST_URL: 'nowhere', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'x' }
  await unavailable(fromGithub(env)(AUDIENCE), /may not ask GitHub/, /id-token: write/)
})

/** What comes instead of an answer, how often GitHub is asked then, and what is said. */
const FAILING: readonly (readonly [string, Fault, number, RegExp])[] = [
  ['401', { kind: 'answer', status: 401 }, 1, /GitHub gave no ID token \(it answered 401\)/],
  ['429', { kind: 'answer', status: 429 }, 1, /it answered 429/],
  ['a redirect', { kind: 'answer', status: 302, headers: { location: 'https://evil.test/' } }, 1, /it answered 302/],
  ['503', { kind: 'answer', status: 503, body: 'later' }, 2, /it answered 503/],
  ['200 without a token', { kind: 'answer', status: 200, body: '{"count":0}' }, 1, /it answered 200/],
  ['an empty token', { kind: 'answer', status: 200, body: '{"value":""}' }, 1, /it answered 200/],
  ['a token that is no text', { kind: 'answer', status: 200, body: '{"value":{}}' }, 1, /it answered 200/],
  ['a page', { kind: 'answer', status: 200, body: '<html>' }, 1, /it answered 200/],
  ['a closed connection', { kind: 'hang-up' }, 2, /127\.0\.0\.1:\d+: ECONNRESET/],
  ['silence', { kind: 'silence' }, 2, /no whole answer within 100 ms/],
  ['half an answer', { kind: 'slow-body' }, 2, /no whole answer within 100 ms/],
  ['10 MB', { kind: 'huge-body' }, 2, /larger than 1 MiB/],
]
for (const [what, fault, asked, message] of FAILING) {
  test(`GitHub answering with ${what} is IDENTITY_UNAVAILABLE after ${asked === 1 ? 'one question' : 'two'}`, () =>
    withGithub(async (api, env) => {
      api.fault = () => ({ when: 'before', fault })
      await unavailable(fromGithub(env, patienceFor(fault))(AUDIENCE), message, /Run the job again/)
      assert.equal(api.requests.length, asked)
    }))
}

test('one failure of GitHub is asked again', () =>
  withGithub(async (api, env) => {
    for (const fault of [{ kind: 'hang-up' }, { kind: 'answer', status: 502 }] as const) {
      let failed = false
      api.fault = () => {
        if (failed) return null
        failed = true
        return { when: 'after', fault }
      }
      const token = await fromGithub(env)(AUDIENCE)
      assert.notEqual(github.claimsOf(token.reveal(), AUDIENCE), null)
    }
  }))

// ── AWS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function withRole(options: Partial<AwsRoleOptions>, run: (role: AwsRole) => Promise<void>): Promise<void> {
  const role = await startAwsRole({ now, ...options })
  try {
    await run(role)
    assertNoMarks(JSON.stringify(role.requests), 'a URL')
  } finally {
    await role.close()
  }
}

test('outside a workflow the role signs a question to STS, and gets a token for exactly the audience asked', () =>
  withRole({}, async (role) => {
    const token = await role.identityToken(AUDIENCE)
    assert.equal(role.claimsOf(token.reveal(), AUDIENCE)?.['sub'], 'arn:aws:iam::123456789012:role/ecs-pull-auth')
    assert.equal(role.claimsOf(token.reveal(), 'another'), null)
    assert.equal(`${token}`, '[secret]')
    assert.deepEqual(role.requests, [{ method: 'POST', path: '/' }])
  }))

test('the question to STS is signed whole: parameters, content type, host', () =>
  withRole({}, async (role) => {
    const changes: readonly (readonly [string, (request: HttpRequest) => HttpRequest])[] = [
      ['another audience', (request) => ({ ...request, body: `${request.body}`.replace('acme', 'evil') })],
      [
        'another content type',
        (request) => ({
          ...request,
          headers: { ...request.headers, 'content-type': 'application/x-www-form-urlencoded' },
        }),
      ],
    ]
    for (const [what, change] of changes) {
      const http: Http = { send: (request) => createHttp().send(change(request)) }
      const identity = createIdentity({ http, env: {}, signAws: role.signAws })
      await unavailable(identity(AUDIENCE), /\(SignatureDoesNotMatch\)/, /credentials, the Region/)
      assert.ok(role.requests.length > 0, what)
    }
  }))

test('STS is asked in the Region of the role, without a token in the query', () =>
  withRole({}, async (role) => {
    const asked: AwsRequest[] = []
    const signAws: AwsRole['signAws'] = (request) => {
      asked.push(request)
      return role.signAws(request)
    }
    await createIdentity({ http: createHttp(), env: { GITHUB_ACTIONS: 'false' }, signAws })(AUDIENCE)
    const [{ service, region, url, method, body } = assert.fail('STS was not asked')] = asked
    assert.deepEqual({ service, region, url, method }, { service: 'sts', region: null, url: null, method: 'POST' })
    assert.deepEqual(Object.fromEntries(new URLSearchParams(String(body))), {
      Action: 'GetWebIdentityToken',
      Version: '2011-06-15',
      SigningAlgorithm: 'RS256',
      DurationSeconds: '300',
      'Audience.member.1': AUDIENCE,
    })
  }))

const REFUSED: readonly (readonly [string, Partial<AwsRoleOptions>, RegExp, RegExp])[] = [
  [
    'an account without outbound federation',
    { outbound: false },
    /\(OutboundWebIdentityFederationDisabled\)/,
    /aws iam enable-outbound-web-identity-federation/,
  ],
  ['a role that may not', { actions: ['sts:GetCallerIdentity'] }, /\(AccessDenied\)/, /Allow sts:GetWebIdentityToken/],
  ['a role that nobody knows', { regions: ['eu-west-1'] }, /\(InvalidClientTokenId\)/, /check the credentials/],
]
for (const [what, options, message, hint] of REFUSED) {
  test(`${what} is IDENTITY_UNAVAILABLE, says what to do, and is not asked again`, () =>
    withRole(options, async (role) => {
      await unavailable(role.identityToken(AUDIENCE), message, hint)
      assert.equal(role.requests.length, 1)
    }))
}

const STS_FAILING: readonly (readonly [string, Fault, number, RegExp])[] = [
  ['503', { kind: 'answer', status: 503, body: '<html>' }, 2, /it answered 503/],
  ['a page', { kind: 'answer', status: 200, body: '<html>' }, 1, /it answered 200/],
  [
    'a token that is none',
    { kind: 'answer', status: 200, body: '<WebIdentityToken>a b</WebIdentityToken>' },
    1,
    /answered 200/,
  ],
  [
    'an error of any length',
    { kind: 'answer', status: 400, body: `<Code>${'A'.repeat(500)}</Code>` },
    1,
    /\(it answered 400\)/,
  ],
  ['a closed connection', { kind: 'hang-up' }, 2, /ECONNRESET/],
  ['silence', { kind: 'silence' }, 2, /no whole answer within 100 ms/],
  ['10 MB', { kind: 'huge-body' }, 2, /larger than 1 MiB/],
]
for (const [what, fault, asked, message] of STS_FAILING) {
  test(`STS answering with ${what} is IDENTITY_UNAVAILABLE after ${asked === 1 ? 'one question' : 'two'}`, () =>
    withRole({}, async (role) => {
      role.fault = () => ({ when: 'before', fault })
      const identity = createIdentity({ http: patienceFor(fault), env: {}, signAws: role.signAws })
      await unavailable(identity(AUDIENCE), message, /way to its STS endpoint/)
      assert.equal(role.requests.length, asked)
    }))
}

test('one failure of STS is asked again, with a signature of its own', () =>
  withRole({}, async (role) => {
    let asked = 0
    role.fault = () => (asked++ === 0 ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    const token = await role.identityToken(AUDIENCE)
    assert.notEqual(role.claimsOf(token.reveal(), AUDIENCE), null)
  }))

test('a registry that trusts GitHub only gets nothing else, and AWS is not even asked', () =>
  withRole({}, async (role) => {
    await unavailable(role.identityToken(AUDIENCE, 'github'), /this is no GitHub workflow/, /provider static/)
    assert.deepEqual(role.requests, [])
  }))
