import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, isCode, PullAuthError } from '../../src/core/errors.ts'
import { reload, runJob } from '../../src/core/job.ts'
import type { Plan, PlannedRegistry } from '../../src/core/plan.ts'
import type { Provider, SecretArn, VersionId } from '../../src/core/ports.ts'
import {
  type Attempt,
  createVersion,
  finishVersion,
  PENDING,
  providerContext,
  requestRotation,
  rotateDirectly,
  testVersion,
} from '../../src/core/rotation.ts'
import { Secret } from '../../src/core/secret.ts'
import { readStoredConfig, stateOf } from '../../src/core/stored-config.ts'
import { versionIdFrom } from '../../src/core/version-id.ts'
import { FIRST_TEXT, FIRST_VERSION, liveTokens, SECRET, startWorld, type TestWorld } from './rotation-world.ts'

const SECOND = '00000000-0000-4000-8000-000000000002' as VersionId
const THIRD = '00000000-0000-4000-8000-000000000003' as VersionId

async function code(promise: Promise<unknown>): Promise<ErrorCode> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.notEqual(error.hint, '')
    return error.code
  }
  assert.fail('it succeeded')
}

/** What Secrets Manager does before it invokes the function: a placeholder with AWSPENDING. */
function beginRotation(world: TestWorld, version: VersionId): Attempt {
  const stored = world.secrets.secret(SECRET)
  stored.rotation = {
    functionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:rotate',
    rules: {},
    lastRotatedAt: undefined,
    enabled: true,
  }
  stored.run = { version, token: '0'.repeat(36), functionArn: stored.rotation.functionArn }
  stored.versions.store({ id: version, createdAt: world.clock.now(), value: null, withRotationToken: false }, [PENDING])
  return {
    plan: { ...world.plan, secret: stored.arn },
    version,
    label: PENDING,
    rotationToken: new Secret('0'.repeat(36)),
  }
}

async function steps(world: TestWorld, attempt: Attempt): Promise<void> {
  await createVersion(world.ports, attempt)
  await testVersion(world.ports, attempt)
  await finishVersion(world.ports, attempt)
}

function pendingHolder(world: TestWorld): string | undefined {
  return world.secrets.secret(SECRET).versions.holder(PENDING)
}

test('a rotation makes a proven version current and keeps every other line', async () => {
  const world = startWorld()
  const report = await rotateDirectly(world.ports, world.plan, SECOND)
  assert.equal(report.changed, true)
  assert.deepEqual(
    report.registries.map(({ verdict }) => verdict),
    ['pull-ok'],
  )
  const { version, text } = world.current()
  assert.equal(version, SECOND)
  assert.ok(world.pulls(text))
  assert.ok(text.startsWith(FIRST_TEXT))
})

test('the whole job revokes the old credential after every instance runs the new one, not before', async () => {
  const world = startWorld()
  await runJob(world.ports, world.plan, SECOND, false)
  const [first] = liveTokens(world)
  const report = await runJob(world.ports, world.plan, THIRD, false)
  assert.equal(report.problem, null)
  assert.deepEqual(
    report.retire?.retired.map(({ outcome }) => outcome),
    ['revoked'],
  )
  assert.equal(first?.revoked, true)
  assert.equal(liveTokens(world).length, 1)
  assert.ok(world.nodes.every(({ text }) => world.pulls(text)))
})

test('one instance that does not come back keeps the old credential alive and the job red', async () => {
  const world = startWorld()
  await runJob(world.ports, world.plan, SECOND, false)
  const straggler = world.nodes[1]
  assert.ok(straggler)
  straggler.broken = true
  const report = await runJob(world.ports, world.plan, THIRD, false)
  assert.equal(report.problem?.code, 'ROLLOUT_INCOMPLETE')
  assert.equal(report.retire, null)
  assert.ok(report.problem?.message.includes(straggler.id))
  assert.ok(
    world.nodes.every(({ text }) => world.pulls(text)),
    'every instance can still pull',
  )
})

