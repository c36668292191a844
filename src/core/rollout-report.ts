/** What became of a rollout: every instance with its outcome, and whether that is green (promise I6). */

import { type Coverage, coverageOf, gapOf, targetsText } from './coverage.ts'
import { PullAuthError } from './errors.ts'
import { type NodeStatus, parseNodeStatus } from './node-status.ts'
import { type Outcome, outcomeOf, outcomeText } from './outcome.ts'
import type { FleetPlan } from './plan.ts'
import type {
  Clock,
  Cluster,
  Command,
  CommandStatus,
  Fleet,
  Invocation,
  InvocationStatus,
  Millis,
  VersionId,
} from './ports.ts'
import { isCanary, isFinal } from './send.ts'

interface ReportPorts {
  readonly fleet: Fleet
  readonly cluster: Cluster
  readonly clock: Clock
}

export interface InstanceReport {
  readonly instanceId: string
  readonly outcome: Outcome
  readonly status: InvocationStatus
  /** What the node said in its status line; null when it said nothing. */
  readonly node: NodeStatus | null
  readonly finishedAt: Millis | null
}

export interface RolloutReport {
  readonly commandId: string
  /** It was for the canaries only; the rest of the fleet was not reloaded. */
  readonly canary: boolean
  readonly version: VersionId
  readonly status: CommandStatus
  /** How many count: those that matched, without those that have left the fleet. */
  readonly targets: number
  readonly onVersion: number
  /** Every instance of a small fleet; of a large one those with a problem. */
  readonly instances: readonly InstanceReport[]
  readonly stragglers: readonly InstanceReport[]
  /** Not on the version, and unknown to Systems Manager by now: gone for good, with whatever they had loaded. */
  readonly left: readonly InstanceReport[]
  /** Why nobody could say which stragglers have left; null = it is known. */
  readonly leftUnknown: string | null
  /** The targets against the cluster's container instances; null = the plan names no cluster. */
  readonly coverage: Coverage | null
  /** Nothing of this rollout ran after this time. */
  readonly endedBy: Millis
}

/** Up to this many instances each one's own word is read; beyond, the exit codes count and only problems are listed. */
const READ_EVERY_INSTANCE = 500
/**
 * What the invocations of an ended command say. `ListCommands` alone calls four undeliverable nodes and one good one a
 * success. `endSeen`: when somebody saw that it had ended; null = nobody looked at that time.
 */
export async function reportOn(
  cx: ReportPorts,
  plan: FleetPlan,
  command: Command,
  version: VersionId,
  endSeen: Millis | null,
): Promise<RolloutReport> {
  const everyone = command.targets <= READ_EVERY_INSTANCE
  const read = await readInvocations(cx, command, version, everyone)
  const { gone, leftUnknown } = isFinal(command.status) ? await findGone(cx.fleet, read.filter(isBehind)) : NOBODY_GONE
  const instances = read.map((instance) => (gone.has(instance.instanceId) ? withoutIt(instance, version) : instance))
  const behind = instances.filter(isBehind)
  const left = instances.filter(({ outcome }) => outcome === 'left')
  const targets = everyone ? instances.map(({ instanceId }) => instanceId) : null
  const known = everyone ? instances.length : command.completed
  // Of a large fleet none of those that run it is read, so nobody's finish is known.
  const lastFinish = latest(instances.filter((instance) => !behind.includes(instance)))
  const canary = isCanary(command)
  const cluster = canary ? null : plan.cluster
  return {
    commandId: command.id,
    canary,
    version,
    status: command.status,
    targets: Math.max(command.targets, instances.length) - left.length,
    onVersion: Math.max(0, known - behind.length),
    instances,
    stragglers: behind.filter((instance) => !left.includes(instance)),
    left,
    leftUnknown,
    coverage: cluster === null ? null : await coverageOf(cx, cluster, { command, version, targets }),
    // Our clock before the instances', and at the very last Systems Manager ends every command.
    endedBy: endSeen ?? lastFinish ?? command.expiresAt ?? cx.clock.now(),
  }
}

/** null: somebody does not tell. */
function latest(instances: readonly InstanceReport[]): Millis | null {
  const times = instances.flatMap(({ finishedAt }) => finishedAt ?? [])
  return times.length === 0 || times.length < instances.length ? null : Math.max(...times)
}

const NOBODY_GONE = { gone: new Set<string>(), leftUnknown: null }
/** 50 calls: an event function has a minute or two. */
const MOST_ASKED = 2_500

/**
 * An instance that is offline may come back with its old credential; one that Systems Manager does not know any more
 * cannot. Asked for those that are behind only, and whatever is not clear counts as not left.
 */
async function findGone(
  fleet: Fleet,
  behind: readonly InstanceReport[],
): Promise<{ gone: ReadonlySet<string>; leftUnknown: string | null }> {
  if (behind.length === 0) return NOBODY_GONE
  if (behind.length > MOST_ASKED) return { ...NOBODY_GONE, leftUnknown: `${behind.length} are too many to ask for.` }
  const ids = behind.map(({ instanceId }) => instanceId)
  try {
    const known = await fleet.known(ids)
    return { gone: new Set(ids.filter((id) => !known.has(id))), leftUnknown: null }
  } catch (error) {
    if (!(error instanceof PullAuthError)) throw error
    return { ...NOBODY_GONE, leftUnknown: error.message }
  }
}

function withoutIt(instance: InstanceReport, version: VersionId): InstanceReport {
  return { ...instance, outcome: outcomeOf({ invocation: instance, known: false, joinedAfter: null }, version) }
}

const LIST_WAITS: readonly Millis[] = [300, 600, 1_200, 2_400, 4_800]

