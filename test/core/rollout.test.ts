import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SecretArn, VersionId } from '../../src/core/ports.ts'
import { type RolloutPorts, rollOut, startRollout } from '../../src/core/rollout.ts'
import { type RolloutReport, reportOn, rolloutProblem } from '../../src/core/rollout-report.ts'
import { EXECUTION_TIME } from '../../src/core/send.ts'
import type { ScriptResult } from '../aws/instances.ts'
import {
  applied,
  code,
  DOCUMENT,
  type FleetWorld,
  fleetOf,
  plan,
  published,
  rolledOut,
  SECRET,
  status,
  VERSION,
  WANTED,
} from './fleet-world.ts'

test('a rollout is green when every instance says that it runs the version', async () => {
  const world = published(fleetOf(3))
  const report = await rolledOut(world.ports, plan)
  assert.equal(report.onVersion, 3)
  assert.equal(report.instances.length, 3)
  assert.equal(rolloutProblem(report, plan), null)
})

test('parameters are the ARN, the version and switches, nothing else', async () => {
  const world = published(fleetOf(1))
  await rolledOut(world.ports, plan)
  const sent = world.client.calls.find(({ operation }) => operation === 'SendCommand')
  assert.deepEqual(sent?.input['Parameters'], {
    secretArn: [SECRET],
    versionId: [VERSION],
    mode: ['auth-only'],
    jitterSeconds: ['0'],
  })
  assert.equal(sent?.input['DocumentHashType'], 'Sha256')
})

test('an instance that rolled back is named with its reason, and the rest counts', async () => {
  const failing: ScriptResult = {
    exitCode: 13,
    stdout: 'ecs-pull-auth result=rolled-back version=- agent=- seconds=9 reason=agent-unhealthy\n',
    stderr: '',
  }
  const world = published(fleetOf(4, (index) => (index === 2 ? failing : applied)))
  const report = await rolledOut(world.ports, plan)
  assert.equal(report.onVersion, 3)
  const problem = rolloutProblem(report, plan)
  assert.equal(problem?.code, 'ROLLOUT_INCOMPLETE')
  assert.match(problem?.message ?? '', /3 of 4 instances .* i-00000000000000002 \(rolled-back: agent-unhealthy\)/)
})

test('an exit code of zero without a status line is no proof', async () => {
  const world = published(fleetOf(2, (index) => (index === 0 ? { exitCode: 0, stdout: '', stderr: '' } : applied)))
  const report = await rolledOut(world.ports, plan)
  assert.equal(rolloutProblem(report, plan)?.code, 'ROLLOUT_INCOMPLETE')
})

test('an instance that runs another version is a straggler', async () => {
  const other: ScriptResult = { ...applied, stdout: status('applied', '00000000-0000-4000-8000-000000000009') }
  const world = published(fleetOf(2, (index) => (index === 0 ? other : applied)))
  const report = await rolledOut(world.ports, plan)
  assert.deepEqual(
    report.stragglers.map(({ instanceId }) => instanceId),
    ['i-00000000000000000'],
  )
})

test('an instance whose agent is not running and reads the version at its start is on version', async () => {
  const world = published(fleetOf(1, () => ({ ...applied, stdout: status('written') })))
  assert.equal(rolloutProblem(await rolledOut(world.ports, plan), plan), null)
})

test('what Run Command calls a success with undeliverable instances is not green', async () => {
  const world = published(
    fleetOf(
      5,
      () => applied,
      (index) => (index === 0 ? {} : { delivery: 'undeliverable' }),
    ),
  )
  const report = await rolledOut(world.ports, plan)
  assert.equal(report.onVersion, 1)
  assert.equal(report.stragglers.length, 4)
  assert.equal(rolloutProblem(report, plan)?.code, 'ROLLOUT_INCOMPLETE')
})

test('no instance matches: TARGETS_NONE names the targets', async () => {
  const world = published(fleetOf(0))
  const report = await rolledOut(world.ports, plan)
  const problem = rolloutProblem(report, plan)
  assert.equal(problem?.code, 'TARGETS_NONE')
  assert.match(problem?.message ?? '', /tag:ecs-pull-auth=prod/)
})

