/** Who took another version after a rollout: nothing is revoked under an instance that a late command brought back. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/core/errors.ts'
import { refuseOvertaken } from '../../src/core/overtaken.ts'
import type { FleetPlan } from '../../src/core/plan.ts'
import type { Command, Fleet, Invocation, VersionId } from '../../src/core/ports.ts'
import type { RolloutReport } from '../../src/core/rollout-report.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'

const VERSION = '00000000-0000-4000-8000-000000000002' as VersionId
const OTHER = '00000000-0000-4000-8000-000000000001'
const INSTANCE = 'i-00000000000000001'
const FINISHED = Date.UTC(2026, 10, 24)

function word(version: string, after: number | null, status: Invocation['status'] = 'Success'): Invocation {
  const output = `ecs-pull-auth result=applied version=${version} agent=1.105.1 seconds=2`
  return { instanceId: INSTANCE, status, output, finishedAt: after === null ? null : FINISHED + after }
}

/** The rollout itself, and one other command with these invocations. */
function judge(invocations: readonly Invocation[], { gone = false, targets = 1 } = {}): Promise<void> {
  const command = { status: 'Success', comment: '', document: 'reload', parameters: {}, targets }
  const commands = ['ours', 'other'].map((id) => ({ ...command, id }) as unknown as Command)
  const fleet = {
    recent: async () => commands,
    async *invocations(id: string) {
      yield* id === 'other' ? invocations : [word(VERSION, 0)]
    },
    known: async (ids: readonly string[]) => new Set(gone ? [] : ids),
  } as unknown as Fleet
  // The report of a large rollout has only those with a problem.
  const instances = targets === 1 ? [{ instanceId: INSTANCE, finishedAt: FINISHED }] : []
  const rollout = { commandId: 'ours', version: VERSION, targets, instances } as unknown as RolloutReport
  const plan = { document: 'reload', timeout: 1800 } as FleetPlan
  return refuseOvertaken({ fleet, clock: virtualClock() }, plan, rollout)
}

const LARGE = { targets: 50_000 }
const cases: readonly [string, () => Promise<void>, 'refused' | 'fine'][] = [
  ['a later command brought another version', () => judge([word(OTHER, 1)]), 'refused'],
  ['another command is running just now', () => judge([{ ...word('-', null), status: 'InProgress' }]), 'refused'],
  ['nobody knows when the other command was done', () => judge([word(OTHER, null)]), 'refused'],
  ['an earlier command brought another version', () => judge([word(OTHER, -1)]), 'fine'],
  ['a later command brought the same version', () => judge([word(VERSION, 1)]), 'fine'],
  ['a later command could not read the secret', () => judge([word('-', 1, 'Failed')]), 'fine'],
  ['the instance has left the fleet since', () => judge([word(OTHER, 1)], { gone: true }), 'fine'],
  ['a later command of 50,000 brought one another version', () => judge([word(OTHER, 1)], LARGE), 'refused'],
  ['an earlier command of 50,000 brought another version', () => judge([word(OTHER, -1)], LARGE), 'fine'],
  [
    'of two other words about an instance the later one counts',
    () => judge([word(OTHER, 1), word(OTHER, -1)]),
    'refused',
  ],
]
for (const [name, judged, expected] of cases) {
  test(`${name}: ${expected}`, async () => {
    if (expected === 'fine') return await judged()
    await assert.rejects(judged(), (error) => isCode(error, 'ROLLOUT_INCOMPLETE') && error.message.includes(INSTANCE))
  })
}
