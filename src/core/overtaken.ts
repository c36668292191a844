/**
 * What could have taken the version away from an instance again. A command for an older version may run later than the
 * rollout, and a node that then reads Secrets Manager a moment late (it is eventually consistent) brings old credentials
 * back. They must not be revoked under it.
 */

import { PullAuthError } from './errors.ts'
import { parseNodeStatus } from './node-status.ts'
import type { FleetPlan } from './plan.ts'
import type { Command, Fleet, Invocation, InvocationStatus, Millis, VersionId } from './ports.ts'
import type { RolloutPorts } from './rollout.ts'
import type { RolloutReport } from './rollout-report.ts'
import { EXECUTION_TIME } from './send.ts'

/** Throws ROLLOUT_INCOMPLETE when an instance took another version after the rollout, or may be taking one just now. */
export async function refuseOvertaken(
  cx: Pick<RolloutPorts, 'fleet' | 'clock'>,
  plan: FleetPlan,
  rollout: RolloutReport,
): Promise<void> {
  const since = cx.clock.now() - plan.timeout * 1000 - EXECUTION_TIME
  const commands = await cx.fleet.recent(plan.document, since)
  const rivals = commands.filter(({ id }) => id !== rollout.commandId)
  const others = await findOthers(cx.fleet, rivals, rollout.version)
  if (others.size === 0) return
  const finished = await findFinishes(cx.fleet, rollout, others)
  const later = [...others].filter(([id, at]) => at > (finished.get(id) ?? Number.NEGATIVE_INFINITY))
  const names = await stillThere(
    cx.fleet,
    later.map(([id]) => id),
  )
  if (names.length > 0) throw overtaken(names, rollout)
}

const RUNNING: readonly InvocationStatus[] = ['InProgress', 'Delayed', 'Cancelling']

/**
 * Instances to which one of these commands brought another version, and when by their own clock; never ending: it runs,
 * or nobody knows. However many they are: a command that could have done so is rare, since most have long expired.
 */
async function findOthers(
  fleet: Fleet,
  commands: readonly Command[],
  version: VersionId,
): Promise<ReadonlyMap<string, Millis>> {
  const others = new Map<string, Millis>()
  for (const { id } of commands) {
    for await (const { instanceId, status, output, finishedAt } of fleet.invocations(id)) {
      const runs = RUNNING.includes(status)
      const told = parseNodeStatus(output)?.version ?? version
      if (!runs && told === version) continue
      const at = runs ? Number.POSITIVE_INFINITY : (finishedAt ?? Number.POSITIVE_INFINITY)
      others.set(instanceId, Math.max(at, others.get(instanceId) ?? at))
    }
  }
  return others
}

/** When the rollout was done with these instances. Of a large fleet its report has only those with a problem. */
async function findFinishes(
  fleet: Fleet,
  { commandId, targets, instances }: RolloutReport,
  wanted: ReadonlyMap<string, Millis>,
): Promise<ReadonlyMap<string, Millis>> {
  const finishes = new Map<string, Millis>()
  const add = ({ instanceId, finishedAt }: Pick<Invocation, 'instanceId' | 'finishedAt'>) => {
    if (finishedAt !== null && wanted.has(instanceId)) finishes.set(instanceId, finishedAt)
  }
  if (instances.length >= targets) for (const instance of instances) add(instance)
  else for await (const invocation of fleet.invocations(commandId)) add(invocation)
  return finishes
}

/** 50 calls: an event function has a minute or two. */
const MOST_ASKED = 2_500

/** One that has left took its credential with it. */
async function stillThere(fleet: Fleet, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0 || ids.length > MOST_ASKED) return ids
  const known = await fleet.known(ids)
  return ids.filter((id) => known.has(id))
}

function overtaken(names: readonly string[], { version }: RolloutReport): PullAuthError {
  const shown = names.slice(0, 5).join(', ')
  return new PullAuthError(
    'ROLLOUT_INCOMPLETE',
    `${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''} took another version after the rollout of ${version}, or may be taking one now: another Run Command came later.`,
    'Reload again: only instances that do not run the version are restarted. No old credential was revoked.',
  )
}
