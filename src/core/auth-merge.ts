/** Puts fresh credentials into ECS_ENGINE_AUTH_DATA and leaves every other entry as it stands. */

import {
  type AuthData,
  type AuthEntry,
  type AuthType,
  ENTRY_FAULTS,
  foldName,
  HUB_KEY,
  hasControl,
  normaliseKey,
  parseAuthData,
  registryHost,
  shownKey,
} from './auth-data.ts'
import { PullAuthError } from './errors.ts'
import { isFault, type JsonMember, readJson } from './go-json.ts'
import { groups } from './groups.ts'
import { compactJson, editObject, unescapeJson, wholeObject } from './json-edit.ts'
import type { Credential } from './ports.ts'
import { basicCredential, Secret } from './secret.ts'

export interface NewEntry extends Credential {
  /** The registry key as the plan spells it. */
  readonly registry: string
}

/** The entries to merge into: the agent's own, or those of a pasted `auths`, which the agent does not see. */
export interface MergeBase {
  readonly style: AuthType | null
  readonly text: Secret
  readonly entries: readonly AuthEntry[]
  /** Set when the object was pasted from `~/.docker/config.json`: the other keys beside `auths`. */
  readonly unwrapped: readonly string[] | null
}

const EMPTY: MergeBase = { style: null, text: new Secret('{}'), entries: [], unwrapped: null }

/** Data without a single entry, which nobody can lose. */
const NOTHING = /^(?:\{\s*\})?$/

/** What of the stored auth a merge starts from, or why it cannot: what the agent cannot read is never guessed at. */
export function mergeBase(auth: AuthData): MergeBase | string {
  const text = auth.text.reveal()
  const pasted = pastedAuths(text)
  if (pasted !== null) return pasted
  if (auth.fault !== null) return NOTHING.test(text.trim()) ? EMPTY : auth.fault.reason
  if (auth.type === null || auth.entries.length === 0) return EMPTY
  return { style: auth.type, text: auth.text, entries: auth.entries, unwrapped: null }
}

/** A whole `~/.docker/config.json` instead of its inner `auths`, the most common mistake (facts: ecs-agent 7.7). */
export function pastedAuths(text: string): MergeBase | null {
  if (!text.includes('auths')) return null
  const read = readJson(text, 3)
  if (isFault(read)) return null
  const auths = read.members.findLast((member) => member.name === 'auths')
  if (auths === undefined || auths.kind !== 'object') return null
  const inner = text.slice(auths.valueStart, auths.end)
  // Docker's own file knows `auth` only, whatever type the config says.
  const parsed = parseAuthData('dockercfg', inner)
  if (parsed.fault !== null) return null
  const unwrapped = read.members.filter((member) => member.name !== 'auths').map((member) => member.name)
  return { style: 'dockercfg', text: parsed.text, entries: parsed.entries, unwrapped }
}

