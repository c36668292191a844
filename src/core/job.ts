/** The whole job in one go: rotate, reload the fleet, retire. What the Action does, and what the demo shows. */

import { requireCluster } from './coverage.ts'
import { asPullAuthError, isCode, type PullAuthError } from './errors.ts'
import { type OutputReport, writeOutputs } from './outputs.ts'
import type { Plan } from './plan.ts'
import type { SecretArn, VersionId } from './ports.ts'
import type { Proven } from './proof.ts'
import { type RetireReport, retire } from './retire.ts'
import { type Rollback, type RollbackProposal, rollBack } from './rollback.ts'
import { type RolloutPorts, resumeRollout, rollOut } from './rollout.ts'
import { type RolloutReport, rolloutProblem } from './rollout-report.ts'
import { type RotationPorts, requestRotation, rotateDirectly } from './rotation.ts'
import { requireRunbook, usesRunbook } from './runbook.ts'
import { requireDocument, type Wanted } from './send.ts'

export type JobPorts = RotationPorts & RolloutPorts

export interface RotateOutcome {
  readonly secret: SecretArn
  readonly version: VersionId
  readonly changed: boolean
  /** `function`: Secrets Manager's own rotation did it, so the proofs are in that function's log. */
  readonly rotatedBy: 'itself' | 'function'
  readonly registries: readonly Proven[]
}

export interface PublishReport {
  readonly outputs: readonly OutputReport[]
  /** OUTPUT_FAILED, or null. */
  readonly problem: PullAuthError | null
}

export interface JobReport extends RotateOutcome, PublishReport {
  /** null: the plan has no fleet. */
  readonly rollout: RolloutReport | null
  /** Why the job is not green; null = every instance runs the version. */
  readonly problem: PullAuthError | null
  readonly retire: RetireReport | null
}

/**
 * Through RotateSecret when the secret has a rotation function: then that function is the one writer. By ourselves when
 * it has none, or when the credential comes with this run (`given`) and no function could know it.
 */
export async function rotate(
  cx: RotationPorts,
  plan: Plan,
  version: VersionId,
  given: boolean,
): Promise<RotateOutcome> {
  const { arn, rotationFunction, rotationEnabled } = await cx.store.describe(plan.secret)
  if (rotationEnabled && rotationFunction !== null && !given) {
    cx.journal.phase('Rotate')
    cx.journal.info(`${rotationFunction} rotates this secret; asking for a rotation.`)
    const current = await requestRotation(cx, plan, version)
    return { secret: arn, version: current, changed: true, rotatedBy: 'function', registries: [] }
  }
  return { ...(await rotateDirectly(cx, plan, version)), rotatedBy: 'itself' }
}

/** A failure before promotion is thrown: nothing changed. A failure of the fleet is part of the report. */
export async function runJob(cx: JobPorts, plan: Plan, version: VersionId, given: boolean): Promise<JobReport> {
  await requireFleet(cx, plan)
  const rotated = await rotate(cx, plan, version, given)
  return { ...rotated, ...(await carryOut(cx, plan, rotated.secret, rotated.version)) }
}

export type RollbackReport = Rollback & Pick<JobReport, 'outputs' | 'rollout' | 'problem' | 'retire'>

/** The same with the credentials of the previous version. null: it was not agreed. */
export async function runRollback(
  cx: JobPorts,
  plan: Plan,
  agree: (proposal: RollbackProposal) => Promise<boolean>,
): Promise<RollbackReport | null> {
  await requireFleet(cx, plan)
  const back = await rollBack(cx, plan, agree)
  return back === null ? null : { ...back, ...(await carryOut(cx, plan, back.secret, back.version)) }
}

/** What would keep the fleet from following is found out while nothing has changed yet. */
async function requireFleet(cx: JobPorts, { fleet }: Plan): Promise<void> {
  if (fleet === null) return
  await requireDocument(cx.fleet, fleet.document)
  if (usesRunbook(fleet)) await requireRunbook(cx.automation, fleet)
  if (fleet.cluster !== null) await requireCluster(cx.cluster, fleet.cluster)
}

/** What follows when a version has become current. */
async function carryOut(
  cx: JobPorts,
  plan: Plan,
  secret: SecretArn,
  version: VersionId,
): Promise<PublishReport & ReloadReport> {
  const published = await publish(cx, plan, version)
  try {
    const reloaded = await reload(cx, plan, { secret, version })
    return { ...published, ...reloaded, problem: reloaded.problem ?? published.problem }
  } catch (error) {
    // The new version is current, whatever became of the rollout: an error alone would look as if nothing had changed.
    return { ...published, rollout: null, problem: asPullAuthError(error), retire: null }
  }
}

/** Writes the plan's outputs. A failure is part of the report: the version is current, and the fleet can have it. */
export async function publish(cx: JobPorts, plan: Plan, version: VersionId): Promise<PublishReport> {
  if (plan.outputs.length === 0) return { outputs: [], problem: null }
  cx.journal.phase('Write outputs')
  try {
    return { outputs: await writeOutputs(cx, plan, version), problem: null }
  } catch (error) {
    return { outputs: [], problem: asPullAuthError(error) }
  }
}

export type ReloadReport = Pick<JobReport, 'rollout' | 'problem' | 'retire'>

/** Reloads the fleet and, when every instance runs the version and fleet.drain is over, revokes what nothing uses any more. */
export async function reload(
  cx: JobPorts,
  plan: Plan,
  wanted: Wanted,
  /** A Run Command that is followed instead of sending one. */
  commandId: string | null = null,
): Promise<ReloadReport> {
  if (plan.fleet === null) return { rollout: null, problem: null, retire: null }
  cx.journal.phase('Reload the fleet')
  const rollout =
    commandId === null
      ? await rollOut(cx, plan.fleet, wanted, { again: true })
      : await resumeRollout(cx, plan.fleet, wanted, commandId)
  if (rollout === null) {
    cx.journal.info(
      'The rollout succeeded in every account and Region. Nothing is revoked: their instances are not seen from here.',
    )
    return { rollout, problem: null, retire: null }
  }
  const problem = rolloutProblem(rollout, plan.fleet)
  if (problem !== null) return { rollout, problem, retire: null }
  cx.journal.phase('Retire')
  try {
    return { rollout, problem: null, retire: await retire(cx, plan, rollout, { wait: true }) }
  } catch (error) {
    if (isCode(error, 'ROLLOUT_INCOMPLETE')) return { rollout, problem: error, retire: null }
    // The fleet runs the new version, so the job did what it promised; old credentials stay alive until the next retire.
    const { code, message } = asPullAuthError(error)
    cx.journal.warn(`Nothing was revoked (${code}): ${message}`, { code })
    return { rollout, problem: null, retire: null }
  }
}
