/**
 * One reload of the fleet for one secret version: send, follow, and name every instance that does not run it.
 * Systems Manager does the waves, the rate control and the waiting (facts/ssm-fleet-reload.md sections 5 to 7).
 */

import { isCode, PullAuthError } from './errors.ts'
import { type NodeStatus, parseNodeStatus } from './node-status.ts'
import type { FleetPlan } from './plan.ts'
import type {
  Clock,
  Command,
  CommandOrder,
  CommandStatus,
  DocumentDescription,
  Fleet,
  Invocation,
  InvocationStatus,
  Journal,
  Millis,
  SecretArn,
  VersionId,
} from './ports.ts'

export interface RolloutPorts {
  readonly fleet: Fleet
  readonly clock: Clock
  readonly journal: Journal
}

export interface InstanceReport {
  readonly instanceId: string
  readonly status: InvocationStatus
  /** What the node said in its status line; null when it said nothing. */
  readonly node: NodeStatus | null
}

export interface RolloutReport {
  readonly commandId: string
  readonly version: VersionId
  readonly status: CommandStatus
  readonly targets: number
  readonly onVersion: number
  /** Every instance of a small fleet; of a large one those with a problem. */
  readonly instances: readonly InstanceReport[]
  readonly stragglers: readonly InstanceReport[]
}

/** Up to this many instances each one's own word is read; beyond, the exit codes count and only problems are listed. */
const READ_EVERY_INSTANCE = 500
/** The document's own step timeout, plus what Run Command takes around it. */
const EXECUTION_TIME: Millis = 25 * 60_000

/** Sends and follows. With `again: false` a command already sent for this version is followed instead of a second one. */
export async function rollOut(
  cx: RolloutPorts,
  plan: FleetPlan,
  secret: SecretArn,
  version: VersionId,
  options: { again: boolean },
): Promise<RolloutReport> {
  const commandId = await startRollout(cx, plan, secret, version, options)
  return await followRollout(cx, plan, version, commandId)
}

/** Sends the command, or finds the one that was sent for this version. Returns its id at once. */
export async function startRollout(
  cx: RolloutPorts,
  plan: FleetPlan,
  secret: SecretArn,
  version: VersionId,
  options: { again: boolean },
): Promise<string> {
  const document = await requireDocument(cx.fleet, plan.document)
  const since = cx.clock.now() - plan.timeout * 1000 - EXECUTION_TIME
  const earlier = await findEarlier(cx, document, version, since, options.again)
  if (earlier !== null && (!options.again || !isFinal(earlier.status))) {
    cx.journal.info(`Run Command ${earlier.id} already rolls out version ${version}; following it.`, {
      commandId: earlier.id,
    })
    return earlier.id
  }
  return await sendOnce(cx, orderFor(plan, document, secret, version), version)
}

/**
 * A command shows up in the list a moment after it was sent, so an event that comes twice looks twice. Two that come in
 * the same second may still both send: harmless, since the document does nothing when the version already runs.
 */
async function findEarlier(
  cx: RolloutPorts,
  document: DocumentDescription,
  version: VersionId,
  since: Millis,
  again: boolean,
): Promise<Command | null> {
  const found = await findCommand(cx, document, version, since)
  if (found !== null || again) return found
  await cx.clock.sleep(2_000)
  return await findCommand(cx, document, version, since)
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

/** Only ARN, version and switches: parameter values stay in the command history for everybody to read. */
function orderFor(plan: FleetPlan, document: DocumentDescription, secret: SecretArn, version: VersionId): CommandOrder {
  return {
    document,
    targets: plan.targets,
    parameters: { secretArn: secret, versionId: version, mode: plan.mode, jitterSeconds: String(plan.jitter) },
    maxConcurrency: plan.maxConcurrency,
    maxErrors: plan.maxErrors,
    timeoutSeconds: plan.timeout,
    comment: commandComment(version),
  }
}

export function commandComment(version: VersionId): string {
  return `ecs-pull-auth ${version}`
}

const SEARCH_WAITS: readonly Millis[] = [1_000, 2_000, 4_000, 8_000]
const THROTTLE_WAITS: readonly Millis[] = [2_000, 5_000, 10_000, 20_000]

/**
 * SendCommand has no idempotency token, so it is asked once. When its answer is lost, the command is looked for by its
 * comment before it is sent again; a second command would be harmless, because the document does nothing when the
 * version already runs (facts 11.6).
 */
async function sendOnce(cx: RolloutPorts, order: CommandOrder, version: VersionId): Promise<string> {
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
      const found = await searchCommand(cx, order.document, version, since)
      if (found !== null) return found.id
      if (++lost === 2) throw unconfirmed(version, error)
    }
  }
}

async function searchCommand(
  cx: RolloutPorts,
  document: DocumentDescription,
  version: VersionId,
  since: Millis,
): Promise<Command | null> {
  for (const wait of SEARCH_WAITS) {
    const found = await findCommand(cx, document, version, since)
    if (found !== null) return found
    await cx.clock.sleep(wait)
  }
  return null
}

