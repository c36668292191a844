/** One entry of ECS_ENGINE_AUTH_DATA as the agent decodes it, in either format. */

import { decodeString, type JsonMember } from './go-json.ts'
import type { Credential } from './ports.ts'
import { Secret } from './secret.ts'
import { decodeUtf8 } from './utf8.ts'

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

/** `docker` fields of the agent's AuthConfig; a value that is no string loses the whole map. */
const DOCKER_FIELDS = ['username', 'password', 'auth', 'email', 'serveraddress', 'identitytoken', 'registrytoken']

/** An entry of type `docker`: all fields are passed on, `auth` without being decoded. A string says what loses the whole map. */
export function dockerEntry(text: string, member: JsonMember): AuthEntry | string {
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
  readonly #auth: string
  #decoded: Credential | EntryFault | undefined

  constructor(member: JsonMember, auth: string) {
    this.member = member
    this.#auth = auth
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
    this.#decoded ??= decodeAuth(this.#auth)
    return this.#decoded
  }
}

const NO_EXTRA: ReadonlyMap<string, Secret> = new Map()

export function dockercfgEntry(text: string, member: JsonMember): AuthEntry | string {
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
  return /[^ -~\u0080-\uffff]/.test(text)
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
