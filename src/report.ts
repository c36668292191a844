/** A job's report as plain data: what `--json`, the Action's result and the Lambda's log carry. Nothing secret. */

import { type Coverage, missingOf } from './core/coverage.ts'
import type { PullAuthError } from './core/errors.ts'
import type { JobReport, RollbackReport, RotateOutcome } from './core/job.ts'
import { isFine, type Outcome, whyOf } from './core/outcome.ts'
import type { Proven } from './core/proof.ts'
import type { RetireReport } from './core/retire.ts'
import type { InstanceReport, RolloutReport } from './core/rollout-report.ts'

export function errorData({ code, message, hint }: PullAuthError) {
  return { code, message, hint }
}

export function provenData({ registry, image, verdict, detail, expiresAt }: Proven) {
  return { registry, image, verdict, detail, expiresAt: isoOrNull(expiresAt) }
}

export function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}

export function rotateData({ secret, version, changed, rotatedBy, registries }: RotateOutcome) {
  return { secret, version, changed, rotatedBy, registries: registries.map(provenData) }
}

function instanceData({ instanceId, outcome, status, node }: InstanceReport) {
  return {
    instanceId,
    outcome,
    status,
    result: node?.result ?? null,
    version: node?.version ?? null,
    reason: node?.reason ?? null,
  }
}

export function rolloutData(report: RolloutReport) {
  const { commandId, canary, version, status, targets, onVersion } = report
  const { instances, stragglers, left, coverage, endedBy } = report
  return {
    commandId,
    // The rest of the fleet was not reloaded.
    ...(canary ? { canary } : {}),
    version,
    status,
    targets,
    onVersion,
    outcomes: outcomeCounts(report),
    instances: instances.map(instanceData),
    stragglers: stragglers.map(({ instanceId }) => instanceId),
    left: left.map(({ instanceId }) => instanceId),
    coverage,
    endedBy: isoOrNull(endedBy),
  }
}

/** How many instances ended in each outcome; of a large fleet those on the version are counted, not listed. */
export function outcomeCounts({
  onVersion,
  stragglers,
  left,
  coverage,
}: RolloutReport): Readonly<Record<string, number>> {
  const counts: Partial<Record<Outcome, number>> = { 'on-version': onVersion }
  for (const { outcome } of [...stragglers, ...left, ...(coverage?.uncovered ?? [])])
    counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

export interface KnownInstance {
  readonly instanceId: string
  readonly outcome: Outcome
  readonly why: string
}

/** Every instance that is known by name: those that need somebody first. */
export function knownInstances({ instances, coverage }: RolloutReport): readonly KnownInstance[] {
  const all = [
    ...instances.map((instance) => ({ ...instance, why: whyOf(instance) ?? '' })),
    ...(coverage?.uncovered ?? []).map((instance) => ({
      ...instance,
      why: `no target in cluster ${coverage?.cluster}`,
    })),
  ]
  return [...all.filter(({ outcome }) => !isFine(outcome)), ...all.filter(({ outcome }) => isFine(outcome))]
}

/** The same as rows of a table. */
export function instanceRows(rollout: RolloutReport): readonly (readonly string[])[] {
  return knownInstances(rollout).map(({ instanceId, outcome, why }) => [instanceId, outcome, why])
}

/** The cluster in one sentence. */
export function coverageText({ cluster, instances, elsewhere, uncovered, unknown }: Coverage): string {
  if (unknown !== null) return `Cluster ${cluster}: not known (${unknown})`
  const others = elsewhere === 0 ? '' : `; ${elsewhere} targets are not in it`
  return `Cluster ${cluster}: ${instances - uncovered.length} of ${instances} container instances were targets${others}.`
}

/** How many instances do not run the version, as far as anybody knows. */
export function failedCount({ targets, onVersion, coverage }: RolloutReport): number {
  return targets - onVersion + missingOf(coverage).length
}

export function retireData({ version, retired, failed }: RetireReport) {
  return { version, retired, failed }
}

export function jobData(report: JobReport) {
  return {
    ok: report.problem === null,
    ...rotateData(report),
    outputs: report.outputs,
    rollout: report.rollout === null ? null : rolloutData(report.rollout),
    retire: report.retire === null ? null : retireData(report.retire),
    problem: report.problem === null ? null : errorData(report.problem),
  }
}

export function rollbackData(report: RollbackReport) {
  const { secret, from, version, how, registries, outputs, rollout, retire, problem } = report
  return {
    ok: problem === null,
    secret,
    from,
    version,
    how,
    registries: registries.map(provenData),
    outputs,
    rollout: rollout === null ? null : rolloutData(rollout),
    retire: retire === null ? null : retireData(retire),
    problem: problem === null ? null : errorData(problem),
  }
}

/** The earliest expiry among proven credentials, or null. */
export function earliestExpiry(registries: readonly Proven[]): string | null {
  const times = registries.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt]))
  return times.length === 0 ? null : new Date(Math.min(...times)).toISOString()
}
