/** ECS_ENGINE_AUTH_DATA exactly as the ECS agent understands it: which entries it has, and which one an image gets. */

import { trimSpace } from './ecs-config.ts'
import { decodeString, isFault, type JsonMember, readJson } from './go-json.ts'
import { agentHost, isHubHost } from './image.ts'
import type { Credential } from './ports.ts'
import { Secret } from './secret.ts'
import { decodeUtf8 } from './utf8.ts'

export type AuthType = 'docker' | 'dockercfg'

/** One registry key as it stands in the text. */
export interface AuthEntry {
  readonly key: string
  /** Where it is in the text. */
  readonly member: JsonMember
  /** What the agent hands to Docker; null: the agent drops the entry. */
  readonly credential: Credential | null
  /** The other fields that the agent hands to Docker, by their JSON names; type `docker` only. */
  readonly extra: ReadonlyMap<string, Secret>
  /** Why the agent drops the entry. */
  readonly fault: EntryFault | null
}

/** Why the agent drops one entry, and how to say so. */
export const ENTRY_FAULTS = {
  'without-auth': 'its auth is empty or missing',
  'bad-base64': 'its auth is not standard padded base64',
  'without-colon': 'its auth has no colon between user name and password',
} as const

export type EntryFault = keyof typeof ENTRY_FAULTS

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

/** Docker Hub's only working key, as people spell it. */
export const HUB_KEY = 'https://index.docker.io/v1/'

/** `docker` fields of the agent's AuthConfig; a value that is no string loses the whole map. */
const DOCKER_FIELDS = ['username', 'password', 'auth', 'email', 'serveraddress', 'identitytoken', 'registrytoken']

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

/** A registry key for messages: without user information, control characters or undue length. */
export function shownKey(key: string): string {
  const plain = key
    .replace(/(^|\/\/)[^/@]*@/, '$1…@')
    .replace(/[^\x20-\x7e…]/g, (character) => JSON.stringify(character).slice(1, -1))
  return plain.length > 120 ? `${plain.slice(0, 120)}…` : plain
}

/** An entry of type `docker`: all fields are passed on, `auth` without being decoded. A string says what loses the whole map. */
function dockerEntry(text: string, member: JsonMember): AuthEntry | string {
  const fields = readFields(text, member, DOCKER_FIELDS)
  if (typeof fields === 'string') return fields
  const credential = { username: fields.get('username') ?? '', password: new Secret(fields.get('password') ?? '') }
  const extra = new Map<string, Secret>()
  for (const [name, value] of fields) {
    if (name !== 'username' && name !== 'password' && value !== '') extra.set(name, new Secret(value))
  }
  return { key: member.name, member, credential, extra, fault: null }
}

/** An entry of type `dockercfg`: `auth` is the only field that is looked at. Most entries are never decoded. */
class DockercfgEntry implements AuthEntry {
  readonly member: JsonMember
  readonly extra: ReadonlyMap<string, Secret> = NO_EXTRA
  readonly #auth: Secret
  #decoded: Credential | EntryFault | undefined

  constructor(member: JsonMember, auth: string) {
    this.member = member
    this.#auth = new Secret(auth)
  }

  get key(): string {
    return this.member.name
  }

  get credential(): Credential | null {
    const decoded = this.#decode()
    return typeof decoded === 'string' ? null : decoded
  }

  get fault(): EntryFault | null {
    const decoded = this.#decode()
    return typeof decoded === 'string' ? decoded : null
  }

  #decode(): Credential | EntryFault {
    this.#decoded ??= decodeAuth(this.#auth.reveal())
    return this.#decoded
  }
}

const NO_EXTRA: ReadonlyMap<string, Secret> = new Map()

function dockercfgEntry(text: string, member: JsonMember): AuthEntry | string {
  const fields = readFields(text, member, ['auth'])
  return typeof fields === 'string' ? fields : new DockercfgEntry(member, fields.get('auth') ?? '')
}

/** The string fields that Go would fill: names in any case, the last one counts, `null` changes nothing. */
function readFields(text: string, member: JsonMember, known: readonly string[]): Map<string, string> | string {
  const fields = new Map<string, string>()
  if (member.kind === 'null') return fields
  if (member.kind !== 'object') return `the value of a registry key is a JSON ${member.kind}, not an object`
  for (const field of member.members) {
    const name = known.includes(field.name) ? field.name : foldName(field.name)
    if (!known.includes(name) || field.kind === 'null') continue
    if (field.kind !== 'string') return `the field ${name} is a JSON ${field.kind}, not a string`
    fields.set(name, decodeString(text.slice(field.valueStart, field.end)))
  }
  return fields
}

/** encoding/json folds field names as Unicode does; beyond ASCII that adds the long s and the Kelvin sign. */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's')
}

/** base64 of `user:password` by Go's strict StdEncoding, which skips CR and LF. */
export function decodeAuth(auth: string): Credential | EntryFault {
  const packed = /[\r\n]/.test(auth) ? auth.replace(/[\r\n]+/g, '') : auth
  if (packed === '') return 'without-auth'
  const bytes = Buffer.from(packed, 'base64')
  // Node skips what is not base64, so that fewer bytes come out, and takes the URL-safe alphabet too, which Go does not.
  const padding = packed.endsWith('==') ? 2 : packed.endsWith('=') ? 1 : 0
  const whole = packed.length % 4 === 0 && bytes.length === (packed.length / 4) * 3 - padding
  if (!whole || packed.includes('-') || packed.includes('_')) return 'bad-base64'
  const text = bytes.toString('utf8')
  // Bytes that are not UTF-8 become U+FFFD one by one when the agent writes JSON for Docker.
  const plain = text.includes('\ufffd') ? decodeUtf8(bytes).toWellFormed() : text
  const colon = plain.indexOf(':')
  if (colon < 0) return 'without-colon'
  return { username: plain.slice(0, colon), password: new Secret(plain.slice(colon + 1)) }
}

/** RFC 7617: neither a user name nor a password has a control character, least of all a line break. */
export function hasControl(text: string): boolean {
  return /[\p{Cc}--[\u0080-\u009f]]/v.test(text)
}

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
    const reason = `Several keys fit and none wins: the agent picks one at random each time (${keys.join(', ')}).`
    return { key: null, credential: null, ambiguous: true, candidates: keys, reason }
  }
  const given = chosen.credential
  const empty = given === null || (given.username === '' && given.password.length === 0)
  const tokens = chosen.extra.has('identitytoken') || chosen.extra.has('registrytoken')
  const how = image.startsWith(normaliseKey(chosen.key)) ? 'is the longest key that fits' : 'serves its whole host'
  const unused = tokens
    ? 'it holds a token instead of a password'
    : 'it holds no user name and password, so the pull is anonymous'
  const reason = empty ? `${chosen.key} is the entry, but ${unused}.` : `${chosen.key} ${how}.`
  return { key: chosen.key, credential: empty ? null : given, ambiguous: false, candidates: keys, reason }
}

/** Whether the agent hands the same to Docker for both. */
export function sameCredential(one: AuthEntry, other: AuthEntry): boolean {
  if (one.credential === null || other.credential === null) return one.credential === other.credential
  return (
    one.credential.username === other.credential.username &&
    one.credential.password.equals(other.credential.password) &&
    one.extra.size === other.extra.size &&
    [...one.extra].every(([name, value]) => other.extra.get(name)?.equals(value) === true)
  )
}

function nothing(reason: string): Resolution {
  return { key: null, credential: null, ambiguous: false, candidates: [], reason }
}
