/** The output `result` of a huge fleet: it fits, its counts are whole, and those that need somebody are kept first. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resultText } from '../../src/action/result.ts'
import type { JobReport } from '../../src/core/job.ts'
import type { SecretArn, VersionId } from '../../src/core/ports.ts'
import type { InstanceReport, RolloutReport } from '../../src/core/rollout-report.ts'

const VERSION = '00000000-0000-4000-8000-000000000001' as VersionId

/** `bad` of `all` instances are undelivered; those are listed last, so that an order of ours must move them. */
function reportOf(all: number, bad: number): JobReport {
  const instances = Array.from({ length: all }, (_, index): InstanceReport => {
    const instanceId = `i-${String(index).padStart(17, '0')}`
    return index < all - bad
      ? { instanceId, outcome: 'on-version', status: 'Success', node: null, finishedAt: 0 }
      : { instanceId, outcome: 'undelivered', status: 'Undeliverable', node: null, finishedAt: null }
  })
  const stragglers = instances.filter(({ outcome }) => outcome !== 'on-version')
  const rollout: RolloutReport = {
    commandId: VERSION,
    canary: false,
    version: VERSION,
    status: 'Failed',
    targets: all,
    onVersion: all - bad,
    instances,
    stragglers,
    left: [],
    leftUnknown: null,
    coverage: null,
    endedBy: 0,
  }
  const secret = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:agent-AbCdEf' as SecretArn
  const rotated = { secret, version: VERSION, changed: true, rotatedBy: 'itself', registries: [] } as const
  return { ...rotated, outputs: [], rollout, problem: null, retire: null }
}

test('a fleet of which every instance is read is told whole', () => {
  const { rollout } = JSON.parse(resultText(reportOf(500, 2)))
  assert.equal(rollout.instances.length, 500)
  assert.equal(rollout.omitted, undefined)
})

test('50,000 instances in trouble fit into an environment variable, and what is left out is counted', () => {
  const text = resultText(reportOf(50_000, 50_000))
  assert.ok(text.length <= 100_000)
  const { rollout } = JSON.parse(text)
  assert.deepEqual(rollout.outcomes, { 'on-version': 0, undelivered: 50_000 })
  assert.equal(rollout.instances.length + rollout.omitted.instances, 50_000)
  assert.equal(rollout.stragglers.length + rollout.omitted.stragglers, 50_000)
  assert.ok(rollout.instances.length >= 300)
})

test('those that need somebody are kept first', () => {
  const { rollout } = JSON.parse(resultText(reportOf(5_000, 7)))
  const outcomes = rollout.instances.slice(0, 8).map(({ outcome }: { outcome: string }) => outcome)
  assert.deepEqual(outcomes, [...Array(7).fill('undelivered'), 'on-version'])
  assert.deepEqual(rollout.omitted.stragglers, 0)
})
