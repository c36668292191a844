/** What is current, how long it lives, and which instances run it. Reads only. */

import { judgeRealSchedule } from './cadence.ts'
import { lintStored } from './lint.ts'
import type { FleetPlan, Plan } from './plan.ts'
import type { Execution, Millis, SecretArn, VersionId } from './ports.ts'
import type { RolloutPorts } from './rollout.ts'
import { type RolloutReport, reportOn, rolloutProblem } from './rollout-report.ts'
import { currentOf, labelHolder, PENDING, type RotationPorts } from './rotation.ts'
import { findRun, isElsewhere, runProblem, runText, usesRunbook } from './runbook.ts'
import { shownUsername } from './secret.ts'
import { isFinal, latestRollout, type Wanted } from './send.ts'
import { readStoredConfig, resolveImage, type StoredConfig, stateOf } from './stored-config.ts'

export interface RegistryStatus {
  readonly registry: string
  /** The provider that made the stored credential; null = not ours, or stored before this tool came. */
  readonly provider: string | null
  readonly username: string | null
  readonly issuedAt: Millis | null
  readonly expiresAt: Millis | null
}

export interface StatusReport {
  readonly secret: SecretArn
  readonly version: VersionId | null
  readonly rotationFunction: string | null
  /** A rotation that has begun and not ended. */
  readonly pending: VersionId | null
  readonly registries: readonly RegistryStatus[]
  readonly rollout: RolloutReport | null
  /** The runbook's run for this version; null: there is none, or the plan has no runbook. */
  readonly run: Execution | null
  /** The rollout of this version is still under way. */
  readonly rollingOut: boolean
  /** What is wrong, in sentences; empty = every instance runs a credential that lives. */
  readonly findings: readonly string[]
}

/** How far back a rollout is looked for: Run Command keeps its history for 30 days. */
const HISTORY: Millis = 30 * 86_400_000

export async function readStatus(cx: RotationPorts & RolloutPorts, plan: Plan): Promise<StatusReport> {
  const secret = await cx.store.describe(plan.secret)
  const version = currentOf(secret)
  const pending = labelHolder(secret, PENDING)
  const { registries, mistakes } =
    version === null ? { registries: [], mistakes: [] } : await readConfig(cx, plan, secret.arn, version)
  const { rollout, run, rollingOut } =
    version === null || plan.fleet === null
      ? { rollout: null, run: null, rollingOut: false }
      : await findRollout(cx, plan.fleet, { secret: secret.arn, version })
  const report = {
    secret: secret.arn,
    version,
    rotationFunction: secret.rotationFunction,
    pending: pending === version ? null : pending,
    registries,
    rollout,
    run,
    rollingOut,
  }
  const { finding } = judgeRealSchedule(plan, secret)
  const findings = [...findingsOf(report, plan, cx.clock.now()), ...(finding === null ? [] : [finding]), ...mistakes]
  return { ...report, findings }
}

async function readConfig(
  cx: RotationPorts,
  plan: Plan,
  secret: SecretArn,
  version: VersionId,
): Promise<{ registries: readonly RegistryStatus[]; mistakes: readonly string[] }> {
  const config = readStoredConfig((await cx.store.read(secret, { version })).text, plan.secret)
  const state = new Map(stateOf(config)?.entries.map((entry) => [entry.registry, entry]))
  const registries = plan.registries.map(({ key, probe }): RegistryStatus => {
    const entry = state.get(key)
    const { credential } = resolveImage(config, probe)
    return {
      registry: key,
      provider: entry?.provider ?? null,
      username: credential === null ? null : shownUsername(credential.username, credential.password),
      issuedAt: entry?.issuedAt ?? null,
      expiresAt: entry?.expiresAt ?? null,
    }
  })
  return { registries, mistakes: mistakesIn(config) }
}

/** What the ECS agent would keep silent about; `ecs-pull-auth lint` says more. */
function mistakesIn(config: StoredConfig): readonly string[] {
  const errors = lintStored(config).filter(({ severity }) => severity === 'error')
  return errors.map(
    ({ code, line, message }) => `${line === undefined ? '' : `Line ${line}: `}${message} (lint: ${code})`,
  )
}

async function findRollout(
  cx: RolloutPorts,
  fleet: FleetPlan,
  wanted: Wanted,
): Promise<Pick<StatusReport, 'rollout' | 'run' | 'rollingOut'>> {
  const since = cx.clock.now() - HISTORY
  const run = usesRunbook(fleet) ? await findRun(cx, fleet, wanted, since) : null
  const running = run !== null && !run.ended
  if (usesRunbook(fleet) && isElsewhere(fleet)) return { rollout: null, run, rollingOut: running }
  const command = latestRollout(await cx.fleet.recent(fleet.document, since), wanted)
  if (command === null) return { rollout: null, run, rollingOut: running }
  const rollout = await reportOn(cx, fleet, command, wanted.version, null)
  return { rollout, run, rollingOut: running || !isFinal(command.status) }
}

function findingsOf(report: Omit<StatusReport, 'findings'>, plan: Plan, now: Millis): readonly string[] {
  const findings: string[] = []
  if (report.version === null) return ['The secret has no current value.']
  if (report.pending !== null)
    findings.push(`A rotation to version ${report.pending} is under way or was left unfinished.`)
  for (const { registry, username, expiresAt } of report.registries) {
    if (username === null)
      findings.push(`${registry}: the stored config has no credential that the ECS agent would use for its probe.`)
    if (expiresAt !== null && expiresAt <= now)
      findings.push(`${registry}: the credential expired at ${new Date(expiresAt).toISOString()}.`)
  }
  const finding = plan.fleet === null ? null : rolloutFinding(report, plan.fleet)
  return finding === null ? findings : [...findings, finding]
}

function rolloutFinding(
  { version, rollout, run, rollingOut }: Omit<StatusReport, 'findings'>,
  fleet: FleetPlan,
): string | null {
  if (rollingOut) {
    const where = run === null ? '' : `: Automation ${run.id} is ${runText(run)}`
    return `The rollout of version ${version} is still under way${where}.`
  }
  if (rollout !== null) return rolloutProblem(rollout, fleet)?.message ?? null
  if (run !== null && usesRunbook(fleet)) return runProblem(fleet, run)?.message ?? null
  return `No rollout of version ${version} is known; run ecs-pull-auth reload.`
}
