/**
 * One reload of the fleet for one secret version: send, follow, and name every instance that does not run it.
 * Systems Manager does the waves, the rate control and the waiting (facts/ssm-fleet-reload.md sections 5 to 7).
 */

import { type Coverage, coverageOf, gapOf, targetsText } from './coverage.ts'
import { isCode, PullAuthError } from './errors.ts'
import { type NodeStatus, parseNodeStatus } from './node-status.ts'
import { type Outcome, outcomeOf, outcomeText } from './outcome.ts'
import { unfinishedText } from './pace.ts'
import type { FleetPlan } from './plan.ts'
import type {
  Clock,
  Cluster,
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
  readonly cluster: Cluster
  readonly clock: Clock
  readonly journal: Journal
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
  const earlier = await findEarlier(cx, document, { secret, version }, since, options.again)
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
  wanted: { secret: SecretArn; version: VersionId },
  since: Millis,
  again: boolean,
): Promise<Command | null> {
  const found = latestRollout(await cx.fleet.recent(document.name, since), wanted)
  if (found !== null || again) return found
  await cx.clock.sleep(2_000)
  return latestRollout(await cx.fleet.recent(document.name, since), wanted)
}

/**
 * Of commands, newest first. One that a rollout of another version of the same secret has overtaken proves nothing any
 * more: AWSCURRENT may have moved back to a version that was rolled out before.
 */
export function latestRollout(
  commands: readonly Command[],
  { secret, version }: { secret: SecretArn; version: VersionId },
): Command | null {
  const latest = commands.find(({ parameters }) => parameters['secretArn'] === secret)
  return latest?.comment === commandComment(version) ? latest : null
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

function commandComment(version: VersionId): string {
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
  let counted = 0
  for (;;) {
    const command = await lookAt(cx, commandId)
    const progress = command === null ? '' : progressText(command)
    if (counted === 0 && command !== null) {
      counted = command.targets
      warnOfPace(cx, plan, counted)
    }
    if (command !== null && progress !== told)
      cx.journal.info(progress, { commandId, completed: command.completed, targets: command.targets })
    if (command !== null && isFinal(command.status)) return await reportEnd(cx, plan, command, version)
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

/** How many instances match is known now only. */
function warnOfPace({ journal }: RolloutPorts, plan: FleetPlan, targets: number): void {
  const finding = unfinishedText(plan, targets)
  if (finding !== null)
    journal.warn(`This rollout may not end in time: ${finding}.`, { code: 'CADENCE_UNSAFE', targets })
}

function progressText(command: Command): string {
  const { status, completed, targets, errors, deliveryTimedOut } = command
  const failed = errors + deliveryTimedOut
  if (targets === 0) return `${status}.`
  return `${status}: ${completed} of ${targets} instances done${failed === 0 ? '' : `, ${failed} failed`}.`
}

async function reportEnd(
  cx: RolloutPorts,
  plan: FleetPlan,
  command: Command,
  version: VersionId,
): Promise<RolloutReport> {
  const report = await reportOn(cx, plan, command, version, cx.clock.now())
  for (const { instanceId } of report.left)
    cx.journal.info(`${instanceId} has left the fleet before it ran the version; it counts no more.`, { instanceId })
  return report
}

/**
 * What the invocations of an ended command say. `ListCommands` alone calls four undeliverable nodes and one good one a
 * success. `endSeen`: when somebody saw that it had ended; null = nobody looked at that time.
 */
export async function reportOn(
  cx: Omit<RolloutPorts, 'journal'>,
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
  return {
    commandId: command.id,
    version,
    status: command.status,
    targets: Math.max(command.targets, instances.length) - left.length,
    onVersion: Math.max(0, known - behind.length),
    instances,
    stragglers: behind.filter((instance) => !left.includes(instance)),
    left,
    leftUnknown,
    coverage: plan.cluster === null ? null : await coverageOf(cx, plan.cluster, { command, version, targets }),
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
  { fleet, clock }: Pick<RolloutPorts, 'fleet' | 'clock'>,
  command: Command,
  version: VersionId,
  everyone: boolean,
): Promise<readonly InstanceReport[]> {
  const promised = everyone ? command.targets : command.errors + command.deliveryTimedOut
  const counted = everyone || command.status === 'Success'
  let before = -1
  for (const wait of [...LIST_WAITS, null]) {
    const instances: InstanceReport[] = []
    for (const status of everyone ? [undefined] : PROBLEMS) {
      for await (const found of fleet.invocations(command.id, status)) instances.push(instanceReport(found, version))
    }
    const settled = counted || instances.length === before
    if ((settled && instances.length >= promised) || wait === null) return instances
    before = instances.length
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

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Run Command counts those that have left among its failures. */
function isComplete({ targets, onVersion, status, left }: RolloutReport, { allowEmpty }: FleetPlan): boolean {
  if (targets === 0) return allowEmpty && (status === 'NoInstancesInTag' || left.length > 0)
  return onVersion === targets && (status === 'Success' || left.length > 0)
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