/**
 * The list lags behind the counters, and is empty at first; fewer rows than the counters promise are asked for again
 * (facts 7.2). Undeliverable and terminated ones have no counter: where there may be such, two looks must agree.
 */
async function readInvocations(
  { fleet, clock }: Pick<ReportPorts, 'fleet' | 'clock'>,
  command: Command,
  version: VersionId,
  everyone: boolean,
): Promise<readonly InstanceReport[]> {
  const promised = everyone ? command.targets : command.errors + command.deliveryTimedOut
  const counted = everyone || command.status === 'Success'
  let before = -1
  for (const wait of [...LIST_WAITS, null]) {
    // By id: a page may be given twice, and a status may change between two lists.
    const instances = new Map<string, InstanceReport>()
    for (const status of everyone ? [undefined] : PROBLEMS) {
      for await (const found of fleet.invocations(command.id, status))
        instances.set(found.instanceId, instanceReport(found, version))
    }
    const settled = counted || instances.size === before
    if ((settled && instances.size >= promised) || wait === null) return [...instances.values()]
    before = instances.size
    await clock.sleep(wait)
  }
  return []
}

const PROBLEMS: readonly InvocationStatus[] = [
  'Failed',
  'TimedOut',
  'Cancelled',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
  'Undeliverable',
  'Terminated',
  'InvalidPlatform',
  'AccessDenied',
]

function instanceReport({ instanceId, status, output, finishedAt }: Invocation, version: VersionId): InstanceReport {
  const node = parseNodeStatus(output)
  const outcome = outcomeOf({ invocation: { status, node }, known: null, joinedAfter: null }, version)
  return { instanceId, outcome, status, node, finishedAt }
}

function isBehind({ outcome }: InstanceReport): boolean {
  return outcome !== 'on-version'
}

/**
 * Why a rollout is not green, or null. Every instance must run the version, and there must be one (promise I6), unless
 * the plan says that there may be none; with a cluster in the plan, every container instance of it must be a target.
 */
export function rolloutProblem(report: RolloutReport, plan: FleetPlan): PullAuthError | null {
  if (report.canary) return canaryProblem(report, plan)
  const { commandId, targets, onVersion, status, version, stragglers, left, leftUnknown } = report
  const gap = gapOf(report.coverage, plan)
  if (gap === null && isComplete(report, plan)) return null
  if (targets === 0 && !plan.allowEmpty) {
    const what =
      left.length === 0 ? 'No container instance matches' : `All ${left.length} instances have left that matched`
    return new PullAuthError(
      'TARGETS_NONE',
      `${what} ${targetsText(plan)} (Run Command ${commandId}: ${status}).${gap === null ? '' : ` ${gap.what}`}`,
      `Check the tags, and that the instances are managed by Systems Manager: aws ssm describe-instance-information.${gap === null ? ' For a fleet that may be scaled to zero set fleet.allowEmpty: true.' : ''}`,
    )
  }
  const names = stragglers.slice(0, 5).map((instance) => `${instance.instanceId} (${outcomeText(instance)})`)
  const more = stragglers.length > 5 ? ` and ${stragglers.length - 5} more` : ''
  const behind = isComplete(report, plan) ? '' : `; not: ${names.join(', ') || status}${more}`
  const steps = [...(behind === '' ? [] : ['look at the named instances']), ...(gap === null ? [] : [gap.remedy])]
  const again = 'reload again: only instances that do not run the version are restarted. No old credential was revoked.'
  return new PullAuthError(
    'ROLLOUT_INCOMPLETE',
    `${onVersion} of ${targets} instances run version ${version}${behind}.${gap === null ? '' : ` ${gap.what}`}`,
    `${sentence(steps.join(', '))}, then ${again}` +
      (leftUnknown === null ? '' : ` Whether some of them are gone for good could not be found out: ${leftUnknown}`),
  )
}

/** The canaries alone are never a green rollout, whatever they say. */
function canaryProblem(report: RolloutReport, plan: FleetPlan): PullAuthError {
  const { commandId, targets, onVersion, status, version, stragglers } = report
  if (hasPassed(report, plan)) {
    return new PullAuthError(
      'ROLLOUT_INCOMPLETE',
      `The canary runs version ${version}, but the rest of the fleet was not reloaded.`,
      'Reload again: it goes on with the rest. No old credential was revoked.',
    )
  }
  if (targets === 0) {
    return new PullAuthError(
      'TARGETS_NONE',
      `No instance is a canary: none matches ${canaryText(plan)} (Run Command ${commandId}: ${status}).`,
      'Nothing else was restarted. Check the tags and that the instances are managed by Systems Manager, or change fleet.canary.',
    )
  }
  const names = stragglers.slice(0, 5).map((instance) => `${instance.instanceId} (${outcomeText(instance)})`)
  return new PullAuthError(
    'ROLLOUT_INCOMPLETE',
    `The canary is not green: ${onVersion} of ${targets} instances run version ${version}; not: ${names.join(', ') || status}.`,
    'Nothing else was restarted, and no old credential was revoked. Look at the named instances, then reload again.',
  )
}

function canaryText({ targets, canary }: FleetPlan): string {
  return targetsText({ targets: typeof canary === 'object' ? { ...targets, ...canary } : targets })
}

/** Whether the canaries let the rest begin. */
export function hasPassed(report: RolloutReport, plan: FleetPlan): boolean {
  return isComplete(report, plan)
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Run Command counts those that have left among its failures. */
function isComplete({ targets, onVersion, status, left }: RolloutReport, { allowEmpty }: FleetPlan): boolean {
  if (targets === 0) return allowEmpty && (status === 'NoInstancesInTag' || left.length > 0)
  return onVersion === targets && (status === 'Success' || left.length > 0)
}
