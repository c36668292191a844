/** Every instance ends in exactly one outcome, whatever the four services say of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NODE_RESULTS, type NodeResult, type NodeStatus } from '../../src/core/node-status.ts'
import { isFine, OUTCOMES, type Outcome, outcomeOf, outcomeText, type Sighting } from '../../src/core/outcome.ts'
import type { InvocationStatus, VersionId } from '../../src/core/ports.ts'

const VERSION = '00000000-0000-4000-8000-000000000002' as VersionId
const OTHER = '00000000-0000-4000-8000-000000000009'
const MINUTE = 60_000

const STATUSES: Readonly<Record<InvocationStatus, Outcome>> = {
  Pending: 'running',
  InProgress: 'running',
  Delayed: 'running',
  Cancelling: 'running',
  Success: 'unclear',
  Failed: 'unclear',
  Cancelled: 'stopped',
  Terminated: 'stopped',
  TimedOut: 'timed-out',
  ExecutionTimedOut: 'timed-out',
  DeliveryTimedOut: 'undelivered',
  Undeliverable: 'undelivered',
  AccessDenied: 'undelivered',
  InvalidPlatform: 'unsupported',
}

function said(result: NodeResult, version: string | null = VERSION, reason: string | null = null): NodeStatus {
  return { result, version, agent: '1.105.1', seconds: 1, reason }
}

function target(status: InvocationStatus, node: NodeStatus | null, known: boolean | null = null): Sighting {
  return { invocation: { status, node }, known, joinedAfter: null }
}

function onlyInCluster(joinedAfter: number | null, known: boolean | null): Sighting {
  return { invocation: null, known, joinedAfter }
}

const CASES: readonly (readonly [string, Sighting, Outcome])[] = [
  ['applied', target('Success', said('applied')), 'on-version'],
  ['had it already', target('Success', said('unchanged')), 'on-version'],
  ['reads it at its start', target('Success', said('written')), 'on-version'],
  ['runs it, and left right after', target('Success', said('applied'), false), 'on-version'],
  ['applied another version', target('Success', said('applied', OTHER)), 'other-version'],
  ['applied a version that it does not name', target('Success', said('applied', null)), 'other-version'],
  ['applied it, and then took too long', target('ExecutionTimedOut', said('applied')), 'timed-out'],
  ['rolled back', target('Failed', said('rolled-back', null, 'agent-unhealthy')), 'rolled-back'],
  ['rolled back, says a success', target('Success', said('rolled-back')), 'rolled-back'],
  ['rolled back, and was terminated', target('Failed', said('rolled-back'), false), 'left'],
  ['was not reached, and is known', target('DeliveryTimedOut', null, true), 'undelivered'],
  ['was not reached, and is not known any more', target('DeliveryTimedOut', null, false), 'left'],
  ['is no target and long there, with an agent', onlyInCluster(-24 * 60 * MINUTE, true), 'not-tagged'],
  ['is no target and long there, without an agent', onlyInCluster(-24 * 60 * MINUTE, false), 'not-managed'],
  ['is no target, and nobody could ask', onlyInCluster(-24 * 60 * MINUTE, null), 'not-targeted'],
  ['is no target, and ECS does not tell since when', onlyInCluster(null, true), 'not-tagged'],
  ['joined shortly before', onlyInCluster(-9 * MINUTE, false), 'late'],
  ['joined shortly after', onlyInCluster(9 * MINUTE, true), 'late'],
  ['joined later', onlyInCluster(10 * MINUTE, null), 'joined'],
  ['joined later, before Systems Manager knows it', onlyInCluster(10 * MINUTE, false), 'joined'],
]
for (const [what, sighting, outcome] of CASES) {
  test(`an instance that ${what} is ${outcome}`, () => assert.equal(outcomeOf(sighting, VERSION), outcome))
}

for (const [status, outcome] of Object.entries(STATUSES) as [InvocationStatus, Outcome][]) {
  test(`an invocation that is ${status} and says nothing is ${outcome}`, () =>
    assert.equal(outcomeOf(target(status, null), VERSION), outcome))
}

/** All that could be said of an instance, in all combinations. */
function* everything(): Generator<Sighting> {
  const nodes = NODE_RESULTS.flatMap((result) => [VERSION, OTHER, null].map((version) => said(result, version)))
  const invocations = (Object.keys(STATUSES) as InvocationStatus[]).flatMap((status) =>
    [null, ...nodes].map((node) => ({ status, node })),
  )
  for (const invocation of [null, ...invocations])
    for (const known of [null, true, false])
      for (const joinedAfter of [null, -24 * 60 * MINUTE, 0, 24 * 60 * MINUTE]) yield { invocation, known, joinedAfter }
}

test('whatever is said, there is one outcome for it, and each outcome comes about', () => {
  const seen = new Set<Outcome>()
  for (const sighting of everything()) {
    const outcome = outcomeOf(sighting, VERSION)
    assert.ok(Object.hasOwn(OUTCOMES, outcome), JSON.stringify(sighting))
    seen.add(outcome)
  }
  assert.deepEqual([...seen].sort(), Object.keys(OUTCOMES).sort())
})

test('on version is only who says so of this very version and with success; fine besides are those who left or joined later', () => {
  for (const sighting of everything()) {
    const { invocation, known, joinedAfter } = sighting
    const good = ['applied', 'unchanged', 'written'].includes(invocation?.node?.result ?? '')
    const runs = invocation?.status === 'Success' && good && invocation.node?.version === VERSION
    assert.equal(outcomeOf(sighting, VERSION) === 'on-version', runs, JSON.stringify(sighting))
    const gone = invocation !== null && known === false
    const joined = invocation === null && joinedAfter !== null && joinedAfter >= 10 * MINUTE
    assert.equal(isFine(outcomeOf(sighting, VERSION)), runs || gone || joined, JSON.stringify(sighting))
  }
})

test('an outcome is told with its reason where there is one', () => {
  const text = (status: InvocationStatus, node: NodeStatus | null) =>
    outcomeText({ outcome: outcomeOf(target(status, node), VERSION), status, node })
  assert.equal(text('Failed', said('rolled-back', null, 'agent-unhealthy')), 'rolled-back: agent-unhealthy')
  assert.equal(text('Failed', said('busy', null)), 'busy')
  assert.equal(text('DeliveryTimedOut', null), 'undelivered: DeliveryTimedOut')
  assert.equal(text('Success', said('applied', OTHER)), `other-version: ${OTHER}`)
  assert.equal(text('Success', said('unchanged')), 'on-version: unchanged')
})
