/** A job's report as plain data: what `--json`, the Action's result and the Lambda's log carry. Nothing secret. */

import type { PullAuthError } from './core/errors.ts'
import type { JobReport, RotateOutcome } from './core/job.ts'
import type { Proven } from './core/proof.ts'
import type { RetireReport } from './core/retire.ts'
import type { InstanceReport, RolloutReport } from './core/rollout.ts'

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

function instanceData({ instanceId, status, node }: InstanceReport) {
  return {
    instanceId,
    status,
    result: node?.result ?? null,
    version: node?.version ?? null,
    reason: node?.reason ?? null,
  }
}

export function rolloutData(report: RolloutReport) {
  const { commandId, version, status, targets, onVersion, instances, stragglers, left, endedBy } = report
  return {
    commandId,
    version,
    status,
    targets,
    onVersion,
    instances: instances.map(instanceData),
    stragglers: stragglers.map(({ instanceId }) => instanceId),
    left: left.map(({ instanceId }) => instanceId),
    endedBy: isoOrNull(endedBy),
  }
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

/** The earliest expiry among proven credentials, or null. */
export function earliestExpiry(registries: readonly Proven[]): string | null {
  const times = registries.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt]))
  return times.length === 0 ? null : new Date(Math.min(...times)).toISOString()
}