test('a missing document is named, with the command that creates it', async () => {
  const world = fleetOf(1)
  assert.equal(await code(rolledOut(world.ports, plan)), 'DOCUMENT_MISSING')
  assert.equal(world.sent(), 0)
})

test('a lost answer of SendCommand makes one rollout, not two', async () => {
  const world = published(fleetOf(2))
  world.client.onCall = (operation) => (operation === 'SendCommand' ? 'lost' : null)
  const report = await rolledOut(world.ports, plan)
  assert.equal(report.onVersion, 2)
  assert.equal(world.sent(), 1)
})

test('a SendCommand that never took effect is sent again', async () => {
  const world = published(fleetOf(2))
  let first = true
  world.client.onCall = (operation) => {
    if (operation !== 'SendCommand' || !first) return null
    first = false
    return 'reset'
  }
  assert.equal((await rolledOut(world.ports, plan)).onVersion, 2)
})

test('a SendCommand that stays unanswered and unseen is told as unconfirmed', async () => {
  const world = published(fleetOf(2))
  world.client.onCall = (operation) => (operation === 'SendCommand' ? 'reset' : null)
  assert.equal(await code(rolledOut(world.ports, plan)), 'COMMAND_UNCONFIRMED')
  assert.equal(world.sent(), 0)
})

test('throttled calls are waited for, in sending and in following', async () => {
  const world = published(fleetOf(2))
  const throttled = new Map<string, number>()
  world.client.onCall = (operation) => {
    const times = throttled.get(operation) ?? 0
    throttled.set(operation, times + 1)
    return times < 1 && ['SendCommand', 'ListCommands'].includes(operation) ? 'throttle' : null
  }
  assert.equal((await rolledOut(world.ports, plan)).onVersion, 2)
})

test('a second event for the same version starts no second rollout', async () => {
  const world = published(fleetOf(2))
  const first = await startRollout(world.ports, plan, WANTED, { again: false })
  const second = await startRollout(world.ports, plan, WANTED, { again: false })
  assert.equal(first, second)
  assert.equal(world.sent(), 1)
})

test('reloading again after a finished rollout sends again', async () => {
  const world = published(fleetOf(2))
  await rolledOut(world.ports, plan)
  await rolledOut(world.ports, plan)
  assert.equal(world.sent(), 2)
})

test('of a large fleet only problems are listed, and they are complete', async () => {
  const failing: ScriptResult = {
    exitCode: 11,
    stdout: 'ecs-pull-auth result=fetch-failed version=- agent=- seconds=1 reason=denied\n',
    stderr: '',
  }
  const world = published(fleetOf(700, (index) => (index % 100 === 0 ? failing : applied)))
  const report = await rolledOut(world.ports, plan)
  assert.equal(report.targets, 700)
  assert.equal(report.onVersion, 693)
  assert.equal(report.stragglers.length, 7)
})

function asked(world: FleetWorld, operation: string): number {
  return world.client.calls.filter((call) => call.operation === operation).length
}

/** What somebody finds who did not follow the rollout, an hour and a half later. */
async function lookLater(world: FleetWorld, endSeen: number | null = null): Promise<RolloutReport> {
  world.ports.clock.sleep(90 * 60_000)
  const [rollout] = world.ssm.rollouts()
  const command = await world.ports.fleet.command(rollout?.order.id ?? '')
  assert.ok(command)
  return await reportOn(world.ports, plan, command, VERSION, endSeen)
}

test('a green rollout asks nobody who is still there', async () => {
  const world = published(fleetOf(3))
  const report = await rolledOut(world.ports, plan)
  assert.deepEqual([report.left, report.leftUnknown], [[], null])
  assert.equal(asked(world, 'DescribeInstanceInformation'), 0)
})

test('who follows a rollout knows when it ended; later the instances’ finish tells', async () => {
  const world = published(fleetOf(3))
  const sent = world.ports.clock.now()
  const followed = await rolledOut(world.ports, plan)
  assert.ok(followed.endedBy > sent && followed.endedBy <= world.ports.clock.now())
  const looked = await lookLater(world)
  assert.ok(looked.endedBy >= sent && looked.endedBy <= followed.endedBy)
  assert.equal((await lookLater(world, 1234)).endedBy, 1234)
})

