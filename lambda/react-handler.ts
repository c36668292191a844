/**
 * The event function: AWSCURRENT moved → start a rollout; the rollout ended → judge it and retire. It never waits: an
 * event that comes before fleet.drain is over goes back to its queue.
 */

import { asPullAuthError, isCode, PullAuthError } from '../src/core/errors.ts'
import type { JobPorts } from '../src/core/job.ts'
import { writeOutputs } from '../src/core/outputs.ts'
import type { FleetPlan, Plan } from '../src/core/plan.ts'
import type { Detail, Millis, SecretArn, VersionId } from '../src/core/ports.ts'
import { type RetireReport, retire } from '../src/core/retire.ts'
import { startRest, startRollout } from '../src/core/rollout.ts'
import { hasPassed, type RolloutReport, reportOn, rolloutProblem } from '../src/core/rollout-report.ts'
import { currentOf } from '../src/core/rotation.ts'
import { type RunbookPlan, reportOnRun, usesRunbook } from '../src/core/runbook.ts'
import { isFinal } from '../src/core/send.ts'
import { watchCurrent } from '../src/core/watch.ts'
import { rolloutData } from '../src/report.ts'
import { type ReactEvent, readReactEvents } from './event.ts'
import { createLambdaJournal, failureDetail, type LambdaJournal, measureStep } from './journal.ts'
import type { LambdaWorld } from './rotate-handler.ts'

/** Tells a queue which messages to deliver again; a direct invocation that fails throws. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
}

export function createReactHandler(world: LambdaWorld) {
  return async (input: unknown): Promise<BatchResponse> => {
    const failures: string[] = []
    for (const { id, event } of readReactEvents(input)) {
      const journal = createLambdaJournal(world)
      journal.about({ step: event.kind, ...named(event) })
      const started = world.clock.now()
      try {
        const plan = await world.plan()
        journal.about({ secret: plan.secret })
        await react({ ...world.wire(journal), journal }, plan, event)
        measureStep(journal, 'ReactionFailed', world.clock.now() - started, null)
      } catch (thrown) {
        const error = asPullAuthError(thrown)
        // The drain is no fault: nothing to alarm anybody.
        const early = isCode(error, 'RETIRE_NOT_YET')
        measureStep(journal, 'ReactionFailed', world.clock.now() - started, early ? null : error)
        const tell = early ? journal.info : journal.warn
        tell(error.message, failureDetail(error))
        if (id === null)
          throw new PullAuthError(error.code, `${error.code}: ${error.message} ${error.hint}`, error.hint)
        failures.push(id)
      }
    }
    return { batchItemFailures: failures.map((itemIdentifier) => ({ itemIdentifier })) }
  }
}

type Reaction = JobPorts & { readonly journal: LambdaJournal }

/** What the event itself tells of whose lines these are. */
function named(event: ReactEvent): Detail {
  if (event.kind === 'label-updated' && event.version !== null) return { version: event.version }
  if (event.kind === 'runbook-ended') return { execution: event.execution }
  return event.kind === 'command-ended' ? { commandId: event.commandId } : {}
}

async function react(cx: Reaction, plan: Plan, event: ReactEvent): Promise<void> {
  if (event.kind === 'label-updated') return await onLabelUpdated(cx, plan, event.secret)
  if (event.kind === 'watch') return await onBeat(cx, plan)
  if (plan.fleet === null || event.kind === 'other') return cx.journal.info('Nothing to do for this event.')
  if (event.kind === 'runbook-ended') {
    const { fleet } = plan
    if (!usesRunbook(fleet) || nameOf(event.document) !== nameOf(fleet.runbook.name))
      return cx.journal.info('A run of another runbook.')
    return await onRunbookEnded(cx, plan, fleet, event.execution, event.at)
  }
  if (nameOf(event.document) !== nameOf(plan.fleet.document)) return cx.journal.info('A command of another document.')
  // The runbook's own end says when all of its commands have ended.
  if (usesRunbook(plan.fleet)) return cx.journal.info('The runbook goes on by itself.')
  return await onCommandEnded(cx, plan, plan.fleet, event.commandId, event.at)
}

/** Of a name or an ARN. */
function nameOf(document: string): string | undefined {
  return document.split('/').at(-1)
}

/** The event is a hint: what is current now is rolled out, once per version (facts/secrets-manager-rotation.md 7.3). */
async function onLabelUpdated(cx: Reaction, plan: Plan, arn: string): Promise<void> {
  if (plan.fleet === null && plan.outputs.length === 0) return cx.journal.info('Nothing to do for this event.')
  const secret = await cx.store.describe(plan.secret)
  if (secret.arn !== arn) return cx.journal.info('The event is for another secret.', { secret: arn })
  const version = currentOf(secret)
  if (version === null) return
  cx.journal.about({ version, secret: secret.arn })
  if (plan.fleet !== null) {
    const id = await startRollout(cx, plan.fleet, { secret: secret.arn, version }, { again: false })
    cx.journal.info('The rollout is under way.', usesRunbook(plan.fleet) ? { execution: id } : { commandId: id })
  }
  // After the rollout has begun: an output that cannot be written must not keep the fleet waiting.
  await writeOutputs(cx, plan, version)
}

async function onBeat(cx: Reaction, plan: Plan): Promise<void> {
  const version = await watchCurrent(cx, plan)
  if (version === null) return cx.journal.warn('The secret has no current value.')
  cx.journal.info('Watched what is current.', { version })
}

