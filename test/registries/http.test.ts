import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import { readUnjudgedPlan } from '../../src/core/plan.ts'
import type { HttpRequest, JsonValue } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { http } from '../../src/registries/http.ts'
import type { HttpConfig } from '../../src/registries/http-plan.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { type MadeUpApis, type MadeUpOptions, startMadeUpApis } from '../doubles/made-up-apis.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'
import { HTTP_CASES } from './contract-http.ts'

const KEY = 'registry.acme.com'
const ROOT = marked('root')
const PROVIDERS = new Map([[http.kind, http]])

type Fields = Readonly<Record<string, unknown>>

/** The entry as a plan reads it: all its problems, or its config. */
function planned(entry: Fields): { config: HttpConfig; secrets: readonly string[] } {
  const raw = { provider: 'http', probe: `${KEY}/acme/app:stable`, ...entry }
  const { registries } = readUnjudgedPlan({ version: 1, secret: 'prod', registries: { [KEY]: raw } }, 'here', PROVIDERS)
  const [first] = registries
  assert.ok(first !== undefined)
  return { config: first.config as HttpConfig, secrets: first.secrets }
}

/** One of the contract's entries with a changed part; `ttl` as people write it. */
function entryOf(name: string, url: string, change: Fields = {}): Fields {
  const { ttl, ...entry } = HTTP_CASES[name]?.(url) ?? {}
  return { ...entry, ...(ttl === undefined ? {} : { ttl: '1h' }), ...change }
}

const BASE = 'https://api.acme.com'
const CREATE = entryOf('create-delete', BASE)
const EXCHANGE = entryOf('exchange', BASE)

const change = (name: 'mint' | 'revoke' | 'list' | 'answer', with_: Fields): Fields => {
  return { ...CREATE, [name]: { ...(CREATE[name] as Fields), ...with_ } }
}

