/** When old credentials die: after everybody who is there has the new ones and the drain is over, and never twice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { type JobReport, runJob } from '../../src/core/job.ts'
import type { Plan } from '../../src/core/plan.ts'
import type { Provider, VersionId } from '../../src/core/ports.ts'
import { type RetireReport, retire } from '../../src/core/retire.ts'
import type { RolloutReport } from '../../src/core/rollout-report.ts'
import { liveTokens, SECRET, startWorld, type TestWorld } from './rotation-world.ts'

const DRAIN = 300_000

function version(number: number): VersionId {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}` as VersionId
}

/** A whole job: rotation, rollout, drain, retire. */
function job(world: TestWorld, number: number, plan: Plan = world.plan): Promise<JobReport> {
  return runJob(world.ports, plan, version(number), false)
}

/** A job whose retire had no time: its old credentials wait for the next one. */
async function interruptedJob(world: TestWorld, number: number, plan: Plan = world.plan): Promise<RolloutReport> {
  const clock = { ...world.clock, sleep: () => Promise.reject(new Error('interrupted')) }
  const { rollout, retire: retired } = await runJob({ ...world.ports, clock }, plan, version(number), false)
  assert.ok(rollout)
  assert.equal(retired, null)
  return rollout
}

function again(world: TestWorld, rollout: RolloutReport, plan: Plan = world.plan): Promise<RetireReport> {
  return retire(world.ports, plan, rollout, { wait: false })
}

function outcomes(report: RetireReport | null): readonly string[] {
  return [
    ...(report?.retired ?? []).map(({ outcome }) => outcome),
    ...(report?.failed ?? []).map(() => 'failed'),
  ].sort()
}

async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<PullAuthError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    return error
  }
  assert.fail('it succeeded')
}

/** A plan with a second registry of the same source: a version then makes two credentials unnecessary. */
function twoRegistries({ plan }: TestWorld): Plan {
  const [registry] = plan.registries
  assert.ok(registry)
  return {
    ...plan,
    registries: [registry, { ...registry, key: 'other.acme.com', probe: 'other.acme.com/team/app:stable' }],
  }
}

test('a job waits out the drain before it revokes, and says for what it waits', async () => {
  const world = startWorld()
  await job(world, 2)
  let revokedAt = 0
  world.revokeFault = () => {
    revokedAt = world.clock.now()
    return null
  }
  const report = await job(world, 3)
  assert.deepEqual(outcomes(report.retire), ['revoked'])
  assert.equal(revokedAt, (report.rollout?.endedBy ?? 0) + DRAIN)
  const told = world.notes.find((note) => note.includes('fleet.drain'))
  assert.match(told ?? '', /stay alive until 2026-.*Z.* This may be interrupted: the next retire revokes them\.$/)
})

test('a job with nothing to revoke does not wait', async () => {
  const world = startWorld()
  const started = world.clock.now()
  assert.deepEqual(outcomes((await job(world, 2)).retire), [])
  assert.ok(world.clock.now() - started < DRAIN)
})

test('what AWSPREVIOUS alone names is retired after the drain, not before', async () => {
  const world = startWorld()
  await job(world, 2)
  const rollout = await interruptedJob(world, 3)
  const error = await refusal(again(world, rollout), 'RETIRE_NOT_YET')
  assert.match(error.message, /they stay alive until 2026-11-24T00:\d\d:\d\d\.\d{3}Z, 300 s from now \(fleet\.drain\)/)
  world.clock.advance(DRAIN - 1)
  assert.match((await refusal(again(world, rollout), 'RETIRE_NOT_YET')).message, / 1 s from now /)
  assert.equal(liveTokens(world).length, 2)
  world.clock.advance(1)
  assert.deepEqual(outcomes(await again(world, rollout)), ['revoked'])
  assert.equal(liveTokens(world).length, 1)
})

test('without a drain the next moment is good', async () => {
  const world = startWorld()
  assert.ok(world.plan.fleet)
  const plan = { ...world.plan, fleet: { ...world.plan.fleet, drain: 0 } }
  await job(world, 2, plan)
  assert.deepEqual(outcomes((await job(world, 3, plan)).retire), ['revoked'])
  assert.ok(!world.notes.some((note) => note.includes('fleet.drain')))
})