test('credentials of a rollout that never finished are retired by the next one that does', async () => {
  const world = startWorld()
  await runJob(world.ports, world.plan, SECOND, false)
  const straggler = world.nodes[0]
  assert.ok(straggler)
  straggler.broken = true
  for (const last of ['a', 'b', 'c'])
    await runJob(world.ports, world.plan, `00000000-0000-4000-8000-00000000000${last}` as VersionId, false)
  assert.equal(liveTokens(world).length, 4)
  straggler.broken = false
  const report = await runJob(world.ports, world.plan, THIRD, false)
  assert.equal(report.retire?.retired.length, 4)
  assert.equal(liveTokens(world).length, 1)
})

test('no target at all is not green', async () => {
  const world = startWorld({ nodes: 0 })
  const report = await runJob(world.ports, world.plan, SECOND, false)
  assert.equal(report.problem?.code, 'TARGETS_NONE')
  assert.equal(report.retire, null)
})

test('a rejected probe publishes nothing', async () => {
  const world = startWorld()
  world.proof = () => ({ verdict: 'rejected', detail: 'login answered 401' })
  assert.equal(await code(rotateDirectly(world.ports, world.plan, SECOND)), 'PROBE_REJECTED')
  assert.equal(world.current().version, FIRST_VERSION)
})

const verdicts: readonly [NonNullable<ReturnType<NonNullable<TestWorld['proof']>>>['verdict'], ErrorCode][] = [
  ['login-ok-pull-denied', 'PROBE_DENIED'],
  ['accepted-but-public', 'PROBE_PUBLIC'],
  ['public-login-unknown', 'PROBE_PUBLIC'],
  ['tag-missing', 'PROBE_MISSING'],
  ['unknown', 'PROBE_UNKNOWN'],
]
for (const [verdict, expected] of verdicts) {
  test(`the verdict ${verdict} publishes nothing: ${expected}`, async () => {
    const world = startWorld()
    world.proof = () => ({ verdict, detail: 'as told' })
    assert.equal(await code(rotateDirectly(world.ports, world.plan, SECOND)), expected)
    assert.equal(world.current().version, FIRST_VERSION)
  })
}

test('a registry that asks to wait is asked again only then, and not waited for when it asks for long', async () => {
  for (const [retryAfter, expected] of [
    [30_000, SECOND],
    [600_000, FIRST_VERSION],
  ] as const) {
    const world = startWorld()
    const asked: number[] = []
    world.proof = () => {
      asked.push(world.ports.clock.now())
      return asked.length === 1 ? { verdict: 'unknown', detail: 'login answered 429', retryAfter } : null
    }
    const rotated = rotateDirectly(world.ports, world.plan, SECOND)
    if (expected === SECOND) await rotated
    else assert.equal(await code(rotated), 'PROBE_UNKNOWN')
    assert.equal(world.current().version, expected)
    const [first = 0, second] = asked
    assert.equal(second === undefined ? null : second - first >= retryAfter, expected === SECOND ? true : null)
  }
})

test('the token realm that the plan names for a registry goes with its proof', async () => {
  const world = startWorld()
  const asked: unknown[] = []
  const verify: typeof world.ports.verify = (image, credential, realm) => {
    asked.push(realm)
    return world.ports.verify(image, credential)
  }
  const registries = world.plan.registries.map((registry) => ({ ...registry, realm: 'login.acme.net' }))
  await rotateDirectly({ ...world.ports, verify }, { ...world.plan, registries }, SECOND)
  assert.deepEqual([...new Set(asked)], ['login.acme.net'])
})

test('a public probe is accepted where the plan says that the login is the proof', async () => {
  const world = startWorld()
  world.proof = () => ({ verdict: 'accepted-but-public', detail: 'login answered 200' })
  const plan = {
    ...world.plan,
    registries: world.plan.registries.map((registry) => ({ ...registry, proof: 'login-only' as const })),
  }
  await rotateDirectly(world.ports, plan, SECOND)
  assert.equal(world.current().version, SECOND)
})

test('an unclear probe is asked again before the rotation gives up', async () => {
  const world = startWorld()
  let asked = 0
  world.proof = () => (asked++ < 2 ? { verdict: 'unknown', detail: 'HTTP 503' } : null)
  await rotateDirectly(world.ports, world.plan, SECOND)
  assert.equal(world.current().version, SECOND)
})

