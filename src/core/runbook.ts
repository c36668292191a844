/**
 * The same rollout by a Systems Manager Automation runbook (deploy/runbook.json): change calendar, approval, canaries and
 * everybody else are its steps, and its ClientToken makes a doubled event one rollout (facts/ssm-fleet-reload.md section 9).
 */

import { canaryTargets } from './canary.ts'
import { PullAuthError } from './errors.ts'
import { type FollowPorts, follow, sightOf } from './follow.ts'
import type { FleetPlan } from './plan.ts'
import { type Runbook, rolloutSeconds } from './plan-rollout.ts'
import type { Automation, Cluster, Command, Execution, Fleet, Millis, RunbookOrder, Targets } from './ports.ts'
import { type RolloutReport, reportOn } from './rollout-report.ts'
import { EXECUTION_TIME, isCanary, isFinal, latestRollout, requireDocument, type Wanted } from './send.ts'
import { versionIdFrom } from './version-id.ts'

export interface RunbookPorts extends FollowPorts {
  readonly fleet: Fleet
  readonly automation: Automation
  readonly cluster: Cluster
}

/** A plan whose rollouts are run by a runbook. */
export type RunbookPlan = FleetPlan & { readonly runbook: Runbook }

/** For canaries and for the rest. */
const RUNNING: Millis = 2 * EXECUTION_TIME

export function usesRunbook(plan: FleetPlan): plan is RunbookPlan {
  return plan.runbook !== null
}

/** Throws RUNBOOK_MISSING. */
export async function requireRunbook(automation: Automation, { runbook }: RunbookPlan): Promise<void> {
  if (!(await automation.exists(runbook.name))) throw new PullAuthError(...runbookMissing(runbook.name))
}

/** Code, message and hint. */
export function runbookMissing(name: string): readonly ['RUNBOOK_MISSING', string, string] {
  return [
    'RUNBOOK_MISSING',
    `There is no active Automation runbook ${name} in this account and Region.`,
    `Create it: ecs-pull-auth document --runbook > runbook.json && aws ssm create-document --name ${name} --document-type Automation --content file://runbook.json`,
  ]
}

/** Starts the runbook, or finds the run that was started for this version. Returns its id at once. */
export async function startRunbook(
  cx: RunbookPorts,
  plan: RunbookPlan,
  wanted: Wanted,
  { again }: { again: boolean },
): Promise<string> {
  const listed = await recentRuns(cx, plan)
  const earlier = await latestOf(cx, listed, wanted)
  if (earlier !== null && (!again || !earlier.ended)) return followed(cx, earlier, wanted)
  const { secret, version } = wanted
  // A token is good once: a rollout that is wanted again after one that has ended needs another.
  const token = earlier === null ? versionIdFrom(secret, version) : versionIdFrom(secret, version, earlier.id)
  const order = await orderFor(cx, plan, wanted, token)
  const asked = cx.clock.now()
  const id = await cx.automation.start(order)
  if (id === null) return await findOther(cx, plan, wanted, order, again)
  // The token was used before, by a run that another version's has overtaken, or that ended too long ago to be found: the
  // service answers with that one. The one that was just started may have ended too, as at a closed calendar.
  const run = again && earlier === null ? await cx.automation.execution(id) : null
  const isOld = listed.includes(id) || (run?.startedAt ?? asked) < asked - CLOCK_SKEW
  if (run?.ended && isOld) return await startAfresh(cx, plan, wanted, order)
  cx.journal.info(`Started Automation ${id}.`, { execution: id })
  return id
}

/** Between our clock and the service's. */
const CLOCK_SKEW: Millis = 10 * 60_000

function followed({ journal }: RunbookPorts, { id }: Execution, { version }: Wanted): string {
  journal.info(`Automation ${id} already rolls out version ${version}; following it.`, { execution: id })
  return id
}

const MISMATCH_WAITS: readonly Millis[] = [1_000, 2_000, 4_000, 8_000]

/** IdempotentParameterMismatch: the version has a run whose parameters differ, as when plan, document or canaries changed. */
async function findOther(
  cx: RunbookPorts,
  plan: RunbookPlan,
  wanted: Wanted,
  order: RunbookOrder,
  again: boolean,
): Promise<string> {
  for (const wait of MISMATCH_WAITS) {
    const found = await findRun(cx, plan, wanted)
    if (found !== null && (!again || !found.ended)) return followed(cx, found, wanted)
    if (found !== null || again) return await startAfresh(cx, plan, wanted, order)
    await cx.clock.sleep(wait)
  }
  throw new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `Automation has a run of ${plan.runbook.name} for version ${wanted.version} with other parameters, which is not listed.`,
    'Run ecs-pull-auth reload; it starts another one.',
  )
}

