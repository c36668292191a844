import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Clock, Credential, Http, HttpAnswer, HttpRequest, Proof, Verdict } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import type { Fault } from '../doubles/faults.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { pullImage } from '../doubles/pull.ts'
import { type RegistryDouble, type RegistryOptions, type RegistryRequest, startRegistry } from '../doubles/registry.ts'
import { tinyImage } from '../doubles/tiny-image.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const clock: Clock = { now: () => NOW, sleep: async () => {} }
const http = createHttp()

const IMAGES = ['acme/app:stable', 'public/app:stable']
const GOOD = marked('good')
const SECOND = marked('second')
const POWERLESS = marked('powerless')
const EXPIRED = marked('expired')

async function start(options: RegistryOptions = {}): Promise<RegistryDouble> {
  const registry = await startRegistry({ images: IMAGES, publicRepositories: ['public/*'], now: () => NOW, ...options })
  registry.tokens.add({ username: 'puller', password: GOOD, pulls: ['acme/*'], expiresAt: null })
  registry.tokens.add({ username: 'puller', password: SECOND, pulls: ['acme/*'], expiresAt: NOW + 1 })
  registry.tokens.add({ username: 'powerless', password: POWERLESS, pulls: [], expiresAt: null })
  registry.tokens.add({ username: 'puller', password: EXPIRED, pulls: ['acme/*'], expiresAt: NOW })
  return registry
}

function credential(password: string, username = 'puller'): Credential {
  return { username, password: new Secret(password) }
}

async function proof(registry: RegistryDouble, image: string, given: Credential, through: Http = http): Promise<Proof> {
  const found = await createPullVerifier(through, clock)(`${registry.host}/${image}`, given)
  assertNoMarks(found.detail, 'the detail')
  return found
}

interface Row {
  readonly what: string
  readonly image: string
  readonly with: Credential
  readonly strict: Verdict
  readonly fallback: Verdict
}

/** facts/registries.md section 4.2, and what follows from 4.1. */
const ROWS: readonly Row[] = [
  {
    what: 'a good credential',
    image: 'acme/app:stable',
    with: credential(GOOD),
    strict: 'pull-ok',
    fallback: 'pull-ok',
  },
  {
    what: 'a second living credential of the same user',
    image: 'acme/app:stable',
    with: credential(SECOND),
    strict: 'pull-ok',
    fallback: 'pull-ok',
  },
  {
    what: 'a bad credential',
    image: 'acme/app:stable',
    with: credential('bad'),
    strict: 'rejected',
    fallback: 'rejected',
  },
  {
    what: 'an expired credential',
    image: 'acme/app:stable',
    with: credential(EXPIRED),
    strict: 'rejected',
    fallback: 'rejected',
  },
  {
    what: 'a login without the right to pull',
    image: 'acme/app:stable',
    with: credential(POWERLESS, 'powerless'),
    strict: 'login-ok-pull-denied',
    fallback: 'login-ok-pull-denied',
  },
  {
    what: 'a login without the right to pull, and a missing tag',
    image: 'acme/app:missing',
    with: credential(POWERLESS, 'powerless'),
    strict: 'login-ok-pull-denied',
    fallback: 'login-ok-pull-denied',
  },
  {
    what: 'a bad credential and a public repository',
    image: 'public/app:stable',
    with: credential('bad'),
    strict: 'rejected',
    fallback: 'rejected',
  },
  {
    what: 'a bad credential and a missing tag of a public repository',
    image: 'public/app:missing',
    with: credential('bad'),
    strict: 'rejected',
    fallback: 'rejected',
  },
  {
    what: 'a good credential and a missing tag',
    image: 'acme/app:missing',
    with: credential(GOOD),
    strict: 'tag-missing',
    fallback: 'tag-missing',
  },
  {
    what: 'a good credential and a public repository',
    image: 'public/app:stable',
    with: credential(GOOD),
    strict: 'accepted-but-public',
    fallback: 'accepted-but-public',
  },
  {
    what: 'a login without any right and a public repository',
    image: 'public/app:stable',
    with: credential(POWERLESS, 'powerless'),
    strict: 'accepted-but-public',
    fallback: 'accepted-but-public',
  },
  {
    what: 'a good credential and a digest',
    image: `acme/app@${tinyImage().manifest.digest}`,
    with: credential(GOOD),
    strict: 'pull-ok',
    fallback: 'pull-ok',
  },
]