test('a credential that lives shorter than a rollout is not published, and not left alive', async () => {
  const world = startWorld({ ttl: 600 })
  assert.equal(await code(rotateDirectly(world.ports, world.plan, SECOND)), 'CREDENTIAL_EXPIRING')
  assert.equal(world.current().version, FIRST_VERSION)
  assert.equal(liveTokens(world).length, 0)
})

test('when one registry of several fails to mint, nothing is published and the others’ tokens are revoked', async () => {
  const world = startWorld()
  const [registry] = world.plan.registries
  assert.ok(registry)
  const failing: PlannedRegistry = {
    ...registry,
    key: 'other.acme.com',
    provider: {
      ...registry.provider,
      kind: 'failing',
      mint: async () => {
        throw new PullAuthError('MINT_REJECTED', 'The root is dead.', 'Renew it.')
      },
    },
  }
  const plan: Plan = { ...world.plan, registries: [registry, failing] }
  assert.equal(await code(rotateDirectly(world.ports, plan, SECOND)), 'MINT_REJECTED')
  assert.equal(world.current().version, FIRST_VERSION)
  assert.equal(liveTokens(world).length, 0)
})

test('an edit between create and finish is kept, and the rotation says so', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  await createVersion(world.ports, attempt)
  await testVersion(world.ports, attempt)
  const edited = `${FIRST_TEXT}ECS_LOGLEVEL=warn\n`
  const stored = world.secrets.secret(SECRET)
  stored.versions.store(
    { id: THIRD, createdAt: world.clock.now(), value: { text: edited }, withRotationToken: false },
    ['AWSCURRENT'],
  )
  assert.equal(await code(finishVersion(world.ports, attempt)), 'CONFIG_CHANGED')
  assert.equal(world.current().text, edited)
  assert.equal(pendingHolder(world), undefined, 'the next rotation is not stuck')
})

test('a repeated createSecret reuses the pending version instead of minting again', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  assert.equal(await createVersion(world.ports, attempt), 'minted')
  assert.equal(await createVersion(world.ports, attempt), 'reused')
  assert.equal(world.tokens.length, 1)
})

test('a pending version that grew too old is released, and the next rotation heals', async () => {
  const world = startWorld({ ttl: 7200 })
  const attempt = beginRotation(world, SECOND)
  await createVersion(world.ports, attempt)
  world.clock.advance(2 * 3600_000)
  assert.equal(await code(createVersion(world.ports, attempt)), 'PENDING_STALE')
  assert.equal(pendingHolder(world), undefined)
  await steps(world, beginRotation(world, THIRD))
  assert.equal(world.current().version, THIRD)
})

test('a pending credential that the registry rejects is released, and the next rotation heals', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  await createVersion(world.ports, attempt)
  for (const token of world.tokens) token.revoked = true
  assert.equal(await code(testVersion(world.ports, attempt)), 'PROBE_REJECTED')
  assert.equal(pendingHolder(world), undefined)
  await steps(world, beginRotation(world, THIRD))
  assert.ok(world.pulls(world.current().text))
})

test('a version that lost its label is never minted for, tested or promoted', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  await createVersion(world.ports, attempt)
  world.secrets.secret(SECRET).versions.drop(PENDING)
  assert.equal(await code(createVersion(world.ports, attempt)), 'ROTATION_ABANDONED')
  assert.equal(await code(testVersion(world.ports, attempt)), 'ROTATION_ABANDONED')
  assert.equal(await code(finishVersion(world.ports, attempt)), 'ROTATION_ABANDONED')
  assert.equal(world.current().version, FIRST_VERSION)
  assert.equal(world.tokens.length, 1)
})

test('a cancelled rotation mints nothing', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  const stored = world.secrets.secret(SECRET)
  assert.ok(stored.rotation)
  stored.rotation = { ...stored.rotation, enabled: false }
  assert.equal(await code(createVersion(world.ports, attempt)), 'ROTATION_DISABLED')
  assert.equal(world.tokens.length, 0)
})

