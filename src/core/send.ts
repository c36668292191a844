/** Run Commands of one secret version: what is sent, found again, and sent once. */

import { isCode, PullAuthError } from './errors.ts'
import type { FleetPlan } from './plan.ts'
import type {
  Clock,
  Command,
  CommandOrder,
  CommandStatus,
  DocumentDescription,
  Fleet,
  Journal,
  Millis,
  SecretArn,
  Targets,
  VersionId,
} from './ports.ts'

export interface SendPorts {
  readonly fleet: Fleet
  readonly clock: Clock
  readonly journal: Journal
}

/** How long a document may run on an instance that began in time: deploy/make-document.mjs, and what Run Command takes around it. */
export const EXECUTION_TIME: Millis = 30 * 60_000

/** What a command is for. */
export interface Wanted {
  readonly secret: SecretArn
  readonly version: VersionId
}

/** Throws DOCUMENT_MISSING. */
export async function requireDocument(fleet: Fleet, name: string): Promise<DocumentDescription> {
  const document = await fleet.document(name)
  if (document?.active) return document
  throw new PullAuthError(
    'DOCUMENT_MISSING',
    document === null
      ? `There is no SSM document ${name} in this account and Region.`
      : `The SSM document ${name} is not active.`,
    `Create it: ecs-pull-auth document > document.json && aws ssm create-document --name ${name} --document-type Command --content file://document.json`,
  )
}

/** To everybody whom the plan targets. */
export function fleetOrder(plan: FleetPlan, document: DocumentDescription, wanted: Wanted): CommandOrder {
  const { targets, maxErrors } = plan
  return { ...orderFor(plan, document, wanted), targets, maxErrors, comment: fleetComment(wanted.version) }
}

/** To the canaries: their first failure stops what has not begun. */
export function canaryOrder(
  plan: FleetPlan,
  document: DocumentDescription,
  wanted: Wanted,
  targets: Targets,
): CommandOrder {
  return { ...orderFor(plan, document, wanted), targets, maxErrors: '0', comment: canaryComment(wanted.version) }
}

/** Only ARN, version and switches: parameter values stay in the command history for everybody to read. */
function orderFor(plan: FleetPlan, document: DocumentDescription, { secret, version }: Wanted) {
  return {
    document,
    parameters: { secretArn: secret, versionId: version, mode: plan.mode, jitterSeconds: String(plan.jitter) },
    maxConcurrency: plan.maxConcurrency,
    timeoutSeconds: plan.timeout,
    alarm: plan.alarm,
  }
}

export function fleetComment(version: VersionId): string {
  return `ecs-pull-auth ${version}`
}

const CANARY = 'ecs-pull-auth canary '

export function canaryComment(version: VersionId): string {
  return `${CANARY}${version}`
}

export function isCanary({ comment }: Command): boolean {
  return comment.startsWith(CANARY)
}

/**
 * Of commands, newest first. One that a rollout of another version of the same secret has overtaken proves nothing any
 * more: AWSCURRENT may have moved back to a version that was rolled out before.
 */
export function latestRollout(commands: readonly Command[], { secret, version }: Wanted): Command | null {
  const latest = commands.find(({ parameters }) => parameters['secretArn'] === secret)
  const ours = [fleetComment(version), canaryComment(version)]
  return latest !== undefined && ours.includes(latest.comment) ? latest : null
}

/**
 * A command shows up in the list a moment after it was sent, so an event that comes twice looks twice. Two that come in
 * the same second may still both send: harmless, since the document does nothing when the version already runs.
 */
export async function lookTwice(
  cx: Pick<SendPorts, 'clock'>,
  look: () => Promise<Command | null>,
): Promise<Command | null> {
  const found = await look()
  if (found !== null) return found
  await cx.clock.sleep(2_000)
  return await look()
}

const FINAL: readonly CommandStatus[] = [
  'Success',
  'Cancelled',
  'Failed',
  'TimedOut',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
  'Incomplete',
  'LimitExceeded',
  'AccessDenied',
  'NoInstancesInTag',
]

export function isFinal(status: CommandStatus): boolean {
  return FINAL.includes(status)
}

const SEARCH_WAITS: readonly Millis[] = [1_000, 2_000, 4_000, 8_000]
const THROTTLE_WAITS: readonly Millis[] = [2_000, 5_000, 10_000, 20_000]

/**
 * SendCommand has no idempotency token, so it is asked once. When its answer is lost, the command is looked for by its
 * comment before it is sent again; a second command would be harmless, because the document does nothing when the
 * version already runs (facts 11.6).
 */
export async function sendOnce(cx: SendPorts, order: CommandOrder): Promise<string> {
  const throttleWaits = [...THROTTLE_WAITS]
  for (let lost = 0; ; ) {
    const since = cx.clock.now() - 60_000
    try {
      const id = await cx.fleet.send(order)
      cx.journal.info(`Sent Run Command ${id}.`, { commandId: id })
      return id
    } catch (error) {
      const wait = throttleWaits.shift()
      if (isCode(error, 'AWS_THROTTLED') && wait !== undefined) {
        await cx.clock.sleep(wait)
        continue
      }
      if (!isCode(error, 'AWS_UNAVAILABLE')) throw error
      cx.journal.warn('The answer of SendCommand was lost; looking for the command before it is sent again.')
      const found = await searchCommand(cx, order, since)
      if (found !== null) return found.id
      if (++lost === 2) throw unconfirmed(order, error)
    }
  }
}

async function searchCommand(cx: SendPorts, order: CommandOrder, since: Millis): Promise<Command | null> {
  for (const wait of SEARCH_WAITS) {
    const commands = await cx.fleet.recent(order.document.name, since)
    const found = commands.find(({ comment }) => comment === order.comment)
    if (found !== undefined) {
      cx.journal.info(`It was sent: Run Command ${found.id}.`, { commandId: found.id })
      return found
    }
    await cx.clock.sleep(wait)
  }
  return null
}

function unconfirmed({ parameters }: CommandOrder, cause: unknown): PullAuthError {
  return new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `It is not known whether Run Command accepted the rollout of version ${parameters['versionId']}.`,
    'Run reload again: it finds a command that was sent, and a second one changes nothing on instances that run the version.',
    cause,
  )
}