const VARIANTS: readonly (readonly [string, RegistryOptions, 'strict' | 'fallback'])[] = [
  ['a strict token service', {}, 'strict'],
  ['a token service that falls back to an anonymous token', { wrongPassword: 'anonymous' }, 'fallback'],
  ['opaque tokens', { opaque: true }, 'strict'],
  ['the field access_token', { tokenName: 'access_token' }, 'strict'],
  ['403 for a bad login', { refusal: 403 }, 'strict'],
  ['opaque tokens and 403 for a bad login, as GHCR has them', { opaque: true, refusal: 403 }, 'strict'],
  [
    'an anonymous fallback whose tokens are opaque and called access_token',
    { wrongPassword: 'anonymous', opaque: true, tokenName: 'access_token' },
    'fallback',
  ],
  [
    'a header of several challenges with commas in quotes',
    {
      challenge: (realm) =>
        `Basic realm="a, Bearer realm=b", Negotiate, Bearer realm="${realm}",service="test-registry"`,
    },
    'strict',
  ],
]

for (const [name, options, column] of VARIANTS) {
  describe(`with ${name}`, async () => {
    const registry = await start(options)
    after(() => registry.close())
    for (const row of ROWS) {
      test(`${row.what}: ${row[column]}`, async () => {
        const { verdict, detail } = await proof(registry, row.image, row.with)
        assert.equal(verdict, row[column], detail)
      })
    }
  })
}

const BASIC_ROWS: readonly (readonly [string, string, Credential, Verdict])[] = [
  ['a good credential', 'acme/app:stable', credential(GOOD), 'pull-ok'],
  ['a bad credential', 'acme/app:stable', credential('bad'), 'rejected'],
  ['a login without the right to pull', 'acme/app:stable', credential(POWERLESS, 'powerless'), 'rejected'],
  ['a missing tag', 'acme/app:missing', credential(GOOD), 'tag-missing'],
  ['a good credential and a public repository', 'public/app:stable', credential(GOOD), 'public-login-unknown'],
  ['a bad credential and a public repository', 'public/app:stable', credential('bad'), 'rejected'],
]
describe('with Basic', async () => {
  const registry = await start({ mode: 'basic' })
  after(() => registry.close())
  for (const [what, image, given, verdict] of BASIC_ROWS) {
    test(`${what}: ${verdict}`, async () => assert.equal((await proof(registry, image, given)).verdict, verdict))
  }
})

describe('with a registry that never asks for a login', async () => {
  const registry = await start({ mode: 'open' })
  after(() => registry.close())
  test('an image: public-login-unknown', async () => {
    assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, 'public-login-unknown')
  })
  test('a missing tag: tag-missing', async () => {
    assert.equal((await proof(registry, 'acme/app:missing', credential(GOOD))).verdict, 'tag-missing')
  })
})

/** One registry for one test. */
async function withRegistry(options: RegistryOptions, run: (registry: RegistryDouble) => Promise<void>): Promise<void> {
  const registry = await start(options)
  try {
    await run(registry)
  } finally {
    await registry.close()
  }
}

/** The requests that a registry saw, in words. */
function stepsOf({ requests }: RegistryDouble): readonly string[] {
  return requests.map(({ method, step, authorization }) => `${method} ${step} ${authorization}`)
}

