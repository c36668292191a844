/** Back to the credentials of before: proven, nothing else lost, never back and forth, and nothing revoked that is in use. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { type RollbackReport, runJob, runRollback } from '../../src/core/job.ts'
import type { Plan } from '../../src/core/plan.ts'
import type { SecretStore, VersionId } from '../../src/core/ports.ts'
import { rollBack } from '../../src/core/rollback.ts'
import { Secret } from '../../src/core/secret.ts'
import { mergeEntries, readStoredConfig, stateOf } from '../../src/core/stored-config.ts'
import type { CallFault } from '../doubles/in-process.ts'
import { FIRST_TEXT, FIRST_VERSION, liveTokens, SECRET, startWorld, type TestWorld } from './rotation-world.ts'

const yes = async () => true
const DRAIN = 300_000

function version(number: number): VersionId {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as VersionId
}

/** Version 2 runs everywhere; version 3 is current, and one instance did not come up with it. */
async function badRotation(options: Parameters<typeof startWorld>[0] = {}, change: (plan: Plan) => Plan = (p) => p) {
  const world = startWorld(options)
  const plan = change(world.plan)
  await runJob(world.ports, plan, version(2), false)
  world.clock.advance(60_000)
  const [node] = world.nodes
  assert.ok(node)
  node.broken = true
  const { problem } = await runJob(world.ports, plan, version(3), false)
  assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
  node.broken = false
  return { world, plan }
}

function back(world: TestWorld, plan: Plan = world.plan): Promise<RollbackReport | null> {
  return runRollback(world.ports, plan, yes)
}

/** What each instance has loaded, and what is current, is the credential of token 1; token 2, the bad one, is gone. */
function assertRolledBack(world: TestWorld): void {
  assert.ok(world.pulls(world.current().text))
  assert.ok(world.nodes.every(({ text }) => text === world.current().text && world.pulls(text)))
  assert.deepEqual(
    liveTokens(world).map(({ id }) => id),
    [1],
  )
}

/** No handle: what an exchange gives ends by itself. */
function withoutHandles(plan: Plan): Plan {
  return {
    ...plan,
    registries: plan.registries.map((registry) => {
      const { provider } = registry
      const mint: typeof provider.mint = async (cx, config, request) => ({
        ...(await provider.mint(cx, config, request)),
        handle: null,
      })
      return { ...registry, provider: { ...provider, mint } }
    }),
  }
}

async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<PullAuthError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code, error.message)
    return error
  }
  assert.fail('it succeeded')
}

test('the previous credential is proven, current and on every instance again, and the bad one is retired after the drain', async () => {
  const { world } = await badRotation()
  const before = world.clock.now()
  const report = await back(world)
  assert.equal(report?.problem, null)
  assert.equal(report?.how, 'merged')
  assert.deepEqual(
    report?.registries.map(({ registry, verdict }) => [registry, verdict]),
    [['registry.acme.com', 'pull-ok']],
  )
  assert.equal(report?.rollout?.onVersion, 3)
  assert.deepEqual(
    report?.retire?.retired.map(({ outcome }) => outcome),
    ['revoked'],
  )
  assert.ok(world.clock.now() - before >= DRAIN)
  assertRolledBack(world)
})

test('where nothing has to be remembered the label itself goes back', async () => {
  const { world, plan } = await badRotation({}, withoutHandles)
  const report = await back(world, plan)
  assert.deepEqual([report?.how, report?.version, report?.from], ['moved', version(2), version(3)])
  assert.equal(world.current().version, version(2))
  assert.ok(world.nodes.every((node) => node.version === version(2)))
})

