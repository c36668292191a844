/** What a plan means for the stack: the parameters of deploy/template.yaml and of the Terraform module that follow from it. */

import { type Account, secretArn, unique } from './iam-arn.ts'
import type { Plan, PlannedRegistry } from './plan.ts'

/** Seconds that SQS can delay a message at most. */
const LONGEST_DELAY = 900
const HOUR = 3600

/** `text`: the plan as JSON. Parameters that the plan says nothing about are missing. */
export function stackParameters(plan: Plan, account: Account, text: string): Readonly<Record<string, string>> {
  const { fleet, registries, outputs, rotation } = plan
  const roots = (of: readonly PlannedRegistry[]) =>
    unique(of.flatMap(({ secrets }) => secrets.map((name) => secretArn(account, name)))).join(',')
  const retires = registries.filter(
    ({ provider }) => provider.revoke !== undefined || provider.rootExpiry !== undefined,
  )
  const audiences = registries.flatMap(
    ({ provider, config, key }) =>
      provider.permissions?.(config, key).flatMap((need) => ('identityToken' in need ? [need.identityToken] : [])) ??
      [],
  )
  const written = outputs.flatMap((output) => (output.kind === 's3' ? [] : [secretArn(account, output.secret)]))
  return {
    StoredConfigName: plan.secret.replace(/^arn:.*:secret:(.+)-[A-Za-z0-9]{6}$/, '$1'),
    ...(plan.secret.startsWith('arn:') ? { StoredConfigArn: plan.secret } : {}),
    Plan: text,
    RootSecretArns: roots(registries),
    RetireSecretArns: roots(retires),
    IdentityAudiences: unique(audiences).join(','),
    OutputSecretArns: unique(written).join(','),
    ...(rotation === null ? {} : scheduleParameters(rotation)),
    ...(fleet === null ? {} : fleetParameters(fleet)),
  }
}

function scheduleParameters({
  expression,
  by,
  interval,
  window,
}: NonNullable<Plan['rotation']>): Record<string, string> {
  const MaxVersionAgeSeconds = String(Math.max(2 * (interval + window), HOUR / 2))
  // Secrets Manager's own schedule stays as a backstop.
  if (by === 'eventbridge-scheduler') return { FastSchedule: expression, MaxVersionAgeSeconds }
  return { RotationSchedule: expression, RotationWindow: `${Math.floor(window / HOUR)}h`, MaxVersionAgeSeconds }
}

function fleetParameters(fleet: NonNullable<Plan['fleet']>): Record<string, string> {
  const { targets, cluster, mode, drain, alarm, runbook } = fleet
  return {
    FleetTagValues: (targets['tag:ecs-pull-auth'] ?? []).join(','),
    ClusterName: cluster?.replace(/^arn:.*\//, '') ?? '',
    Mode: mode,
    DrainSeconds: String(Math.min(drain, LONGEST_DELAY)),
    RolloutAlarm: alarm ?? '',
    UseRunbook: String(runbook !== null),
    ApprovalTopicArn: runbook?.notify ?? '',
    CalendarName: runbook?.calendar?.replace(/^arn:.*\//, '') ?? '',
  }
}

/** Why the stack cannot carry the plan out as it is; it could with changes of one's own. */
export function stackProblem({ secret, fleet }: Plan, account: Account, name: string): string | null {
  return elsewhereProblem(secret, account) ?? (fleet === null ? null : fleetProblem(fleet, name))
}

/** The function rotates in its own account, and in the secret's primary Region (facts/secrets-manager-rotation.md section 6). */
function elsewhereProblem(secret: string, { account, region }: Account): string | null {
  const [, ownRegion = region, ownAccount = account] = /^arn:[^:]+:secretsmanager:([^:]+):([^:]+):/.exec(secret) ?? []
  if (ownAccount !== account)
    return `the stored config is in account ${ownAccount}, the stack in ${account}: deploy it where the secret is`
  if (ownRegion !== region)
    return `the stored config is in ${ownRegion}, the stack in ${region}: deploy it in the Region of the secret’s primary`
  return null
}

function fleetProblem(fleet: NonNullable<Plan['fleet']>, name: string): string | null {
  const keys = Object.keys(fleet.targets)
  if (keys.join() !== 'tag:ecs-pull-auth')
    return `fleet.targets must be the tag ecs-pull-auth alone, not ${keys.join(', ')}`
  if (fleet.document !== `${name}-reload`) return `fleet.document must be ${name}-reload`
  if (fleet.runbook !== null && fleet.runbook.name !== `${name}-rollout`)
    return `fleet.runbook.name must be ${name}-rollout`
  if ((fleet.runbook?.locations.length ?? 0) > 0)
    return 'fleet.runbook.locations need roles in the other accounts, which are not in this stack'
  return null
}