test('every step succeeds again after the version became current', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  await steps(world, attempt)
  assert.equal(await createVersion(world.ports, attempt), 'already-current')
  await testVersion(world.ports, attempt)
  await finishVersion(world.ports, attempt)
  assert.equal(world.tokens.length, 1)
})

test('a label move whose answer was lost is recognised', async () => {
  const world = startWorld()
  world.client.onCall = (operation) => (operation === 'UpdateSecretVersionStage' ? 'lost' : null)
  await rotateDirectly(world.ports, world.plan, SECOND)
  assert.equal(world.current().version, SECOND)
})

test('a put whose answer was lost makes no second version and no second token', async () => {
  const world = startWorld()
  let lost = false
  world.client.onCall = (operation) => {
    if (operation !== 'PutSecretValue' || lost) return null
    lost = true
    return 'lost'
  }
  await rotateDirectly(world.ports, world.plan, SECOND)
  assert.equal(world.current().version, SECOND)
  assert.equal(world.tokens.length, 1)
})

test('after a put that stayed unanswered the credential is not revoked, because it may be stored', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  world.client.onCall = (operation) => (operation === 'PutSecretValue' ? 'lost' : null)
  assert.equal(await code(createVersion(world.ports, attempt)), 'AWS_UNAVAILABLE')
  assert.equal(liveTokens(world).length, 1)
  world.client.onCall = () => null
  assert.equal(await createVersion(world.ports, attempt), 'reused')
})

test('of two invocations at once one wins, and the loser’s token is revoked', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  await Promise.all([createVersion(world.ports, attempt), createVersion(world.ports, attempt)])
  assert.equal(liveTokens(world).length, 1)
  await testVersion(world.ports, attempt)
  await finishVersion(world.ports, attempt)
  assert.ok(world.pulls(world.current().text))
})

test('a test-only rotation with a dead current credential proves that a new one could be minted', async () => {
  const world = startWorld()
  await rotateDirectly(world.ports, world.plan, SECOND)
  for (const token of world.tokens) token.revoked = true
  const attempt = beginRotation(world, THIRD)
  const stored = world.secrets.secret(SECRET)
  stored.versions.store({ id: THIRD, createdAt: 0, value: { text: world.current().text }, withRotationToken: true }, [
    PENDING,
  ])
  assert.deepEqual(
    (await testVersion(world.ports, attempt)).map(({ verdict }) => verdict),
    ['pull-ok'],
  )
  assert.equal(liveTokens(world).length, 0, 'the rehearsal’s token is gone')
})

test('a rotation by ourselves refuses to disturb one that Secrets Manager runs', async () => {
  const world = startWorld()
  beginRotation(world, SECOND)
  assert.equal(await code(rotateDirectly(world.ports, world.plan, THIRD)), 'ROTATION_RUNNING')
  assert.equal(world.tokens.length, 0)
})

test('a process that will be stopped in a moment mints nothing', async () => {
  const world = startWorld()
  const attempt = { ...beginRotation(world, SECOND), deadline: world.clock.now() + 5_000 }
  assert.equal(await code(createVersion(world.ports, attempt)), 'ROTATION_TIMEOUT')
  assert.equal(world.tokens.length, 0)
})

test('what cannot be merged is refused before anything is minted', async () => {
  const tooLarge = startWorld({ text: `ECS_CLUSTER=prod\n# ${'x'.repeat(65_400)}\n` })
  assert.equal(await code(rotateDirectly(tooLarge.ports, tooLarge.plan, SECOND)), 'CONFIG_TOO_LARGE')
  assert.equal(tooLarge.tokens.length, 0)
  const broken = startWorld({ text: 'ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"a":\n' })
  assert.equal(await code(rotateDirectly(broken.ports, broken.plan, SECOND)), 'CONFIG_AUTH_UNREADABLE')
  assert.equal(broken.tokens.length, 0)
})

test('a clean rotation by Secrets Manager makes nine calls to AWS', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  await steps(world, attempt)
  assert.deepEqual(
    world.client.calls.map(({ operation }) => operation),
    [
      ...['DescribeSecret', 'GetSecretValue', 'GetSecretValue', 'PutSecretValue'],
      'GetSecretValue',
      ...['DescribeSecret', 'GetSecretValue', 'GetSecretValue', 'UpdateSecretVersionStage'],
    ],
  )
})

