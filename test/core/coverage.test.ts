/** The targets of a rollout against the container instances of a cluster: nobody is forgotten without a name. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coverageOf, gapOf, missingOf, requireCluster } from '../../src/core/coverage.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import type { FleetPlan } from '../../src/core/plan.ts'
import type { Cluster, Command, ContainerInstance, Fleet, VersionId } from '../../src/core/ports.ts'
import { type RolloutReport, rolloutProblem } from '../../src/core/rollout-report.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'

const VERSION = '00000000-0000-4000-8000-000000000002' as VersionId
const SENT = Date.UTC(2026, 10, 24)
const DAY = 86_400_000
const MINUTE = 60_000

const plan: FleetPlan = {
  targets: { 'tag:ecs-pull-auth': ['prod'] },
  cluster: 'prod',
  allowEmpty: false,
  canary: null,
  runbook: null,
  alarm: null,
  document: 'ecs-pull-auth-reload',
  mode: 'auth-only',
  maxConcurrency: '10%',
  maxErrors: '0',
  timeout: 3600,
  jitter: 0,
  drain: 300,
}

function id(index: number): string {
  return `i-${index.toString(16).padStart(17, '0')}`
}

function instance(index: number, registeredAt = SENT - DAY, connected = true): ContainerInstance {
  return { instanceId: id(index), registeredAt, connected }
}

function commandFor(targets: number): Command {
  return {
    id: 'command-1',
    status: targets === 0 ? 'NoInstancesInTag' : 'Success',
    comment: '',
    document: plan.document,
    parameters: {},
    targets,
    completed: targets,
    errors: 0,
    deliveryTimedOut: 0,
    requestedAt: SENT,
    expiresAt: null,
  }
}

interface Scene {
  readonly targets: readonly string[]
  readonly listed: readonly ContainerInstance[]
  /** Of those that are no target, whom Systems Manager knows. */
  readonly managed?: readonly string[]
  readonly fault?: Partial<Pick<Fleet, 'known' | 'targets'>>
  readonly cluster?: Cluster
}

function portsOf({ targets, listed, managed = [], fault = {}, cluster }: Scene) {
  const asked: string[][] = []
  const fleet = {
    targets: async function* () {
      yield* targets
    },
    known: async (ids: readonly string[]) => {
      asked.push([...ids])
      return new Set(ids.filter((one) => managed.includes(one)))
    },
    ...fault,
  } as unknown as Fleet
  const instances = async function* () {
    yield* listed
  }
  return { asked, ports: { fleet, cluster: cluster ?? { instances }, clock: virtualClock() } }
}

async function cover(scene: Scene, read: readonly string[] | null = scene.targets) {
  const { ports, asked } = portsOf(scene)
  const order = { command: commandFor(scene.targets.length), version: VERSION, targets: read }
  return { coverage: await coverageOf(ports, 'prod', order), asked }
}

function green(targets: number, coverage: RolloutReport['coverage']): RolloutReport {
  const { status } = commandFor(targets)
  return {
    canary: false,
    commandId: 'command-1',
    version: VERSION,
    status,
    targets,
    onVersion: targets,
    instances: [],
    stragglers: [],
    left: [],
    leftUnknown: null,
    coverage,
    endedBy: SENT,
  }
}

test('a cluster whose instances were all targets is covered, and Systems Manager is not asked', async () => {
  const { coverage, asked } = await cover({ targets: [id(1), id(2)], listed: [instance(1), instance(2)] })
  assert.deepEqual([coverage.instances, coverage.elsewhere, coverage.uncovered, asked], [2, 0, [], []])
  assert.equal(rolloutProblem(green(2, coverage), plan), null)
})

test('equal counts prove nothing: one target of elsewhere hides one instance that is none', async () => {
  const { coverage } = await cover({ targets: [id(1), id(9)], listed: [instance(1), instance(2)], managed: [id(2)] })
  assert.equal(coverage.elsewhere, 1)
  assert.deepEqual(coverage.uncovered, [{ instanceId: id(2), outcome: 'not-tagged', connected: true }])
})

test('each instance that was no target has one outcome, and the rollout is red for those that may have an old credential', async () => {
  const listed = [
    instance(1),
    instance(2),
    instance(3, SENT - DAY, false),
    instance(4, SENT + MINUTE),
    instance(5, SENT + 30 * MINUTE),
  ]
  const { coverage, asked } = await cover({ targets: [id(1)], listed, managed: [id(2)] })
  assert.deepEqual(
    coverage.uncovered.map(({ instanceId, outcome }) => [instanceId, outcome]),
    [
      [id(2), 'not-tagged'],
      [id(3), 'not-managed'],
      [id(4), 'late'],
      [id(5), 'joined'],
    ],
  )
  assert.deepEqual(asked, [[id(2), id(3)]])
  assert.equal(missingOf(coverage).length, 3)
  const problem = rolloutProblem(green(1, coverage), plan)
  assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
  assert.equal(
    problem?.message,
    `1 of 1 instances run version ${VERSION}. Of 5 container instances of cluster prod 3 were no target: ${id(2)} (not-tagged), ${id(3)} (not-managed), ${id(4)} (late).`,
  )
  assert.match(problem?.hint ?? '', /^Give those not-tagged what tag:ecs-pull-auth=prod asks for, have those/i)
  assert.match(problem?.hint ?? '', /AmazonSSMManagedInstanceCore .*1 of them is not connected .*deregister/)
  assert.match(problem?.hint ?? '', /then reload again/)
})