test('a proof takes six questions and one login, and the detail names each answer', () =>
  withRegistry({}, async (registry) => {
    const { detail } = await proof(registry, 'acme/app:stable', credential(GOOD))
    assert.deepEqual(stepsOf(registry), [
      'HEAD manifest none',
      'GET login basic',
      'GET token basic',
      'HEAD manifest bearer',
      'GET token none',
      'HEAD manifest bearer',
    ])
    assert.equal(
      detail,
      'manifest without a login answered 401, login answered 200, pull token answered 200, manifest answered 200, ' +
        'token without a login answered 200, manifest with that token answered 401',
    )
  }))

test('a refused login is not tried again in any form, because registries ban for it', () =>
  withRegistry({ wrongPassword: 'anonymous' }, async (registry) => {
    const { verdict, detail } = await proof(registry, 'public/app:stable', credential('bad'))
    assert.equal(verdict, 'rejected')
    assert.deepEqual(stepsOf(registry), ['HEAD manifest none', 'GET login basic'])
    assert.equal(detail, 'manifest without a login answered 401, login answered 401')
  }))

test('only pull is asked for, for the probe’s own repository, whatever the challenge proposes', () =>
  withRegistry(
    {
      challenge: (realm) =>
        `Bearer realm="${realm}?kept=1",service="test-registry",scope="repository:acme/app:pull,push"`,
    },
    async (registry) => {
      await proof(registry, 'acme/app:stable', credential(GOOD, 'pull er'))
      const asked = registry.requests.filter(({ path }) => path.startsWith('/token')).map(({ path }) => path)
      assert.deepEqual(asked, ['/token?kept=1&service=test-registry&account=pull+er'])
    },
  ))

type Matches = (request: RegistryRequest, earlier: readonly RegistryRequest[]) => boolean

const isAnonymousToken: Matches = ({ step, authorization }) => step === 'token' && authorization === 'none'
const isBearerManifest: Matches = ({ step, authorization }) => step === 'manifest' && authorization === 'bearer'
const STEPS: readonly (readonly [string, Matches])[] = [
  ['manifest without a login', ({ step, authorization }) => step === 'manifest' && authorization === 'none'],
  ['login', ({ step }) => step === 'login'],
  ['pull token', ({ step, authorization }) => step === 'token' && authorization === 'basic'],
  [
    'manifest',
    (request, earlier) => isBearerManifest(request, earlier) && !earlier.some((one) => isAnonymousToken(one, [])),
  ],
  ['token without a login', isAnonymousToken],
  [
    'manifest with that token',
    (request, earlier) => isBearerManifest(request, earlier) && earlier.some((one) => isAnonymousToken(one, [])),
  ],
]

const FAULTS: readonly (readonly [string, Fault, RegExp])[] = [
  [
    '429 with seconds',
    { kind: 'answer', status: 429, headers: { 'retry-after': '30' } },
    /answered 429 and asks to wait 30 s$/,
  ],
  [
    '429 with a date',
    { kind: 'answer', status: 429, headers: { 'retry-after': 'Tue, 24 Nov 2026 12:01:00 GMT' } },
    /answered 429 and asks to wait 60 s$/,
  ],
  [
    '429 with Docker Hub’s unix time',
    { kind: 'answer', status: 429, headers: { 'x-retry-after': String(NOW / 1000 + 90) } },
    /answered 429 and asks to wait 90 s$/,
  ],
  ['429 alone', { kind: 'answer', status: 429 }, /answered 429$/],
  ['408', { kind: 'answer', status: 408 }, /answered 408$/],
  ['500', { kind: 'answer', status: 500 }, /answered 500$/],
  [
    '503 with seconds',
    { kind: 'answer', status: 503, headers: { 'retry-after': '5' } },
    /answered 503 and asks to wait 5 s$/,
  ],
  ['a redirect', { kind: 'answer', status: 307, headers: { location: '/v2/' } }, /answered 307$/],
  ['a closed connection', { kind: 'hang-up' }, /had no answer: 127\.0\.0\.1:\d+: ECONNRESET$/],
  ['silence', { kind: 'silence' }, /had no answer: 127\.0\.0\.1:\d+: no whole answer within 50 ms$/],
  ['a body that never ends', { kind: 'slow-body' }, /had no answer: 127\.0\.0\.1:\d+: no whole answer within 50 ms$/],
  ['a body of 10 MB', { kind: 'huge-body' }, /had no answer: 127\.0\.0\.1:\d+: the answer is larger than 1 MiB$/],
]