const WRONG: readonly (readonly [string, Fields, RegExp])[] = [
  [
    'a secret in a URL',
    change('mint', { url: `${BASE}/t?key=\${secret:root}` }),
    /mint\.url has a secret or identity in it/,
  ],
  [
    'a Basic credential in a URL',
    change('list', { url: `${BASE}/\${basic:root}` }),
    /list\.url has a secret or identity/,
  ],
  ['an identity in a URL', change('mint', { url: `${BASE}/\${identity:acme}` }), /mint\.url has a secret or identity/],
  [
    'a host that a value chooses',
    change('revoke', { url: `https://\${id}.acme.com/` }),
    /revoke\.url must begin with https/,
  ],
  [
    'a port that a value chooses',
    change('revoke', { url: `https://acme.com:\${id}/` }),
    /revoke\.url must begin with https/,
  ],
  ['a URL over plain http', change('mint', { url: 'http://api.acme.com/t' }), /mint\.url must begin with https:\/\//],
  ['a user in a URL', change('mint', { url: 'https://me:too@api.acme.com/t' }), /mint\.url must have no user/],
  [
    'a URL without a path',
    change('mint', { url: 'https://api.acme.com' }),
    /mint\.url must begin with https:\/\/, a host and a \//,
  ],
  ['a fragment', change('mint', { url: `${BASE}/t#x` }), /mint\.url is not a URL/],
  [
    'a place that stands for nothing',
    change('mint', { json: { a: [`\${lable}`] } }),
    /mint\.json\.a\.0 has \$\{lable\}, which stands for nothing; allowed here: \$\{secret:NAME\}/,
  ],
  [
    'a place without its end',
    change('mint', { headers: { a: `x \${secret:root` } }),
    /mint\.headers\.a has a \$\{ without its \}/,
  ],
  ['an id in a mint', change('mint', { json: { a: `\${id}` } }), /mint\.json\.a has \$\{id\}/],
  ['a label in a revoke', change('revoke', { headers: { a: `\${label}` } }), /revoke\.headers\.a has \$\{label\}/],
  [
    'a life that nobody asked for',
    { ...EXCHANGE, ttl: undefined, mint: { method: 'POST', url: `${BASE}/t?life=\${ttl}` } },
    /mint\.url has \$\{ttl\}, which needs a ttl in the entry/,
  ],
  ['an exchange of an unknown life', { ...EXCHANGE, ttl: undefined }, /ttl is missing: say how long/],
  ['a ttl that goes nowhere', change('mint', { json: { name: `\${label}` } }), /ttl goes nowhere/],
  [
    'a header of HTTP itself',
    change('mint', { headers: { Host: 'evil.test' } }),
    /mint\.headers\.Host is a header that cannot be set/,
  ],
  ['a header that is none', change('mint', { headers: { 'a b': 'c' } }), /mint\.headers\.a b is a header/],
  [
    'a header that is no text',
    change('mint', { headers: { a: 1 } }),
    /mint\.headers is not a mapping of names to texts/,
  ],
  ['two bodies', change('mint', { form: { a: 'b' } }), /mint\.form must not stand beside json/],
  ['a GET with a body', change('mint', { method: 'GET' }), /mint\.method must not be GET/],
  ['a date as JSON', change('mint', { json: { at: new Date(0) } }), /mint\.json is not a JSON value/],
  ['a pointer that is none', change('answer', { password: 'token' }), /answer\.password must be a JSON pointer/],
  ['a pointer with a stray tilde', change('answer', { id: '/a~2' }), /answer\.id must be a JSON pointer/],
  ['two ends', change('answer', { expiresIn: '/life' }), /answer\.expiresIn must not stand beside expiresAt/],
  ['no user name', change('answer', { username: undefined }), /username must stand here, or as a pointer/],
  ['two user names', { ...CREATE, username: 'bot' }, /username must stand here, or as a pointer/],
  ['a colon in the user name', { ...EXCHANGE, username: 'a:b' }, /username must be printable ASCII/],
  ['nothing that revokes', { ...CREATE, revoke: undefined, list: undefined }, /revoke is missing: class create-delete/],
  ['nothing to revoke by', change('answer', { id: undefined }), /answer\.id is missing/],
  ['a revoke without the id', change('revoke', { url: `${BASE}/tokens/all` }), /revoke must have \$\{id\} in it/],
  ['a cursor that no answer has', change('list', { url: `${BASE}/t?c=\${cursor}` }), /list\.next must stand beside/],
  ['a cursor that goes nowhere', change('list', { next: '/next' }), /list\.next must stand beside/],
  [
    'a list by page and by cursor',
    change('list', { url: `${BASE}/t?c=\${cursor}&p=\${page}`, next: '/next' }),
    /list must have .* not both/,
  ],
  [
    'a page of what is no list',
    change('revoke', { url: `${BASE}/\${id}/\${page}` }),
    /page}, which stands for nothing/,
  ],
  ['a list without a label', change('mint', { json: { seconds: `\${ttl}` } }), /mint must send \$\{label\}/],
  [
    'a list of what cannot be revoked',
    { ...EXCHANGE, list: CREATE['list'] },
    /list is for credentials that can be revoked/,
  ],
  [
    'a revoke of what is dead',
    { ...CREATE, class: 'destructive', allowDowntime: true },
    /revoke is not for class destructive/,
  ],
  ['an outage that nobody has accepted', entryOf('destructive', BASE), /kills the old credential at once/],
  [
    'a class that is none',
    { ...EXCHANGE, class: 'static' },
    /class is not one of exchange, create-delete, destructive/,
  ],
  ['an unknown field of a request', change('mint', { body: '{}' }), /mint\.body is not a field of the plan/],
  ['no mint at all', { ...EXCHANGE, mint: undefined }, /mint is missing; it is a mapping of method, url/],
  ['a list as mint', { ...EXCHANGE, mint: [] }, /mint must be a mapping/],
]
for (const [what, entry, message] of WRONG) {
  test(`${what} is refused by name`, () => {
    assert.throws(
      () => planned(JSON.parse(JSON.stringify(entry, keepDates), revive)),
      (error) => {
        assert.ok(error instanceof PullAuthError && error.code === 'PLAN_INVALID', String(error))
        assert.match(error.message, message)
        return true
      },
    )
  })
}

