import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { FieldProblem, JsonValue } from '../../src/core/ports.ts'
import { type ScalewayConfig, scaleway } from '../../src/registries/scaleway.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { type ScalewayDouble, type ScalewayOptions, startScaleway } from '../doubles/scaleway.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const ROOT = marked('root')
const POWERLESS = marked('powerless')
const APPLICATION = '11111111-2222-4333-8444-555555555555'
const PROJECT = '99999999-2222-4333-8444-555555555555'
const LABEL = 'ecs-pull-auth/prod/agent/01234567-0123-4123-8123-0123456789ab/1795521600'

interface World {
  readonly double: ScalewayDouble
  readonly tokens: TokenStore
  readonly cx: RecordedContext
  readonly config: ScalewayConfig
  mint(ttl: number | null, label?: string): ReturnType<typeof scaleway.mint>
  revoke(handle: JsonValue, planned?: readonly ScalewayConfig[]): Promise<string>
}

async function inWorld(
  run: (world: World) => Promise<void>,
  {
    fields = {},
    options = {},
  }: { fields?: Readonly<Record<string, unknown>>; options?: Partial<ScalewayOptions> } = {},
): Promise<void> {
  const tokens = createTokenStore(() => NOW)
  const roots = { [ROOT]: { manages: true }, [POWERLESS]: { manages: false } }
  const double = await startScaleway({ tokens, now: () => NOW, roots, applications: [APPLICATION], ...options })
  const cx = recordedContext({ root: ROOT, powerless: POWERLESS, dead: marked('dead') })
  cx.secrets.set('pinned', JSON.stringify({ secretKey: ROOT, url: double.url }))
  const config = scaleway.parse(
    { url: double.url, application: APPLICATION, root: 'root', ...fields },
    'rg.fr-par.scw.cloud',
  )
  assert.ok('api' in config, JSON.stringify(config))
  const world: World = {
    double,
    tokens,
    cx,
    config,
    mint: (ttl, label = LABEL) => scaleway.mint(cx, config, { label, ttl, inUse: [] }),
    revoke: async (handle, planned = [config]) => (await scaleway.revoke?.(cx, handle, planned)) ?? 'none',
  }
  try {
    await run(world)
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
  } finally {
    await double.close()
  }
}

test('a key carries the label, the project and the end that was asked for', () =>
  inWorld(
    async ({ double, mint }) => {
      const { username, issuedAt, expiresAt } = await mint(86_400)
      assert.deepEqual([username, issuedAt, expiresAt], ['nologin', NOW, NOW + 86_400_000])
      const [key] = double.keys()
      assert.ok(key?.description.startsWith(`${LABEL}#`))
      assert.equal(key?.project, PROJECT)
      assert.equal((await mint(null)).expiresAt, null)
    },
    { fields: { project: PROJECT } },
  ))

test('keys are found by their label on every page, and those of others are left alone', () =>
  inWorld(async ({ cx, config, mint }) => {
    for (let count = 0; count < 103; count++) await mint(60, `ecs-pull-auth/prod/agent/${count}`)
    await mint(60, 'ecs-pull-auth/stage/agent/1')
    const found = (await scaleway.find?.(cx, config, 'ecs-pull-auth/prod/agent/')) ?? []
    assert.equal(found.length, 103)
    assert.ok(found.some(({ label }) => label === 'ecs-pull-auth/prod/agent/102'))
  }))

test('a key that the organization gives less life than asked is deleted again', () =>
  inWorld(
    async ({ double, mint }) => {
      await assert.rejects(mint(86_400), { code: 'CREDENTIAL_EXPIRING' })
      assert.deepEqual(double.keys(), [])
    },
    { options: { longestLife: 3600 } },
  ))

test('a label that leaves no room in a description is refused before anything is asked', () =>
  inWorld(async ({ double, mint }) => {
    await mint(60, 'l'.repeat(186))
    const asked = double.requests.length
    await assert.rejects(mint(60, 'l'.repeat(187)), { code: 'MINT_NOT_PERMITTED' })
    assert.equal(double.requests.length, asked)
  }))