test('somebody who moves the label back while a job waits keeps the old credential', async () => {
  const world = startWorld()
  await job(world, 2)
  const sleep = async (ms: number) => {
    await world.clock.sleep(ms)
    if (ms < DRAIN / 2) return
    const { versions } = world.secrets.secret(SECRET)
    versions.move('AWSCURRENT', version(3), version(2))
  }
  const ports = { ...world.ports, clock: { ...world.clock, sleep } }
  const report = await runJob(ports, world.plan, version(3), false)
  assert.equal(report.problem, null)
  assert.equal(report.retire, null)
  assert.equal(world.current().version, version(2))
  assert.ok(world.pulls(world.current().text))
  assert.ok(world.notes.some((note) => note.startsWith('Nothing was revoked (RETIRE_NOT_YET)')))
})

test('a straggler keeps everything alive; the next complete rollout retires all that piled up', async () => {
  const world = startWorld()
  await job(world, 2)
  const [straggler] = world.nodes
  assert.ok(straggler)
  straggler.broken = true
  for (const number of [3, 4]) {
    const { rollout, problem } = await job(world, number)
    assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
    assert.ok(rollout)
    world.clock.advance(DRAIN)
    await refusal(again(world, rollout), 'RETIRE_NOT_YET')
    assert.ok(world.pulls(straggler.text))
  }
  assert.equal(liveTokens(world).length, 3)
  straggler.broken = false
  assert.deepEqual(outcomes((await job(world, 5)).retire), ['revoked', 'revoked', 'revoked'])
  assert.equal(liveTokens(world).length, 1)
})

test('an instance that was terminated meanwhile keeps nothing alive and nobody red', async () => {
  const world = startWorld()
  await job(world, 2)
  const [gone] = world.nodes
  assert.ok(gone)
  gone.gone = true
  const { problem, rollout, retire: retired } = await job(world, 3)
  assert.equal(problem, null)
  assert.deepEqual(
    rollout?.left.map(({ instanceId }) => instanceId),
    [gone.id],
  )
  assert.deepEqual([rollout?.onVersion, rollout?.targets, rollout?.stragglers.length], [2, 2, 0])
  assert.deepEqual(outcomes(retired), ['revoked'])
  assert.ok(world.notes.some((note) => note.startsWith(`${gone.id} has left the fleet`)))
})

test('a fleet that has left altogether is not green', async () => {
  const world = startWorld()
  await job(world, 2)
  for (const node of world.nodes) node.gone = true
  const { problem, retire: retired } = await job(world, 3)
  assert.equal(problem?.code, 'TARGETS_NONE')
  assert.match(problem?.message ?? '', /^All 3 instances have left that matched /)
  assert.equal(retired, null)
  assert.equal(liveTokens(world).length, 2)
})

for (const code of ['AWS_THROTTLED', 'ACCESS_DENIED', 'AWS_UNAVAILABLE', 'AWS_REFUSED'] as const) {
  test(`whether a straggler has left is unclear (${code}): it counts as there, and the hint says why`, async () => {
    const world = startWorld()
    await job(world, 2)
    const [gone] = world.nodes
    assert.ok(gone)
    gone.gone = true
    const known = () => Promise.reject(new PullAuthError(code, 'DescribeInstanceInformation did not work.', 'A hint.'))
    const ports = { ...world.ports, fleet: { ...world.ports.fleet, known } }
    const { problem, retire: retired } = await runJob(ports, world.plan, version(3), false)
    assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
    assert.match(problem?.hint ?? '', /could not be found out: DescribeInstanceInformation did not work\.$/)
    assert.equal(retired, null)
    assert.equal(liveTokens(world).length, 2)
  })
}

test('a retire that was killed between two revocations is finished by the next one', async () => {
  const world = startWorld()
  const plan = twoRegistries(world)
  await job(world, 2, plan)
  let calls = 0
  world.revokeFault = () => (++calls === 2 ? new Error('killed here') : null)
  assert.deepEqual(outcomes((await job(world, 3, plan)).retire), ['failed', 'revoked'])
  assert.equal(liveTokens(world).length, 3)
  world.revokeFault = null
  const { rollout, retire: retired } = await job(world, 3, plan)
  assert.ok(rollout)
  assert.deepEqual(outcomes(retired), ['already-gone', 'revoked'])
  assert.equal(liveTokens(world).length, 2)
})