async function startAfresh(
  cx: RunbookPorts,
  { runbook }: RunbookPlan,
  { secret, version }: Wanted,
  order: RunbookOrder,
): Promise<string> {
  const token = versionIdFrom(secret, version, String(cx.clock.now()))
  const id = await cx.automation.start({ ...order, token })
  if (id !== null) {
    cx.journal.info(`Started Automation ${id}.`, { execution: id })
    return id
  }
  throw new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `Somebody else has just started ${runbook.name} for version ${version}.`,
    'Run ecs-pull-auth reload again: it finds that run and follows it.',
  )
}

/** How many of the latest runs are looked into: one call each. */
const MOST_LOOKED_AT = 10

/** The latest run for the secret, if it is for this version: one for another version has overtaken all before it. */
export async function findRun(
  cx: FindPorts,
  plan: RunbookPlan,
  wanted: Wanted,
  since?: Millis,
): Promise<Execution | null> {
  return await latestOf(cx, await recentRuns(cx, plan, since), wanted)
}

type FindPorts = Pick<RunbookPorts, 'automation' | 'clock'>

/** Newest first. */
async function recentRuns(
  { automation, clock }: FindPorts,
  plan: RunbookPlan,
  since: Millis = clock.now() - rolloutSeconds(plan) * 1000 - RUNNING,
): Promise<readonly string[]> {
  return await automation.recent(plan.runbook.name, since)
}

async function latestOf(
  { automation }: FindPorts,
  ids: readonly string[],
  { secret, version }: Wanted,
): Promise<Execution | null> {
  for (const id of ids.slice(0, MOST_LOOKED_AT)) {
    const run = await automation.execution(id)
    if (run === null || run.parameters['secretArn'] !== secret) continue
    return run.parameters['versionId'] === version ? run : null
  }
  return null
}

async function orderFor(
  cx: RunbookPorts,
  plan: RunbookPlan,
  { secret, version }: Wanted,
  token: string,
): Promise<RunbookOrder> {
  const { runbook, alarm } = plan
  const document = await requireDocument(cx.fleet, plan.document)
  const canaries = await canaryTargets(cx, plan)
  const parameters = {
    AutomationAssumeRole: [runbook.role],
    secretArn: [secret],
    versionId: [version],
    documentName: [document.name],
    documentHash: [document.hash],
    mode: [plan.mode],
    jitterSeconds: [String(plan.jitter)],
    targets: targetsParameter(plan.targets),
    maxConcurrency: [plan.maxConcurrency],
    maxErrors: [plan.maxErrors],
    timeoutSeconds: [String(plan.timeout)],
    goodEnds: plan.allowEmpty ? ['Success', 'NoInstancesInTag'] : ['Success'],
    ...(runbook.calendar === null ? {} : { calendar: [runbook.calendar] }),
    ...(runbook.notify === null
      ? {}
      : { approval: ['wanted'], approvers: runbook.approvers, notify: [runbook.notify] }),
    ...(canaries === null ? {} : { canary: ['first'], canaryTargets: targetsParameter(canaries) }),
  }
  return { runbook: runbook.name, token, parameters, alarm, locations: runbook.locations }
}

/** A parameter of type MapList: a JSON text for each of its maps. */
function targetsParameter(targets: Targets): readonly string[] {
  return Object.entries(targets).map(([Key, Values]) => JSON.stringify({ Key, Values }))
}

/** Follows the run, then reads what the nodes said. null: it ran in other accounts, whose instances nobody sees here. */
export async function followRunbook(
  cx: RunbookPorts,
  plan: RunbookPlan,
  wanted: Wanted,
  id: string,
): Promise<RolloutReport | null> {
  const execution = await follow<Execution>(cx, {
    name: `Automation ${id}`,
    limit: rolloutSeconds(plan) * 1000 + RUNNING,
    resume: `Follow it again: ecs-pull-auth reload, which finds it; stop it: aws ssm stop-automation-execution --automation-execution-id ${id}.`,
    cancel: () => cx.automation.stop(id),
    async look() {
      const run = await cx.automation.execution(id)
      if (run === null) return null
      const end = run.ended ? run : null
      return { ...(await progressOf(cx, plan, wanted, run)), latest: null, end }
    },
  })
  return await reportOnRun(cx, plan, wanted, execution, cx.clock.now())
}