test('who joined later than the rollout was sent makes it not red', async () => {
  const { coverage } = await cover({ targets: [id(1)], listed: [instance(1), instance(2, SENT + 11 * MINUTE)] })
  assert.equal(gapOf(coverage, plan), null)
  assert.equal(rolloutProblem(green(1, coverage), plan), null)
})

const UNKNOWN = new PullAuthError('ACCESS_DENIED', 'AWS denied it: the caller lacks x:Y.', 'Allow it.')

test('a cluster that cannot be read is never green, and says why', async () => {
  const cluster: Cluster = {
    // biome-ignore lint/correctness/useYield: it never comes to that
    instances: async function* () {
      throw UNKNOWN
    },
  }
  const { coverage } = await cover({ targets: [id(1)], listed: [], cluster })
  const problem = rolloutProblem(green(1, coverage), plan)
  assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
  assert.match(problem?.message ?? '', /cluster prod is not known: AWS denied it: the caller lacks x:Y\.$/)
  await assert.rejects(requireCluster(cluster, 'prod'), UNKNOWN)
})

test('when Systems Manager cannot be asked, the instances are named all the same', async () => {
  const known = async () => {
    throw UNKNOWN
  }
  const { coverage } = await cover({ targets: [], listed: [instance(1)], fault: { known } })
  assert.deepEqual(coverage.uncovered, [{ instanceId: id(1), outcome: 'not-targeted', connected: true }])
  const problem = rolloutProblem(green(0, coverage), { ...plan, allowEmpty: true })
  assert.match(problem?.hint ?? '', /could not be asked \(AWS denied it/)
})

test('more than 2,500 instances that were no target are not asked for', async () => {
  const listed = Array.from({ length: 2_501 }, (_, index) => instance(index))
  const { coverage, asked } = await cover({ targets: [], listed })
  assert.deepEqual(asked, [])
  assert.equal(coverage.managedUnknown, '2501 are too many to ask for.')
  assert.match(gapOf(coverage, plan)?.what ?? '', / and 2496 more\.$/)
})

test('of a large fleet the targets are listed; a list that is throttled or too short begins anew', async () => {
  const targets = Array.from({ length: 600 }, (_, index) => id(index))
  const listed = targets.map((_, index) => instance(index))
  let looks = 0
  const flaky: Fleet['targets'] = async function* () {
    looks += 1
    if (looks === 1) throw new PullAuthError('AWS_THROTTLED', 'throttled', 'wait')
    yield* looks === 2 ? targets.slice(1) : targets
  }
  const { coverage } = await cover({ targets, listed, fault: { targets: flaky } }, null)
  assert.equal(looks, 3)
  assert.equal(gapOf(coverage, plan), null)
})

test('a list of targets that stays unreadable leaves the coverage unknown', async () => {
  // biome-ignore lint/correctness/useYield: it never comes to that
  const denied: Fleet['targets'] = async function* () {
    throw UNKNOWN
  }
  const { coverage } = await cover({ targets: [id(1)], listed: [instance(1)], fault: { targets: denied } }, null)
  assert.equal(coverage.unknown, UNKNOWN.message)
})

test('an empty fleet is red, green where the plan allows it, and red again when the cluster is not empty', async () => {
  const empty = await cover({ targets: [], listed: [] })
  const allowing = { ...plan, allowEmpty: true }
  assert.equal(rolloutProblem(green(0, empty.coverage), plan)?.code, 'TARGETS_NONE')
  assert.match(rolloutProblem(green(0, empty.coverage), plan)?.hint ?? '', /set fleet\.allowEmpty: true/)
  assert.equal(rolloutProblem(green(0, empty.coverage), allowing), null)
  const full = await cover({ targets: [], listed: [instance(1)], managed: [id(1)] })
  const red = rolloutProblem(green(0, full.coverage), plan)
  assert.equal(red?.code, 'TARGETS_NONE')
  assert.match(red?.message ?? '', /1 container instances of cluster prod 1 was no target/)
  assert.equal(rolloutProblem(green(0, full.coverage), allowing)?.code, 'ROLLOUT_INCOMPLETE')
})

test('allowEmpty excuses an empty fleet only, not a command that was refused or stopped', () => {
  const allowing = { ...plan, allowEmpty: true }
  for (const status of ['LimitExceeded', 'AccessDenied', 'Cancelled', 'Failed'] as const)
    assert.equal(rolloutProblem({ ...green(0, null), status }, allowing)?.code, 'ROLLOUT_INCOMPLETE', status)
  assert.equal(rolloutProblem({ ...green(3, null), onVersion: 2 }, allowing)?.code, 'ROLLOUT_INCOMPLETE')
})

test('50,000 instances and as many targets are compared', async () => {
  const targets = Array.from({ length: 50_000 }, (_, index) => id(index))
  const scene = portsOf({ targets, listed: targets.map((_, index) => instance(index + 1)), managed: [id(50_000)] })
  const order = { command: commandFor(50_000), version: VERSION, targets: null }
  const coverage = await coverageOf(scene.ports, 'prod', order)
  assert.deepEqual(
    [coverage.instances, coverage.elsewhere, coverage.uncovered.map(({ instanceId }) => instanceId)],
    [50_000, 1, [id(50_000)]],
  )
})
