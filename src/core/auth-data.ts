/** ECS_ENGINE_AUTH_DATA exactly as the ECS agent understands it: which entries it has, and which one an image gets. */

import { type AuthEntry, dockercfgEntry, dockerEntry, ENTRY_FAULTS, sameCredential } from './auth-entry.ts'
import { trimSpace } from './ecs-config.ts'
import { isFault, readJson } from './go-json.ts'
import { agentHost, isHubHost } from './image.ts'
import type { Credential } from './ports.ts'
import { HUB_KEY, normaliseKey, shownKey } from './registry-key.ts'
import { Secret } from './secret.ts'

export type AuthType = 'docker' | 'dockercfg'

/** Why the agent ends up without any registry auth. */
export interface AuthFault {
  readonly kind: 'type-missing' | 'type-unknown' | 'data-missing' | 'json-invalid' | 'not-object' | 'wrong-kind'
  /** In words that quote nothing of the data. */
  readonly reason: string
  /** Where in the data, if it is at one place. */
  readonly at: number | null
}

/** The two values, parsed; `entries` in the order of the text, with repeated keys. None when there is a fault. */
export interface AuthData {
  readonly type: AuthType | null
  readonly text: Secret
  readonly entries: readonly AuthEntry[]
  readonly fault: AuthFault | null
}

/** Which entry the agent uses for an image. */
export interface Resolution {
  /** The registry key as it is spelled; null: no entry, or a random one. */
  readonly key: string | null
  /** null: the pull is anonymous, or the choice is random. */
  readonly credential: Credential | null
  /** The agent picks one of the candidates by Go's map order, and they do not hold the same credential. */
  readonly ambiguous: boolean
  readonly candidates: readonly string[]
  readonly reason: string
}

/** Parses both values by the agent's rules (dockerauth.go, parseAuthData). Never throws. */
export function parseAuthData(type: string, data: string): AuthData {
  const text = new Secret(data)
  const known = typeOf(type)
  const failed = (kind: AuthFault['kind'], reason: string, at: number | null = null): AuthData => {
    return { type: known, text, entries: [], fault: { kind, reason, at } }
  }
  if (known === null && type.trim() === '') {
    if (data === '') return { type: known, text, entries: [], fault: null }
    return failed('type-missing', 'ECS_ENGINE_AUTH_TYPE is empty, so the agent ignores the data')
  }
  if (known === null) return failed('type-unknown', 'ECS_ENGINE_AUTH_TYPE is neither docker nor dockercfg')
  if (data === '') return failed('data-missing', 'ECS_ENGINE_AUTH_DATA is empty')
  const read = readJson(data, 3)
  if (isFault(read)) return failed('json-invalid', `ECS_ENGINE_AUTH_DATA is not valid JSON: ${read.reason}`, read.at)
  if (read.kind === 'null') return { type: known, text, entries: [], fault: null }
  if (read.kind !== 'object') return failed('not-object', `ECS_ENGINE_AUTH_DATA is a JSON ${read.kind}, not an object`)
  const entries: AuthEntry[] = []
  for (const member of read.members) {
    const entry = known === 'docker' ? dockerEntry(data, member) : dockercfgEntry(data, member)
    if (typeof entry === 'string') return failed('wrong-kind', `${shownKey(member.name)}: ${entry}`, member.valueStart)
    entries.push(entry)
  }
  return { type: known, text, entries, fault: null }
}

function typeOf(type: string): AuthType | null {
  const trimmed = trimSpace(type)
  return trimmed === 'docker' || trimmed === 'dockercfg' ? trimmed : null
}

/** Chooses the entry for an image (dockerauth.go, GetAuthconfig), telling where the agent leaves it to chance. */
export function resolve(auth: AuthData, image: string): Resolution {
  const host = agentHost(image)
  if (auth.fault !== null) return nothing(`The agent has no registry auth at all: ${auth.fault.reason}.`)
  const hub = isHubHost(host)
  const matching = auth.entries.filter((entry) => {
    const key = normaliseKey(entry.key)
    if (hub) return key === 'index.docker.io/v1/'
    return key === host || key.startsWith(`${host}/`)
  })
  // A repeated key: the last one counts. What the agent dropped while parsing does not exist.
  const last = new Map(matching.map((entry) => [entry.key, entry]))
  const alive = [...last.values()].filter((entry) => entry.credential !== null)
  if (alive.length === 0) {
    const dropped = last.get([...last.keys()].sort()[0] ?? '')
    if (dropped?.fault) return nothing(`The agent drops ${shownKey(dropped.key)}: ${ENTRY_FAULTS[dropped.fault]}.`)
    return nothing(
      hub ? `Docker Hub's only key is ${HUB_KEY}, and there is none.` : `No registry key has the host ${host}.`,
    )
  }
  return choose(hub ? alive : reachable(alive, host, image), image)
}

/** The entries that the agent may end with: it starts with the bare host or else any key, then takes longer prefixes. */
function reachable(alive: readonly AuthEntry[], host: string, image: string): readonly AuthEntry[] {
  const length = (entry: AuthEntry) => Buffer.byteLength(normaliseKey(entry.key))
  const prefixes = alive.filter(
    (entry) => normaliseKey(entry.key) !== host && image.startsWith(normaliseKey(entry.key)),
  )
  const longest = prefixes.reduce((most, entry) => Math.max(most, length(entry)), 0)
  const best = prefixes.filter((entry) => length(entry) === longest)
  const bare = alive.filter((entry) => normaliseKey(entry.key) === host)
  if (bare.length > 0) return best.length > 0 ? best : bare
  return alive.filter((entry) => best.includes(entry) || length(entry) >= longest)
}

function choose(candidates: readonly AuthEntry[], image: string): Resolution {
  const keys = candidates.map((entry) => entry.key).sort()
  const chosen = candidates.find((entry) => entry.key === keys[0])
  if (chosen === undefined || !candidates.every((entry) => sameCredential(entry, chosen))) {
    const reason = `Several keys fit and none wins: the agent picks one at random each time (${shownKeys(keys)}).`
    return { key: null, credential: null, ambiguous: true, candidates: keys, reason }
  }
  const given = chosen.credential
  const empty = given === null || (given.username === '' && given.password.length === 0)
  const tokens = chosen.extra.has('identitytoken') || chosen.extra.has('registrytoken')
  const how = image.startsWith(normaliseKey(chosen.key)) ? 'is the longest key that fits' : 'serves its whole host'
  const unused = tokens
    ? 'it holds a token instead of a password'
    : 'it holds no user name and password, so the pull is anonymous'
  const reason = `${shownKey(chosen.key)} ${empty ? `is the entry, but ${unused}` : how}.`
  return { key: chosen.key, credential: empty ? null : given, ambiguous: false, candidates: keys, reason }
}

function shownKeys(keys: readonly string[]): string {
  const shown = keys.slice(0, 5).map(shownKey).join(', ')
  return keys.length > 5 ? `${shown} and ${keys.length - 5} more` : shown
}

function nothing(reason: string): Resolution {
  return { key: null, credential: null, ambiguous: false, candidates: [], reason }
}