test('the label going back alone would lose what somebody edited since, so a new version has both', async () => {
  for (const change of [(plan: Plan) => plan, withoutHandles]) {
    const { world, plan } = await badRotation({}, change)
    const edited = `${world.current().text}ECS_RESERVED_MEMORY=512\n`
    const value = { id: version(4), value: { text: edited }, createdAt: world.clock.now(), withRotationToken: false }
    const { versions } = world.secrets.secret(SECRET)
    versions.store(value, [])
    // As a person does it who repairs the label by hand: version 2 stays the previous one.
    versions.move('AWSCURRENT', version(3), version(4))
    versions.move('AWSPREVIOUS', version(3), version(2))
    const report = await back(world, plan)
    assert.equal(report?.how, 'merged')
    assert.match(world.current().text, /\nECS_RESERVED_MEMORY=512\n/)
    assert.ok(world.pulls(world.current().text))
    assert.match(world.current().text, /# kept as it is/)
  }
})

test('running it again stays there: it never goes forward to the bad version', async () => {
  for (const change of [(plan: Plan) => plan, withoutHandles]) {
    const { world, plan } = await badRotation({}, change)
    const first = await back(world, plan)
    const again = await back(world, plan)
    assert.equal(again?.how, 'already')
    assert.equal(again.version, first?.version)
    assert.equal(again.problem, null)
    assert.equal(world.current().version, first?.version)
  }
})

test('the next rotation retires the credential that came back, and the bad one, also when the rollback had no time to', async () => {
  const { world } = await badRotation()
  const clock = { ...world.clock, sleep: () => Promise.reject(new Error('interrupted')) }
  const report = await runRollback({ ...world.ports, clock }, world.plan, yes)
  assert.equal(report?.retire, null)
  assert.equal(liveTokens(world).length, 2)
  const next = await runJob(world.ports, world.plan, version(5), false)
  assert.equal(next.problem, null)
  assert.deepEqual(
    liveTokens(world).map(({ id }) => id),
    [3],
  )
})

test('whoever is asked and does not agree changes nothing', async () => {
  const { world } = await badRotation()
  const calls = world.client.calls.length
  const asked: unknown[] = []
  const report = await runRollback(world.ports, world.plan, async (proposal) => {
    asked.push(proposal)
    return false
  })
  assert.equal(report, null)
  const { arn } = world.secrets.secret(SECRET)
  assert.deepEqual(asked, [{ secret: arn, from: version(3), to: version(2), registries: ['registry.acme.com'] }])
  const operations = new Set(world.client.calls.slice(calls).map(({ operation }) => operation))
  assert.deepEqual([...operations].sort(), ['DescribeSecret', 'GetSecretValue'])
})

const REFUSED: readonly (readonly [string, (world: TestWorld) => void, ErrorCode, RegExp])[] = [
  [
    'has been revoked',
    (world) => Object.assign(world.tokens[0] ?? {}, { revoked: true }),
    'PROBE_REJECTED',
    /rejects the credential/,
  ],
  [
    'gets no clear answer',
    (world) => {
      world.proof = () => ({ verdict: 'unknown', detail: 'HTTP 503' })
    },
    'PROBE_UNKNOWN',
    /no clear answer/,
  ],
  [
    'dies before a rollout is over',
    (world) => world.clock.advance(5.5 * 3_600_000),
    'CREDENTIAL_EXPIRING',
    /previous credential for registry\.acme\.com ends at 2026-/,
  ],
  [
    'is to come back while a rotation runs',
    (world) => {
      const value = { id: version(9), value: { text: 'x' }, createdAt: 0, withRotationToken: false }
      world.secrets.secret(SECRET).versions.store(value, ['AWSPENDING'])
    },
    'ROTATION_RUNNING',
    /to version 00000000-0000-4000-8000-000000000009/,
  ],
]
for (const [what, prepare, code, message] of REFUSED) {
  test(`a credential that ${what} does not come back, and nothing changes`, async () => {
    const { world } = await badRotation()
    prepare(world)
    assert.match((await refusal(back(world), code)).message, message)
    assert.equal(world.current().version, version(3))
    assert.equal(world.tokens[1]?.revoked, false)
  })
}

test('without an earlier credential there is nothing to go back to', async () => {
  const world = startWorld()
  assert.match((await refusal(back(world), 'ROLLBACK_REFUSED')).message, /AWSPREVIOUS does not exist/)
  await runJob(world.ports, world.plan, version(2), false)
  assert.match((await refusal(back(world), 'ROLLBACK_REFUSED')).message, /holds the same managed credentials/)
})

/** The first version as a person wrote it: with a living credential, without a state line. */
function handMade(): TestWorld {
  const password = 'token-of-a-person'
  const entry = { registry: 'registry.acme.com', username: 'puller', password: new Secret(password) }
  const config = readStoredConfig(new Secret(FIRST_TEXT), SECRET)
  const { text } = mergeEntries(config, [entry], { format: 'dockercfg', state: null, name: SECRET })
  const world = startWorld({ text: text.reveal() })
  world.tokens.push({ id: 0, label: '', password, expiresAt: Number.POSITIVE_INFINITY, revoked: false })
  return world
}

test('a credential that a person had made comes back once, and is never revoked', async () => {
  const world = handMade()
  world.clock.advance(60_000)
  const [node] = world.nodes
  assert.ok(node)
  node.broken = true
  await runJob(world.ports, world.plan, version(2), false)
  node.broken = false
  const report = await back(world)
  assert.deepEqual([report?.how, report?.problem], ['merged', null])
  assert.deepEqual(
    liveTokens(world).map(({ id }) => id),
    [0],
  )
  const { entries } = stateOf(readStoredConfig(new Secret(world.current().text), SECRET)) ?? { entries: [] }
  assert.deepEqual(
    entries.map(({ provider, handle, expiresAt }) => [provider, handle, expiresAt]),
    [['source', null, null]],
  )
  assert.equal((await back(world))?.how, 'already')
  await runJob(world.ports, world.plan, version(3), false)
  assert.ok(liveTokens(world).some(({ id }) => id === 0))
})

for (const operation of ['UpdateSecretVersionStage', 'PutSecretValue', 'GetSecretValue', 'DescribeSecret']) {
  for (const fault of ['lost', 'reset', 'throttle', 'server-error'] satisfies CallFault[]) {
    test(`${operation} with ${fault} once, at any place, is found out, not guessed`, async () => {
      for (let place = 0; ; place++) {
        const { world } = await badRotation()
        let seen = 0
        world.client.onCall = (name) => (name === operation && seen++ === place ? fault : null)
        const report = await back(world)
        assert.equal(report?.problem, null, `${place}`)
        assertRolledBack(world)
        if (seen <= place) break
      }
    })
  }
}

/** A store whose process is killed around one of its calls. */
function killedAt(store: SecretStore, place: number, when: 'before' | 'after') {
  const struck = { calls: 0 }
  const kill = () => {
    throw new Error('killed')
  }
  const wrap =
    <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      const here = struck.calls++ === place
      if (here && when === 'before') kill()
      const answer = await call(...args)
      if (here) kill()
      return answer
    }
  const { describe, read, put, moveLabel, startRotation } = store
  const killable = { describe: wrap(describe), read: wrap(read), put: wrap(put), moveLabel: wrap(moveLabel) }
  return { struck, store: { ...killable, startRotation } }
}