/** Drops what is undefined, as YAML has none, and keeps dates, as YAML has some. */
function keepDates(this: Fields, name: string, value: unknown): unknown {
  return this[name] instanceof Date ? { date: Number(this[name]) } : value
}

function revive(_name: string, value: unknown): unknown {
  const { date } = (value ?? {}) as { date?: unknown }
  return typeof date === 'number' ? new Date(date) : value
}

test('a plan knows the class and the secrets that such an entry names', () => {
  const headers = { a: `\${secret:one}`, b: `\${secret:two#/token} \${basic:three}` }
  assert.deepEqual(planned(change('mint', { headers })).secrets, ['one', 'two', 'three', 'root'])
  assert.deepEqual(planned({ ...entryOf('destructive', BASE), allowDowntime: true }).secrets, ['admin'])
  assert.equal(http.declared?.(planned(EXCHANGE).config).revoke, 'by-expiry')
})

interface World {
  readonly apis: MadeUpApis
  readonly cx: RecordedContext
  readonly sent: HttpRequest[]
  readonly config: HttpConfig
  mint(label?: string): ReturnType<typeof http.mint>
  revoke(handle: JsonValue, today?: readonly HttpConfig[]): Promise<string>
}

async function inWorld(
  name: string,
  run: (world: World) => Promise<void>,
  {
    entry = (same) => same,
    options = {},
  }: { entry?: (entry: Fields) => Fields; options?: Partial<MadeUpOptions> } = {},
): Promise<void> {
  const issuer = githubIssuer(() => NOW)
  const trust = { root: ROOT, issuer, audience: 'https://registry.acme.test' }
  const apis = await startMadeUpApis({ tokens: createTokenStore(() => NOW), now: () => NOW, ...trust, ...options })
  const sent: HttpRequest[] = []
  const plain = createHttp()
  const send = (request: HttpRequest) => {
    sent.push(request)
    return plain.send(request)
  }
  const secrets = { root: ROOT, admin: JSON.stringify({ username: 'admin', password: ROOT }) }
  const identityToken = async (audience: string) => new Secret(issuer.issue(audience))
  const cx = { ...recordedContext(secrets, { send }), identityToken }
  const { config } = planned(entry(entryOf(name, apis.url)))
  const ttl = 'ttl' in entryOf(name, apis.url) ? 3600 : null
  const world: World = {
    apis,
    cx,
    sent,
    config,
    mint: (label = 'ecs-pull-auth/prod/1') => http.mint(cx, config, { label, ttl, inUse: [] }),
    revoke: async (handle, today = [config]) => (await http.revoke?.(cx, handle, today)) ?? 'none',
  }
  try {
    await run(world)
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(apis.requests), 'a URL')
  } finally {
    await apis.close()
  }
}

test('places are filled where they stand: a number for a life alone, encoded in a URL, a secret out of JSON', () =>
  inWorld(
    'create-delete',
    async ({ cx, sent, mint }) => {
      cx.secrets.set('nested', JSON.stringify({ 'a/b': [{ key: ROOT }] }))
      await mint('ecs-pull-auth/prod agent/1')
      const [request] = sent
      assert.ok(request?.body instanceof Secret && request.headers?.['x-key'] instanceof Secret)
      assert.match(
        request.url,
        /\/api\/v1\/tokens\?for=ecs-pull-auth%2Fprod%20agent%2F1%23[0-9a-f-]{13}&until=2026-11-24T13%3A00%3A00\.000Z$/,
      )
      assert.deepEqual(
        { ...JSON.parse(request.body.reveal()), name: '' },
        { name: '', seconds: 3600, note: '3600 s until 2026-11-24T13:00:00.000Z', scopes: ['pull'] },
      )
      assert.equal(request.headers['x-key'].reveal(), `<${ROOT}>`)
      assert.equal(request.headers['x-plain'], 'none')
      assert.ok(cx.masked.some((secret) => secret.reveal() === ROOT))
    },
    {
      entry: (entry) => {
        const { url, json, headers, ...mint } = entry['mint'] as Record<string, object>
        const note = `\${ttl} s until \${expiresAt}`
        const more = { ...headers, 'x-key': `<\${secret:nested#/a~1b/0/key}>`, 'x-plain': 'none' }
        return {
          ...entry,
          mint: { ...mint, headers: more, json: { ...json, note }, url: `${url}?for=\${label}&until=\${expiresAt}` },
        }
      },
    },
  ))