async function findCommand(
  cx: RolloutPorts,
  document: DocumentDescription,
  version: VersionId,
  since: Millis,
): Promise<Command | null> {
  const commands = await cx.fleet.recent(document.name, since)
  return commands.find(({ comment }) => comment === commandComment(version)) ?? null
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

/** Polls one cheap call with growing pauses until the command has ended, then reads what its nodes said. */
async function followRollout(
  cx: RolloutPorts,
  plan: FleetPlan,
  version: VersionId,
  commandId: string,
): Promise<RolloutReport> {
  const until = cx.clock.now() + plan.timeout * 1000 + EXECUTION_TIME
  let pause: Millis = 1_000
  let told = ''
  for (;;) {
    const command = await lookAt(cx, commandId)
    const progress = command === null ? '' : progressText(command)
    if (command !== null && progress !== told)
      cx.journal.info(progress, { commandId, completed: command.completed, targets: command.targets })
    if (command !== null && isFinal(command.status)) return await reportOn(cx, command, version)
    if (cx.clock.now() >= until) throw stillRunning(commandId, plan)
    pause = progress === told ? Math.min(pause * 1.5, 30_000) : 1_000
    told = progress
    await cx.clock.sleep(pause)
  }
}

/** A command that cannot be seen for a moment is still running: not visible yet, throttled, or no answer. */
async function lookAt(cx: RolloutPorts, commandId: string): Promise<Command | null> {
  try {
    return await cx.fleet.command(commandId)
  } catch (error) {
    if (isCode(error, 'AWS_THROTTLED', 'AWS_UNAVAILABLE')) return null
    throw error
  }
}

function progressText(command: Command): string {
  const { status, completed, targets, errors, deliveryTimedOut } = command
  const failed = errors + deliveryTimedOut
  if (targets === 0) return `${status}.`
  return `${status}: ${completed} of ${targets} instances done${failed === 0 ? '' : `, ${failed} failed`}.`
}

/** What the invocations of an ended command say. `ListCommands` alone calls four undeliverable nodes and one good one a success. */
export async function reportOn(
  cx: Pick<RolloutPorts, 'fleet' | 'clock'>,
  command: Command,
  version: VersionId,
): Promise<RolloutReport> {
  const everyone = command.targets <= READ_EVERY_INSTANCE
  const instances = await readInvocations(cx, command, everyone)
  const stragglers = instances.filter((instance) => !runs(instance, version))
  const known = everyone ? instances.length : command.completed
  return {
    commandId: command.id,
    version,
    status: command.status,
    targets: Math.max(command.targets, instances.length),
    onVersion: Math.max(0, known - stragglers.length),
    instances,
    stragglers,
  }
}

const LIST_WAITS: readonly Millis[] = [300, 600, 1_200, 2_400, 4_800]

/** The list lags behind the counters, and is empty at first; fewer rows than the counters promise are asked for again (facts 7.2). */
async function readInvocations(
  { fleet, clock }: Pick<RolloutPorts, 'fleet' | 'clock'>,
  command: Command,
  everyone: boolean,
): Promise<readonly InstanceReport[]> {
  const promised = everyone ? command.targets : command.errors + command.deliveryTimedOut
  for (const wait of [...LIST_WAITS, null]) {
    const instances: InstanceReport[] = []
    for (const status of everyone ? [undefined] : PROBLEMS) {
      for await (const invocation of fleet.invocations(command.id, status)) instances.push(instanceReport(invocation))
    }
    if (instances.length >= promised || wait === null) return instances
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

function instanceReport({ instanceId, status, output }: Invocation): InstanceReport {
  return { instanceId, status, node: parseNodeStatus(output) }
}

/**
 * The node's own word counts, not only the status: SSM calls a skipped document a success. `written` means that the
 * agent is not running and reads the version when it starts, so nothing on that instance uses an older credential.
 */
function runs({ status, node }: InstanceReport, version: VersionId): boolean {
  const good = node?.result === 'applied' || node?.result === 'unchanged' || node?.result === 'written'
  return status === 'Success' && good && node.version === version
}

/** Why a rollout is not green, or null. Every instance must run the version, and there must be one (promise I6). */
export function rolloutProblem(report: RolloutReport, plan: FleetPlan): PullAuthError | null {
  const { commandId, targets, onVersion, status, version, stragglers } = report
  if (targets === 0) {
    const wanted = Object.entries(plan.targets).map(([key, values]) => `${key}=${values.join('|')}`)
    return new PullAuthError(
      'TARGETS_NONE',
      `No container instance matches ${wanted.join(' and ')} (Run Command ${commandId}: ${status}).`,
      'Check the tags, and that the instances are managed by Systems Manager: aws ssm describe-instance-information',
    )
  }
  if (onVersion === targets && status === 'Success') return null
  const names = stragglers
    .slice(0, 5)
    .map(({ instanceId, status, node }) => `${instanceId} (${node?.reason ?? node?.result ?? status})`)
  const more = stragglers.length > 5 ? ` and ${stragglers.length - 5} more` : ''
  return new PullAuthError(
    'ROLLOUT_INCOMPLETE',
    `${onVersion} of ${targets} instances run version ${version}; not: ${names.join(', ') || status}${more}.`,
    'Look at the named instances, then reload again: only instances that do not run the version are restarted. No old credential was revoked.',
  )
}

function unconfirmed(version: VersionId, cause: unknown): PullAuthError {
  return new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `It is not known whether Run Command accepted the rollout of version ${version}.`,
    'Run reload again: it finds a command that was sent, and a second one changes nothing on instances that run the version.',
    cause,
  )
}

function stillRunning(commandId: string, plan: FleetPlan): PullAuthError {
  return new PullAuthError(
    'ROLLOUT_TIMEOUT',
    `Run Command ${commandId} was still running after fleet.timeout (${plan.timeout} s) and its execution time.`,
    'Follow it with ecs-pull-auth reload, which resumes a running command, or raise fleet.maxConcurrency.',
  )
}
