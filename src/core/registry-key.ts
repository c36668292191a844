/** Registry keys: as the agent compares them, as people spell them, as messages show them. */

import { PullAuthError } from './errors.ts'
import { isHubHost } from './image.ts'
import { trimEnd } from './trim-end.ts'

/** Docker Hub's only working key, as people spell it. */
export const HUB_KEY = 'https://index.docker.io/v1/'

/** The registry key without its scheme: the agent cuts one literal `http://` or `https://` and changes nothing else. */
export function normaliseKey(key: string): string {
  if (key.startsWith('https://')) return key.slice(8)
  if (key.startsWith('http://')) return key.slice(7)
  return key
}

/** The host of a registry key, `docker.io` for every spelling of Docker Hub. For messages and comparison. */
export function registryHost(key: string): string {
  const bare = normaliseKey(key)
  const slash = bare.indexOf('/')
  const host = slash < 0 ? bare : bare.slice(0, slash)
  return isHubHost(host) ? 'docker.io' : host
}

/** All spellings of one registry key: with any scheme or none, with or without trailing slashes, every form of Docker Hub. */
export function twinId(key: string): string {
  const bare = normaliseKey(key)
  const host = registryHost(bare)
  if (host !== 'docker.io') return trimEnd(bare, '/')
  return /^[^/]*(?:\/(?:v[12])?)?\/*$/.test(bare) ? host : trimEnd(bare, '/')
}

/** A registry key for messages: without user information, control characters or undue length. */
export function shownKey(key: string): string {
  const plain = key
    .replace(/(^|\/\/)[^/@]*@/, '$1…@')
    .replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
  return plain.length > 120 ? `${plain.slice(0, 120)}…` : plain
}

/** host[:port][/path] in plain ASCII: what all readers and the agent take literally (facts: ecs-agent 7.7). */
const KEY = /^(?:https?:\/\/)?[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/[A-Za-z0-9._~/-]*)?$/

/** The key to write for one that is not there yet. Throws CONFIG_UNWRITABLE for a key that no image could ever match. */
export function writtenKey(registry: string): string {
  if (!KEY.test(registry)) {
    throw new PullAuthError(
      'CONFIG_UNWRITABLE',
      `The registry key ${shownKey(registry)} is not of the form host[:port][/path].`,
      'Write it as images are named, for example ghcr.io or registry.example.com:5000/team.',
    )
  }
  if (twinId(registry) === 'docker.io') return HUB_KEY
  const host = registryHost(registry)
  if (host === 'docker.io' || !(/[.:]/.test(host) || host === 'localhost')) {
    const why = host === 'docker.io' ? 'Docker Hub has one key for all its images' : 'its host has no dot and no port'
    throw new PullAuthError(
      'CONFIG_UNWRITABLE',
      `The ECS agent would never use the registry key ${registry}: ${why}.`,
      host === 'docker.io' ? `Use ${HUB_KEY}.` : 'Write the host as images are named.',
    )
  }
  return registry
}
