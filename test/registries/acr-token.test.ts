import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { Credential, JsonValue, Minted } from '../../src/core/ports.ts'
import { createHttp } from '../../src/http.ts'
import { acrToken } from '../../src/registries/acr-token.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { type ArmDouble, type ArmOptions, startArm } from '../doubles/arm.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { type RegistryDouble, startRegistry } from '../doubles/registry.ts'
import type { ApiRecord } from '../doubles/token-api.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'
import { bySecret, CLIENT, TENANT } from './contract-acr.ts'
import { TOKEN_ID } from './contract-acr-token.ts'

const DAY = 86_400_000

interface World {
  readonly arm: ArmDouble
  readonly registry: RegistryDouble
  readonly context: RecordedContext
  /** Milliseconds that were slept. */
  readonly slept: readonly number[]
  readonly time: { now: number }
  mint(inUse?: readonly JsonValue[], ttl?: number | null): Promise<Minted>
  revoke(handle: JsonValue): Promise<string>
  /** With a plan that does not have the token any more. */
  revokeUnplanned(handle: JsonValue): Promise<string>
  verdict(credential: Credential): Promise<string>
}

async function withArm(options: Partial<ArmOptions>, run: (world: World) => Promise<void>): Promise<void> {
  const time = { now: NOW }
  const now = () => time.now
  const tokens = createTokenStore(now)
  const { entra, fields, secrets } = bySecret()
  const registry = await startRegistry({ tokens, now, tokenName: 'access_token' })
  const passwordText = (n: number) => marked(`password-${n}`)
  const arm = await startArm({ ...entra, tokens, now, tokenId: TOKEN_ID, passwordText, ...options })
  const slept: number[] = []
  const clock = { now, sleep: async (ms: number) => void slept.push(ms) }
  const context = { ...recordedContext(secrets), clock }
  const config = acrToken.parse({ ...fields, token: TOKEN_ID, arm: arm.url, authority: arm.url }, 'acme1.azurecr.io')
  assert.ok('arm' in config, JSON.stringify(config))
  const verify = createPullVerifier(createHttp(), clock)
  const revoke = async (handle: JsonValue, planned: (typeof config)[]) =>
    (await acrToken.revoke?.(context, handle, planned)) ?? 'none'
  try {
    await run({
      arm,
      registry,
      context,
      slept,
      time,
      mint: (inUse = [], ttl = 86_400) => acrToken.mint(context, config, { label: 'ecs-pull-auth/x', ttl, inUse }),
      revoke: (handle) => revoke(handle, [config]),
      revokeUnplanned: (handle) => revoke(handle, [{ ...config, token: 'another' }]),
      verdict: async (credential) => (await verify(`${registry.host}/acme/app:stable`, credential)).verdict,
    })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify([arm.requests, registry.requests]), 'a URL')
  } finally {
    await arm.close()
    await registry.close()
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

const isPost = ({ path }: ApiRecord) => path.includes('/generateCredentials')
const slotOf = ({ handle }: Minted) => (handle as { slot: string }).slot

test('two passwords take turns, and a third rotation goes on when the first is retired', () =>
  withArm({}, async ({ mint, revoke, verdict }) => {
    const one = await mint()
    const two = await mint([one.handle])
    assert.deepEqual([slotOf(one), slotOf(two)], ['password1', 'password2'])
    assert.equal(await revoke(one.handle), 'revoked')
    assert.equal(await verdict(one), 'rejected')
    const three = await mint([two.handle, one.handle])
    assert.equal(slotOf(three), 'password1')
    assert.deepEqual([await verdict(two), await verdict(three)], ['pull-ok', 'pull-ok'])
    assert.equal(await revoke(one.handle), 'already-gone')
    assert.deepEqual([await verdict(two), await verdict(three)], ['pull-ok', 'pull-ok'])
  }))

test('a password lives as long as asked, thirty days without a ttl; its handle tells the slot and the moment', () =>
  withArm({}, async ({ mint, context, arm }) => {
    const { username, password, issuedAt, expiresAt, handle } = await mint()
    assert.deepEqual([username, issuedAt, expiresAt], ['ecs-pull', NOW, NOW + DAY])
    const made = arm.made()['password1']
    assert.deepEqual(handle, { registry: 'acme1', token: 'ecs-pull', slot: 'password1', made })
    assert.ok(context.masked.some((secret) => secret.equals(password)))
    assert.equal((await mint([], null)).expiresAt, NOW + 30 * DAY)
  }))

test('without retiring the second rotation takes no password away: it is refused, and says what frees one', () =>
  withArm({}, async ({ mint, verdict, arm }) => {
    const one = await mint()
    const two = await mint([one.handle])
    const posts = arm.requests.filter(isPost).length
    const refused = mint([two.handle, one.handle])
    await rejectsWith('MINT_NOT_PERMITTED', refused, /both passwords are in use/, /retire .* frees the older one/)
    assert.equal(arm.requests.filter(isPost).length, posts)
    assert.deepEqual([await verdict(one), await verdict(two)], ['pull-ok', 'pull-ok'])
  }))

test('a slot is free when somebody else renewed it, and when another token is meant', () =>
  withArm({}, async ({ mint, arm }) => {
    const one = await mint()
    const two = await mint([one.handle])
    const foreign = { ...(one.handle as object), token: 'another' }
    assert.equal(slotOf(await mint([two.handle, foreign])), 'password1')
    const older = { ...(two.handle as object), slot: 'password1' }
    arm.fill('password1')
    assert.equal(slotOf(await mint([two.handle, older, one.handle])), 'password1')
  }))

test('a password that expired holds its slot no longer, and needs no revocation', () =>
  withArm({}, async ({ mint, revoke, time }) => {
    const one = await mint([], 3600)
    const two = await mint([one.handle])
    time.now += 2 * 3_600_000
    assert.equal(await revoke(one.handle), 'already-gone')
    assert.equal(slotOf(await mint([two.handle, one.handle])), 'password1')
  }))

test('the current slot is never touched, even when somebody else renewed it', () =>
  withArm({}, async ({ mint, arm }) => {
    const one = await mint()
    arm.fill('password1')
    assert.equal(slotOf(await mint([one.handle])), 'password2')
  }))

test('of two free slots the empty one is taken, else the older one', () =>
  withArm({}, async ({ mint, arm }) => {
    arm.fill('password1')
    assert.equal(slotOf(await mint()), 'password2')
    assert.equal(slotOf(await mint()), 'password1')
  }))

for (const when of ['before', 'after'] as const) {
  test(`a lost answer (${when} its effect) is ambiguous, is not asked again, and leaves the one in use alone`, () =>
    withArm({}, async ({ mint, arm, verdict }) => {
      const one = await mint()
      arm.fault = (request) => (isPost(request) ? { when, fault: { kind: 'hang-up' } } : null)
      await rejectsWith('MINT_AMBIGUOUS', mint([one.handle]), /password2 was to be renewed, but no answer/)
      assert.equal(arm.requests.filter(isPost).length, 2)
      arm.fault = null
      const again = await mint([one.handle])
      assert.equal(slotOf(again), 'password2')
      assert.deepEqual([await verdict(one), await verdict(again)], ['pull-ok', 'pull-ok'])
    }))
}

const isResult = ({ path }: ApiRecord) => path.includes('/results/')

test('a result is waited for as Azure asks, and a lost one is read again', () =>
  withArm({ pending: 3 }, async ({ mint, arm, slept, verdict }) => {
    let reads = 0
    arm.fault = (request) =>
      isResult(request) && reads++ === 1 ? { when: 'after', fault: { kind: 'answer', status: 503 } } : null
    assert.equal(await verdict(await mint()), 'pull-ok')
    assert.deepEqual(slept, [2000, 2000, 2000, 2000])
  }))

test('a first password is good at once; a renewed one is waited for, as Azure needs a minute to spread it', () =>
  withArm({ pending: 0 }, async ({ mint, slept, time, context }) => {
    const one = await mint()
    const two = await mint([one.handle])
    assert.deepEqual(slept, [])
    time.now += 2 * DAY
    await mint([two.handle])
    assert.deepEqual(slept, [60_000])
    assert.match(context.told.join(), /password1 was renewed; Azure takes 60 s/)
  }))

test('an answer that is there at once is taken', () =>
  withArm({ pending: 0 }, async ({ mint, slept, verdict }) => {
    assert.equal(await verdict(await mint()), 'pull-ok')
    assert.deepEqual(slept, [])
  }))

test('a result that never comes is given up in time', () =>
  withArm({ pending: 1000 }, async ({ mint, slept }) => {
    await rejectsWith('MINT_AMBIGUOUS', mint(), /there was no result within 40 s/, /renewed once more/)
    assert.equal(
      slept.reduce((sum, ms) => sum + ms, 0),
      40_000,
    )
  }))

test('the token for Azure goes to no other host that a Location names', () =>
  withArm({ resultOrigin: 'https://evil.test' }, ({ mint, arm }) =>
    rejectsWith('MINT_AMBIGUOUS', mint(), /not Azure Resource Manager’s/).then(() =>
      assert.equal(arm.requests.filter(isResult).length, 0),
    ),
  ))

const RIGHTS: readonly (readonly [string, ArmOptions['rights'], number])[] = [
  ['read the token', ['generate', 'result'], 0],
  ['generate credentials', ['read', 'result'], 1],
  ['read the result', ['read', 'generate'], 1],
]
for (const [what, rights, posts] of RIGHTS) {
  test(`an application that may not ${what} is MINT_NOT_PERMITTED, with the rights that it needs`, () =>
    withArm(rights === undefined ? {} : { rights }, async ({ mint, arm }) => {
      await rejectsWith('MINT_NOT_PERMITTED', mint(), /it answered 403\.$/, /generateCredentials\/action/)
      assert.equal(arm.requests.filter(isPost).length, posts)
    }))
}

test('a disabled token is refused before a password is made', () =>
  withArm({ disabled: true }, async ({ mint, arm }) => {
    await rejectsWith('MINT_NOT_PERMITTED', mint(), /is disabled/, /az acr token update/)
    assert.equal(arm.requests.filter(isPost).length, 0)
  }))

test('another operation on the token is MINT_UNAVAILABLE', () =>
  withArm({}, async ({ mint, arm }) => {
    arm.fault = (request) => (isPost(request) ? { when: 'before', fault: { kind: 'answer', status: 409 } } : null)
    await rejectsWith('MINT_UNAVAILABLE', mint(), /it answered 409\.$/, /another operation/)
  }))

test('a life that Azure cuts below what was asked is CREDENTIAL_EXPIRING', () =>
  withArm({ longestLife: 3600 }, ({ mint }) =>
    rejectsWith('CREDENTIAL_EXPIRING', mint(), /the new password1 lives until 2026-11-24T13:00:00\.\d+Z/),
  ))

for (const body of [
  '{}',
  '{"username":"x","passwords":[{"name":"password2","value":"v"}]}',
  '{"username":"x","passwords":[{"name":"password1","value":"v"}]}',
]) {
  test(`a result like ${body} is ambiguous`, () =>
    withArm({}, async ({ mint, arm }) => {
      arm.fault = (request) =>
        isResult(request) ? { when: 'before', fault: { kind: 'answer', status: 200, body } } : null
      await rejectsWith('MINT_AMBIGUOUS', mint(), /its answer does not hold it/)
    }))
}

test('revoking never touches a password that was renewed since', () =>
  withArm({}, async ({ mint, revoke, verdict, arm }) => {
    const one = await mint()
    const two = await mint()
    const three = await mint([two.handle])
    assert.deepEqual([slotOf(one), slotOf(two), slotOf(three)], ['password1', 'password2', 'password1'])
    const posts = arm.requests.filter(isPost).length
    assert.equal(await revoke(one.handle), 'already-gone')
    assert.equal(arm.requests.filter(isPost).length, posts)
    assert.equal(await verdict(three), 'pull-ok')
  }))

test('a revocation whose answer is lost failed; the next one finds it gone', () =>
  withArm({}, async ({ mint, revoke, verdict, arm }) => {
    const one = await mint()
    arm.fault = (request) => (isPost(request) ? { when: 'after', fault: { kind: 'hang-up' } } : null)
    await rejectsWith(
      'REVOKE_FAILED',
      revoke(one.handle),
      /password1 of token ecs-pull, registry acme1, could not be revoked/,
    )
    arm.fault = null
    assert.equal(await revoke(one.handle), 'already-gone')
    assert.equal(await verdict(one), 'rejected')
  }))

test('a handle of a token that the plan does not have sends no identity anywhere', () =>
  withArm({}, async ({ mint, revokeUnplanned, arm }) => {
    const { handle } = await mint()
    const before = arm.requests.length
    await rejectsWith(
      'REVOKE_FAILED',
      revokeUnplanned(handle),
      /no entry of the plan has this token/,
      /generate --registry acme1 --name ecs-pull --password1$/,
    )
    assert.equal(arm.requests.length, before)
  }))

test('a token that cannot be looked at is not taken for gone', () =>
  withArm({ rights: ['generate', 'result'] }, async ({ revoke }) => {
    const handle = { registry: 'acme1', token: 'ecs-pull', slot: 'password1', made: NOW }
    await rejectsWith('REVOKE_FAILED', revoke(handle), /it cannot be looked at \(.*403\.\)/)
  }))

test('a token that Azure does not know is MINT_NOT_PERMITTED, and its passwords are not taken for gone', async () => {
  const { fields } = bySecret()
  await withArm({ tokenId: `${TOKEN_ID}-2` }, async ({ mint, revoke }) => {
    assert.ok(fields['tenant'] !== undefined)
    await rejectsWith('MINT_NOT_PERMITTED', mint(), /it answered 404\.$/)
    const handle = { registry: 'acme1', token: 'ecs-pull', slot: 'password1', made: NOW }
    await rejectsWith('REVOKE_FAILED', revoke(handle), /404/)
  })
})

const BROKEN_HANDLES: readonly JsonValue[] = [
  null,
  'text',
  { registry: 'acme1', token: 'ecs-pull', slot: 'password3', made: 1 },
  { registry: 'acme1', token: 'ecs-pull; rm', slot: 'password1', made: 1 },
  { registry: 'acme1', token: 'ecs-pull', slot: 'password1', made: 'then' },
]
for (const handle of BROKEN_HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is REVOKE_FAILED before anything is asked`, () =>
    rejectsWith('REVOKE_FAILED', Promise.resolve(acrToken.revoke?.(recordedContext({}), handle, [])), /cannot be read/))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[] | string])[] = [
  [{}, 'acme1 ecs-pull https://management.azure.com'],
  [{ token: TOKEN_ID.replace('acme1', 'Acme1') }, 'acme1 ecs-pull https://management.azure.com'],
  [{ arm: 'https://management.usgovcloudapi.net/' }, 'acme1 ecs-pull https://management.usgovcloudapi.net'],
  [{ token: undefined }, ['token']],
  [{ token: 'ecs-pull' }, ['token']],
  [{ token: `${TOKEN_ID}/..` }, ['token']],
  [{ token: TOKEN_ID.replace('images', '..%2f') }, ['token']],
  [{ token: TOKEN_ID.replace('images', '..') }, ['token']],
  [{ token: `https://management.azure.com${TOKEN_ID}` }, ['token']],
  [{ arm: 'http://management.azure.com' }, ['arm']],
  [{ client: 'x' }, ['client']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${typeof expected === 'string' ? 'are fine' : `have a problem with ${expected}`}`, () => {
    const config = acrToken.parse({ tenant: TENANT, client: CLIENT, token: TOKEN_ID, ...fields }, 'acme1.azurecr.io')
    if ('arm' in config) assert.equal(`${config.registry} ${config.token} ${config.arm}`, expected)
    else
      assert.deepEqual(
        config.map(({ field }) => field),
        expected,
      )
  })
}
