/** Who is reloaded before everybody else. */

import type { FleetPlan } from './plan.ts'
import type { Fleet, Journal, Targets } from './ports.ts'

/**
 * null = nobody. Of instances that are connected, the first by id: for one that is offline everybody would wait.
 */
export async function canaryTargets(
  { fleet, journal }: { readonly fleet: Fleet; readonly journal: Journal },
  { canary, targets }: FleetPlan,
): Promise<Targets | null> {
  if (canary === null) return null
  if (typeof canary === 'object') return { ...targets, ...canary }
  const InstanceIds = await fleet.connected(targets, canary)
  if (InstanceIds.length === 0) {
    journal.warn('No instance is connected to Systems Manager, so there is no canary.')
    return null
  }
  journal.info(`First ${InstanceIds.join(', ')}, then the rest.`)
  return { InstanceIds }
}
