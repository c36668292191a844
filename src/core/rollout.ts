/**
 * One reload of the fleet for one secret version: the canaries, then everybody else, then the name of every instance that
 * does not run it. Systems Manager does the waves, the rate control and the waiting (facts/ssm-fleet-reload.md sections 5 to 7).
 */

import { canaryTargets } from './canary.ts'
import { PullAuthError } from './errors.ts'
import { follow, followedCommand } from './follow.ts'
import { unfinishedText } from './pace.ts'
import type { FleetPlan } from './plan.ts'
import type { Command, Millis, SecretStore, VersionId } from './ports.ts'
import { hasPassed, type RolloutReport, reportOn } from './rollout-report.ts'
import { currentOf } from './rotation.ts'
import { followRunbook, type RunbookPorts, startRunbook, usesRunbook } from './runbook.ts'
import {
  canaryOrder,
  EXECUTION_TIME,
  fleetComment,
  fleetOrder,
  isCanary,
  isFinal,
  latestRollout,
  lookTwice,
  requireDocument,
  sendOnce,
  type Wanted,
} from './send.ts'

export interface RolloutPorts extends RunbookPorts {
  readonly store: Pick<SecretStore, 'describe'>
}

/**
 * Sends and follows, canaries first. With `again: false` a command already sent for this version is followed instead of a
 * second one. The report is that of the canaries where they kept the rest from being reloaded; null: the rollout ran in
 * other accounts, and all that is known is that it succeeded there.
 */
export async function rollOut(
  cx: RolloutPorts,
  plan: FleetPlan,
  wanted: Wanted,
  options: { again: boolean },
): Promise<RolloutReport | null> {
  const commandId = await startRollout(cx, plan, wanted, options)
  if (usesRunbook(plan)) return await followRunbook(cx, plan, wanted, commandId)
  return await goOn(cx, plan, wanted, await followRollout(cx, plan, wanted.version, commandId))
}

/** Follows a command by its id and goes on where it ends. Throws COMMAND_UNKNOWN when it is none for this version. */
export async function resumeRollout(
  cx: RolloutPorts,
  plan: FleetPlan,
  wanted: Wanted,
  commandId: string,
): Promise<RolloutReport> {
  const command = await lookTwice(cx, () => cx.fleet.command(commandId))
  if (command === null || latestRollout([command], wanted) === null) throw unknownCommand(commandId, wanted, command)
  return await goOn(cx, plan, wanted, await followRollout(cx, plan, wanted.version, commandId))
}

async function goOn(cx: RolloutPorts, plan: FleetPlan, wanted: Wanted, first: RolloutReport): Promise<RolloutReport> {
  // A runbook goes on by itself.
  if (!first.canary || usesRunbook(plan) || !hasPassed(first, plan)) return first
  const commandId = await startRest(cx, plan, wanted)
  return commandId === null ? first : await followRollout(cx, plan, wanted.version, commandId)
}

/** Sends the next command that this version needs, or starts the runbook, or finds what was begun. Returns its id at once. */
export async function startRollout(
  cx: RolloutPorts,
  plan: FleetPlan,
  wanted: Wanted,
  { again }: { again: boolean },
): Promise<string> {
  if (usesRunbook(plan)) return await startRunbook(cx, plan, wanted, { again })
  const document = await requireDocument(cx.fleet, plan.document)
  const look = async () => latestRollout(await cx.fleet.recent(document.name, since(cx, plan)), wanted)
  const earlier = again ? await look() : await lookTwice(cx, look)
  if (earlier !== null && !isFinal(earlier.status)) return followed(cx, earlier, wanted)
  // A process that followed the canaries died, or the event of their end was lost.
  if (earlier !== null && isCanary(earlier)) {
    const report = await reportOn(cx, plan, earlier, wanted.version, null)
    if (hasPassed(report, plan)) return await sendOnce(cx, fleetOrder(plan, document, wanted))
  }
  if (earlier !== null && !again) return followed(cx, earlier, wanted)
  const targets = await canaryTargets(cx, plan)
  return await sendOnce(
    cx,
    targets === null ? fleetOrder(plan, document, wanted) : canaryOrder(plan, document, wanted, targets),
  )
}

function followed({ journal }: RolloutPorts, { id }: Command, { version }: Wanted): string {
  journal.info(`Run Command ${id} already rolls out version ${version}; following it.`, { commandId: id })
  return id
}

/** How long ago a command can have been sent that still goes on. */
function since({ clock }: Pick<RolloutPorts, 'clock'>, plan: FleetPlan): Millis {
  return clock.now() - plan.timeout * 1000 - EXECUTION_TIME
}

/**
 * Everybody, after the canaries have passed: sends, or finds what was sent. null: another version is current by now, which
 * instances would take without a canary of its own.
 */
export async function startRest(cx: RolloutPorts, plan: FleetPlan, wanted: Wanted): Promise<string | null> {
  if (currentOf(await cx.store.describe(wanted.secret)) !== wanted.version) {
    cx.journal.info('The canary is green, but another version is current by now; the rest waits for that one.')
    return null
  }
  const document = await requireDocument(cx.fleet, plan.document)
  const rest = await lookTwice(cx, async () => {
    const latest = latestRollout(await cx.fleet.recent(document.name, since(cx, plan)), wanted)
    return latest?.comment === fleetComment(wanted.version) ? latest : null
  })
  if (rest !== null) return followed(cx, rest, wanted)
  cx.journal.info('The canary is green; now the rest.')
  return await sendOnce(cx, fleetOrder(plan, document, wanted))
}

/** Follows until the command has ended, then reads what its nodes said. */
async function followRollout(
  cx: RolloutPorts,
  plan: FleetPlan,
  version: VersionId,
  commandId: string,
): Promise<RolloutReport> {
  const limit = plan.timeout * 1000 + EXECUTION_TIME
  let counted = 0
  const seen = (command: Command) => {
    // How many instances match is known now only.
    if (counted === 0 && !isCanary(command)) warnOfPace(cx, plan, command.targets)
    counted = command.targets
  }
  const command = await follow(cx, followedCommand(cx.fleet, { commandId, limit, seen }))
  return await reportEnd(cx, plan, command, version, cx.clock.now())
}

function warnOfPace({ journal }: RolloutPorts, plan: FleetPlan, targets: number): void {
  const finding = unfinishedText(plan, targets)
  if (finding !== null)
    journal.warn(`This rollout may not end in time: ${finding}.`, { code: 'CADENCE_UNSAFE', targets })
}

async function reportEnd(
  cx: RolloutPorts,
  plan: FleetPlan,
  command: Command,
  version: VersionId,
  endSeen: Millis,
): Promise<RolloutReport> {
  const report = await reportOn(cx, plan, command, version, endSeen)
  for (const { instanceId } of report.left)
    cx.journal.info(`${instanceId} has left the fleet before it ran the version; it counts no more.`, { instanceId })
  return report
}

function unknownCommand(commandId: string, { version }: Wanted, command: Command | null): PullAuthError {
  return new PullAuthError(
    'COMMAND_UNKNOWN',
    command === null
      ? `There is no Run Command ${commandId} in this account and Region.`
      : `Run Command ${commandId} is no rollout of version ${version}, which is current now.`,
    'Run ecs-pull-auth reload without --command: it finds a rollout of the current version that is under way.',
  )
}