const SECRETS: readonly (readonly [string, string])[] = [
  ['an empty secret', ' \n'],
  ['two lines', `${ROOT}\n${ROOT}`],
  ['a root for elsewhere', JSON.stringify({ token: ROOT, url: 'https://api.acme.com' })],
]
for (const [what, text] of SECRETS) {
  test(`${what} is not sent: CREDENTIAL_INVALID`, () =>
    inWorld('create-delete', async ({ cx, apis, mint }) => {
      cx.secrets.set('root', text)
      await assert.rejects(mint(), (error) => {
        assert.ok(error instanceof PullAuthError && error.code === 'CREDENTIAL_INVALID', String(error))
        assertNoMarks(shownBy(error), 'the error')
        return true
      })
      assert.deepEqual(apis.requests, [])
    }))
}

for (const text of ['{}', '{"username":"a:b","password":"c"}', '{"username":"admin","password":7}', 'admin:c']) {
  test(`${text} is no Basic credential: CREDENTIAL_INVALID`, () =>
    inWorld(
      'destructive',
      async ({ cx, apis, mint }) => {
        cx.secrets.set('admin', text)
        await assert.rejects(mint(), { code: 'CREDENTIAL_INVALID' })
        assert.deepEqual(apis.requests, [])
      },
      { entry: (entry) => ({ ...entry, allowDowntime: true }) },
    ))
}

test('a pointer that finds nothing names itself; what was made is found by its label and revoked', () =>
  inWorld(
    'create-delete',
    async ({ apis, cx, config, mint, revoke }) => {
      await assert.rejects(mint(), (error) => {
        assert.ok(error instanceof PullAuthError && error.code === 'MINT_AMBIGUOUS')
        assert.match(error.message, /its answer has no text at \/data\/secret\./)
        return true
      })
      assert.equal(apis.labels().length, 1)
      const [orphan] = (await http.find?.(cx, config, 'ecs-pull-auth/prod/')) ?? []
      assert.equal(orphan?.label, 'ecs-pull-auth/prod/1')
      assert.equal(await revoke(orphan?.handle ?? null), 'revoked')
      assert.deepEqual(apis.labels(), [])
    },
    { entry: (entry) => ({ ...entry, answer: { ...(entry['answer'] as object), password: '/data/secret' } }) },
  ))

test('less life than asked is revoked again: CREDENTIAL_EXPIRING', () =>
  inWorld(
    'create-delete',
    async ({ apis, mint }) => {
      await assert.rejects(mint(), { code: 'CREDENTIAL_EXPIRING' })
      assert.deepEqual(apis.labels(), [])
    },
    { options: { longestLife: 600 } },
  ))

