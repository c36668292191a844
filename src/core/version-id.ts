/** Version ids: UUID-shaped, random or made from what must not happen twice. */

import { createHash, randomUUID } from 'node:crypto'
import type { VersionId } from './ports.ts'

export function randomVersionId(): VersionId {
  return randomUUID() as string as VersionId
}

/** The same parts give the same id, so that a repeated run finds its own version instead of making a second one. */
export function versionIdFrom(...parts: readonly string[]): VersionId {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  // Version 8 of RFC 9562: a UUID whose bits are the application's own.
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  return uuid as VersionId
}
