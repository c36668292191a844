/** What CloudWatch is told: each number once, at the right time, of bounded dimensions, and never a secret. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { ALARMS } from '../../deploy/stack/alarms.mjs'
import { createLambdaJournal } from '../../lambda/journal.ts'
import { METRICS, type MetricName, NAMESPACE, secretName } from '../../lambda/metrics.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import type { VersionId } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { SECRET } from '../core/rotation-world.ts'
import { holdsMetrics, type Line } from './emf.ts'
import { type Functions, startFunctions, TOKEN } from './functions.ts'

const SECOND = '00000000-0000-4000-8000-000000000002' as VersionId
const THIRD = '00000000-0000-4000-8000-000000000003' as VersionId
const HOUR = 3_600_000
const DAY = 24 * HOUR
const REGISTRY = 'registry.acme.com'
const WATCH = { 'detail-type': 'Scheduled Event', source: 'aws.scheduler', resources: [], detail: '{}' }

function commandEnded(id: string): unknown {
  const detail = { 'command-id': id, 'document-name': 'ecs-pull-auth-reload', status: 'Success' }
  return { 'detail-type': 'EC2 Command Status-change Notification', source: 'aws.ssm', resources: [], detail }
}

/** Every name that any line gives a number under. */
function names(functions: Functions): readonly string[] {
  const found = functions.parsed().flatMap(({ _aws }) => _aws?.CloudWatchMetrics ?? [])
  return [...new Set(found.flatMap(({ Metrics }) => Metrics.map(({ Name }) => Name)))].sort()
}

test('a rotation tells how long each step took, that it was promoted and how long its credential has to live', async () => {
  const functions = startFunctions({ ttl: 6 * 3600 })
  assert.equal(await functions.rotate(SECOND), null)
  assert.deepEqual(functions.measured('RotationFailed'), [0, 0, 0, 0])
  assert.equal(functions.measured('StepDuration').length, 4)
  for (const step of ['createSecret', 'setSecret', 'testSecret', 'finishSecret'])
    assert.equal(functions.measured('StepDuration', step).length, 1, step)
  assert.deepEqual(functions.measured('Promoted'), [1])
  const [ttl] = functions.measured('TtlAtPromotion', REGISTRY)
  assert.ok(ttl !== undefined && ttl > 6 * 3600 - 60 && ttl <= 6 * 3600, String(ttl))
  const [days] = functions.measured('CredentialDaysLeft', REGISTRY)
  assert.ok(days !== undefined && days > 0.24 && days <= 0.25, String(days))
  assert.deepEqual(functions.measured('CasConflict'), [])
})

test('a pending version that is used again is counted, and one that has become useless is counted as abandoned', async () => {
  const functions = startFunctions({ ttl: 6 * 3600 })
  await functions.rotate(SECOND, ['createSecret', 'createSecret'])
  assert.deepEqual(functions.measured('PendingReused'), [1])
  functions.world.clock.advance(6 * HOUR)
  const error = await functions.rotate(SECOND, ['createSecret'])
  assert.match(String(error), /PENDING_STALE/)
  assert.deepEqual(functions.measured('PendingAbandoned'), [1])
  assert.deepEqual(functions.measured('RotationFailed'), [0, 0, 1])
})

test('a rotation that was superseded is counted as abandoned and as failed', async () => {
  const functions = startFunctions()
  await functions.rotate(SECOND, ['createSecret'])
  functions.world.secrets.secret(SECRET).versions.drop('AWSPENDING')
  assert.match(String(await functions.rotate(SECOND, ['testSecret'])), /ROTATION_ABANDONED/)
  assert.deepEqual(functions.measured('RotationAbandoned'), [1])
  assert.deepEqual(functions.measured('RotationFailed', 'testSecret'), [1])
})

test('an edit by somebody else is a conflict', async () => {
  const functions = startFunctions()
  await functions.rotate(SECOND, ['createSecret', 'testSecret'])
  const { versions } = functions.world.secrets.secret(SECRET)
  const value = { text: 'ECS_CLUSTER=other\n' }
  versions.store({ id: THIRD, createdAt: 0, value, withRotationToken: false }, ['AWSCURRENT'])
  assert.match(String(await functions.rotate(SECOND, ['finishSecret'])), /CONFIG_CHANGED/)
  assert.deepEqual(functions.measured('CasConflict'), [1])
  assert.deepEqual(functions.measured('Promoted'), [])
})

