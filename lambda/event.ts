/** The events that the functions take, checked by hand: four strings, or EventBridge's envelope. */

import { PullAuthError } from '../src/core/errors.ts'
import type { Millis, SecretArn, VersionId } from '../src/core/ports.ts'
import { Secret } from '../src/core/secret.ts'

export type RotationStep = 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret'

export interface RotationEvent {
  readonly step: RotationStep
  readonly secret: SecretArn
  readonly version: VersionId
  /** Proves to Secrets Manager who writes; as secret as a credential. */
  readonly rotationToken: Secret | null
}

const STEPS: Readonly<Record<string, RotationStep>> = {
  createSecret: 'createSecret',
  setSecret: 'setSecret',
  testSecret: 'testSecret',
  finishSecret: 'finishSecret',
  // One page of the user guide spells them so; real traffic does not (facts/secrets-manager-rotation.md section 1).
  create_secret: 'createSecret',
  set_secret: 'setSecret',
  test_secret: 'testSecret',
  finish_secret: 'finishSecret',
}

/** Throws ROTATION_EVENT; the message names the field, never its value. */
export function readRotationEvent(event: unknown): RotationEvent {
  const fields = (typeof event === 'object' && event !== null ? event : {}) as Record<string, unknown>
  const { Step, SecretId, ClientRequestToken, RotationToken } = fields
  const step = typeof Step === 'string' && Object.hasOwn(STEPS, Step) ? STEPS[Step] : undefined
  if (step === undefined) throw malformed('Step')
  if (typeof SecretId !== 'string' || !/^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+$/.test(SecretId))
    throw malformed('SecretId')
  if (typeof ClientRequestToken !== 'string' || !/^[A-Za-z0-9-]{32,64}$/.test(ClientRequestToken))
    throw malformed('ClientRequestToken')
  if (
    RotationToken !== undefined &&
    (typeof RotationToken !== 'string' || !/^[A-Za-z0-9-]{36,256}$/.test(RotationToken))
  )
    throw malformed('RotationToken')
  return {
    step,
    secret: SecretId as SecretArn,
    version: ClientRequestToken as VersionId,
    rotationToken: RotationToken === undefined ? null : new Secret(RotationToken),
  }
}

function malformed(field: string): PullAuthError {
  return new PullAuthError(
    'ROTATION_EVENT',
    `The event's ${field} is missing or not of the form that Secrets Manager sends.`,
    'Only Secrets Manager rotation invokes this function; see docs/lambda.md.',
  )
}

export type ReactEvent =
  | {
      readonly kind: 'label-updated'
      readonly secret: string
      /** The version that it was about: a hint, since another one may be current by now. null = not told. */
      readonly version: string | null
    }
  | {
      readonly kind: 'command-ended'
      readonly commandId: string
      readonly document: string
      /** The event's own time, the same at every delivery; null = it has none. */
      readonly at: Millis | null
    }
  /** A schedule's beat. */
  | { readonly kind: 'watch' }
  | {
      readonly kind: 'runbook-ended'
      readonly execution: string
      readonly document: string
      readonly at: Millis | null
    }
  | { readonly kind: 'other' }

const RUN_ENDED = ['Success', 'Failed', 'TimedOut', 'Cancelled', 'Rejected']
const ENDED = ['Success', 'Failed', 'TimedOut', 'Cancelled']

/** Events of EventBridge, directly or in the messages of a queue. What is none of ours is `other`. */
export function readReactEvents(event: unknown): readonly { readonly id: string | null; readonly event: ReactEvent }[] {
  const records = (event as { Records?: unknown } | null)?.Records
  if (!Array.isArray(records)) return [{ id: null, event: readReactEvent(event) }]
  return records.map((record: { messageId?: unknown; body?: unknown }) => ({
    id: typeof record.messageId === 'string' ? record.messageId : null,
    event: readReactEvent(parseJson(record.body)),
  }))
}

function readReactEvent(event: unknown): ReactEvent {
  const fields = (typeof event === 'object' && event !== null ? event : {}) as Record<string, unknown>
  const detail = (typeof fields['detail'] === 'object' && fields['detail'] !== null ? fields['detail'] : {}) as Record<
    string,
    unknown
  >
  const type = fields['detail-type']
  const resources: readonly unknown[] = Array.isArray(fields['resources']) ? fields['resources'] : []
  const arn = resources.find((resource) => typeof resource === 'string' && resource.includes(':secretsmanager:'))
  if (type === 'Secret Label Updated' && detail['labelUpdated'] === 'AWSCURRENT' && typeof arn === 'string') {
    const version = detail['versionId']
    return { kind: 'label-updated', secret: arn, version: typeof version === 'string' ? version : null }
  }
  if (type === 'Scheduled Event') return { kind: 'watch' }
  const { ExecutionId: execution, Definition: runbook, Status: end } = detail
  if (
    type === 'EC2 Automation Execution Status-change Notification' &&
    typeof execution === 'string' &&
    typeof runbook === 'string'
  ) {
    const ended = typeof end === 'string' && RUN_ENDED.includes(end)
    if (ended) return { kind: 'runbook-ended', execution, document: runbook, at: timeOf(fields['time']) }
  }
  const { 'command-id': commandId, 'document-name': document, status } = detail
  if (
    type === 'EC2 Command Status-change Notification' &&
    typeof commandId === 'string' &&
    typeof document === 'string'
  ) {
    // Details are spelled with blanks in some places and without in others (facts/ssm-fleet-reload.md section 6).
    const ended = typeof status === 'string' && ENDED.includes(status.replaceAll(' ', ''))
    if (ended) return { kind: 'command-ended', commandId, document, at: timeOf(fields['time']) }
  }
  return { kind: 'other' }
}

function timeOf(value: unknown): Millis | null {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? null : time
}

function parseJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return null
  }
}