const ENDS: readonly (readonly [Fields, unknown, number | null | 'unreadable'])[] = [
  [{ expiresAt: '/end' }, '2026-11-25T00:00:00Z', Date.UTC(2026, 10, 25)],
  [{ expiresAt: '/end' }, 1_795_608_000, 1_795_608_000_000],
  [{ expiresAt: '/end' }, '1795608000', 1_795_608_000_000],
  [{ expiresAt: '/end' }, null, null],
  [{ expiresAt: '/end' }, undefined, 'unreadable'],
  [{ expiresAt: '/end' }, 'tomorrow', 'unreadable'],
  [{ expiresIn: '/end' }, 7200, NOW + 7_200_000],
  [{ expiresIn: '/end' }, '7200', NOW + 7_200_000],
  [{ expiresIn: '/end' }, null, null],
  [{ expiresIn: '/end' }, 0, 'unreadable'],
  [{ expiresIn: '/end' }, undefined, 'unreadable'],
  [{}, 600, NOW + 3_600_000],
]
for (const [places, end, moment] of ENDS) {
  test(`an end of ${JSON.stringify(end)} at ${JSON.stringify(places)} is ${moment}`, () =>
    inWorld(
      'exchange',
      async ({ apis, mint }) => {
        const body = JSON.stringify({ access_token: marked('token'), end })
        apis.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 200, body } })
        if (moment === 'unreadable') await assert.rejects(mint(), { code: 'MINT_UNAVAILABLE' })
        else assert.equal((await mint()).expiresAt, moment)
      },
      { entry: (entry) => ({ ...entry, answer: { password: '/access_token', ...places } }) },
    ))
}

test('an exchange that gives less life than the plan counts on is not published', () =>
  inWorld('exchange', async ({ apis, mint }) => {
    const body = JSON.stringify({ access_token: marked('token'), expires_in: 600 })
    apis.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 200, body } })
    await assert.rejects(mint(), { code: 'CREDENTIAL_EXPIRING' })
  }))

const WITHOUT_LIST = { entry: ({ list: _, ...entry }: Fields): Fields => entry }

test('without a list a lost answer stays ambiguous, and nothing is minted on top', () =>
  inWorld(
    'create-delete',
    async ({ apis, cx, config, mint }) => {
      apis.fault = () => ({ when: 'after', fault: { kind: 'hang-up' } })
      await assert.rejects(mint(), { code: 'MINT_AMBIGUOUS' })
      assert.equal(apis.labels().length, 1)
      assert.deepEqual(await http.find?.(cx, config, 'ecs-pull-auth/'), [])
    },
    WITHOUT_LIST,
  ))

test('without a list only 410 proves that a credential is gone', () =>
  inWorld(
    'create-delete',
    async ({ apis, mint, revoke }) => {
      const { handle } = await mint()
      assert.equal(await revoke(handle), 'revoked')
      await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
      apis.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 410 } })
      assert.equal(await revoke(handle), 'already-gone')
    },
    WITHOUT_LIST,
  ))

test('with a list what is not ours is left alone, whatever a handle says', () =>
  inWorld('create-delete', async ({ apis, mint, revoke }) => {
    const { handle } = await mint('made by hand')
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    assert.equal(apis.labels().length, 1)
  }))

test('a handle works while the plan has the request that revokes it, and nothing in it is asked', () =>
  inWorld('create-delete', async ({ apis, config, mint, revoke }) => {
    const { handle } = await mint()
    const at = `${apis.url}/api/v1/tokens/{id}`
    assert.deepEqual({ ...Object(handle), list: '' }, { registry: KEY, at, id: '1', list: '' })
    const asked = apis.requests.length
    await assert.rejects(revoke(handle, []), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(handle, [{ ...config, registry: 'other.acme.com' }]), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(handle, [planned(CREATE).config]), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke(handle, [planned(EXCHANGE).config]), { code: 'REVOKE_FAILED' })
    assert.equal(apis.requests.length, asked)
    assert.equal(await revoke(handle), 'revoked')
  }))

const HANDLES: readonly JsonValue[] = [
  null,
  {},
  { registry: KEY, at: BASE },
  { registry: KEY, at: BASE, id: '..' },
  { registry: KEY, at: BASE, id: 7 },
  { registry: KEY, at: BASE, id: 'x'.repeat(101) },
]
for (const handle of HANDLES) {
  test(`the handle ${JSON.stringify(handle).slice(0, 70)} is refused, and nothing is asked`, () =>
    inWorld('create-delete', async ({ apis, revoke }) => {
      await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
      assert.deepEqual(apis.requests, [])
    }))
}

