/**
 * What could have taken the version away from an instance again. A command for an older version may run later than the
 * rollout, and a node that then reads Secrets Manager a moment late (it is eventually consistent) brings old credentials
 * back. They must not be revoked under it.
 */

import { PullAuthError } from './errors.ts'
import { parseNodeStatus } from './node-status.ts'
import type { FleetPlan } from './plan.ts'
import type { Command, Invocation, InvocationStatus, Millis } from './ports.ts'
import type { RolloutPorts } from './rollout.ts'
import type { RolloutReport } from './rollout-report.ts'
import { EXECUTION_TIME } from './send.ts'

/** Of larger fleets nobody's own word is read, here as in the rollout's report. */
const READ_EVERY_INSTANCE = 500

/** Throws ROLLOUT_INCOMPLETE when an instance took another version after the rollout, or may be taking one just now. */
export async function refuseOvertaken(
  cx: Pick<RolloutPorts, 'fleet' | 'clock'>,
  plan: FleetPlan,
  rollout: RolloutReport,
): Promise<void> {
  const since = cx.clock.now() - plan.timeout * 1000 - EXECUTION_TIME
  const commands = await cx.fleet.recent(plan.document, since)
  const finished = new Map(rollout.instances.map(({ instanceId, finishedAt }) => [instanceId, finishedAt]))
  const found = new Set<string>()
  for (const command of commands.filter((other) => isRival(other, rollout))) {
    for await (const invocation of cx.fleet.invocations(command.id)) {
      if (isLater(invocation, rollout.version, finished.get(invocation.instanceId) ?? null))
        found.add(invocation.instanceId)
    }
  }
  // One that has left took its credential with it.
  const known = found.size === 0 ? found : await cx.fleet.known([...found])
  const names = [...found].filter((id) => known.has(id))
  if (names.length > 0) throw overtaken(names, rollout)
}

function isRival({ id, targets }: Command, rollout: RolloutReport): boolean {
  return id !== rollout.commandId && targets <= READ_EVERY_INSTANCE
}

const RUNNING: readonly InvocationStatus[] = ['InProgress', 'Delayed', 'Cancelling']

/** `finished`: when the rollout was done with the instance; null = it was not part of it, or nobody knows. */
function isLater({ status, output, finishedAt }: Invocation, version: string, finished: Millis | null): boolean {
  if (RUNNING.includes(status)) return true
  const node = parseNodeStatus(output)
  if (node?.version == null || node.version === version) return false
  return finishedAt === null || finished === null || finishedAt > finished
}

function overtaken(names: readonly string[], { version }: RolloutReport): PullAuthError {
  const shown = names.slice(0, 5).join(', ')
  return new PullAuthError(
    'ROLLOUT_INCOMPLETE',
    `${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''} took another version after the rollout of ${version}, or may be taking one now: another Run Command came later.`,
    'Reload again: only instances that do not run the version are restarted. No old credential was revoked.',
  )
}