test('an entry that the plan dropped stays in use and is not retired', async () => {
  const world = startWorld()
  await rotateDirectly(world.ports, world.plan, SECOND)
  const [registry] = world.plan.registries
  assert.ok(registry)
  const other = {
    ...world.plan,
    registries: [{ ...registry, key: 'other.acme.com', probe: 'other.acme.com/team/app:stable' }],
  }
  await runJob(world.ports, other, THIRD, false)
  assert.equal(liveTokens(world).length, 2)
  const state = stateOf(readStoredConfig(new Secret(world.current().text), 'test'))
  assert.deepEqual(state?.entries.map((entry) => entry.registry).sort(), ['other.acme.com', 'registry.acme.com'])
  assert.deepEqual(state?.superseded, [])
})

test('a failed revocation is told and leaves the job green', async () => {
  const world = startWorld()
  await runJob(world.ports, world.plan, SECOND, false)
  world.revokeFault = () => new PullAuthError('REVOKE_FAILED', 'The source answered 500.', 'Try again.')
  const report = await runJob(world.ports, world.plan, THIRD, false)
  assert.equal(report.problem, null)
  assert.deepEqual(
    report.retire?.failed.map(({ registry }) => registry),
    ['registry.acme.com'],
  )
  world.revokeFault = null
  const again = await runJob(world.ports, world.plan, '00000000-0000-4000-8000-000000000004' as VersionId, false)
  assert.equal(again.retire?.retired.length, 2)
  assert.equal(liveTokens(world).length, 1)
})

test('a plan that moves an entry to another place forgets nothing that this place cannot list', async () => {
  const world = startWorld()
  const [registry] = world.plan.registries
  assert.ok(registry)
  /** The same source, which lists and names one project of several. */
  const inProject = (project: string) => {
    const { provider } = registry
    const ids = new Set<number>()
    const placed: Provider = {
      ...provider,
      mint: async (...asked) => {
        const minted = await provider.mint(...asked)
        const { id } = minted.handle as { id: number }
        ids.add(id)
        return { ...minted, handle: { project, id } }
      },
      find: async (...asked) => {
        const found = (await provider.find?.(...asked)) ?? []
        const mine = found.filter(({ handle }) => ids.has((handle as { id: number }).id))
        return mine.map(({ label, handle }) => ({ label, handle: { project, ...(handle as { id: number }) } }))
      },
    }
    const ports = { ...world.ports, providers: new Map([[provider.kind, placed]]) }
    return { ports, plan: { ...world.plan, registries: [{ ...registry, provider: placed }] } }
  }
  const [old, other] = [inProject('old'), inProject('other')]
  await runJob(old.ports, old.plan, SECOND, false)
  world.revokeFault = () => new PullAuthError('REVOKE_FAILED', 'The source answered 500.', 'Try again.')
  await runJob(old.ports, old.plan, THIRD, false)
  await runJob(other.ports, other.plan, versionIdFrom('fourth'), false)
  await runJob(other.ports, other.plan, versionIdFrom('fifth'), false)
  assert.equal(liveTokens(world).length, 4)
  world.revokeFault = null
  await runJob(other.ports, other.plan, versionIdFrom('sixth'), false)
  assert.equal(liveTokens(world).length, 1)
})

test('a token left by a process that died before its put is retired once it is old enough', async () => {
  const world = startWorld({ ttl: 30 * 86_400 })
  world.mintFault = () => ({
    after: true,
    error: new PullAuthError('MINT_AMBIGUOUS', 'The answer was lost.', 'Run again.'),
  })
  assert.equal(await code(rotateDirectly(world.ports, world.plan, SECOND)), 'MINT_AMBIGUOUS')
  world.mintFault = null
  await runJob(world.ports, world.plan, THIRD, false)
  assert.equal(liveTokens(world).length, 2, 'it may still be on its way to the store')
  world.clock.advance(3600_000)
  await runJob(world.ports, world.plan, '00000000-0000-4000-8000-000000000004' as VersionId, false)
  assert.equal(liveTokens(world).length, 1)
})

