import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import { leastLife, type Plan, readPlan, readUnjudgedPlan } from '../../src/core/plan.ts'
import type { Provider, RotationClass } from '../../src/core/ports.ts'
import { PROVIDERS } from '../../src/registries/table.ts'

const registry = { provider: 'ghcr', credential: 'prod/ghcr/pull', probe: 'ghcr.io/acme/app:stable' }
const good = { version: 1, secret: 'prod/ecs/agent-config', registries: { 'ghcr.io': registry } }
const fleet = { targets: { 'tag:ecs-pull-auth': ['prod'] } }

function read(value: unknown): Plan {
  return readPlan(value, 'plan.yaml', PROVIDERS)
}

function refusal(value: unknown): PullAuthError {
  try {
    read(value)
  } catch (error) {
    assert.ok(error instanceof PullAuthError)
    return error
  }
  assert.fail('the plan was accepted')
}

test('a plan with one registry is read, with its defaults', () => {
  const plan = read({ ...good, fleet })
  assert.equal(plan.format, 'dockercfg')
  assert.equal(plan.registries[0]?.provider.kind, 'ghcr')
  assert.equal(plan.registries[0]?.proof, 'pull')
  assert.deepEqual(plan.fleet, {
    targets: { 'tag:ecs-pull-auth': ['prod'] },
    document: 'ecs-pull-auth-reload',
    mode: 'auth-only',
    maxConcurrency: '10%',
    maxErrors: '0',
    timeout: 3600,
    jitter: 30,
    drain: 300,
    cluster: null,
    allowEmpty: false,
    canary: null,
    runbook: null,
    alarm: null,
  })
})

