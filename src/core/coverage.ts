/**
 * Whether a rollout's targets are all the container instances of an ECS cluster. Counts cannot tell: one instance that
 * is no target and one target of another cluster cancel out. So the two sets are compared, by id.
 */

import { isCode, PullAuthError } from './errors.ts'
import { isFine, type Outcome, outcomeOf } from './outcome.ts'
import type { FleetPlan } from './plan.ts'
import type { Clock, Cluster, Command, ContainerInstance, Fleet, Millis, VersionId } from './ports.ts'

export interface Coverage {
  readonly cluster: string
  /** How many container instances ECS lists there. */
  readonly instances: number
  /** How many targets of the rollout are not among them: of another cluster, or without an ECS agent. */
  readonly elsewhere: number
  /** Container instances that the rollout did not match. */
  readonly uncovered: readonly UncoveredInstance[]
  /** Why it is not known; then the rest says nothing. */
  readonly unknown: string | null
  /** Why nobody could tell those that Systems Manager does not know; null = it is told. */
  readonly managedUnknown: string | null
}

export interface UncoveredInstance {
  readonly instanceId: string
  readonly outcome: Outcome
  /** Its agent is connected to ECS. */
  readonly connected: boolean
}

interface CoveragePorts {
  readonly fleet: Fleet
  readonly cluster: Cluster
  readonly clock: Clock
}

/** `targets`: the ids of the command's targets where somebody has read them all; null = they are listed here, without their output. */
export async function coverageOf(
  cx: CoveragePorts,
  cluster: string,
  { command, version, targets }: { command: Command; version: VersionId; targets: readonly string[] | null },
): Promise<Coverage> {
  try {
    const listed = await listInstances(cx.cluster, cluster)
    const matched = new Set(targets ?? (await listTargets(cx, command)))
    const others = [...listed.values()].filter(({ instanceId }) => !matched.has(instanceId))
    const elsewhere = [...matched].filter((id) => !listed.has(id)).length
    const judged = await judge(cx.fleet, { command, version }, others)
    return { cluster, instances: listed.size, elsewhere, unknown: null, ...judged }
  } catch (error) {
    if (!(error instanceof PullAuthError)) throw error
    return { cluster, instances: 0, elsewhere: 0, uncovered: [], unknown: error.message, managedUnknown: null }
  }
}

/** Those that keep the rollout from being complete. */
export function missingOf(coverage: Coverage | null): readonly UncoveredInstance[] {
  return (coverage?.uncovered ?? []).filter(({ outcome }) => !isFine(outcome))
}

export interface Gap {
  /** One sentence or more. */
  readonly what: string
  /** What to do, as a part of a sentence. */
  readonly remedy: string
}

/** Why the rollout does not cover its cluster, or null. */
export function gapOf(coverage: Coverage | null, plan: FleetPlan): Gap | null {
  if (coverage === null) return null
  const { cluster, instances, unknown } = coverage
  if (unknown !== null) {
    const what = `Whether the rollout reached every container instance of cluster ${cluster} is not known: ${unknown}`
    return { what, remedy: 'allow or mend what was refused, or take fleet.cluster out of the plan' }
  }
  const missing = missingOf(coverage)
  if (missing.length === 0) return null
  const names = missing.slice(0, 5).map(({ instanceId, outcome }) => `${instanceId} (${outcome})`)
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : ''
  const outcomes = [...new Set(missing.map(({ outcome }) => outcome))]
  return {
    what: `Of ${instances} container instances of cluster ${cluster} ${missing.length} ${missing.length === 1 ? 'was' : 'were'} no target: ${names.join(', ')}${more}.`,
    remedy: outcomes.map((outcome) => remedyFor(outcome, plan, coverage)).join(', '),
  }
}

function remedyFor(outcome: Outcome, plan: FleetPlan, { uncovered, managedUnknown }: Coverage): string {
  const ghosts = uncovered.filter((instance) => instance.outcome === outcome && !instance.connected).length
  const gone =
    ghosts === 0
      ? ''
      : ` (${ghosts} of them ${ghosts === 1 ? 'is' : 'are'} not connected to ECS either; if gone for good: aws ecs deregister-container-instance --force)`
  switch (outcome) {
    case 'not-tagged':
      return `give those not-tagged what ${targetsText(plan)} asks for`
    case 'not-managed':
      return `have those not-managed run the SSM agent, with AmazonSSMManagedInstanceCore on their role${gone}`
    case 'not-targeted':
      return `find out why some were no target${managedUnknown === null ? '' : `, which could not be asked (${managedUnknown})`}`
    default:
      return `wait a moment for those that joined ${outcome}`
  }
}

/** `tag:ecs-pull-auth=prod and tag:ring=1|2`. */
export function targetsText({ targets }: Pick<FleetPlan, 'targets'>): string {
  const wanted = Object.entries(targets).map(([key, values]) => `${key}=${values.join('|')}`)
  return wanted.join(' and ')
}

/**
 * Throws before anything changes what would leave the coverage unknown in the end: no such cluster, no permission. That
 * ECS does not answer now is no reason to let credentials die.
 */
export async function requireCluster(cluster: Cluster, name: string): Promise<void> {
  try {
    for await (const _ of cluster.instances(name)) return
  } catch (error) {
    if (!isCode(error, 'AWS_THROTTLED', 'AWS_UNAVAILABLE')) throw error
  }
}

async function listInstances(cluster: Cluster, name: string): Promise<ReadonlyMap<string, ContainerInstance>> {
  const found = new Map<string, ContainerInstance>()
  for await (const instance of cluster.instances(name)) found.set(instance.instanceId, instance)
  return found
}

const LIST_WAITS: readonly Millis[] = [5_000, 20_000]

/** A thousand calls for 50,000 instances: throttled in the middle, the list begins anew. */
async function listTargets({ fleet, clock }: CoveragePorts, command: Command): Promise<readonly string[]> {
  for (const wait of [...LIST_WAITS, null]) {
    try {
      const ids = new Set<string>()
      for await (const id of fleet.targets(command.id)) ids.add(id)
      if (ids.size >= command.targets || wait === null) return [...ids]
    } catch (error) {
      if (wait === null || !isCode(error, 'AWS_THROTTLED', 'AWS_UNAVAILABLE')) throw error
    }
    await clock.sleep(wait)
  }
  return []
}

/** 50 calls: an event function has a minute or two. */
const MOST_ASKED = 2_500

async function judge(
  fleet: Fleet,
  { command, version }: { command: Command; version: VersionId },
  others: readonly ContainerInstance[],
): Promise<Pick<Coverage, 'uncovered' | 'managedUnknown'>> {
  const judged = (known: ReadonlySet<string> | null) =>
    others.map(({ instanceId, registeredAt, connected }): UncoveredInstance => {
      const joinedAfter = registeredAt === null ? null : registeredAt - command.requestedAt
      const sighting = { invocation: null, known: known?.has(instanceId) ?? null, joinedAfter }
      return { instanceId, connected, outcome: outcomeOf(sighting, version) }
    })
  const open = judged(null).filter(({ outcome }) => outcome === 'not-targeted')
  if (open.length === 0) return { uncovered: judged(null), managedUnknown: null }
  if (open.length > MOST_ASKED)
    return { uncovered: judged(null), managedUnknown: `${open.length} are too many to ask for.` }
  try {
    const known = await fleet.known(open.map(({ instanceId }) => instanceId))
    return { uncovered: judged(known), managedUnknown: null }
  } catch (error) {
    if (!(error instanceof PullAuthError)) throw error
    return { uncovered: judged(null), managedUnknown: error.message }
  }
}