test('messages name the request as the plan has it', () =>
  inWorld('create-delete', async ({ apis, cx, mint }) => {
    cx.secrets.set('root', marked('dead'))
    await assert.rejects(mint(), (error) => {
      assert.ok(error instanceof PullAuthError && error.code === 'MINT_REJECTED')
      assert.equal(error.message, `POST ${apis.url}/api/v1/tokens: it answered 401.`)
      assert.match(error.hint, /the text of root/)
      return true
    })
  }))

const BY_PAGE = { query: `?page=\${page}`, more: {} }
const BY_CURSOR = { query: `?after=\${cursor}`, more: { next: '/next' } }
for (const [name, { query, more }] of Object.entries({ page: BY_PAGE, cursor: BY_CURSOR })) {
  const entry = (same: Fields): Fields => ({
    ...same,
    list: { ...Object(same['list']), url: `${Object(same['list']).url}${query}`, ...more },
  })

  test(`a list by ${name} is read to its end, however many pages it has`, () =>
    inWorld(
      'create-delete',
      async ({ apis, cx, config, mint, revoke }) => {
        for (let made = 1; made <= 5; made++) {
          const { handle } = await mint(`ecs-pull-auth/prod/${made}`)
          const found = (await http.find?.(cx, config, 'ecs-pull-auth/prod/')) ?? []
          assert.equal(found.length, made)
          assert.deepEqual(found.at(-1)?.handle, handle)
        }
        const last = (await http.find?.(cx, config, 'ecs-pull-auth/prod/'))?.at(-1)
        assert.equal(await revoke(last?.handle ?? null), 'revoked')
        assert.equal(apis.labels().length, 4)
      },
      { entry },
    ))

  test(`a list by ${name} that fails on a later page proves nothing: no credential passes for gone`, () =>
    inWorld(
      'create-delete',
      async ({ apis, cx, config, mint, revoke }) => {
        const made = [await mint(), await mint('ecs-pull-auth/prod/2'), await mint('ecs-pull-auth/prod/3')]
        let seen = 0
        apis.fault = () => (seen++ > 0 ? { when: 'before', fault: { kind: 'answer', status: 400 } } : null)
        await assert.rejects(Promise.resolve(http.find?.(cx, config, 'ecs-pull-auth/')), { code: 'MINT_UNAVAILABLE' })
        seen = 0
        await assert.rejects(revoke(made[2]?.handle ?? null), { code: 'REVOKE_FAILED' })
        assert.equal(apis.labels().length, 3)
      },
      { entry },
    ))
}

test('a cursor that leads to itself is no list, and asked no further', () =>
  inWorld(
    'create-delete',
    async ({ apis, cx, config }) => {
      const body = JSON.stringify({ data: [], next: 'again' })
      apis.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 200, body } })
      await assert.rejects(Promise.resolve(http.find?.(cx, config, 'ecs-pull-auth/')), { code: 'MINT_UNAVAILABLE' })
      assert.equal(apis.requests.length, 2)
    },
    {
      entry: (same) => ({
        ...same,
        list: { ...Object(same['list']), url: `${Object(same['list']).url}${BY_CURSOR.query}`, next: '/next' },
      }),
    },
  ))

test('a list at another address is another list: its handles differ in more than the id', () =>
  inWorld('create-delete', async ({ cx, apis, config, mint }) => {
    const { handle } = await mint()
    const entry = entryOf('create-delete', apis.url)
    const list = { ...(entry['list'] as object), url: `${apis.url}/api/v1/tokens?project=2` }
    const handles = async (from: HttpConfig) =>
      (await http.find?.(cx, from, 'ecs-pull-auth/'))?.map((one) => one.handle)
    assert.deepEqual(await handles(config), [handle])
    const [seen] = (await handles(planned({ ...entry, list }).config)) ?? []
    assert.deepEqual({ ...Object(seen), list: '' }, { ...Object(handle), list: '' })
    assert.notDeepEqual(seen, handle)
  }))