test('the private label of our own rotation keeps no credential alive once the rotation function has taken over', async () => {
  const world = startWorld({ ttl: 30 * 86_400 })
  await runJob(world.ports, world.plan, SECOND, false)
  // What a run that died after its put leaves: the label alone, on a version that nobody promotes any more.
  world.proof = () => ({ verdict: 'unknown', detail: 'HTTP 503' })
  assert.equal(await code(rotateDirectly(world.ports, world.plan, THIRD)), 'PROBE_UNKNOWN')
  world.proof = null
  world.clock.advance(3600_000)
  const byFunction = '00000000-0000-4000-8000-000000000004' as VersionId
  await steps(world, beginRotation(world, byFunction))
  const stored = world.secrets.secret(SECRET)
  stored.run = null
  stored.versions.drop(PENDING)
  assert.equal(stored.versions.holder('ECSAUTH-STAGED'), THIRD)
  const { retire } = await reload(world.ports, world.plan, { secret: stored.arn as SecretArn, version: byFunction })
  assert.equal(retire?.retired.length, 2)
  assert.equal(liveTokens(world).length, 1)
})

test('a promoted version that still has our private label is retired like any other', async () => {
  const world = startWorld()
  await runJob(world.ports, world.plan, SECOND, false)
  await steps(world, beginRotation(world, THIRD))
  const stored = world.secrets.secret(SECRET)
  assert.deepEqual(stored.labels()[SECOND], ['AWSPREVIOUS', 'ECSAUTH-STAGED'])
  const { retire } = await reload(world.ports, world.plan, { secret: stored.arn as SecretArn, version: THIRD })
  assert.equal(retire?.retired.length, 1)
  assert.equal(liveTokens(world).length, 1)
})

test('a rotation that Secrets Manager has given up is asked for again, and joined', async () => {
  const world = startWorld()
  beginRotation(world, SECOND)
  const stored = world.secrets.secret(SECRET)
  let asked = 0
  const startRotation = async () => {
    asked += 1
    // Refused, and the one that is not complete is tried again (facts section 4).
    const value = { text: FIRST_TEXT }
    stored.versions.store({ id: SECOND, value, createdAt: world.clock.now(), withRotationToken: true }, ['AWSCURRENT'])
    throw new PullAuthError('ROTATION_RUNNING', 'An earlier rotation is not complete.', 'Wait for it.')
  }
  // Secrets Manager shows the move a moment later.
  const before = await world.ports.store.describe(SECRET)
  let looks = 0
  const describe = async (secret: string) => (looks++ < 2 ? before : await world.ports.store.describe(secret))
  const store = { ...world.ports.store, startRotation, describe }
  assert.equal(await requestRotation({ ...world.ports, store }, world.plan, THIRD), SECOND)
  assert.equal(asked, 1)
})

test('isCode tells our errors by their code', () => {
  const error = new PullAuthError('USAGE', 'm', 'h')
  assert.ok(isCode(error, 'USAGE', 'INTERNAL'))
  assert.ok(!isCode(new Error('USAGE'), 'USAGE'))
})

test('a provider that asks for GitHub’s token alone never gets another', async () => {
  const asked: unknown[] = []
  const world = startWorld()
  const cx = providerContext({
    ...world.ports,
    identityToken: async (...args) => {
      asked.push(args)
      return new Secret('token')
    },
  })
  await cx.identityToken('audience', 'github')
  assert.deepEqual(asked, [['audience', 'github']])
})

test('of two reads at once that both fail, the one of the current version is told, whichever answers first', async () => {
  const world = startWorld()
  const attempt = beginRotation(world, SECOND)
  const { store } = world.ports
  const asked: string[] = []
  const read: typeof store.read = async (_secret, { version = '' }) => {
    asked.push(version)
    // The other one fails at once.
    for (let turn = 0; version !== SECOND && turn < 20; turn++) await null
    throw new PullAuthError('ACCESS_DENIED', version, 'hint')
  }
  await assert.rejects(createVersion({ ...world.ports, store: { ...store, read } }, attempt), {
    message: FIRST_VERSION,
  })
  assert.deepEqual(asked, [FIRST_VERSION, SECOND])
})
