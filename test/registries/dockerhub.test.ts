/** Provider `dockerhub`: fields, the exchange, its lives, and why it refuses to work outside of a workflow. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { ProviderContext } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createIdentity } from '../../src/identity.ts'
import { dockerhub } from '../../src/registries/dockerhub.ts'
import { startAwsRole } from '../doubles/aws-role.ts'
import { type DockerhubOptions, startDockerhub } from '../doubles/dockerhub.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import type { ApiDouble } from '../doubles/token-api.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { NOW, type RecordedContext, recordedContext, shownBy } from './context.ts'

const CONNECTION = '0f8fad5b-d9cb-469f-a165-70867728950e'
const SUBJECT = 'repo:acme/infra:environment:prod'
const now = () => NOW
const issuer = githubIssuer(now)

interface World {
  readonly hub: ApiDouble
  readonly tokens: TokenStore
  readonly context: RecordedContext
  /** What the identity was asked for. */
  readonly asked: readonly (readonly (string | undefined)[])[]
}

async function withHub(options: Partial<DockerhubOptions>, run: (world: World) => Promise<void>): Promise<void> {
  const tokens = createTokenStore(now)
  const hub = await startDockerhub({
    tokens,
    now,
    issuer,
    org: 'acme',
    connection: CONNECTION,
    subjects: [SUBJECT],
    ...options,
  })
  const asked: (readonly (string | undefined)[])[] = []
  const identityToken: ProviderContext['identityToken'] = async (audience, only) => {
    asked.push([audience, only])
    return new Secret(issuer.issue(audience))
  }
  const context = { ...recordedContext({}), identityToken }
  try {
    await run({ hub, tokens, context, asked })
    assertNoMarks(context.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(hub.requests), 'a URL')
  } finally {
    await hub.close()
  }
}

function mint({ hub, context }: Pick<World, 'hub' | 'context'>, ttl: number | null = null, connection = CONNECTION) {
  const config = { identity: hub.url, org: 'acme', connection }
  return dockerhub.mint(context, config, { label: 'ecs-pull-auth/agent/1', ttl, inUse: [] })
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, message: RegExp, hint: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    assertNoMarks(shownBy(error), 'the error')
    return true
  })
}

test('six hours are asked for unless the plan says less, for the organization, with GitHub’s token alone', () =>
  withHub({}, async (world) => {
    for (const [ttl, life] of [
      [null, 21_600],
      [3600, 3600],
    ] as const) {
      const { password, ...rest } = await mint(world, ttl)
      assert.deepEqual(rest, { username: 'acme', issuedAt: NOW, expiresAt: NOW + life * 1000, handle: null })
      assert.notEqual(world.tokens.login('acme', password.reveal()), null)
      assert.ok(world.context.masked.some((secret) => secret.equals(password)))
    }
    assert.deepEqual(world.asked[0], [world.hub.url, 'github'])
  }))

test('the identity token is masked too', () =>
  withHub({}, async (world) => {
    await mint(world)
    assert.equal(issuer.claimsOf(world.context.masked[0]?.reveal() ?? '', world.hub.url)?.['sub'], SUBJECT)
  }))

test('outside of a workflow nothing is sent anywhere, and the way out is named', async () => {
  const role = await startAwsRole({ now })
  try {
    await withHub({}, async ({ hub, context }) => {
      const { http } = context
      const identityToken = createIdentity({ http, env: {}, signAws: role.signAws })
      await rejectsWith(
        'IDENTITY_UNAVAILABLE',
        mint({ hub, context: { ...context, identityToken } }),
        /trusts GitHub’s ID tokens only, and this is no GitHub workflow/,
        /from the Action, or keep a credential for it in a secret of its own: provider static/,
      )
      assert.deepEqual([...hub.requests, ...role.requests], [])
    })
  } finally {
    await role.close()
  }
})

test('a connection that does not know the workflow says where to look', async () => {
  await withHub({ subjects: ['repo:acme/infra:ref:refs/heads/main'] }, (world) =>
    rejectsWith('MINT_NOT_PERMITTED', mint(world), /answered 403/, /rulesets must match the subject of this workflow/),
  )
  await withHub({}, (world) =>
    rejectsWith(
      'MINT_REJECTED',
      mint(world, null, '11111111-d9cb-469f-a165-70867728950e'),
      /^Docker http:\/\/127\.0\.0\.1:\d+\/oauth\/token: it answered 401\.$/,
      /OIDC connection 11111111-/,
    ),
  )
})

test('an OAuth refusal with 400 is a refusal too', () =>
  withHub({}, async (world) => {
    const body = '{"error":"invalid_grant","error_description":"no"}'
    world.hub.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 400, body } })
    await rejectsWith('MINT_REJECTED', mint(world), /answered 400 \(invalid_grant\)/, /OIDC connection/)
  }))

test('a token with less life than was asked for is not used', () =>
  withHub({ longestLife: 3600 }, async (world) => {
    await rejectsWith('CREDENTIAL_EXPIRING', mint(world), /until 2026-11-24T13:00:00\.000Z, less than/, /shorter ttl/)
    assert.equal((await mint(world, 3600)).expiresAt, NOW + 3_600_000)
  }))

test('the token’s own end counts where the answer does not tell one, else the one that was asked for', () =>
  withHub({}, async (world) => {
    const exp = Math.floor(NOW / 1000) + 21_000
    const jwt = `e30.${Buffer.from(JSON.stringify({ exp: exp + 590 })).toString('base64url')}.c2ln`
    for (const [token, expiresAt] of [
      [jwt, (exp + 590) * 1000],
      ['opaque', NOW + 21_600_000],
    ] as const) {
      const body = JSON.stringify({ access_token: token })
      world.hub.fault = () => ({ when: 'before', fault: { kind: 'answer', status: 200, body } })
      assert.equal((await mint(world)).expiresAt, expiresAt)
    }
  }))

const FIELDS = { org: 'acme', connection: CONNECTION }

test('the plan’s fields', () => {
  const identity = 'https://identity.docker.com'
  assert.deepEqual(dockerhub.parse(FIELDS, 'https://index.docker.io/v1/'), { ...FIELDS, identity })
  const bad: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
    [{ ...FIELDS, org: 'Acme' }, 'org'],
    [{ ...FIELDS, org: 'acme/app' }, 'org'],
    [{ connection: CONNECTION }, 'org'],
    [{ ...FIELDS, connection: 'prod' }, 'connection'],
    [{ ...FIELDS, url: 'http://identity.docker.com' }, 'url'],
  ]
  for (const [fields, field] of bad) {
    const problems = dockerhub.parse(fields, 'https://index.docker.io/v1/')
    assert.deepEqual(
      Array.isArray(problems) && problems.map((problem) => problem.field),
      [field],
      JSON.stringify(fields),
    )
  }
})
