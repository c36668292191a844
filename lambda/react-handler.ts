/**
 * The event function: AWSCURRENT moved → start a rollout; the rollout ended → judge it and retire. It never waits: an
 * event that comes before fleet.drain is over goes back to its queue.
 */

import { asPullAuthError, isCode, PullAuthError } from '../src/core/errors.ts'
import type { JobPorts } from '../src/core/job.ts'
import { writeOutputs } from '../src/core/outputs.ts'
import type { FleetPlan, Plan } from '../src/core/plan.ts'
import type { Millis, SecretArn, VersionId } from '../src/core/ports.ts'
import { type RetireReport, retire } from '../src/core/retire.ts'
import { isFinal, type RolloutReport, reportOn, rolloutProblem, startRollout } from '../src/core/rollout.ts'
import { currentOf } from '../src/core/rotation.ts'
import { rolloutData } from '../src/report.ts'
import { type ReactEvent, readReactEvents } from './event.ts'
import { createLambdaJournal } from './journal.ts'
import type { LambdaWorld } from './rotate-handler.ts'

/** Tells a queue which messages to deliver again; a direct invocation that fails throws. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
}

export function createReactHandler(world: LambdaWorld) {
  return async (input: unknown): Promise<BatchResponse> => {
    const failures: string[] = []
    for (const { id, event } of readReactEvents(input)) {
      const journal = createLambdaJournal(world.log, { event: event.kind })
      try {
        await react(world.wire(journal), await world.plan(), event)
      } catch (thrown) {
        const error = asPullAuthError(thrown)
        // The drain is no fault: nothing to alarm anybody.
        const tell = isCode(error, 'RETIRE_NOT_YET') ? journal.info : journal.warn
        tell(error.message, { code: error.code, hint: error.hint })
        if (id === null)
          throw new PullAuthError(error.code, `${error.code}: ${error.message} ${error.hint}`, error.hint)
        failures.push(id)
      }
    }
    return { batchItemFailures: failures.map((itemIdentifier) => ({ itemIdentifier })) }
  }
}

async function react(cx: JobPorts, plan: Plan, event: ReactEvent): Promise<void> {
  if (event.kind === 'label-updated') return await onLabelUpdated(cx, plan, event.secret)
  if (plan.fleet === null || event.kind === 'other') return cx.journal.info('Nothing to do for this event.')
  if (event.document.split('/').at(-1) !== plan.fleet.document.split('/').at(-1))
    return cx.journal.info('A command of another document.')
  return await onCommandEnded(cx, plan, plan.fleet, event.commandId, event.at)
}

/** The event is a hint: what is current now is rolled out, once per version (facts/secrets-manager-rotation.md 7.3). */
async function onLabelUpdated(cx: JobPorts, plan: Plan, arn: string): Promise<void> {
  if (plan.fleet === null && plan.outputs.length === 0) return cx.journal.info('Nothing to do for this event.')
  const secret = await cx.store.describe(plan.secret)
  if (secret.arn !== arn) return cx.journal.info('The event is for another secret.', { secret: arn })
  const version = currentOf(secret)
  if (version === null) return
  if (plan.fleet !== null) {
    const commandId = await startRollout(cx, plan.fleet, secret.arn, version, { again: false })
    cx.journal.info('The rollout is under way.', { version, commandId })
  }
  // After the rollout has begun: an output that cannot be written must not keep the fleet waiting.
  await writeOutputs(cx, plan, version)
}

async function onCommandEnded(
  cx: JobPorts,
  plan: Plan,
  fleet: FleetPlan,
  commandId: string,
  endSeen: Millis | null,
): Promise<void> {
  const command = await cx.fleet.command(commandId)
  // Counters lag behind the event: judged now, it would be a rollout that matched nobody (facts, SSM section 7.2).
  if (command === null || !isFinal(command.status)) throw notVisible(commandId)
  const version = command.parameters['versionId'] as VersionId | undefined
  const secret = command.parameters['secretArn'] as SecretArn | undefined
  if (version === undefined || secret === undefined)
    return cx.journal.info('The command is not a rollout of ours.', { commandId })
  const described = await cx.store.describe(plan.secret)
  if (described.arn !== secret) return cx.journal.info('The rollout was for another secret.', { commandId })
  // The newer version has a rollout of its own, whose end comes here too.
  if (currentOf(described) !== version) return cx.journal.info('A newer version is current.', { commandId, version })
  const rollout = await reportOn(cx, fleet, command, version, endSeen)
  const problem = rolloutProblem(rollout, fleet)
  const { targets, onVersion, left, coverage } = rolloutData(rollout)
  const covered = coverage === null ? {} : { uncovered: coverage.uncovered.length }
  if (problem !== null) {
    // A result, not a failure of this function: a retry of the event would find the same. Alarms watch for the code.
    return cx.journal.warn(problem.message, {
      code: problem.code,
      hint: problem.hint,
      commandId,
      version,
      targets,
      onVersion,
      ...covered,
    })
  }
  cx.journal.info('Every instance runs the version.', {
    commandId,
    version,
    targets,
    onVersion,
    left: left.length,
    ...covered,
  })
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

/** null: a command for an older version came later, so the fleet is reloaded once more; the end of that comes here too. */
async function retireOrReload(
  cx: JobPorts,
  plan: Plan,
  fleet: FleetPlan,
  rollout: RolloutReport,
): Promise<RetireReport | null> {
  try {
    return await retire(cx, plan, rollout, { wait: false })
  } catch (error) {
    if (!isCode(error, 'ROLLOUT_INCOMPLETE')) throw error
    const { version } = rollout
    cx.journal.warn(error.message, { code: error.code, hint: error.hint, version })
    const { arn } = await cx.store.describe(plan.secret)
    const commandId = await startRollout(cx, fleet, arn, version, { again: true })
    cx.journal.info('The rollout is under way again.', { version, commandId })
    return null
  }
}

/** The list lags behind the event; the queue delivers it again. */
function notVisible(commandId: string): PullAuthError {
  return new PullAuthError(
    'COMMAND_UNCONFIRMED',
    `Run Command ${commandId} has ended, but is not listed as ended yet.`,
    'The event is delivered again; else run ecs-pull-auth retire.',
  )
}