for (const [step, matches] of STEPS) {
  for (const [what, fault, detail] of FAULTS) {
    // A HEAD answer has no body that could be slow or large.
    if (step.startsWith('manifest') && fault.kind.endsWith('-body')) continue
    test(`${what} at the step "${step}" is unknown, never rejected`, () =>
      withRegistry({}, async (registry) => {
        // Only the question that will never be answered is given up early, so that a busy machine changes nothing.
        let hangs = false
        registry.fault = (request) => {
          hangs = matches(request, registry.requests)
          return hangs ? fault : null
        }
        const impatient = fault.kind === 'silence' || fault.kind === 'slow-body' ? givingUp(registry, matches) : http
        const found = await proof(registry, 'acme/app:stable', credential(GOOD), impatient)
        assert.equal(found.verdict, 'unknown')
        assert.match(found.detail, detail)
        const told = /asks to wait ([0-9]+) s$/.exec(found.detail)?.[1]
        assert.equal(found.retryAfter, told === undefined ? undefined : Number(told) * 1000)
        assert.ok(hangs, 'the fault happened')
        assert.ok(found.detail.split(', ').at(-1)?.startsWith(`${step} `), found.detail)
      }))
  }
}

/** The same answers where no token is asked for: Basic, and the base of a registry that hides its challenge. */
const OTHER_STEPS: readonly (readonly [
  string,
  RegistryOptions,
  string,
  (request: RegistryRequest) => Fault | null | 'at',
])[] = [
  [
    'manifest without a login',
    { mode: 'basic' },
    'Basic',
    ({ authorization }) => (authorization === 'none' ? 'at' : null),
  ],
  ['manifest', { mode: 'basic' }, 'Basic', ({ authorization }) => (authorization === 'basic' ? 'at' : null)],
  [
    'registry base',
    {},
    'a hidden challenge',
    ({ step }) => (step === 'base' ? 'at' : step === 'manifest' ? { kind: 'answer', status: 404 } : null),
  ],
]

for (const [step, options, where, decide] of OTHER_STEPS) {
  for (const [what, fault, detail] of FAULTS) {
    if (step.startsWith('manifest') && fault.kind.endsWith('-body')) continue
    test(`${what} at the step "${step}" with ${where} is unknown, never rejected`, () =>
      withRegistry(options, async (registry) => {
        registry.fault = (request) => {
          const decided = decide(request)
          return decided === 'at' ? fault : decided
        }
        const found = await proof(registry, 'acme/app:stable', credential(GOOD), {
          send: (request) => http.send(hurried(request)),
        })
        assert.equal(found.verdict, 'unknown')
        assert.match(found.detail, detail)
        assert.ok(found.detail.split(', ').at(-1)?.startsWith(`${step} `), found.detail)
      }))

    function hurried(request: HttpRequest): HttpRequest {
      return fault.kind === 'silence' || fault.kind === 'slow-body' ? { ...request, timeoutMs: 50 } : request
    }
  }
}

/** Waits 50 ms for the one question that matches, and as long as usual for all others. */
function givingUp(registry: RegistryDouble, matches: Matches): Http {
  return {
    send(request) {
      const { pathname, search, searchParams } = new URL(request.url)
      const authorization = request.headers?.['authorization']
      const scheme = authorization instanceof Secret ? authorization.reveal().split(' ')[0]?.toLowerCase() : 'none'
      const coming = {
        step: pathname !== '/token' ? 'manifest' : searchParams.has('scope') ? 'token' : 'login',
        method: request.method,
        path: pathname + search,
        authorization: scheme === 'basic' || scheme === 'bearer' ? scheme : 'none',
      } as const
      return http.send(matches(coming, registry.requests) ? { ...request, timeoutMs: 50 } : request)
    },
  }
}

