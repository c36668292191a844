import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { Credential, Http, JsonValue, Minted } from '../../src/core/ports.ts'
import { createHttp } from '../../src/http.ts'
import { gitlab } from '../../src/registries/gitlab.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import type { Fault } from '../doubles/faults.ts'
import { type GitlabDouble, type GitlabOptions, startGitlab } from '../doubles/gitlab.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { pullImage } from '../doubles/pull.ts'
import { type RegistryDouble, startRegistry } from '../doubles/registry.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const ROOT = marked('root')
const OUTSIDER = marked('outsider')
const READER = marked('reader')
const LABEL = 'ecs-pull-auth/prod/agent/0123/1795521600'

interface World {
  readonly gitlab: GitlabDouble
  readonly registry: RegistryDouble
  readonly context: RecordedContext
}

/** A GitLab with its registry; afterwards nothing that was said or shown may hold a credential. */
async function withGitlab(
  options: Partial<GitlabOptions>,
  run: (world: World) => Promise<void>,
  http?: Http,
): Promise<void> {
  const now = () => NOW
  const tokens = createTokenStore(now)
  const registry = await startRegistry({ tokens, now })
  const double = await startGitlab({
    tokens,
    now,
    access: [
      { token: ROOT, scopes: ['api'], sees: ['acme'], manages: ['acme'] },
      { token: READER, scopes: ['api'], sees: ['acme'], manages: [] },
      { token: OUTSIDER, scopes: ['api'], sees: [], manages: [] },
    ],
    tokenText: (n) => marked(`deploy-${n}`),
    ...options,
  })
  const context = recordedContext({ root: ROOT }, http)
  try {
    await run({ gitlab: double, registry, context })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify([double.requests, registry.requests]), 'a URL')
  } finally {
    await double.close()
    await registry.close()
  }
}

function configOf(double: GitlabDouble, fields: Readonly<Record<string, unknown>> = { project: 'acme/app' }) {
  const config = gitlab.parse({ url: double.url, root: 'root', ...fields }, 'registry.acme.test')
  assert.ok('api' in config, JSON.stringify(config))
  return config
}

function mint({ gitlab: double, context }: World, ttl: number | null = 3600, label = LABEL): Promise<Minted> {
  return gitlab.mint(context, configOf(double), { label, ttl, inUse: [] })
}

/** `planned`: what today's plan says of its GitLab. */
function revoke(
  { gitlab: double, context }: World,
  { handle }: Pick<Minted, 'handle'>,
  planned: Parameters<NonNullable<typeof gitlab.revoke>>[2] = [configOf(double)],
) {
  assert.ok(gitlab.revoke !== undefined)
  return gitlab.revoke(context, handle, planned)
}

function find({ gitlab: double, context }: World, prefix: string) {
  assert.ok(gitlab.find !== undefined)
  return gitlab.find(context, configOf(double), prefix)
}

async function pulls({ registry }: World, credential: Credential): Promise<boolean> {
  return (await pullImage({ host: registry.host, repository: 'acme/app', reference: 'stable', credential })).ok
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assertNoMarks(shownBy(error), 'the error')
    return true
  })
}

test('the contract: mint, prove, overlap, revoke the old one, and only the new one pulls', () =>
  withGitlab({}, async (world) => {
    const verify = createPullVerifier(createHttp(), world.context.clock)
    const image = `${world.registry.host}/acme/app:stable`
    const old = await mint(world)
    assert.equal((await verify(image, old)).verdict, 'pull-ok')

    const fresh = await mint(world)
    assert.equal((await verify(image, old)).verdict, 'pull-ok')
    assert.equal((await verify(image, fresh)).verdict, 'pull-ok')

    assert.equal(await revoke(world, old), 'revoked')
    assert.equal((await verify(image, old)).verdict, 'rejected')
    assert.equal(await pulls(world, old), false)
    assert.equal((await verify(image, fresh)).verdict, 'pull-ok')
    assert.equal(await pulls(world, fresh), true)
    assert.equal(await revoke(world, old), 'already-gone')
  }))