test('a handle works after the plan has changed its application', () =>
  inWorld(async ({ double, config, mint, revoke }) => {
    const { handle } = await mint(60)
    assert.equal(await revoke(handle, [{ ...config, application: PROJECT }]), 'revoked')
    assert.deepEqual(double.keys(), [])
  }))

test('a handle sends a root only where the plan or the root itself says', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint(60)
    const asked = double.requests.length
    await assert.rejects(revoke(handle, []), { code: 'REVOKE_FAILED' })
    const moved = { ...(handle as object), api: 'https://evil.test', root: 'root' } as JsonValue
    await assert.rejects(revoke(moved), { code: 'REVOKE_FAILED' })
    await assert.rejects(revoke({ ...(moved as object), root: 'pinned' } as JsonValue), { code: 'REVOKE_FAILED' })
    assert.equal(double.requests.length, asked)
    assert.equal(await revoke({ ...(handle as object), root: 'pinned' } as JsonValue, []), 'revoked')
  }))

const HANDLES: readonly JsonValue[] = [
  null,
  'SCW0123456789',
  {},
  { api: 'https://api.scaleway.com', application: APPLICATION, key: '../applications', root: 'root' },
  { api: 'https://api.scaleway.com', application: 'x', key: 'SCW0123456789', root: 'root' },
  { api: 'http://api.scaleway.com', application: APPLICATION, key: 'SCW0123456789', root: 'root' },
]
for (const handle of HANDLES) {
  test(`the handle ${JSON.stringify(handle)} is refused, and nothing is asked`, () =>
    inWorld(async ({ double, revoke }) => {
      await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
      assert.deepEqual(double.requests, [])
    }))
}

test('a key is only taken for gone when the keys can be listed', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint(60)
    double.fault = ({ method }) => ({
      when: 'before',
      fault: { kind: 'answer', status: method === 'DELETE' ? 404 : 403 },
    })
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    double.fault = null
    assert.equal(await revoke(handle), 'revoked')
    assert.equal(await revoke(handle), 'already-gone')
  }))

test('a key of the application that is not ours is left alone, whatever a handle says', () =>
  inWorld(async ({ double, mint, revoke }) => {
    const { handle } = await mint(60, 'made by hand')
    await assert.rejects(revoke(handle), { code: 'REVOKE_FAILED' })
    assert.equal(double.keys().length, 1)
  }))

const REFUSALS: readonly (readonly [string, Readonly<Record<string, unknown>>, string, RegExp])[] = [
  ['a dead root', { root: 'dead' }, 'MINT_REJECTED', /secret dead/],
  ['a root that may not manage IAM', { root: 'powerless' }, 'MINT_NOT_PERMITTED', /IAMManager/],
  ['an application that does not exist', { application: PROJECT }, 'MINT_NOT_PERMITTED', /an application 99999999-/],
]
for (const [what, fields, code, hint] of REFUSALS) {
  test(`${what}: ${code}`, () =>
    inWorld(
      ({ mint }) =>
        assert.rejects(mint(60), (error) => {
          assert.ok(error instanceof PullAuthError)
          assert.equal(error.code, code)
          assert.match(error.hint, hint)
          assertNoMarks(shownBy(error), 'the error')
          return true
        }),
      { fields },
    ))
}

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, readonly string[]])[] = [
  [{ application: APPLICATION, root: 'root' }, []],
  [{ application: APPLICATION, project: PROJECT, root: 'root', url: 'https://api.scaleway.com' }, []],
  [{ application: 'pull', root: 'root' }, ['application']],
  [{ application: APPLICATION.replaceAll('1', 'A'), project: 'default', root: 'root' }, ['application', 'project']],
  [{ application: APPLICATION, url: 'http://api.scaleway.com' }, ['root', 'url']],
]
for (const [fields, wrong] of FIELDS) {
  test(`${JSON.stringify(fields)} has ${wrong.length === 0 ? 'no problem' : `problems at ${wrong.join(', ')}`}`, () => {
    const config = scaleway.parse(fields, 'rg.fr-par.scw.cloud')
    const problems = 'api' in config ? [] : (config as readonly FieldProblem[])
    assert.deepEqual(
      problems.map(({ field }) => field),
      wrong,
    )
  })
}