test('of a large fleet nobody reads when each instance finished: Systems Manager ends every command by its expiry', async () => {
  const world = published(fleetOf(700))
  const followed = await rolledOut(world.ports, plan)
  assert.ok(followed.endedBy <= world.ports.clock.now())
  assert.equal((await lookLater(world)).endedBy, world.ssm.rollouts()[0]?.expiresAt)
})

const GONE = 'i-00000000000000001'

/** Instance 1 is waited for in vain; `meanwhile` happens before anybody reads what became of it. */
async function withOneOffline(
  count: number,
  meanwhile: (world: FleetWorld) => void,
): Promise<[FleetWorld, RolloutReport]> {
  const offline = (index: number) => (index === 1 ? { online: false } : {})
  const world = published(fleetOf(count, () => applied, offline))
  world.client.onCall = (operation) => {
    if (operation === 'ListCommandInvocations') meanwhile(world)
    return null
  }
  return [world, await rolledOut(world.ports, { ...plan, timeout: 60 })]
}

for (const count of [4, 600]) {
  test(`one of ${count} instances that was terminated while it was waited for is no straggler`, async () => {
    const [world, report] = await withOneOffline(count, ({ ssm }) => ssm.deregister(GONE))
    assert.deepEqual([report.targets, report.onVersion, report.stragglers.length], [count - 1, count - 1, 0])
    assert.deepEqual(
      report.left.map(({ instanceId, status }) => [instanceId, status]),
      [[GONE, 'DeliveryTimedOut']],
    )
    assert.equal(rolloutProblem(report, plan), null)
    assert.equal(asked(world, 'DescribeInstanceInformation'), 1)
  })

  test(`one of ${count} instances that lost its connection may come back, so it is a straggler`, async () => {
    const [, report] = await withOneOffline(count, () => undefined)
    assert.deepEqual(report.left, [])
    assert.deepEqual([report.targets, report.onVersion, report.stragglers.length], [count, count - 1, 1])
    assert.equal(rolloutProblem(report, plan)?.code, 'ROLLOUT_INCOMPLETE')
  })
}

test('nobody is asked for while the command runs, nor for half of a very large fleet', async () => {
  const world = published(
    fleetOf(
      2_501,
      () => applied,
      () => ({ delivery: 'undeliverable' }),
    ),
  )
  const report = await rolledOut(world.ports, plan)
  assert.match(rolloutProblem(report, plan)?.hint ?? '', /could not be found out: 2501 are too many to ask for\.$/)
  const command = await world.ports.fleet.command(report.commandId)
  assert.ok(command)
  const running = await reportOn(world.ports, plan, { ...command, status: 'InProgress' }, VERSION, null)
  assert.deepEqual([running.left, running.leftUnknown], [[], null])
  assert.equal(asked(world, 'DescribeInstanceInformation'), 0)
})

test('one that has left does not make up for one that failed', async () => {
  const failing: ScriptResult = { exitCode: 11, stdout: '', stderr: '' }
  const world = published(fleetOf(3, (index) => (index === 0 ? applied : failing)))
  const { known } = world.ports.fleet
  const ports = {
    ...world.ports,
    fleet: {
      ...world.ports.fleet,
      known: (ids: readonly string[]) => {
        world.ssm.deregister(GONE)
        return known(ids)
      },
    },
  }
  const report = await rolledOut(ports, plan)
  assert.deepEqual([report.left.length, report.stragglers.length, report.onVersion, report.targets], [1, 1, 1, 2])
  assert.match(rolloutProblem(report, plan)?.message ?? '', /^1 of 2 instances run .* not: i-00000000000000002/)
})

test('whoever may not ask who is still there is told which permission is missing', async () => {
  const world = published(
    fleetOf(
      2,
      () => applied,
      (index) => (index === 0 ? {} : { delivery: 'undeliverable' }),
    ),
  )
  world.client.onCall = (operation) => (operation === 'DescribeInstanceInformation' ? 'refused' : null)
  const report = await rolledOut(world.ports, plan)
  assert.equal(report.stragglers.length, 1)
  assert.match(
    rolloutProblem(report, plan)?.hint ?? '',
    /could not be found out: .*lacks ssm:DescribeInstanceInformation\.$/,
  )
})