test('a registry where nobody listens is unknown', async () => {
  let registry: RegistryDouble | null = null
  await withRegistry({}, async (running) => {
    registry = running
  })
  assert.ok(registry !== null)
  const { verdict, detail } = await proof(registry, 'acme/app:stable', credential(GOOD))
  assert.equal(verdict, 'unknown')
  assert.match(detail, /^manifest without a login had no answer: 127\.0\.0\.1:\d+: ECONNREFUSED$/)
})

const ODD: readonly (readonly [string, string, Fault, Verdict])[] = [
  ['a login that answers 400', 'login', { kind: 'answer', status: 400 }, 'pull-ok'],
  ['a login that answers 200 without a token', 'login', { kind: 'answer', status: 200, body: '<html>' }, 'pull-ok'],
  ['a pull token of 401 after a good login', 'pull token', { kind: 'answer', status: 401 }, 'login-ok-pull-denied'],
  ['a pull token of 403 after a good login', 'pull token', { kind: 'answer', status: 403 }, 'login-ok-pull-denied'],
  ['a pull token of 400', 'pull token', { kind: 'answer', status: 400 }, 'unknown'],
  ['a pull token without a token', 'pull token', { kind: 'answer', status: 200, body: '{"token":7}' }, 'unknown'],
  [
    'a pull token with a line break',
    'pull token',
    { kind: 'answer', status: 200, body: '{"token":"a\\nb"}' },
    'unknown',
  ],
  [
    'a pull token under a name that nobody reads',
    'pull token',
    { kind: 'answer', status: 200, body: '{"jwt":"a.b.c"}' },
    'unknown',
  ],
  [
    'an empty pull token',
    'pull token',
    { kind: 'answer', status: 200, body: '{"token":"","access_token":""}' },
    'unknown',
  ],
  ['a pull token that is a list', 'pull token', { kind: 'answer', status: 200, body: '["token"]' }, 'unknown'],
  ['a manifest of 403 after a good login', 'manifest', { kind: 'answer', status: 403 }, 'login-ok-pull-denied'],
  ['a manifest of 400', 'manifest', { kind: 'answer', status: 400 }, 'unknown'],
  ['no anonymous token', 'token without a login', { kind: 'answer', status: 401 }, 'pull-ok'],
  ['no anonymous token, as 400', 'token without a login', { kind: 'answer', status: 400 }, 'pull-ok'],
  ['an anonymous manifest of 404', 'manifest with that token', { kind: 'answer', status: 404 }, 'pull-ok'],
  ['an anonymous manifest of 400', 'manifest with that token', { kind: 'answer', status: 400 }, 'unknown'],
]
for (const [what, step, fault, verdict] of ODD) {
  test(`${what}: ${verdict}`, () =>
    withRegistry({}, async (registry) => {
      const matches = STEPS.find(([name]) => name === step)?.[1]
      assert.ok(matches !== undefined)
      registry.fault = (request) => (matches(request, registry.requests) ? fault : null)
      const found = await proof(registry, 'acme/app:stable', credential(GOOD))
      assert.equal(found.verdict, verdict, found.detail)
    }))
}

test('a token under both names is taken where one of them is empty', () =>
  withRegistry({}, async (registry) => {
    const scope = 'repository:acme/app:pull'
    const query = `service=test-registry&scope=${encodeURIComponent(scope)}`
    const basic = `Basic ${Buffer.from(`puller:${GOOD}`).toString('base64')}`
    const url = `http://${registry.host}/token?${query}`
    const answer = await http.send({ method: 'GET', url, headers: { authorization: basic } })
    const { token } = JSON.parse(answer.kind === 'answer' ? answer.body.reveal() : '')
    for (const body of [
      { token: '', access_token: token },
      { token, access_token: '' },
      { token, access_token: 'other' },
    ]) {
      registry.fault = ({ step, authorization }) =>
        step === 'token' && authorization === 'basic'
          ? { kind: 'answer', status: 200, body: JSON.stringify(body) }
          : null
      assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, 'pull-ok')
    }
  }))