test('a revocation whose answer was lost is told as failed, and found done by the next retire', async () => {
  const world = startWorld()
  await job(world, 2)
  const [old] = liveTokens(world)
  assert.ok(old)
  world.revokeFault = () => {
    old.revoked = true
    return new PullAuthError('REVOKE_FAILED', 'The answer was lost.', 'Try again.')
  }
  const { rollout, retire: retired, problem } = await job(world, 3)
  assert.ok(rollout)
  assert.deepEqual([outcomes(retired), problem], [['failed'], null])
  world.revokeFault = null
  assert.deepEqual(outcomes(await again(world, rollout)), ['already-gone'])
  assert.deepEqual(outcomes(await again(world, rollout)), ['already-gone'])
  assert.ok(world.nodes.every(({ text }) => world.pulls(text)))
})

test('two retires at once revoke each credential once', async () => {
  const world = startWorld()
  await job(world, 2)
  const rollout = await interruptedJob(world, 3)
  world.clock.advance(DRAIN)
  const reports = await Promise.all([again(world, rollout), again(world, rollout)])
  assert.deepEqual(reports.flatMap(outcomes).sort(), ['already-gone', 'revoked'])
  assert.equal(liveTokens(world).length, 1)
})

test('a provider that this version does not know is named, and the rest is revoked', async () => {
  const world = startWorld()
  const [registry] = world.plan.registries
  assert.ok(registry)
  const older: Provider = { ...registry.provider, kind: 'older' }
  const plan = twoRegistries(world)
  const before = {
    ...plan,
    registries: plan.registries.map((one, index) => (index === 1 ? { ...one, provider: older } : one)),
  }
  await job(world, 2, before)
  const report = (await job(world, 3, plan)).retire
  assert.deepEqual(outcomes(report), ['failed', 'revoked'])
  assert.deepEqual(report?.failed, [
    {
      registry: 'other.acme.com',
      provider: 'older',
      reason: 'this version has no provider older that revokes',
      hint: 'Revoke it at the registry.',
    },
  ])
})

test('the versions remember how a credential is revoked, whatever the plan says today', async () => {
  const world = startWorld()
  const [registry] = world.plan.registries
  assert.ok(registry)
  await job(world, 2)
  const seen: (readonly unknown[])[] = []
  const source: Provider = {
    ...registry.provider,
    revoke: async (cx, handle, planned) => {
      seen.push(planned)
      return (await registry.provider.revoke?.(cx, handle, planned)) ?? 'by-expiry'
    },
  }
  const other: Provider = { ...registry.provider, kind: 'other' }
  const ports = {
    ...world.ports,
    providers: new Map([
      ['source', source],
      ['other', other],
    ]),
  }
  const plan = { ...world.plan, registries: [{ ...registry, provider: other, config: { of: 'other' } }] }
  const report = await runJob(ports, plan, version(3), false)
  assert.deepEqual(outcomes(report.retire), ['revoked'])
  assert.deepEqual(seen, [[]], 'no entry of today vouches for the old provider')
  assert.equal(liveTokens(world).length, 1)
})

test('a provider is told what today’s plan says of it', async () => {
  const world = startWorld()
  const [registry] = world.plan.registries
  assert.ok(registry)
  const seen: (readonly unknown[])[] = []
  const source: Provider = {
    ...registry.provider,
    revoke: async (_cx, _handle, planned) => {
      seen.push(planned)
      return 'revoked'
    },
  }
  const plan = { ...world.plan, registries: [{ ...registry, provider: source, config: { of: 'today' } }] }
  const ports = { ...world.ports, providers: new Map([['source', source]]) }
  for (const number of [2, 3]) await runJob(ports, plan, version(number), false)
  assert.deepEqual(seen, [[{ of: 'today' }]])
})

test('a root secret that is gone fails the revocation, not the job', async () => {
  const world = startWorld()
  await job(world, 2)
  world.revokeFault = () => new PullAuthError('SECRET_NOT_FOUND', 'Secret prod/gitlab/root does not exist.', 'Make it.')
  const { problem, retire: retired } = await job(world, 3)
  assert.equal(problem, null)
  assert.deepEqual(
    retired?.failed.map(({ reason }) => reason),
    ['SECRET_NOT_FOUND: Secret prod/gitlab/root does not exist.'],
  )
})