test('problems of a large fleet that are listed late are waited for, also those that no counter tells of', async () => {
  const world = published(
    fleetOf(
      600,
      () => applied,
      (index) => (index < 3 ? { delivery: 'undeliverable' } : index === 3 ? { delivery: 'denied' } : {}),
    ),
  )
  const { invocations } = world.ports.fleet
  let looks = 0
  const late: typeof invocations = (id, status) => {
    if (status === 'Failed') looks += 1
    // At first only the refusal is listed.
    return looks > 1 || status === 'AccessDenied' ? invocations(id, status) : (async function* () {})()
  }
  const ports = { ...world.ports, fleet: { ...world.ports.fleet, invocations: late } }
  const report = await rolledOut(ports, plan)
  assert.equal(report.stragglers.length, 4)
  assert.equal(report.onVersion, 596)
})

/** The container instances of cluster prod: those with a number, long there. */
function clusterOf(world: FleetWorld, ...numbers: readonly number[]): RolloutPorts {
  const registeredAt = world.ports.clock.now() - 86_400_000
  const instances = async function* () {
    for (const number of numbers)
      yield { instanceId: `i-${number.toString(16).padStart(17, '0')}`, registeredAt, connected: true }
  }
  return { ...world.ports, cluster: { instances } }
}

for (const count of [3, 600]) {
  test(`a rollout of ${count} instances is green only when its cluster has no other ones`, async () => {
    const world = published(fleetOf(count))
    const numbers = Array.from({ length: count }, (_, index) => index)
    const prod = { ...plan, cluster: 'prod' }
    const covered = await rolledOut(clusterOf(world, ...numbers), prod)
    assert.equal(rolloutProblem(covered, prod), null)
    assert.deepEqual([covered.coverage?.instances, covered.coverage?.elsewhere], [count, 0])
    world.ssm.register({ id: 'i-00000000000fffff0' })
    const ports = clusterOf(world, ...numbers, 0xfffff0, 0xfffff1)
    const report = await rolledOut(ports, prod)
    assert.deepEqual(
      report.coverage?.uncovered.map(({ outcome }) => outcome),
      ['not-tagged', 'not-managed'],
    )
    assert.match(
      rolloutProblem(report, prod)?.message ?? '',
      /Of \d+ container instances of cluster prod 2 were no target/,
    )
  })
}

test('a rollout of an earlier time is not followed when another version was rolled out since', async () => {
  const world = published(fleetOf(2))
  const other = '00000000-0000-4000-8000-000000000003' as VersionId
  const first = await startRollout(world.ports, plan, WANTED, { again: false })
  await rollOut(world.ports, plan, { ...WANTED, version: other }, { again: false })
  const back = await startRollout(world.ports, plan, WANTED, { again: false })
  assert.notEqual(back, first)
  assert.equal(await startRollout(world.ports, plan, WANTED, { again: false }), back)
  assert.equal(world.sent(), 3)
})

test('a rollout of another secret with the same document is none of ours', async () => {
  const world = published(fleetOf(2))
  const other = { ...WANTED, secret: SECRET.replace('prod', 'test') as SecretArn }
  await startRollout(world.ports, plan, other, { again: false })
  const ours = await startRollout(world.ports, plan, WANTED, { again: false })
  await startRollout(world.ports, plan, other, { again: true })
  assert.equal(await startRollout(world.ports, plan, WANTED, { again: false }), ours)
})

test('a rollout that cannot end in time says so once it knows how many instances match, and goes on', async () => {
  const world = published(fleetOf(60))
  const slow = { ...plan, maxConcurrency: '1', timeout: 300, jitter: 30 }
  const report = await rolledOut(world.ports, slow)
  assert.equal(report.onVersion, 60)
  const told = world.notes.filter((note) => note.startsWith('This rollout may not end in time'))
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', /the last of 60 waves would begin after 29 min 30 s, later than fleet\.timeout \(5 min\)/)
})

test('no step of the document takes longer than a rollout is followed', () => {
  const { mainSteps } = JSON.parse(DOCUMENT) as { mainSteps: readonly { inputs: { timeoutSeconds: string } }[] }
  const longest = Math.max(...mainSteps.map(({ inputs }) => Number(inputs.timeoutSeconds)))
  assert.ok(longest * 1000 < EXECUTION_TIME, `${longest} s`)
})
