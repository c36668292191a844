/** The schedule that a secret really has, where it is told: the rotation's journal and `status`. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VersionId } from '../../src/core/ports.ts'
import { rotateDirectly } from '../../src/core/rotation.ts'
import { readStatus } from '../../src/core/status.ts'
import { FIRST_VERSION, SECRET, startWorld, type TestWorld } from './rotation-world.ts'

const FUNCTION = 'arn:aws:lambda:eu-west-1:111122223333:function:rotate'
const UNSAFE =
  /schedule rate\(4 hours\) of arn:.* registry\.acme\.com: 6 h life < 4 h interval \+ 4 h window .* = 9 h 35 min/

/** A secret with a rotation function, whose plan asks for a life of six hours. */
function rotated(rules: { ScheduleExpression: string; Duration?: string }): TestWorld {
  const world = startWorld({ ttl: 6 * 3600 })
  world.secrets.configureRotation(SECRET, FUNCTION, rules)
  return world
}

test('a rotation by an unsafe schedule warns with the code and rotates all the same', async () => {
  const world = rotated({ ScheduleExpression: 'rate(4 hours)', Duration: '4h' })
  const codes: unknown[] = []
  const journal = {
    ...world.ports.journal,
    warn: (message: string, detail?: Readonly<Record<string, unknown>>) => {
      codes.push(detail?.['code'])
      world.notes.push(message)
    },
  }
  const version = '00000000-0000-4000-8000-00000000000a' as VersionId
  const report = await rotateDirectly({ ...world.ports, journal }, world.plan, version)
  assert.deepEqual([report.changed, world.current().version], [true, version])
  assert.deepEqual(codes, ['CADENCE_UNSAFE'])
  assert.ok(world.notes.some((note) => UNSAFE.test(note)))
})

test('status finds an unsafe schedule, and none when it is safe or rotation is off', async () => {
  const findings = async (world: TestWorld) =>
    (await readStatus(world.ports, world.plan)).findings.filter((finding) => finding.includes('schedule'))
  const [unsafe, ...more] = await findings(rotated({ ScheduleExpression: 'rate(4 hours)', Duration: '4h' }))
  assert.match(unsafe ?? '', UNSAFE)
  assert.deepEqual(more, [])

  const safe = rotated({ ScheduleExpression: 'rate(4 hours)' })
  const quick = { ...safe.plan, fleet: safe.plan.fleet === null ? null : { ...safe.plan.fleet, timeout: 1200 } }
  assert.deepEqual(await findings({ ...safe, plan: quick }), [])
  assert.deepEqual(await findings(startWorld({ ttl: 6 * 3600 })), [])
  assert.equal(safe.current().version, FIRST_VERSION)
})