test('a call that AWS throttled to the end is counted', async () => {
  const functions = startFunctions()
  const { store } = functions.world.ports
  const throttled = new PullAuthError('AWS_THROTTLED', 'Too many.', 'Wait.')
  Object.assign(store, { describe: () => Promise.reject(throttled) })
  await functions.rotate(SECOND, ['createSecret'])
  await assert.rejects(functions.react(functions.labelUpdated()), /AWS_THROTTLED/)
  assert.deepEqual(functions.measured('Throttled'), [1, 1])
  assert.deepEqual(functions.measured('ReactionFailed'), [1])
})

test('the end of a rollout tells how many instances were meant, run the version, and do not', async () => {
  const functions = startFunctions({ nodes: 3 })
  await functions.rotate(SECOND)
  await functions.react(functions.labelUpdated())
  await functions.react(commandEnded('command-1'))
  const [, broken] = functions.world.nodes
  assert.ok(broken)
  broken.broken = true
  await functions.rotate(THIRD)
  await functions.react(functions.labelUpdated())
  await functions.react(commandEnded('command-2'))
  assert.deepEqual(functions.measured('RolloutTargets'), [3, 3])
  assert.deepEqual(functions.measured('RolloutOnVersion'), [3, 2])
  assert.deepEqual(functions.measured('RolloutFailed'), [0, 1])
  assert.deepEqual(functions.measured('RolloutIncomplete'), [0, 1])
})

test('a credential that could not be revoked is counted; one that is not to be revoked yet is no failure', async () => {
  const functions = startFunctions()
  for (const version of [SECOND, THIRD]) {
    await functions.rotate(version)
    await functions.react(functions.labelUpdated())
  }
  await assert.rejects(functions.react(commandEnded('command-2')), /RETIRE_NOT_YET/)
  assert.deepEqual(functions.measured('ReactionFailed', 'command-ended'), [0])
  functions.world.clock.advance(HOUR)
  functions.world.revokeFault = () => new Error('the source is down')
  await assert.rejects(functions.react(commandEnded('command-2')), /REVOKE_FAILED/)
  assert.deepEqual(functions.measured('RevokeFailed'), [1])
  assert.deepEqual(functions.measured('ReactionFailed', 'command-ended'), [0, 1])
})

test('a beat tells the age of what is current, how much of its life is over and when its root dies', async () => {
  const functions = startFunctions({ ttl: 6 * 3600 })
  const { world } = functions
  const [registry] = world.plan.registries
  assert.ok(registry)
  const rootEnd = world.clock.now() + 30 * DAY
  Object.assign(registry.provider, { rootExpiry: async () => rootEnd })
  await functions.rotate(SECOND)
  world.clock.advance(3 * HOUR)
  functions.lines.length = 0
  await functions.react(WATCH)
  const only = (name: string) => {
    const values = functions.measured(name)
    assert.equal(values.length, 1, name)
    return values[0] ?? Number.NaN
  }
  assert.ok(Math.abs(only('VersionAge') - 3 * 3600) < 60)
  assert.ok(Math.abs(only('CredentialLifeUsed') - 50) < 1)
  assert.ok(Math.abs(only('CredentialDaysLeft') - 0.125) < 0.01)
  assert.ok(Math.abs(only('RootDaysLeft') - 29.875) < 0.01)
  world.clock.advance(4 * HOUR)
  functions.lines.length = 0
  await functions.react(WATCH)
  assert.ok(only('CredentialDaysLeft') < 0, 'a credential that has ended has less than no days left')
  const writes = world.client.calls.filter(({ operation }) => /Put|Update|Rotate/.test(operation))
  assert.equal(writes.length, 2, 'a beat wrote something')
})

test('a beat that cannot read the stored config is a failure, so that the watch itself is watched', async () => {
  const functions = startFunctions()
  const { versions } = functions.world.secrets.secret(SECRET)
  versions.store({ id: THIRD, createdAt: 0, value: { text: '[]' }, withRotationToken: false }, ['AWSCURRENT'])
  await assert.rejects(functions.react(WATCH), /CONFIG_/)
  assert.deepEqual(functions.measured('ReactionFailed', 'watch'), [1])
})

