/** The name a minted token gets at its registry, by which one whose answer was lost is found again. */

import { createHash } from 'node:crypto'
import type { Millis, VersionId } from './ports.ts'

/** Longer names are hashed: registries take 255 characters at best. */
const LONGEST_NAME = 100

/** All labels of one secret begin with this. */
export function labelPrefix(secretName: string): string {
  const name = secretName.length <= LONGEST_NAME ? secretName : createHash('sha256').update(secretName).digest('hex')
  return `ecs-pull-auth/${name}/`
}

/** `ecs-pull-auth/<secret>/<version>/<seconds since 1970>`: the time tells an orphan from a token that is just being stored. */
export function mintLabel(secretName: string, version: VersionId, now: Millis): string {
  return `${labelPrefix(secretName)}${version}/${Math.floor(now / 1000)}`
}

/** Version and time of a label of ours, or null for anybody else's. */
export function readMintLabel(label: string, secretName: string): { version: VersionId; mintedAt: Millis } | null {
  const prefix = labelPrefix(secretName)
  const match = label.startsWith(prefix)
    ? /^([A-Za-z0-9-]{32,64})\/([0-9]{9,12})$/.exec(label.slice(prefix.length))
    : null
  return match ? { version: match[1] as VersionId, mintedAt: Number(match[2]) * 1000 } : null
}
