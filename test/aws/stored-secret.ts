/** One secret with its versions and the state of its rotation. */

import { SecretVersions } from './secret-versions.ts'
import type { Json } from './wire.ts'

/** What Secrets Manager sends to a rotation function: section 1 of the facts. */
export interface RotationEvent {
  readonly Step: 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret'
  readonly SecretId: string
  readonly ClientRequestToken: string
  readonly RotationToken: string
}

export interface RotationSetup {
  /** Invokes a function; `error` is what a Lambda reports as FunctionError. Without it no function can be invoked. */
  readonly invokeLambda?: (functionArn: string, event: RotationEvent) => Promise<{ readonly error?: string }>
  /** Functions whose policy admits Secrets Manager; default: all. */
  readonly functions?: readonly string[]
  /** How often a failing rotation is tried as a whole; AWS says "several times". Default 3. */
  readonly attempts?: number
  /** Milliseconds between two of them; AWS does not tell. Default 0. */
  readonly retryAfter?: number
  /** A pending version counts as the function's only with the event's RotationToken: as with an assumed role. Default true. */
  readonly requireRotationToken?: boolean
}

export interface RotationRules {
  readonly functionArn: string
  readonly rules: Json
  readonly lastRotatedAt: number | undefined
  readonly enabled: boolean
}

/** A rotation that was started and is neither finished nor abandoned; a failed one stays, with its label. */
export interface RotationRun {
  readonly version: string
  readonly token: string
  readonly functionArn: string
}

export class StoredSecret {
  readonly arn: string
  readonly name: string
  readonly createdAt: number
  readonly versions: SecretVersions
  description: string | undefined
  changedAt: number
  deletedAt: number | undefined
  rotation: RotationRules | null = null
  run: RotationRun | null = null

  constructor(
    made: { arn: string; name: string; description: string | undefined; now: number },
    moved: (label: string, version: string) => void,
  ) {
    this.arn = made.arn
    this.name = made.name
    this.description = made.description
    this.createdAt = made.now
    this.changedAt = made.now
    this.versions = new SecretVersions(moved)
  }

  /** Text of a version or label; null when there is none. */
  text(at: string): string | null {
    const version = this.versions.get(this.versions.holder(at) ?? at)
    return version?.value != null && 'text' in version.value ? version.value.text : null
  }

  /** Labels by version id, of the versions that have any. */
  labels(): Readonly<Record<string, readonly string[]>> {
    const ids = [...this.versions.view().versions.keys()]
    return Object.fromEntries(
      ids.map((id) => [id, this.versions.labelsOf(id)]).filter(([, labels]) => labels?.length !== 0),
    )
  }
}