test('a token realm of another site is a host, of one registry alone', () => {
  const realms = (realm: unknown) => {
    const plan = {
      ...good,
      registries: {
        'ghcr.io': { ...registry, realm },
        'r.acme.com': { provider: 'static', credential: 'pull', probe: 'r.acme.com/a' },
      },
    }
    return read(plan).registries.map((entry) => entry.realm)
  }
  assert.deepEqual(realms('login.acme.net'), ['login.acme.net', null])
  assert.deepEqual(realms('login.acme.net:8443'), ['login.acme.net:8443', null])
  for (const realm of [
    'https://login.acme.net',
    'login.acme.net/token',
    'Login.acme.net',
    '*.acme.net',
    '',
    'a@b',
    'a:0',
  ]) {
    const wrong = { ...good, registries: { 'ghcr.io': { ...registry, realm } } }
    assert.match(refusal(wrong).message, /ghcr\.io"?\]?\.realm /, realm)
  }
})

test('jitter and drain may be nothing at all, a timeout may not', () => {
  const plan = read({ ...good, fleet: { ...fleet, jitter: '0s', drain: '0s' } })
  assert.deepEqual([plan.fleet?.jitter, plan.fleet?.drain], [0, 0])
  assert.match(refusal({ ...good, fleet: { ...fleet, timeout: '0s' } }).message, /fleet\.timeout is not a duration/)
  assert.match(
    refusal({ ...good, fleet: { ...fleet, drain: '0' } }).message,
    /fleet\.drain is not a duration .*, or 0s/,
  )
  assert.match(refusal({ ...good, fleet: { ...fleet, drain: '2d' } }).message, /fleet\.drain must be at most 1d/)
})

test('a credential must outlive a whole rollout', () => {
  assert.equal(leastLife(read(good)), 300)
  assert.equal(leastLife(read({ ...good, fleet: { ...fleet, timeout: '2h' } })), 7500)
})

test('every problem is named with its field, in one error', () => {
  const error = refusal({ version: 2, secret: 'bad name', registries: {}, fleet: { targets: {} } })
  assert.equal(error.code, 'PLAN_INVALID')
  assert.match(error.message, /plan\.yaml has 4 problems/)
  for (const field of [
    'version must be 1',
    'secret is not the name or ARN',
    'registries must name',
    'fleet.targets must have',
  ]) {
    assert.ok(error.message.includes(field), field)
  }
})

const refusals: readonly [string, unknown, RegExp][] = [
  ['no mapping at all', 'text', /must be a mapping/],
  ['null', null, /must be a mapping/],
  ['a list', [], /must be a mapping/],
  [
    'an unknown field, with the nearest name',
    { ...good, registry: {} },
    /registry is not a field of the plan; did you mean registries\?/,
  ],
  [
    'an unknown field of an entry',
    { ...good, registries: { 'ghcr.io': { ...registry, credentials: 'x' } } },
    /credentials is not .* did you mean credential\?/,
  ],
  [
    'an unknown provider',
    { ...good, registries: { 'ghcr.io': { ...registry, provider: 'gitlb' } } },
    /provider is not a provider .* did you mean gitlab\?/,
  ],
  [
    'a provider that is missing',
    { ...good, registries: { 'ghcr.io': { probe: 'ghcr.io/a/b' } } },
    /provider is missing; it is one of static, /,
  ],
  [
    'a key that the agent never looks up',
    { ...good, registries: { 'docker.io': registry } },
    /never looked up by the ECS agent; use https:\/\/index\.docker\.io\/v1\//,
  ],
  ['a key without a host', { ...good, registries: { acme: registry } }, /does not begin with a registry host/],
  ['a key in capitals', { ...good, registries: { 'GHCR.io': registry } }, /lower case/],
  ['a key with a quote', { ...good, registries: { 'ghcr.io"': registry } }, /printable ASCII/],
  [
    'two spellings of one key',
    { ...good, registries: { 'ghcr.io': registry, 'https://ghcr.io': registry } },
    /is the same registry as ghcr\.io/,
  ],
  [
    'a probe of another registry',
    { ...good, registries: { 'ghcr.io': { ...registry, probe: 'quay.io/a/b' } } },
    /is an image of quay\.io, not of ghcr\.io/,
  ],
  [
    'a probe that is no image',
    { ...good, registries: { 'ghcr.io': { ...registry, probe: 'ghcr.io/UPPER case' } } },
    /probe is not an image reference/,
  ],
  [
    'a ttl for a credential that a person makes',
    { ...good, registries: { 'ghcr.io': { ...registry, ttl: '6h' } } },
    /ttl is not for provider ghcr/,
  ],
  ['a duration without unit', { ...good, fleet: { ...fleet, timeout: '60' } }, /fleet\.timeout is not a duration/],
  ['a concurrency of zero', { ...good, fleet: { ...fleet, maxConcurrency: '0' } }, /fleet\.maxConcurrency must be/],
  ['too many errors in percent', { ...good, fleet: { ...fleet, maxErrors: '101%' } }, /fleet\.maxErrors must be/],
  [
    'a timeout below what Run Command takes',
    { ...good, fleet: { ...fleet, timeout: '10s' } },
    /fleet\.timeout must be from 30s/,
  ],
  ['a target without prefix', { ...good, fleet: { targets: { team: ['blue'] } } }, /targets\.team must be tag:NAME/],
  ['a target without values', { ...good, fleet: { targets: { 'tag:team': [] } } }, /must be a list of 1 to 50/],
  ['a rotation without a schedule', { ...good, rotation: {} }, /rotation\.schedule is missing; .* rate\(4 hours\)/],
  [
    'an unknown field of rotation',
    { ...good, rotation: { schedule: 'rate(4 hours)', windows: '1h' } },
    /rotation\.windows is not a field of the plan; did you mean window\?/,
  ],
  [
    'a schedule that is none',
    { ...good, rotation: { schedule: 'daily' } },
    /rotation\.schedule must be rate\(N hours\)/,
  ],
  [
    'a schedule that is too fast',
    { ...good, rotation: { schedule: 'rate(5 minutes)' } },
    /rotation\.schedule must not be/,
  ],
  [
    'a cron expression that cannot be evaluated',
    { ...good, rotation: { schedule: 'cron(0 0 32 * ? *)' } },
    /rotation\.schedule has 32 as its day of month/,
  ],
  [
    'a window that runs into the next',
    { ...good, rotation: { schedule: 'rate(4 hours)', window: '5h' } },
    /rotation\.window must be at most 4h here/,
  ],
  [
    'a window without unit',
    { ...good, rotation: { schedule: 'rate(1 day)', window: 4 } },
    /rotation\.window is not a duration/,
  ],
  ['a rotation that is text', { ...good, rotation: 'rate(4 hours)' }, /rotation must be a mapping/],
  ['an entry that is text', { ...good, registries: { 'ghcr.io': 'token' } }, /registries\.ghcr\.io must be a mapping/],
]

for (const [what, value, message] of refusals) {
  test(`refused with PLAN_INVALID: ${what}`, () => {
    const error = refusal(value)
    assert.equal(error.code, 'PLAN_INVALID')
    assert.match(error.message, message)
    assert.notEqual(error.hint, '')
  })
}

const gitlab = {
  provider: 'gitlab',
  group: 'acme',
  root: 'prod/gitlab/root',
  ttl: '6h',
  probe: 'registry.gitlab.com/acme/app:stable',
}
const six = { ...good, registries: { ...good.registries, 'registry.gitlab.com': gitlab } }

test('a schedule is read with its window, and a plan without one has none', () => {
  assert.equal(read(good).rotation, null)
  const { rotation } = read({ ...six, rotation: { schedule: 'rate(4 hours)' } })
  assert.deepEqual(rotation, {
    expression: 'rate(4 hours)',
    by: 'secrets-manager',
    interval: 14_400,
    window: 3600,
    rotationsPerDay: 6,
  })
})

test('a schedule of which credentials die is refused, unless the reader only wants to show it', () => {
  const unsafe = { ...six, fleet, rotation: { schedule: 'rate(4 hours)', window: '4h' } }
  const error = refusal(unsafe)
  assert.equal(error.code, 'CADENCE_UNSAFE')
  assert.match(
    error.message,
    /plan plan\.yaml .* registry\.gitlab\.com: 6 h life < 4 h interval \+ 4 h window \+ .* = 9 h 35 min/,
  )
  assert.match(error.hint, /^Use rotation: \{ schedule: rate\(2 hours\) \}/)
  assert.equal(readUnjudgedPlan(unsafe, 'plan.yaml', PROVIDERS).rotation?.window, 4 * 3600)
})

test('the secrets that an entry is made from are known by name', () => {
  assert.deepEqual(
    read(six).registries.map(({ secrets }) => secrets),
    [['prod/ghcr/pull'], ['prod/gitlab/root']],
  )
})

test('a cluster is named or given by its ARN, and an empty fleet is accepted only on request', () => {
  for (const cluster of ['prod', 'arn:aws-cn:ecs:cn-north-1:111122223333:cluster/prod'])
    assert.equal(read({ ...good, fleet: { ...fleet, cluster } }).fleet?.cluster, cluster)
  assert.equal(read({ ...good, fleet: { ...fleet, allowEmpty: true } }).fleet?.allowEmpty, true)
  for (const cluster of ['a b', 'arn:aws:ecs:eu-west-1:111122223333:service/prod', 'x'.repeat(256)])
    assert.match(refusal({ ...good, fleet: { ...fleet, cluster } }).message, /fleet\.cluster must be the name or ARN/)
})

test('a plan never pollutes prototypes', () => {
  const value = JSON.parse(
    '{"version":1,"secret":"s","registries":{"ghcr.io":{"__proto__":{"provider":"static"},"probe":"ghcr.io/a/b"}}}',
  )
  assert.equal(refusal(value).code, 'PLAN_INVALID')
  assert.equal(({} as Record<string, unknown>)['provider'], undefined)
})

/** A provider of a given class, as a plan could name it. */
function providersOf(rotation: RotationClass): ReadonlyMap<string, Provider> {
  const provider: Provider = {
    kind: 'risky',
    summary: 'Of this test.',
    traits: {
      rotation,
      ttl: { min: null, max: null, default: null, granularity: 'second' },
      revoke: 'none',
      identity: ['none'],
      hosts: ['cli'],
      evidence: 'this test',
    },
    options: {},
    parse: () => ({}),
    mint: async () => assert.fail('nothing is minted here'),
  }
  return new Map([['risky', provider]])
}

const DANGEROUS: readonly [RotationClass, string, RegExp][] = [
  ['destructive', 'allowDowntime', /registries\.ghcr\.io uses risky, whose rotation kills the old credential at once/],
  ['self-rotating', 'allowSelfRotation', /uses risky, whose root credential replaces itself: one lost answer/],
]
for (const [rotation, permission, reason] of DANGEROUS) {
  test(`a ${rotation} source is refused with its reason, and taken with ${permission}: true`, () => {
    const providers = providersOf(rotation)
    const entry = { provider: 'risky', probe: 'ghcr.io/acme/app:stable' }
    const plan = (more: object) => ({ ...good, registries: { 'ghcr.io': { ...entry, ...more } } })
    const other = permission === 'allowDowntime' ? 'allowSelfRotation' : 'allowDowntime'
    for (const more of [{}, { [permission]: false }, { [other]: true }]) {
      assert.throws(
        () => readPlan(plan(more), 'plan.yaml', providers),
        (error) => {
          assert.ok(error instanceof PullAuthError)
          assert.equal(error.code, 'PLAN_INVALID')
          assert.match(error.message, reason)
          assert.match(error.message, new RegExp(`with ${permission}: true`))
          return true
        },
      )
    }
    const [registry] = readPlan(plan({ [permission]: true }), 'plan.yaml', providers).registries
    assert.equal(registry?.provider.kind, 'risky')
  })
}

test('classes that overlap need no permission', () => {
  for (const rotation of ['exchange', 'create-delete', 'two-slot', 'static'] as const) {
    const plan = { ...good, registries: { 'ghcr.io': { provider: 'risky', probe: 'ghcr.io/acme/app:stable' } } }
    assert.equal(readPlan(plan, 'plan.yaml', providersOf(rotation)).registries.length, 1)
  }
})