async function onCommandEnded(
  cx: Reaction,
  plan: Plan,
  fleet: FleetPlan,
  commandId: string,
  endSeen: Millis | null,
): Promise<void> {
  const command = await cx.fleet.command(commandId)
  // Counters lag behind the event: judged now, it would be a rollout that matched nobody (facts, SSM section 7.2).
  if (command === null || !isFinal(command.status)) throw notVisible(`Run Command ${commandId}`)
  const version = command.parameters['versionId'] as VersionId | undefined
  const secret = command.parameters['secretArn'] as SecretArn | undefined
  if (version === undefined || secret === undefined) return cx.journal.info('The command is not a rollout of ours.')
  cx.journal.about({ version })
  const described = await cx.store.describe(plan.secret)
  if (described.arn !== secret) return cx.journal.info('The rollout was for another secret.')
  cx.journal.about({ secret })
  // The newer version has a rollout of its own, whose end comes here too.
  if (currentOf(described) !== version) return cx.journal.info('A newer version is current.')
  await onRolloutEnded(cx, plan, fleet, await reportOn(cx, fleet, command, version, endSeen))
}

async function onRolloutEnded(cx: Reaction, plan: Plan, fleet: FleetPlan, rollout: RolloutReport): Promise<void> {
  if (rollout.canary && !usesRunbook(fleet) && hasPassed(rollout, fleet))
    return await onCanaryPassed(cx, plan, fleet, rollout)
  const problem = rolloutProblem(rollout, fleet)
  const { targets, onVersion, left, coverage } = rolloutData(rollout)
  measureRollout(cx.journal, targets, onVersion, problem)
  const covered = coverage === null ? {} : { uncovered: coverage.uncovered.length }
  if (problem !== null) {
    // A result, not a failure of this function: a retry of the event would find the same. Alarms watch for the code.
    return cx.journal.warn(problem.message, {
      code: problem.code,
      hint: problem.hint,
      targets,
      onVersion,
      ...covered,
    })
  }
  cx.journal.info('Every instance runs the version.', { targets, onVersion, left: left.length, ...covered })
  const report = await retireOrReload(cx, plan, fleet, rollout)
  if (report === null) return
  cx.journal.info('Retired.', { retired: report.retired.length, failed: report.failed.length })
  if (report.failed.length === 0) return
  const names = report.failed.map(({ registry }) => registry).join(', ')
  throw new PullAuthError(
    'REVOKE_FAILED',
    `Old credentials of ${names} could not be revoked.`,
    'They are still alive. The event is delivered again; else run ecs-pull-auth retire.',
  )
}

/** The end of the rest comes here too. */
async function onCanaryPassed(cx: Reaction, plan: Plan, fleet: FleetPlan, { version }: RolloutReport): Promise<void> {
  const { arn } = await cx.store.describe(plan.secret)
  const rest = await startRest(cx, fleet, { secret: arn, version })
  if (rest !== null) cx.journal.info('The canary runs the version; the rest is under way.', { rest })
}

/** The end of a runbook: its commands are judged as if they had been sent by ourselves. */
async function onRunbookEnded(
  cx: Reaction,
  plan: Plan,
  fleet: RunbookPlan,
  id: string,
  endSeen: Millis | null,
): Promise<void> {
  const run = await cx.automation.execution(id)
  if (run === null || !run.ended) throw notVisible(`Automation ${id}`)
  const version = run.parameters['versionId'] as VersionId | undefined
  const secret = run.parameters['secretArn'] as SecretArn | undefined
  if (version === undefined || secret === undefined) return cx.journal.info('The runbook is not a rollout of ours.')
  cx.journal.about({ version })
  const described = await cx.store.describe(plan.secret)
  if (described.arn !== secret) return cx.journal.info('The rollout was for another secret.')
  cx.journal.about({ secret })
  if (currentOf(described) !== version) return cx.journal.info('A newer version is current.')
  try {
    const rollout = await reportOnRun(cx, fleet, { secret, version }, run, endSeen)
    if (rollout !== null) return await onRolloutEnded(cx, plan, fleet, rollout)
    cx.journal.info('The rollout succeeded in every location; nothing is revoked from here.')
  } catch (error) {
    if (!isCode(error, 'RUNBOOK_ENDED')) throw error
    // A result: a retry of the event would find the same.
    cx.journal.measure('RolloutIncomplete', 1)
    cx.journal.warn(error.message, { code: error.code, hint: error.hint })
  }
}

function measureRollout(
  journal: LambdaJournal,
  targets: number,
  onVersion: number,
  problem: PullAuthError | null,
): void {
  journal.measure('RolloutTargets', targets)
  journal.measure('RolloutOnVersion', onVersion)
  journal.measure('RolloutFailed', targets - onVersion)
  journal.measure('RolloutIncomplete', problem === null ? 0 : 1)
}

/** null: a command for an older version came later, so the fleet is reloaded once more; the end of that comes here too. */
async function retireOrReload(
  cx: Reaction,
  plan: Plan,
  fleet: FleetPlan,
  rollout: RolloutReport,
): Promise<RetireReport | null> {
  try {
    return await retire(cx, plan, rollout, { wait: false })
  } catch (error) {
    if (!isCode(error, 'ROLLOUT_INCOMPLETE')) throw error
    const { version } = rollout
    cx.journal.warn(error.message, { code: error.code, hint: error.hint })
    const { arn } = await cx.store.describe(plan.secret)
    const again = await startRollout(cx, fleet, { secret: arn, version }, { again: true })
    cx.journal.info('The rollout is under way again.', { again })
    return null
  }
}

/** The list lags behind the event; the queue delivers it again. */
function notVisible(what: string): PullAuthError {
  return new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `${what} has ended, but is not listed as ended yet.`,
    'The event is delivered again; else run ecs-pull-auth retire.',
  )
}