for (const when of ['before', 'after'] as const) {
  test(`killed ${when} any of its calls and run again, it ends as if nothing had happened`, async () => {
    for (let place = 0; ; place++) {
      const { world } = await badRotation()
      const { struck, store } = killedAt(world.ports.store, place, when)
      await rollBack({ ...world.ports, store }, world.plan, yes).catch((error: Error) => {
        if (error.message !== 'killed') throw error
      })
      assert.ok(world.pulls(world.current().text), `${place}`)
      assert.equal((await back(world))?.problem, null, `${place}`)
      assertRolledBack(world)
      if (struck.calls <= place) break
    }
  })
}

test('a runbook that does not exist is found out before anything is rotated or goes back', async () => {
  const role = 'arn:aws:iam::111122223333:role/ecs-pull-auth-rollout'
  const { world, plan } = await badRotation()
  assert.ok(plan.fleet)
  const runbook = { name: 'rollout', role, approvers: [], notify: null, calendar: null, locations: [] }
  const wanted = { ...plan, fleet: { ...plan.fleet, runbook } }
  const ports = { ...world.ports, automation: { ...world.ports.automation, exists: async () => false } }
  for (const work of [runJob(ports, wanted, version(4), false), runRollback(ports, wanted, yes)])
    assert.match((await refusal(work, 'RUNBOOK_MISSING')).hint, /document --runbook/)
  assert.equal(world.current().version, version(3))
  assert.equal(liveTokens(world).length, 2)
})

test('another writer who is first wins: their version stays, and nothing is reloaded', async () => {
  const { world } = await badRotation()
  const sent = (await world.ports.fleet.recent('ecs-pull-auth-reload', 0)).length
  const { versions } = world.secrets.secret(SECRET)
  world.client.onCall = (operation) => {
    if (operation !== 'UpdateSecretVersionStage' || versions.holder('AWSCURRENT') === version(7)) return null
    const theirs = { id: version(7), value: { text: world.current().text }, createdAt: 0, withRotationToken: false }
    versions.store(theirs, [])
    versions.move('AWSCURRENT', version(3), version(7))
    return null
  }
  await refusal(back(world), 'LABEL_MOVED')
  assert.equal(world.current().version, version(7))
  assert.equal((await world.ports.fleet.recent('ecs-pull-auth-reload', 0)).length, sent)
  assert.equal(liveTokens(world).length, 2)
})

test('a credential that is revoked in the very moment of the move makes the version of before current again', async () => {
  const { world } = await badRotation()
  world.client.onCall = (operation) => {
    if (operation === 'UpdateSecretVersionStage' && world.tokens[0] !== undefined) world.tokens[0].revoked = true
    return null
  }
  await refusal(back(world), 'PROBE_REJECTED')
  assert.equal(world.current().version, version(3))
  assert.ok(world.pulls(world.current().text))
})

test('a registry that the previous version did not have keeps what it has', async () => {
  const { world, plan } = await badRotation()
  const [registry] = plan.registries
  assert.ok(registry)
  const more = { ...registry, key: 'other.acme.com', probe: 'other.acme.com/team/app:stable' }
  const wider = { ...plan, registries: [registry, more] }
  const [node] = world.nodes
  assert.ok(node)
  node.broken = true
  await runJob(world.ports, wider, version(4), false)
  node.broken = false
  const report = await back(world, wider)
  assert.equal(report?.problem, null)
  assert.match(world.current().text, /other\.acme\.com/)
  const { entries } = stateOf(readStoredConfig(new Secret(world.current().text), SECRET)) ?? { entries: [] }
  assert.deepEqual(
    entries.map(({ handle }) => handle),
    [{ id: 2 }, { id: 4 }],
  )
  assert.notEqual(FIRST_VERSION, world.current().version)
})
