/** The versions and staging labels of one secret: the state machine of facts secrets-manager-rotation.md section 3. */

import { AwsRefusal } from './wire.ts'

export const CURRENT = 'AWSCURRENT'
export const PENDING = 'AWSPENDING'
export const PREVIOUS = 'AWSPREVIOUS'

/** Not adjustable (section 6). */
const MOST_LABELS = 20
const MOST_VERSIONS = 100
const KEPT_MILLIS = 24 * 3600_000

/** A value once set never changes; null is the placeholder that a rotation makes. */
export type SecretValue = { readonly text: string } | { readonly binary: string }

export interface SecretVersion {
  readonly id: string
  readonly createdAt: number
  readonly value: SecretValue | null
  /** By whom a pending version was written, as Secrets Manager sees it: only its Lambda's Put carries the token. */
  readonly withRotationToken: boolean
}

export interface Snapshot {
  readonly versions: ReadonlyMap<string, SecretVersion>
  /** Version id by label: a label sits on at most one version. */
  readonly labels: ReadonlyMap<string, string>
}

export class SecretVersions {
  #now: Snapshot = { versions: new Map(), labels: new Map() }
  #before: Snapshot = this.#now
  /** Called for each label that moved to a version, after the change. */
  readonly #moved: (label: string, version: string) => void

  constructor(moved: (label: string, version: string) => void) {
    this.#moved = moved
  }

  view(stale = false): Snapshot {
    return stale ? this.#before : this.#now
  }

  holder(label: string): string | undefined {
    return this.#now.labels.get(label)
  }

  get(id: string): SecretVersion | undefined {
    return this.#now.versions.get(id)
  }

  labelsOf(id: string, snapshot: Snapshot = this.#now): readonly string[] {
    return [...snapshot.labels].flatMap(([label, version]) => (version === id ? [label] : [])).sort()
  }

  /** Stores a new version, or the value of a placeholder, and moves the labels to it. */
  store(version: SecretVersion, labels: readonly string[]): void {
    const versions = new Map(this.#now.versions)
    const known = versions.has(version.id)
    if (!known) prune(versions, this.#now.labels, version.createdAt)
    versions.set(version.id, version)
    const attached = attach(this.#now.labels, labels, version.id)
    // A Put of AWSCURRENT takes a left-over AWSPENDING off the version that was current (recorded: current_pending).
    const leftOver =
      labels.includes(CURRENT) && this.holder(PENDING) === this.holder(CURRENT) && !labels.includes(PENDING)
    if (leftOver) attached.delete(PENDING)
    this.#change({ versions, labels: attached })
  }

  /**
   * UpdateSecretVersionStage: a compare-and-swap. Texts: copies of the real ones in moto and floci; the class is what
   * clients may rely on.
   */
  move(label: string, from: string | undefined, to: string | undefined): void {
    const holder = this.holder(label)
    if (to === undefined && from === undefined) {
      throw invalid('You must specify RemoveFromVersionId or MoveToVersionId, or both.')
    }
    if (to !== undefined && !this.#now.versions.has(to)) throw noVersion(to)
    if (from === undefined && holder !== undefined && holder !== to) {
      throw invalid(
        `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
      )
    }
    if (from !== undefined && from !== holder) {
      throw invalid(
        `When you move staging label ${label}, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label ${label}.`,
      )
    }
    if (to === undefined) this.#remove(label)
    else if (holder !== to) this.#moveTo(label, to)
  }

  /** Takes a label away, and with it a version that never got a value. */
  drop(label: string): void {
    const holder = this.holder(label)
    if (holder === undefined) return
    const labels = new Map(this.#now.labels)
    labels.delete(label)
    const versions = new Map(this.#now.versions)
    const orphan = versions.get(holder)?.value === null && ![...labels.values()].includes(holder)
    if (orphan) versions.delete(holder)
    this.#change({ versions, labels })
  }

  /** A version without labels, at once: what is left of a test rotation. */
  forget(id: string): void {
    const versions = new Map(this.#now.versions)
    if (this.labelsOf(id).length === 0 && versions.delete(id)) this.#change({ versions, labels: this.#now.labels })
  }

  #moveTo(label: string, to: string): void {
    if (label === CURRENT && this.get(to)?.value === null) {
      throw new AwsRefusal(
        'InvalidRequestException',
        `You can't move staging label ${CURRENT} to a version that has no value.`,
      )
    }
    this.#change({ versions: this.#now.versions, labels: attach(this.#now.labels, [label], to) })
  }

  #remove(label: string): void {
    if (label === CURRENT) throw invalid(`You can only move staging label ${CURRENT} to a different secret version.`)
    this.drop(label)
  }

  #change(next: Snapshot): void {
    if (next.labels.size > MOST_LABELS) {
      throw new AwsRefusal(
        'LimitExceededException',
        `You can't attach more than ${MOST_LABELS} staging labels to a secret.`,
      )
    }
    const last = this.#now
    this.#before = last
    this.#now = next
    for (const [label, version] of next.labels) if (last.labels.get(label) !== version) this.#moved(label, version)
  }
}

/** Moving AWSCURRENT moves AWSPREVIOUS to the version it left (section 3). */
function attach(labels: ReadonlyMap<string, string>, moving: readonly string[], to: string): Map<string, string> {
  const next = new Map(labels)
  const left = labels.get(CURRENT)
  for (const label of moving) next.set(label, to)
  if (moving.includes(CURRENT) && left !== undefined && left !== to) next.set(PREVIOUS, left)
  return next
}

/** Labelled versions are never deleted; unlabelled ones when more than 100 exist, never within 24 hours (section 3). */
function prune(versions: Map<string, SecretVersion>, labels: ReadonlyMap<string, string>, now: number): void {
  const labelled = new Set(labels.values())
  for (const { id, createdAt } of [...versions.values()]) {
    if (versions.size < MOST_VERSIONS) return
    if (!labelled.has(id) && now - createdAt > KEPT_MILLIS) versions.delete(id)
  }
  if (versions.size >= MOST_VERSIONS) {
    throw new AwsRefusal('LimitExceededException', `You can't have more than ${MOST_VERSIONS} versions of a secret.`)
  }
}

/** Recorded: test_secret_version_not_found. */
export function noVersion(id: string): AwsRefusal {
  return new AwsRefusal(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret value for VersionId: ${id}`,
  )
}

/** Recorded: test_secret_version_not_found, test_get_secret_value_errors. */
export function noLabel(label: string): AwsRefusal {
  return new AwsRefusal(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret value for staging label: ${label}`,
  )
}

function invalid(message: string): AwsRefusal {
  return new AwsRefusal('InvalidParameterException', message)
}