test('without any login answer, a refused pull token means rejected', () =>
  withRegistry({}, async (registry) => {
    registry.fault = ({ step }) => (step === 'login' ? { kind: 'answer', status: 404 } : null)
    assert.equal((await proof(registry, 'acme/app:stable', credential('bad'))).verdict, 'rejected')
  }))

test('without any login answer, a public image proves nothing at all', () =>
  withRegistry({ wrongPassword: 'anonymous' }, async (registry) => {
    registry.fault = ({ step }) => (step === 'login' ? { kind: 'answer', status: 404 } : null)
    assert.equal((await proof(registry, 'public/app:stable', credential('bad'))).verdict, 'public-login-unknown')
  }))

test('a 404 for a token that grants no pull is a denial, not a missing tag', () =>
  withRegistry({}, async (registry) => {
    registry.fault = ({ authorization }) => (authorization === 'bearer' ? { kind: 'answer', status: 404 } : null)
    const { verdict, detail } = await proof(registry, 'acme/app:stable', credential(POWERLESS, 'powerless'))
    assert.equal(verdict, 'login-ok-pull-denied')
    assert.match(detail, /manifest answered 404, and the token grants no pull$/)
  }))

/** A JWT that nobody signed, with an access claim. */
function jwtWith(access: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ access })}.x`
}

const CLAIMS: readonly (readonly [string, string, Verdict])[] = [
  [
    'a token for push alone',
    jwtWith([{ type: 'repository', name: 'acme/app', actions: ['push'] }]),
    'login-ok-pull-denied',
  ],
  [
    'a token for another repository',
    jwtWith([{ type: 'repository', name: 'acme/b', actions: ['pull'] }]),
    'login-ok-pull-denied',
  ],
  [
    'a token for another kind of thing',
    jwtWith([{ type: 'registry', name: 'acme/app', actions: ['pull'] }]),
    'login-ok-pull-denied',
  ],
  ['a token with a broken claim', jwtWith([null, 'pull', { type: 'repository' }]), 'login-ok-pull-denied'],
  ['a token for pull', jwtWith([{ type: 'repository', name: 'acme/app', actions: ['pull'] }]), 'tag-missing'],
  ['a token for everything', jwtWith([{ type: 'repository', name: 'acme/app', actions: ['*'] }]), 'tag-missing'],
  ['a token without a claim', jwtWith(undefined), 'tag-missing'],
  ['an opaque token', 'opaque', 'tag-missing'],
  ['a token that only looks like a JWT', 'a.b.c', 'tag-missing'],
]
for (const [what, token, verdict] of CLAIMS) {
  test(`${what} and a manifest of 404: ${verdict}`, () =>
    withRegistry({}, async (registry) => {
      registry.fault = ({ step }) => {
        if (step === 'token') return { kind: 'answer', status: 200, body: JSON.stringify({ token }) }
        return step === 'manifest' && registry.requests.length > 1 ? { kind: 'answer', status: 404 } : null
      }
      assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, verdict)
    }))
}

test('an image that comes without any token is public, although a login is possible', () =>
  withRegistry({}, async (registry) => {
    registry.fault = ({ step, authorization }) =>
      step === 'manifest' && authorization === 'none' ? { kind: 'answer', status: 200 } : null
    assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, 'accepted-but-public')
    assert.deepEqual(
      registry.requests.map(({ step }) => step),
      ['manifest', 'base', 'login', 'token', 'manifest'],
    )
  }))

test('an open registry without a base is still an open registry', () =>
  withRegistry({ mode: 'open' }, async (registry) => {
    registry.fault = ({ step }) => (step === 'base' ? { kind: 'answer', status: 404 } : null)
    assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, 'public-login-unknown')
  }))

test('a login answered with a page instead of a token is no login', () =>
  withRegistry({}, async (registry) => {
    registry.fault = ({ step }) => (step === 'login' ? { kind: 'answer', status: 200, body: '<html>' } : null)
    assert.equal((await proof(registry, 'public/app:stable', credential(GOOD))).verdict, 'public-login-unknown')
  }))

test('a registry that hides its challenge at the manifest is asked at its base', () =>
  withRegistry({}, async (registry) => {
    registry.fault = ({ step, authorization }) =>
      step === 'manifest' && authorization === 'none' ? { kind: 'answer', status: 404 } : null
    assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, 'pull-ok')
    assert.deepEqual(stepsOf(registry).slice(0, 3), ['HEAD manifest none', 'GET base none', 'GET login basic'])
  }))

test('a host that is no registry is unknown and gets no credential', () =>
  withRegistry({}, async (registry) => {
    registry.fault = () => ({ kind: 'answer', status: 404, body: 'not here' })
    const { verdict, detail } = await proof(registry, 'acme/app:stable', credential(GOOD))
    assert.equal(verdict, 'unknown')
    assert.match(detail, /the registry does not say how to log in$/)
    assert.ok(registry.requests.every(({ authorization }) => authorization === 'none'))
  }))

const STRANGE_CHALLENGES: readonly (readonly [string, string, RegExp])[] = [
  [
    'a realm of a stranger',
    'Bearer realm="https://evil.test/token",service="s"',
    /token realm evil\.test, which is not on this machine/,
  ],
  ['a realm with a user', 'Bearer realm="http://a:b@127.0.0.1/token"', /token realm 127\.0\.0\.1 with a user in it$/],
  ['a realm that is no URL', 'Bearer realm="/token"', /names no token realm that is a URL$/],
  ['no realm', 'Bearer service="s"', /names no token realm that is a URL$/],
  ['a stranger’s realm beside Basic', 'Basic realm="x", Bearer realm="https://evil.test/"', /evil\.test/],
  ['a scheme that Docker does not know', 'Negotiate', /asks for negotiate, which Docker cannot$/],
]
for (const [what, challenge, detail] of STRANGE_CHALLENGES) {
  test(`${what} is unknown, and the credential goes nowhere`, () =>
    withRegistry({ challenge: () => challenge }, async (registry) => {
      const sent: HttpRequest[] = []
      const watched: Http = {
        send(request) {
          sent.push(request)
          return http.send(request)
        },
      }
      const found = await proof(registry, 'acme/app:stable', credential(GOOD), watched)
      assert.equal(found.verdict, 'unknown')
      assert.match(found.detail, detail)
      assert.deepEqual(
        sent.map(({ url, headers }) => [new URL(url).host, headers?.['authorization']]),
        [[registry.host, undefined]],
      )
    }))
}

test('a redirect never takes the credential or the bearer to another host', () =>
  withRegistry({}, (elsewhere) =>
    withRegistry({}, async (registry) => {
      for (const authorization of ['basic', 'bearer'] as const) {
        registry.fault = (request) =>
          request.authorization === authorization
            ? { kind: 'answer', status: 302, headers: { location: `http://${elsewhere.host}${request.path}` } }
            : null
        assert.equal((await proof(registry, 'acme/app:stable', credential(GOOD))).verdict, 'unknown')
      }
      assert.deepEqual(elsewhere.requests, [])
    }),
  ))

