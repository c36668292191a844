/** What a secret version remembers about its managed entries, as one comment line (design: "State without a database"). */

import type { JsonValue, Millis } from './ports.ts'

export interface StateEntry {
  readonly registry: string
  readonly provider: string
  readonly issuedAt: Millis
  /** null = does not expire, or nobody knows. */
  readonly expiresAt: Millis | null
  /** What revoking needs; null = nothing to revoke. Never secret. */
  readonly handle: JsonValue
}

export interface State {
  /** The managed entries of this version. */
  readonly entries: readonly StateEntry[]
  /**
   * Credentials of earlier versions that this version makes unnecessary and that nobody has revoked yet. Carried
   * forward, because a version that loses AWSPREVIOUS before its fleet was reloaded would take its handles with it.
   */
  readonly superseded: readonly StateEntry[]
}

const PREFIX = 'ecs-pull-auth:v1:'

/** `ecs-pull-auth:v1:<base64url>`: no `=`, no backslash, so that every reader of the file takes the comment for a comment. */
export function encodeState(state: State): string {
  return PREFIX + Buffer.from(JSON.stringify(state), 'utf8').toString('base64url')
}

/** The state of an encoded text, or null when it is not one that we wrote. */
export function decodeState(text: string): State | null {
  if (!text.startsWith(PREFIX)) return null
  try {
    const value: unknown = JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8'))
    return isState(value) ? { entries: value.entries, superseded: value.superseded } : null
  } catch {
    return null
  }
}

function isState(value: unknown): value is State {
  const state = value as Partial<State> | null
  return typeof state === 'object' && state !== null && isEntries(state.entries) && isEntries(state.superseded)
}

function isEntries(value: unknown): value is readonly StateEntry[] {
  return Array.isArray(value) && value.every(isEntry)
}

function isEntry(value: unknown): value is StateEntry {
  const entry = value as Partial<StateEntry> | null
  return (
    typeof entry === 'object' &&
    entry !== null &&
    typeof entry.registry === 'string' &&
    typeof entry.provider === 'string' &&
    typeof entry.issuedAt === 'number' &&
    (entry.expiresAt === null || typeof entry.expiresAt === 'number') &&
    entry.handle !== undefined
  )
}
