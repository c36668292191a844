/**
 * What became of one instance, as exactly one word: from what Run Command says, what the node said, whether Systems
 * Manager knows it, and when it joined its cluster (facts/ssm-fleet-reload.md section 6).
 */

import type { NodeResult, NodeStatus } from './node-status.ts'
import type { InvocationStatus, Millis, VersionId } from './ports.ts'

/** Those of a node's own words that say why it does not run the version. */
type NodeProblem = Exclude<NodeResult, 'applied' | 'unchanged' | 'written'>

export type Outcome =
  | 'on-version'
  | NodeProblem
  | 'other-version'
  | 'unclear'
  | 'undelivered'
  | 'timed-out'
  | 'stopped'
  | 'running'
  | 'left'
  | 'joined'
  | 'late'
  | 'not-managed'
  | 'not-tagged'
  | 'not-targeted'

/** In the order in which people read them: what is good, what the node said, what Run Command said, what ECS said. */
export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  'on-version': 'It runs the version, or reads it when its agent starts.',
  joined: 'It joined the cluster long enough after the rollout was sent to have started with the current config.',
  left: 'Systems Manager does not know it any more: it is gone, with whatever it had loaded.',
  running: 'Its part of the rollout has not ended.',
  'rolled-back': 'Its agent was unhealthy with the new file and runs again with the old one.',
  'rollback-failed': 'Its agent is unhealthy with the new and with the old file.',
  busy: 'Another run held the lock there, or somebody else changed the file.',
  'fetch-failed': 'It could not read the secret.',
  refused: 'It found the stored config or a parameter not usable.',
  'write-failed': 'It could not write a file.',
  'agent-down': 'No agent is up on it, by no doing of the rollout; its next start reads the version.',
  unsupported: 'It has no ECS agent that can be reloaded safely, or a platform that the document is not for.',
  'other-version': 'It runs another version.',
  unclear: 'The document ran, but what it printed is no result of ours.',
  undelivered: 'The command did not reach it, or it may not be sent to it.',
  'timed-out': 'The document took too long there.',
  stopped: 'The rollout was cancelled, or stopped by its errors, before it was done there.',
  late: 'It joined the cluster about when the rollout was sent: too late to be a target, too early to be sure of.',
  'not-tagged': 'Systems Manager knows it, but the targets of the plan do not match it.',
  'not-managed': 'Systems Manager does not know it.',
  'not-targeted': 'The rollout did not match it, and why could not be found out.',
}

/** These keep nobody from calling a rollout complete. */
const FINE: ReadonlySet<Outcome> = new Set(['on-version', 'joined', 'left'])

export function isFine(outcome: Outcome): boolean {
  return FINE.has(outcome)
}

/** The outcome with its reason, where there is one. */
export function outcomeText({ outcome, status, node }: Judged): string {
  const why = whyOf({ outcome, status, node })
  return why === null ? outcome : `${outcome}: ${why}`
}

/** What says more than the outcome does. */
export function whyOf({ outcome, status, node }: Judged): string | null {
  if (outcome === 'other-version') return node?.version ?? 'no version told'
  if (outcome === 'on-version') return node?.result ?? null
  if (outcome === 'left') return status
  return node === null ? status : node.reason
}

interface Judged {
  readonly outcome: Outcome
  readonly status: InvocationStatus
  readonly node: NodeStatus | null
}

/** All that can be known about one instance of a rollout. */
export interface Sighting {
  /** null: the rollout did not match it, so that only ECS tells of it. */
  readonly invocation: { readonly status: InvocationStatus; readonly node: NodeStatus | null } | null
  /** Whether Systems Manager knows it now; null: nobody asked, or it could not be found out. */
  readonly known: boolean | null
  /** From the sending of the rollout to the instance's registration with ECS; null: ECS was not asked. */
  readonly joinedAfter: Millis | null
}

/**
 * A boot hook reads the config before the agent starts and registers, and Systems Manager knows an instance up to some
 * minutes later than ECS does. So near the sending it is open whether an instance could be a target and what it read.
 */
const BOOT_TIME: Millis = 10 * 60_000

export function outcomeOf(sighting: Sighting, version: VersionId): Outcome {
  const { invocation, known, joinedAfter } = sighting
  if (invocation === null) return uncovered(known, joinedAfter)
  const outcome = outcomeOfTarget(invocation.status, invocation.node, version)
  return outcome !== 'on-version' && known === false ? 'left' : outcome
}

function uncovered(known: boolean | null, joinedAfter: Millis | null): Outcome {
  if (joinedAfter !== null && joinedAfter >= BOOT_TIME) return 'joined'
  if (joinedAfter !== null && joinedAfter > -BOOT_TIME) return 'late'
  if (known === null) return 'not-targeted'
  return known ? 'not-tagged' : 'not-managed'
}

/**
 * The node's own word counts, not only the status: SSM calls a skipped document a success. `written` means that the
 * agent is not running and reads the version when it starts, so nothing on that instance uses an older credential.
 */
function outcomeOfTarget(status: InvocationStatus, node: NodeStatus | null, version: VersionId): Outcome {
  switch (node?.result) {
    case undefined:
      return outcomeOfStatus(status)
    case 'applied':
    case 'unchanged':
    case 'written':
      if (node?.version !== version) return 'other-version'
      return status === 'Success' ? 'on-version' : outcomeOfStatus(status)
    default:
      return node?.result ?? 'unclear'
  }
}

function outcomeOfStatus(status: InvocationStatus): Outcome {
  switch (status) {
    case 'Success':
    case 'Failed':
      return 'unclear'
    case 'DeliveryTimedOut':
    case 'Undeliverable':
    case 'AccessDenied':
      return 'undelivered'
    case 'TimedOut':
    case 'ExecutionTimedOut':
      return 'timed-out'
    case 'Cancelled':
    case 'Terminated':
      return 'stopped'
    case 'InvalidPlatform':
      return 'unsupported'
    case 'Pending':
    case 'InProgress':
    case 'Delayed':
    case 'Cancelling':
      return 'running'
  }
}