/** A world of https hosts that needs no network: private images that one bearer pulls. */
function httpsWorld(challenge: string, sent: HttpRequest[]): Http {
  const answer = (status: number, headers: Record<string, string> = {}, body = ''): HttpAnswer => ({
    kind: 'answer',
    status,
    headers,
    body: new Secret(body),
  })
  return {
    async send(request) {
      sent.push(request)
      const { pathname } = new URL(request.url)
      const authorization = request.headers?.['authorization']
      const value = authorization instanceof Secret ? authorization.reveal() : ''
      if (!pathname.startsWith('/v2/')) return value === '' ? answer(401) : answer(200, {}, '{"token":"bearer"}')
      return value === 'Bearer bearer' ? answer(200) : answer(401, { 'www-authenticate': challenge })
    },
  }
}

test('Docker Hub is asked at registry-1.docker.io and trusted with auth.docker.io', async () => {
  const sent: HttpRequest[] = []
  const world = httpsWorld('Bearer realm="https://auth.docker.io/token",service="registry.docker.io"', sent)
  const { verdict } = await createPullVerifier(world, clock)('nginx', credential(GOOD))
  assert.equal(verdict, 'pull-ok')
  const scope = 'repository%3Alibrary%2Fnginx%3Apull'
  assert.deepEqual(
    sent.map(({ url }) => url),
    [
      'https://registry-1.docker.io/v2/library/nginx/manifests/latest',
      'https://auth.docker.io/token?service=registry.docker.io&account=puller',
      `https://auth.docker.io/token?service=registry.docker.io&account=puller&scope=${scope}`,
      'https://registry-1.docker.io/v2/library/nginx/manifests/latest',
      `https://auth.docker.io/token?service=registry.docker.io&scope=${scope}`,
    ],
  )
})