test('each line is of the embedded metric format, under a name of the table, and none holds a secret', async () => {
  const functions = startFunctions()
  for (const version of [SECOND, THIRD]) {
    await functions.rotate(version)
    await functions.react(functions.labelUpdated())
  }
  functions.world.clock.advance(HOUR)
  await functions.react(commandEnded('command-2'))
  await functions.react(WATCH)
  assert.ok(functions.lines.filter((line) => holdsMetrics(line)).length > 20)
  for (const name of names(functions)) assert.ok(Object.hasOwn(METRICS, name), name)
  for (const { password } of functions.world.tokens)
    assert.ok(!functions.lines.join('\n').includes(password), 'a credential is in the log')
  assert.ok(!functions.lines.join('\n').includes(TOKEN))
  const values = (dimension: string) => new Set(functions.parsed().flatMap((line) => line[dimension] ?? []))
  assert.deepEqual(values('Secret'), new Set([SECRET]))
  assert.deepEqual(values('Registry'), new Set([REGISTRY]))
  const steps = ['createSecret', 'setSecret', 'testSecret', 'finishSecret', 'label-updated', 'command-ended', 'watch']
  assert.deepEqual(values('Step'), new Set(steps))
})

test('a credential that comes as the name of a registry or in a number’s place is taken out of a metric too', () => {
  const lines: string[] = []
  const journal = createLambdaJournal({
    clock: { now: () => 0, sleep: async () => undefined },
    log: (l) => lines.push(l),
  })
  journal.about({ secret: SECRET })
  journal.mask(new Secret('registry.acme.com/hunter22'))
  journal.measure('RootDaysLeft', 1, 'registry.acme.com/hunter22')
  assert.equal(lines.length, 1)
  assert.ok(!lines[0]?.includes('hunter22'))
  assert.ok(holdsMetrics(lines[0] ?? ''))
})

test('before an event has been read there is no secret to count for', () => {
  const lines: string[] = []
  const journal = createLambdaJournal({
    clock: { now: () => 0, sleep: async () => undefined },
    log: (l) => lines.push(l),
  })
  journal.measure('RotationFailed', 1)
  assert.deepEqual(lines, [])
})

test('a secret goes by its name, however the plan says it', () => {
  const arn = 'arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:prod/ecs/agent-config-AbCdEf'
  assert.equal(secretName(arn), 'prod/ecs/agent-config')
  assert.equal(secretName('prod/ecs/agent-config'), 'prod/ecs/agent-config')
})

/** Rows of the table under a heading of docs/operate.md. */
const page = readFileSync(resolve(import.meta.dirname, '../../docs/operate.md'), 'utf8')

test('docs/operate.md lists every metric with its unit and its dimensions, and their namespace', () => {
  const rows = [...page.matchAll(/^\| `([A-Za-z]+)` \| ([A-Za-z]+) \| ([^|]+) \| .+ \|$/gm)]
  const told = Object.fromEntries(rows.map(([, name = '', unit, sets = '']) => [name, { unit, sets: sets.trim() }]))
  const known = Object.entries(METRICS).map(([name, { unit, dimensions }]) => [
    name,
    { unit, sets: dimensions.map((set) => set.join(' + ')).join(', ') },
  ])
  assert.deepEqual(told, Object.fromEntries(known))
  assert.ok(page.includes(`\`${NAMESPACE}\``))
})

test('every alarm on a metric of ours watches one that the functions write, for the secret as a whole', () => {
  for (const { id, of, metric } of ALARMS.filter((alarm) => alarm.of === 'secret')) {
    assert.ok(Object.hasOwn(METRICS, metric), `${id} on ${metric} of ${of}`)
    assert.deepEqual(METRICS[metric as MetricName].dimensions[0], ['Secret'], id)
  }
})

test('a line of metrics is readable without CloudWatch', async () => {
  const functions = startFunctions()
  await functions.rotate(SECOND, ['setSecret'])
  const line = functions.parsed().find(({ _aws }) => _aws !== undefined) as Line
  assert.deepEqual(
    { level: line['level'], message: line['message'], step: line['step'], version: line['version'] },
    { level: 'info', message: 'StepDuration: 0', step: 'setSecret', version: SECOND },
  )
})
