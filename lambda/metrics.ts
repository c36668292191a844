/**
 * What the functions measure, as CloudWatch metrics in log lines: the embedded metric format, whose whole is one JSON
 * object, so that no library and no call is needed. `docs/operate.md` lists the same metrics; a test compares the two.
 */

import type { ErrorCode } from '../src/core/errors.ts'
import type { Measure, Millis } from '../src/core/ports.ts'

export const NAMESPACE = 'ecs-pull-auth'

/** All of them bounded: the one secret of the function, its planned registries, and nine steps. */
export type Dimension = 'Secret' | 'Registry' | 'Step'

interface Metric {
  readonly unit: 'Count' | 'Milliseconds' | 'Seconds' | 'Percent' | 'None'
  /** One metric for each set. Alarms take the one for the whole secret. */
  readonly dimensions: readonly (readonly Dimension[])[]
}

const WHOLE = [['Secret']] as const
const BY_STEP = [['Secret'], ['Secret', 'Step']] as const
const BY_REGISTRY = [['Secret'], ['Secret', 'Registry']] as const

export const METRICS = {
  StepDuration: { unit: 'Milliseconds', dimensions: BY_STEP },
  RotationFailed: { unit: 'Count', dimensions: BY_STEP },
  RotationAbandoned: { unit: 'Count', dimensions: WHOLE },
  ReactionFailed: { unit: 'Count', dimensions: BY_STEP },
  Promoted: { unit: 'Count', dimensions: WHOLE },
  PendingReused: { unit: 'Count', dimensions: WHOLE },
  PendingAbandoned: { unit: 'Count', dimensions: WHOLE },
  CasConflict: { unit: 'Count', dimensions: WHOLE },
  Throttled: { unit: 'Count', dimensions: WHOLE },
  RolloutTargets: { unit: 'Count', dimensions: WHOLE },
  RolloutOnVersion: { unit: 'Count', dimensions: WHOLE },
  RolloutFailed: { unit: 'Count', dimensions: WHOLE },
  RolloutIncomplete: { unit: 'Count', dimensions: WHOLE },
  RevokeFailed: { unit: 'Count', dimensions: WHOLE },
  VersionAge: { unit: 'Seconds', dimensions: WHOLE },
  TtlAtPromotion: { unit: 'Seconds', dimensions: BY_REGISTRY },
  CredentialLifeUsed: { unit: 'Percent', dimensions: BY_REGISTRY },
  CredentialDaysLeft: { unit: 'None', dimensions: BY_REGISTRY },
  RootDaysLeft: { unit: 'None', dimensions: BY_REGISTRY },
} as const satisfies Record<Measure, Metric> & Record<string, Metric>

export type MetricName = keyof typeof METRICS

/** The members that make a log line count: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
export function embedded(
  name: MetricName,
  value: number,
  of: Readonly<{ Secret: string } & Partial<Record<Dimension, string>>>,
  at: Millis,
): Readonly<Record<string, unknown>> {
  const { unit, dimensions }: Metric = METRICS[name]
  const known = dimensions.filter((set) => set.every((dimension) => of[dimension] !== undefined))
  const directive = { Namespace: NAMESPACE, Dimensions: known, Metrics: [{ Name: name, Unit: unit }] }
  const targets = Object.fromEntries(known.flat().map((dimension) => [dimension, of[dimension]]))
  return { _aws: { Timestamp: at, CloudWatchMetrics: [directive] }, ...targets, [name]: value }
}

/** A secret goes by its name, which says more on a dashboard than its ARN with six characters of its own at the end. */
export function secretName(nameOrArn: string): string {
  return nameOrArn.split(':secret:')[1]?.replace(/-[A-Za-z0-9]{6}$/, '') ?? nameOrArn
}

/** Failures that have a metric of their own beside the one of the function. */
export const METRIC_OF_CODE: Readonly<Partial<Record<ErrorCode, MetricName>>> = {
  ROTATION_ABANDONED: 'RotationAbandoned',
  PENDING_STALE: 'PendingAbandoned',
  AWS_THROTTLED: 'Throttled',
  REVOKE_FAILED: 'RevokeFailed',
}