test('a realm outside the registry’s site is trusted only when the plan names it', async () => {
  const world = httpsWorld('Bearer realm="https://login.other.test/token"', [])
  const image = 'registry.acme.test:8443/app'
  assert.equal((await createPullVerifier(world, clock)(image, credential(GOOD))).verdict, 'unknown')
  assert.equal((await createPullVerifier(world, clock)(image, credential(GOOD), 'login.other.test')).verdict, 'pull-ok')
})

test('what is no image reference is unknown, and nothing is asked', async () => {
  const sent: HttpRequest[] = []
  const world = httpsWorld('Basic', sent)
  for (const image of ['Not An Image', 'acme.test:99999/app']) {
    const found = await createPullVerifier(world, clock)(image, credential(GOOD))
    assert.deepEqual(found, { verdict: 'unknown', detail: `${image} is not an image reference` })
  }
  assert.deepEqual(sent, [])
})

test('a registry that reads no Accept header is not fooled: all four manifest types are sent each time', () =>
  withRegistry({}, async (registry) => {
    const accepted = new Set<unknown>()
    const watched: Http = {
      send(request) {
        if (request.method === 'HEAD') accepted.add(request.headers?.['accept'])
        return http.send(request)
      },
    }
    await proof(registry, 'acme/app:stable', credential(GOOD), watched)
    assert.equal(accepted.size, 1)
    for (const type of [
      'oci.image.index.v1',
      'oci.image.manifest.v1',
      'docker.distribution.manifest.list.v2',
      'docker.distribution.manifest.v2',
    ]) {
      assert.ok([...accepted].join().includes(`application/vnd.${type}+json`), type)
    }
  }))

test('what is proven is also what a whole pull as dockerd makes it gets, and what is rejected is not', () =>
  withRegistry({}, async (registry) => {
    const order = { host: registry.host, repository: 'acme/app', reference: 'stable' }
    const pulls = async (given: Credential) => (await pullImage({ ...order, credential: given })).ok
    assert.deepEqual(await pullImage({ ...order, credential: credential(GOOD) }), {
      ok: true,
      step: 'done',
      status: 200,
    })
    assert.equal(await pulls(credential(SECOND)), true)
    assert.equal(await pulls(credential(EXPIRED)), false)
    assert.equal(await pulls(credential(POWERLESS, 'powerless')), false)
    assert.deepEqual(await pullImage({ ...order, credential: null }), { ok: false, step: 'manifest', status: 401 })
    assert.equal((await pullImage({ ...order, repository: 'public/app', credential: null })).ok, true)
  }))
