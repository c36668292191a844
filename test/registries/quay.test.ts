import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import type { Minted } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { quay } from '../../src/registries/quay.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import { type QuayOptions, startQuay } from '../doubles/quay.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW, recordedContext, shownBy } from './context.ts'

const now = () => NOW
const GITHUB = githubIssuer(now)
const ROBOT = 'acme+ecs_pull'
const FEDERATION = {
  subject: 'repo:acme/infra:environment:prod',
  audience: 'https://quay.io',
  claimsOf: GITHUB.claimsOf,
}

interface Change {
  readonly fields?: Readonly<Record<string, unknown>>
  readonly options?: Partial<QuayOptions>
}

async function inWorld(
  run: (mint: (ttl?: number | null) => Promise<Minted>) => Promise<void>,
  { fields, options }: Change = {},
): Promise<void> {
  const federations = { [ROBOT]: FEDERATION }
  const double = await startQuay({ tokens: createTokenStore(now), now, federations, ...options })
  const identityToken = async (audience: string) => new Secret(GITHUB.issue(audience))
  const cx = { ...recordedContext({}), identityToken }
  const config = quay.parse({ url: double.url, robot: ROBOT, audience: 'https://quay.io', ...fields }, 'quay.io')
  assert.ok('url' in config, JSON.stringify(config))
  try {
    await run((ttl = null) => quay.mint(cx, config, { label: 'ecs-pull-auth/a', ttl, inUse: [] }))
    assertNoMarks(cx.told.join('\n'), 'the journal')
    assertNoMarks(JSON.stringify(double.requests), 'a URL')
    assert.ok(double.requests.every(({ path }) => path === '/oauth2/federation/robot/token'))
  } finally {
    await double.close()
  }
}

for (const tellsEnd of [true, false]) {
  test(`the robot is the user and its token lives one hour, ${tellsEnd ? 'as it says' : 'also when it does not say so'}`, () =>
    inWorld(
      async (mint) => {
        const { username, expiresAt, handle } = await mint()
        assert.deepEqual([username, expiresAt, handle], [ROBOT, NOW + 3_600_000, null])
      },
      { options: { tellsEnd } },
    ))
}

const REFUSALS: readonly (readonly [string, Change, string, RegExp])[] = [
  ['another robot', { fields: { robot: 'acme+other' } }, 'MINT_REJECTED', /federation of acme\+other/],
  ['another audience', { fields: { audience: 'sts.amazonaws.com' } }, 'MINT_REJECTED', /sts\.amazonaws\.com among/],
  [
    'another subject',
    { options: { federations: { [ROBOT]: { ...FEDERATION, subject: 'repo:acme/infra:ref:refs/heads/main' } } } },
    'MINT_REJECTED',
    /letter by letter/,
  ],
  ['a token of ten minutes', { options: { life: 600 } }, 'CREDENTIAL_EXPIRING', /clocks/],
]
for (const [what, change, code, hint] of REFUSALS) {
  test(`${what}: ${code}`, () =>
    inWorld(
      (mint) =>
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

const FIELDS: readonly (readonly [Readonly<Record<string, unknown>>, unknown])[] = [
  [{ robot: ROBOT }, { url: 'https://quay.io', robot: ROBOT, audience: 'https://quay.io' }],
  [
    { robot: ROBOT, url: 'https://quay.acme.com/', audience: 'a' },
    { url: 'https://quay.acme.com', robot: ROBOT, audience: 'a' },
  ],
  [{ robot: 'ecs_pull' }, ['robot']],
  [{ robot: 'acme+a:b' }, ['robot']],
  [{ url: 'http://quay.acme.com' }, ['url', 'robot']],
]
for (const [fields, expected] of FIELDS) {
  test(`fields ${JSON.stringify(fields)} ${Array.isArray(expected) ? `have problems with ${expected}` : 'are fine'}`, () => {
    const config = quay.parse(fields, 'quay.io/acme')
    assert.deepEqual('url' in config ? config : config.map(({ field }) => field), expected)
  })
}