async function progressOf(cx: RunbookPorts, plan: RunbookPlan, wanted: Wanted, run: Execution) {
  if (run.ended) return { progress: `Automation ${run.status}.`, detail: { execution: run.id } }
  const step = run.steps.at(-1)
  if (step === undefined || !SENDING.includes(step.name))
    return { progress: `Automation ${step?.name ?? ''} ${step?.status ?? run.status}.`, detail: { execution: run.id } }
  const command = await findCommand(cx, plan, wanted)
  if (command === null) return { progress: `Automation ${step.name}.`, detail: { execution: run.id } }
  const { progress, detail } = sightOf(command)
  return { progress: `Automation ${step.name}: ${progress}`, detail: { ...detail, execution: run.id } }
}

/** The steps of deploy/runbook.json that send a command. */
const SENDING = ['reloadCanary', 'reload']

/**
 * The instances are judged by what they said, as after any other rollout, whatever the run itself is called. Throws
 * RUNBOOK_ENDED when it ended before it sent a command: not approved, the calendar closed, a permission missing.
 */
export async function reportOnRun(
  cx: Omit<RunbookPorts, 'journal'>,
  plan: RunbookPlan,
  wanted: Wanted,
  run: Execution,
  endSeen: Millis | null,
): Promise<RolloutReport | null> {
  const command = isElsewhere(plan) ? null : await findEnded(cx, plan, wanted, run)
  if (command === null) {
    const problem = runProblem(plan, run)
    if (problem !== null) throw problem
    return null
  }
  if (!isFinal(command.status)) throw notListed(run, command)
  return await reportOn(cx, plan, command, wanted.version, endSeen)
}

/** Instances in other accounts and Regions are not seen from here. */
export function isElsewhere({ runbook }: RunbookPlan): boolean {
  return runbook.locations.length > 0
}

/** Why a run that has ended, and of which no command is seen here, is not green; null: it succeeded elsewhere. */
export function runProblem(plan: RunbookPlan, run: Execution): PullAuthError | null {
  if (!isElsewhere(plan)) return endedEarly(run, 'before it reloaded anything')
  return run.status === 'Success' ? null : endedEarly(run, 'in at least one account or Region')
}

const LIST_WAITS: readonly Millis[] = [1_000, 2_000, 4_000]

/** The list lags behind: the command of a step that has begun is waited for, and its end. */
async function findEnded(
  cx: Omit<RunbookPorts, 'journal'>,
  plan: RunbookPlan,
  wanted: Wanted,
  run: Execution,
): Promise<Command | null> {
  const rest = run.steps.some(({ name }) => name === SENDING.at(-1))
  for (const wait of LIST_WAITS) {
    const command = await findCommand(cx, plan, wanted)
    if (command !== null && isFinal(command.status) && isCanary(command) !== rest) return command
    if (run.steps.every(({ name }) => !SENDING.includes(name))) return null
    await cx.clock.sleep(wait)
  }
  return await findCommand(cx, plan, wanted)
}

/** By its comment: what a step puts out is promised for steps that succeed only. */
async function findCommand(
  cx: Omit<RunbookPorts, 'journal'>,
  plan: RunbookPlan,
  wanted: Wanted,
): Promise<Command | null> {
  const since = cx.clock.now() - rolloutSeconds(plan) * 1000 - RUNNING
  return latestRollout(await cx.fleet.recent(plan.document, since), wanted)
}

function notListed({ id }: Execution, command: Command): PullAuthError {
  return new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `Automation ${id} has ended, but its Run Command ${command.id} is not listed as ended yet.`,
    'Run ecs-pull-auth status in a moment; an event is delivered again.',
  )
}

/** `Waiting at its step approve (Waiting)`. */
export function runText({ status, steps }: Execution): string {
  const step = steps.at(-1)
  return step === undefined ? status : `${status} at its step ${step.name} (${step.status})`
}

function endedEarly(run: Execution, what: string): PullAuthError {
  const { id } = run
  return new PullAuthError(
    'RUNBOOK_ENDED',
    `Automation ${id} ended ${runText(run)}, ${what}.`,
    `aws ssm get-automation-execution --automation-execution-id ${id} says why. Then run ecs-pull-auth reload. No old credential was revoked.`,
  )
}