/** All spellings of one registry key: with any scheme or none, with or without trailing slashes, every form of Docker Hub. */
export function twinId(key: string): string {
  const bare = normaliseKey(key)
  const host = registryHost(bare)
  if (host !== 'docker.io') return bare.endsWith('/') ? bare.replace(/\/+$/, '') : bare
  return /^[^/]*(?:\/(?:v[12])?)?\/*$/.test(bare) ? host : bare.replace(/\/+$/, '')
}

/**
 * The new value, one line that all readers take alike. Throws PLAN_INVALID when two entries are one registry, and
 * CONFIG_UNWRITABLE when an entry, old or new, has no such form.
 */
export function mergeAuthData(
  base: MergeBase,
  entries: readonly NewEntry[],
  format: AuthType,
): { data: string; notes: readonly string[] } {
  const notes: string[] = []
  if (base.unwrapped !== null) notes.push(unwrapNote(base.unwrapped))
  if (base.style !== null && base.style !== format) {
    notes.push(`Converted ECS_ENGINE_AUTH_DATA from type ${base.style} to ${format}.`)
  }
  const changes = planChanges(base.entries, entries, format, notes)
  const convert = converter(base, format)
  const data = editObject(
    wholeObject(
      base.text.reveal(),
      base.entries.map((entry) => entry.member),
    ),
    (_member, at) => (changes.edits.has(at) ? changes.edits.get(at) : convert(base.entries[at])),
    changes.added,
  )
  const line = ['\t', '\r', '\n'].some((white) => data.includes(white)) ? compactJson(data) : data
  return { data: line, notes }
}

function unwrapNote(others: readonly string[]): string {
  const left = others.length > 0 ? ` Left out what the agent does not know: ${others.map(shownKey).join(', ')}.` : ''
  return `Took the entries out of a pasted docker config.json: the agent wants the object inside \`auths\`.${left}`
}

interface Changes {
  /** By position: the new member, or null to remove it. */
  readonly edits: ReadonlyMap<number, string | null>
  readonly added: readonly string[]
}

/** Finds the place of every managed entry: the spelling that is there stays, its other spellings go. */
function planChanges(
  existing: readonly AuthEntry[],
  entries: readonly NewEntry[],
  format: AuthType,
  notes: string[],
): Changes {
  const places = groups([...existing.keys()], (at) => twinId(existing[at]?.key ?? ''))
  const edits = new Map<number, string | null>()
  const added: string[] = []
  const seen = new Map<string, string>()
  for (const entry of entries) {
    const id = twinId(entry.registry)
    const key = writtenKey(entry.registry)
    const earlier = seen.get(id)
    if (earlier !== undefined) throw sameRegistry(earlier, entry.registry)
    seen.set(id, entry.registry)
    const value = `:${entryValue(entry, format)}`
    const twins = places.get(id) ?? []
    const spelled = twins.find((at) => normaliseKey(existing[at]?.key ?? '') === normaliseKey(key))
    const place = spelled ?? twins[0]
    const name = (spelled === undefined ? undefined : existing[spelled]?.key) ?? key
    for (const at of twins) edits.set(at, at === place ? `"${name}"${value}` : null)
    if (place === undefined) added.push(`"${name}"${value}`)
    noteSpelling(
      entry.registry,
      name,
      twins.map((at) => existing[at]?.key ?? ''),
      notes,
    )
  }
  return { edits, added }
}

function noteSpelling(registry: string, name: string, twins: readonly string[], notes: string[]): void {
  const gone = [...new Set(twins)].filter((twin) => twin !== name)
  if (gone.length > 0) {
    notes.push(
      `Removed ${gone.map(shownKey).join(', ')}: other spellings of ${name}, which would race with it, hide it or do nothing.`,
    )
  }
  if (twinId(registry) === 'docker.io' && twinId(name) === 'docker.io' && registry !== name && twins.length === 0) {
    notes.push(`Wrote ${registry} as ${name}, the only key that the agent looks up for Docker Hub.`)
  }
}

function sameRegistry(one: string, other: string): PullAuthError {
  return new PullAuthError(
    'PLAN_INVALID',
    `The registry keys ${one} and ${other} are one registry to the ECS agent.`,
    'List it once.',
  )
}

/** host[:port][/path] in plain ASCII: what all readers and the agent take literally (facts: ecs-agent 7.7). */
const KEY = /^(?:https?:\/\/)?[A-Za-z0-9.-]+(?::[0-9]+)?(?:\/[A-Za-z0-9._~/-]*)?$/

/** The key to write for one that is not there yet. Throws CONFIG_UNWRITABLE for a key that no image could ever match. */
function writtenKey(registry: string): string {
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

function entryValue(entry: NewEntry, format: AuthType): string {
  const password = entry.password.reveal()
  const wrong = wrongWith(entry.username, 'user name') ?? wrongWith(password, 'password')
  const colon = entry.username.includes(':') ? 'user name has a colon, which ends it in Basic authentication' : null
  if ((wrong ?? colon) !== null) {
    throw new PullAuthError(
      'CONFIG_UNWRITABLE',
      `The credential for ${entry.registry} cannot be written: its ${wrong ?? colon}.`,
      'Look at what its source gives; a trailing newline is the usual culprit.',
    )
  }
  const value = credentialFields(entry, format)
  if (!value.includes('\\')) return `{${value}}`
  throw new PullAuthError(
    'CONFIG_UNWRITABLE',
    `The credential for ${entry.registry} has characters that not every reader takes alike in the format docker.`,
    'Use format: dockercfg in the plan; it carries any character.',
  )
}

function wrongWith(text: string, what: string): string | null {
  if (text === '') return `${what} is empty`
  if (hasControl(text)) return `${what} has a control character or line break`
  return text.isWellFormed() ? null : `${what} is not valid Unicode`
}

function credentialFields({ username, password }: Credential, format: AuthType): string {
  return format === 'dockercfg'
    ? `"auth":"${basicCredential(username, password).reveal()}"`
    : `"username":${JSON.stringify(username)},"password":${JSON.stringify(password.reveal())}`
}

/** What happens to an unmanaged entry: undefined = it stays byte for byte. Throws CONFIG_UNWRITABLE. */
function converter(base: MergeBase, format: AuthType): (entry: AuthEntry | undefined) => string | undefined {
  const text = base.text.reveal()
  return (entry) => {
    if (entry === undefined) return undefined
    const { start, end } = entry.member
    const raw = text.slice(start, end)
    let plain = unescapeJson(base.style === format ? raw : convertEntry(text, entry, format))
    // Wrapped base64, an escape in a field that is not read: the same entry written afresh may need no backslash.
    if (plain.includes('\\') && format === 'dockercfg') plain = unescapeJson(convertEntry(text, entry, format))
    if (plain.includes('\\')) {
      throw unwritable(entry.key, 'it has characters that need a backslash, which systemd would take away')
    }
    return plain === raw ? undefined : plain
  }
}

/** The same entry in the other format, when the agent would make exactly the same of it. */
function convertEntry(text: string, entry: AuthEntry, format: AuthType): string {
  const name = text.slice(entry.member.start, entry.member.valueStart)
  const { credential, extra } = entry
  if (credential === null)
    throw unwritable(entry.key, entry.fault === null ? 'the agent drops it' : ENTRY_FAULTS[entry.fault])
  const token = extra.has('identitytoken') || extra.has('registrytoken')
  if (token)
    throw unwritable(entry.key, 'it holds an identity or registry token, which only the format docker can carry')
  if (credential.username === '' && credential.password.length === 0 && extra.has('auth')) {
    throw unwritable(
      entry.key,
      'it holds only auth, which the agent ignores in the format docker and would begin to use',
    )
  }
  if (format === 'dockercfg' && credential.username.includes(':')) {
    throw unwritable(entry.key, 'its user name has a colon')
  }
  const rest = otherFields(entry).map((field) => text.slice(field.start, field.end))
  if (format === 'docker') refuseAwakened(entry)
  return `${name}{${[credentialFields(credential, format), ...rest].join(',')}}`
}

/** The format docker would begin to read fields that dockercfg ignores. */
function refuseAwakened(entry: AuthEntry): void {
  for (const field of otherFields(entry)) {
    const name = foldName(field.name)
    const read = name === 'identitytoken' || name === 'registrytoken' || name === 'serveraddress'
    if (field.kind === 'null' || !(read || (name === 'email' && field.kind !== 'string'))) continue
    throw unwritable(entry.key, `its field ${name}, which dockercfg ignores, would come to life in the format docker`)
  }
}

/** The fields beside the credential itself. */
export function otherFields(entry: AuthEntry): readonly JsonMember[] {
  return entry.member.members.filter((field) => !['username', 'password', 'auth'].includes(foldName(field.name)))
}

function unwritable(key: string, why: string): PullAuthError {
  return new PullAuthError(
    'CONFIG_UNWRITABLE',
    `The stored entry ${shownKey(key)} cannot be kept as it is: ${why}.`,
    'Correct or remove it in the stored config, or choose the other format in the plan; `ecs-pull-auth lint` shows all findings.',
  )
}