test('a token carries its label, may only read, lives as long as asked, and is masked', () =>
  withGitlab({}, async (world) => {
    const { username, password, issuedAt, expiresAt, handle } = await mint(world, 5400)
    const [token, ...others] = world.gitlab.deployTokens()
    assert.deepEqual(others, [])
    assert.match(token?.name ?? '', /^ecs-pull-auth\/prod\/agent\/0123\/1795521600#[0-9a-f-]{13}$/)
    assert.equal(token?.expiresAt, NOW + 5_400_000)
    assert.deepEqual(
      { username, issuedAt, expiresAt },
      { username: 'gitlab+deploy-token-1', issuedAt: NOW, expiresAt: NOW + 5_400_000 },
    )
    assert.deepEqual(handle, { api: `${world.gitlab.url}/api/v4`, scope: 'projects/acme%2Fapp', id: 1, root: 'root' })
    const masked = world.context.masked.map((secret) => secret.reveal())
    assert.deepEqual(masked, [ROOT, password.reveal()])
  }))

test('without a ttl the token does not expire; a user name is passed on; a group mints too', () =>
  withGitlab({}, async ({ gitlab: double, context }) => {
    const config = configOf(double, { group: 'acme', username: 'ecs' })
    const { username, expiresAt, handle } = await gitlab.mint(context, config, { label: LABEL, ttl: null, inUse: [] })
    assert.deepEqual({ username, expiresAt }, { username: 'ecs', expiresAt: null })
    assert.deepEqual(handle, { api: `${double.url}/api/v4`, scope: 'groups/acme', id: 1, root: 'root' })
  }))

const LOST: readonly (readonly [string, Fault])[] = [
  ['a closed connection', { kind: 'hang-up' }],
  ['silence', { kind: 'silence' }],
  ['half an answer', { kind: 'slow-body' }],
  ['an answer too large to be one', { kind: 'huge-body' }],
  ['500', { kind: 'answer', status: 500 }],
  ['502 from a proxy', { kind: 'answer', status: 502, body: '<html>' }],
  ['201 without JSON', { kind: 'answer', status: 201, body: 'created' }],
  ['201 without a token', { kind: 'answer', status: 201, body: '{"id":1,"username":"a"}' }],
  ['201 without an id', { kind: 'answer', status: 201, body: '{"username":"a","token":"t"}' }],
]

/** A POST that will never be answered is given up early; everything else has its usual patience. */
function impatient(fault: Fault, isFaulty: () => boolean): Http {
  const http = createHttp()
  const hangs = fault.kind === 'silence' || fault.kind === 'slow-body'
  return {
    send: (request) =>
      http.send(hangs && request.method === 'POST' && isFaulty() ? { ...request, timeoutMs: 100 } : request),
  }
}

for (const [what, fault] of LOST) {
  test(`a token whose answer is lost by ${what} is deleted and minted once more`, () => {
    let lost = 0
    return withGitlab(
      {},
      async (world) => {
        world.gitlab.fault = ({ method }) => (method === 'POST' && lost++ === 0 ? { when: 'after', fault } : null)
        const minted = await mint(world)
        assert.equal(await pulls(world, minted), true)
        assert.deepEqual(
          world.gitlab.deployTokens().map(({ id }) => id),
          [2],
        )
        assert.deepEqual(
          world.gitlab.requests.map(({ method }) => method),
          ['POST', 'GET', 'DELETE', 'POST'],
        )
        assert.match(
          world.context.told.join(),
          /the answer with a new deploy token was lost; that token was found by its name and deleted/,
        )
      },
      impatient(fault, () => lost === 0),
    )
  })
}

test('a create that was cut before it took effect is ambiguous, and nothing is minted on top', () =>
  withGitlab({}, async (world) => {
    world.gitlab.fault = ({ method }) => (method === 'POST' ? { when: 'before', fault: { kind: 'hang-up' } } : null)
    await rejectsWith('MINT_AMBIGUOUS', mint(world), /was asked for a deploy token, but its answer was lost/)
    assert.deepEqual(
      world.gitlab.requests.map(({ method }) => method),
      ['POST', 'GET'],
    )
    assert.deepEqual(world.gitlab.deployTokens(), [])
  }))

test('two lost answers in a row are ambiguous, and leave no token behind', () =>
  withGitlab({}, async (world) => {
    world.gitlab.fault = ({ method }) => (method === 'POST' ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    await rejectsWith('MINT_AMBIGUOUS', mint(world), /a token may exist/)
    assert.deepEqual(world.gitlab.deployTokens(), [])
    assert.equal(world.gitlab.requests.filter(({ method }) => method === 'POST').length, 2)
  }))

for (const failing of ['GET', 'DELETE']) {
  test(`a lost answer with ${failing} failing too is ambiguous; the orphan is found by its label later`, () =>
    withGitlab({}, async (world) => {
      world.gitlab.fault = ({ method }) => {
        if (method === 'POST') return { when: 'after', fault: { kind: 'hang-up' } }
        return method === failing ? { when: 'before', fault: { kind: 'answer', status: 503 } } : null
      }
      await rejectsWith('MINT_AMBIGUOUS', mint(world), /a token may exist/)
      assert.equal(world.gitlab.deployTokens().length, 1)

      world.gitlab.fault = null
      const [orphan, ...others] = await find(world, 'ecs-pull-auth/prod/agent/')
      assert.deepEqual(others, [])
      assert.equal(orphan?.label, LABEL)
      assert.ok(orphan !== undefined)
      assert.equal(await revoke(world, orphan), 'revoked')
      assert.deepEqual(world.gitlab.deployTokens(), [])
    }))
}

test('a lost answer never costs another process its token of the same label', () =>
  withGitlab({}, async (world) => {
    const others = await mint(world)
    let lost = 0
    world.gitlab.fault = ({ method }) =>
      method === 'POST' && lost++ === 0 ? { when: 'after', fault: { kind: 'hang-up' } } : null
    const ours = await mint(world)
    assert.equal(await pulls(world, others), true)
    assert.equal(await pulls(world, ours), true)
    assert.equal(world.gitlab.deployTokens().length, 2)
  }))

const REFUSED: readonly (readonly [string, ErrorCode, RegExp, Fault])[] = [
  ['400', 'MINT_UNAVAILABLE', /it answered 400\.$/, { kind: 'answer', status: 400, body: ROOT }],
  [
    '429',
    'MINT_RATE_LIMITED',
    /it answered 429 and asks to wait 60 s\.$/,
    { kind: 'answer', status: 429, headers: { 'retry-after': '60' } },
  ],
  [
    '429 with GitLab’s own header',
    'MINT_RATE_LIMITED',
    /asks to wait 30 s\.$/,
    { kind: 'answer', status: 429, headers: { 'ratelimit-reset': String(NOW / 1000 + 30) } },
  ],
  [
    'a redirect',
    'MINT_UNAVAILABLE',
    /it answered 301, a redirect, which is not followed/,
    { kind: 'answer', status: 301, headers: { location: '/' } },
  ],
]
for (const [what, code, message, fault] of REFUSED) {
  test(`${what} when minting is ${code}, asked once`, () =>
    withGitlab({}, async (world) => {
      world.gitlab.fault = () => ({ when: 'before', fault })
      await rejectsWith(code, mint(world), message)
      assert.equal(world.gitlab.requests.length, 1)
    }))
}

const ROOTS: readonly (readonly [string, string, ErrorCode, RegExp])[] = [
  ['a root that GitLab does not know', marked('unknown'), 'MINT_REJECTED', /it answered 401\.$/],
  ['a root without the role', READER, 'MINT_NOT_PERMITTED', /it answered 403\.$/],
  ['a root that does not see the project', OUTSIDER, 'MINT_NOT_PERMITTED', /it answered 404\.$/],
]
for (const [what, root, code, message] of ROOTS) {
  test(`${what} is ${code} for minting and finding, REVOKE_FAILED for revoking`, () =>
    withGitlab({}, async (world) => {
      const minted = await mint(world)
      world.context.secrets.set('root', root)
      await rejectsWith(code, mint(world), message)
      await rejectsWith(code, find(world, 'ecs-pull-auth/'), message)
      await rejectsWith(
        'REVOKE_FAILED',
        revoke(world, minted),
        /Deploy token 1 of .* could not be deleted: it answered 40[134]\.$/,
      )
      assert.equal(await pulls(world, minted), true)
    }))
}

test('a ban is named as a possible reason of 403', () =>
  withGitlab({ banAfter: 0 }, async (world) => {
    await assert.rejects(
      mint(world),
      (error) => error instanceof PullAuthError && /bans an address for an hour/.test(error.hint),
    )
  }))

test('a GitLab that does not answer is MINT_UNAVAILABLE and REVOKE_FAILED: nothing took effect', async () => {
  let gone: World | null = null
  await withGitlab({}, async (world) => {
    gone = world
  })
  assert.ok(gone !== null)
  await rejectsWith('MINT_UNAVAILABLE', mint(gone), /no answer \(127\.0\.0\.1:\d+: ECONNREFUSED\)/)
  await rejectsWith('MINT_UNAVAILABLE', find(gone, 'ecs-pull-auth/'), /no answer/)
  const handle = { api: `${(gone as World).gitlab.url}/api/v4`, scope: 'projects/1', id: 1, root: 'root' }
  await rejectsWith('REVOKE_FAILED', revoke(gone, { handle }), /no answer/)
})

test('a delete whose answer is lost failed; the next one finds it gone', () =>
  withGitlab({}, async (world) => {
    const minted = await mint(world)
    world.gitlab.fault = ({ method }) => (method === 'DELETE' ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    await rejectsWith('REVOKE_FAILED', revoke(world, minted), /ECONNRESET/)
    world.gitlab.fault = null
    assert.equal(await revoke(world, minted), 'already-gone')
  }))

test('find follows every page, ignores other names and strips what makes a name unique', () =>
  withGitlab({ pageLimit: 2 }, async (world) => {
    const labels = ['a', 'b', 'c', 'd'].map((version) => `ecs-pull-auth/prod/agent/${version}`)
    const handles: JsonValue[] = []
    for (const label of labels) handles.push((await mint(world, null, label)).handle)
    await mint(world, null, 'ecs-pull-auth/other/a')
    const found = await find(world, 'ecs-pull-auth/prod/agent/')
    assert.deepEqual(
      found,
      labels.map((label, index) => ({ label, handle: handles[index] })),
    )
    const pages = world.gitlab.requests.filter(({ method }) => method === 'GET').map(({ path }) => path.split('?')[1])
    assert.deepEqual(
      pages,
      [1, 2, 3].map((page) => `active=true&per_page=100&page=${page}`),
    )
  }))

test('expired tokens are not found, and a page that points at itself ends the list', () =>
  withGitlab({}, async (world) => {
    await mint(world, 0)
    assert.deepEqual(await find(world, 'ecs-pull-auth/'), [])
    const body = JSON.stringify([{ id: 9, name: 'ecs-pull-auth/x#1' }, null, { id: 'nine', name: 'ecs-pull-auth/y' }])
    const fault: Fault = { kind: 'answer', status: 200, headers: { 'x-next-page': '1' }, body }
    world.gitlab.fault = () => ({ when: 'before', fault })
    const found = await find(world, 'ecs-pull-auth/')
    assert.deepEqual(
      found.map(({ label }) => label),
      ['ecs-pull-auth/x'],
    )
  }))

test('a list that is no list is MINT_UNAVAILABLE', () =>
  withGitlab({}, async (world) => {
    world.gitlab.fault = () => ({
      when: 'before',
      fault: { kind: 'answer', status: 200, body: `{"message":"${ROOT}"}` },
    })
    await rejectsWith('MINT_UNAVAILABLE', find(world, 'ecs-pull-auth/'), /it answered 200\.$/)
  }))

test('a token that GitLab cuts below what was asked is deleted and CREDENTIAL_EXPIRING', () =>
  withGitlab({ longestLife: 3600 }, async (world) => {
    await rejectsWith(
      'CREDENTIAL_EXPIRING',
      mint(world, 7200),
      /gave a token until 2026-11-24T13:00:00\.000Z, less than was asked for/,
    )
    assert.deepEqual(world.gitlab.deployTokens(), [])
    assert.equal((await mint(world, 3600)).expiresAt, NOW + 3_600_000)
  }))

test('the root may be bare text, with a line break, or JSON with a token', () =>
  withGitlab({}, async (world) => {
    for (const text of [ROOT, `${ROOT}\n`, JSON.stringify({ token: ROOT, tokenId: 7 })]) {
      world.context.secrets.set('root', text)
      assert.equal(await pulls(world, await mint(world)), true)
    }
  }))

for (const text of ['', '{', `{"key":"${ROOT}"}`, `{"token":7}`, `${ROOT} ${ROOT}`, `${ROOT}é`]) {
  test(`a root secret like ${JSON.stringify(text.replaceAll(ROOT, 'ROOT'))} is CREDENTIAL_INVALID, and nothing is asked`, () =>
    withGitlab({}, async (world) => {
      world.context.secrets.set('root', text)
      await rejectsWith('CREDENTIAL_INVALID', mint(world), /^Secret root holds no GitLab access token\.$/)
      assert.deepEqual(world.gitlab.requests, [])
    }))
}

const BROKEN_HANDLES = [
  null,
  'text',
  { scope: 'projects/1', id: 1, root: 'root' },
  { api: 'https://gitlab.com/api/v4', scope: 'projects/1', id: '1', root: 'root' },
  { api: 'https://gitlab.com/api/v4', scope: '../users', id: 1, root: 'root' },
  { api: 'https://gitlab.com/api/v4', scope: 'projects/1/../..', id: 1, root: 'root' },
  { api: 'http://gitlab.com/api/v4', scope: 'projects/1', id: 1, root: 'root' },
  { api: 'https://gitlab.com/elsewhere', scope: 'projects/1', id: 1, root: 'root' },
]
for (const handle of BROKEN_HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is REVOKE_FAILED before the root is even read`, async () => {
    const context = recordedContext({})
    assert.ok(gitlab.revoke !== undefined)
    await rejectsWith('REVOKE_FAILED', gitlab.revoke(context, handle, []), /in a form that cannot be read/)
  })
}

/** Whoever may write the stored config may write a handle: what vouches for the address must be out of their reach. */
const ELSEWHERE = { api: 'https://evil.test/api/v4', scope: 'projects/1', id: 1, root: 'root' }
const PINNED = (url: string) => JSON.stringify({ token: ROOT, url })
const UNTRUSTED: readonly (readonly [string, (url: string) => object, (double: GitlabDouble) => string, RegExp])[] = [
  [
    'to another host than the plan names',
    () => ({}),
    () => ROOT,
    /neither the plan nor secret root says .* for https:\/\/evil\.test$/,
  ],
  [
    'to another host than the root is pinned to',
    () => ({}),
    ({ url }) => PINNED(url),
    /secret root says that its root is for http/,
  ],
  [
    'with a pin that is no address',
    () => ({}),
    () => PINNED('file:///x'),
    /the url in secret root is no https address/,
  ],
  [
    'of another secret than the plan names for this GitLab',
    (url) => ({ root: 'other', api: `${url}/api/v4` }),
    () => ROOT,
    /neither the plan nor secret other says/,
  ],
]
for (const [what, change, text, message] of UNTRUSTED) {
  test(`a handle that would send a root ${what} is REVOKE_FAILED, and nothing is sent anywhere`, () => {
    const sent: string[] = []
    const http: Http = {
      send: async ({ url }) => {
        sent.push(url)
        return { kind: 'unreachable', reason: 'of this test' }
      },
    }
    return withGitlab(
      {},
      async (world) => {
        const { context, gitlab: double } = world
        for (const name of ['root', 'other']) context.secrets.set(name, text(double))
        const handle = { ...ELSEWHERE, ...change(double.url) }
        await rejectsWith('REVOKE_FAILED', revoke(world, { handle }), withEnd(message))
        assert.deepEqual(sent, [])
      },
      http,
    )
  })
}

function withEnd({ source }: RegExp): RegExp {
  return new RegExp(`was left alone, and no root was sent: .*${source.replace(/\$$/, '\\.$')}`)
}

test('a root that is pinned to its GitLab revokes what no plan names any more; without a pin it is left alone', () =>
  withGitlab({}, async (world) => {
    const minted = await mint(world)
    await rejectsWith('REVOKE_FAILED', revoke(world, minted, []), /neither the plan nor secret root says/)
    assert.equal(await pulls(world, minted), true)
    world.context.secrets.set('root', PINNED(`${world.gitlab.url}/`))
    assert.equal(await revoke(world, minted, []), 'revoked')
  }))

test('a root that is pinned elsewhere is not sent to the url of the plan either', () =>
  withGitlab({}, async (world) => {
    world.context.secrets.set('root', PINNED('https://gitlab.acme.test'))
    const message =
      /url does not fit its root: secret root says that its root is for https:\/\/gitlab\.acme\.test, not for/
    await rejectsWith('CREDENTIAL_INVALID', mint(world), message)
    await rejectsWith('CREDENTIAL_INVALID', find(world, 'ecs-pull-auth/'), message)
    assert.deepEqual(world.gitlab.requests, [])
  }))

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[] | string])[] = [
  [{ project: 'acme/app' }, 'https://gitlab.com/api/v4/projects/acme%2Fapp'],
  [{ project: '1234' }, 'https://gitlab.com/api/v4/projects/1234'],
  [{ group: 'acme/team.a/_x' }, 'https://gitlab.com/api/v4/groups/acme%2Fteam.a%2F_x'],
  [{ url: 'https://acme.test/gitlab/', group: '7' }, 'https://acme.test/gitlab/api/v4/groups/7'],
  [{}, ['project']],
  [{ project: 'acme/app', group: 'acme' }, ['group']],
  [{ project: 'app' }, ['project']],
  [{ project: '../app' }, ['project']],
  [{ project: 'acme/..' }, ['project']],
  [{ project: 'acme/app/' }, ['project']],
  [{ project: 'acme app/x' }, ['project']],
  [{ group: '..' }, ['group']],
  [{ group: '.' }, ['group']],
  [{ group: 'acme?x' }, ['group']],
  [{ group: 'acme', url: 'http://gitlab.acme.test' }, ['url']],
  [{ group: 'acme', url: 'https://user@gitlab.acme.test' }, ['url']],
  [{ group: 'acme', username: 'a:b' }, ['username']],
  [{ group: 'acme', root: undefined }, ['root']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${typeof expected === 'string' ? 'are fine' : `have a problem with ${expected}`}`, () => {
    const config = gitlab.parse({ root: 'root', ...fields }, 'registry.gitlab.com')
    if ('api' in config) assert.equal(`${config.api}/${config.scope}`, expected)
    else
      assert.deepEqual(
        config.map(({ field }) => field),
        expected,
      )
  })
}
