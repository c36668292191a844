/** The stored config: what the secret holds, in either of its forms, read for the agent's eyes and merged without loss. */

import { createHash } from 'node:crypto'
import { type NewEntry, otherFields } from './auth-convert.ts'
import { type AuthData, type AuthType, parseAuthData, type Resolution, resolve } from './auth-data.ts'
import type { AuthEntry } from './auth-entry.ts'
import { type MergeBase, mergeAuthData, mergeBase } from './auth-merge.ts'
import {
  assignment,
  DATA_KEY,
  editLines,
  type Line,
  readVariables,
  splitLines,
  stateOnLine,
  strayLine,
  TYPE_KEY,
} from './ecs-config.ts'
import { PullAuthError } from './errors.ts'
import { type ForeignJson, foreignKind, isKeyValueForm } from './foreign-json.ts'
import { decodeString, isFault, type JsonMember, readJson } from './go-json.ts'
import { compactJson, unescapeJson } from './json-edit.ts'
import { editKeyValue, STATE_KEY, stringOf } from './key-value.ts'
import { twinId } from './registry-key.ts'
import { Secret } from './secret.ts'
import { decodeState, encodeState, type State } from './state.ts'

export type AuthFormat = AuthType
export type { NewEntry } from './auth-convert.ts'

/** Opaque to callers. It prints nothing secret. */
export interface StoredConfig {
  readonly form: 'env-file' | 'json'
  readonly text: Secret
  /** What the agent has of it. */
  readonly auth: AuthData
  /** What a merge starts from. */
  readonly base: MergeBase
}

export interface Merged {
  readonly text: Secret
  /** What was changed beyond the managed entries, in sentences without secrets. */
  readonly notes: readonly string[]
}

/** Bytes of a Secrets Manager value (facts: secrets-manager-rotation). */
const MAX_SECRET = 65_536
/** Bytes of a line that `docker run --env-file` still reads (facts: ecs-agent section 8). */
const MAX_LINE = 65_535

/**
 * Reads a stored config. `name` is what messages call it: a secret's name or a file.
 * Throws CONFIG_EMPTY, CONFIG_NOT_ECS, CONFIG_AUTH_UNREADABLE.
 */
export function readStoredConfig(text: Secret, name: string): StoredConfig {
  const plain = text.reveal()
  if (/^[\s\ufeff]*$/.test(plain)) {
    throw new PullAuthError(
      'CONFIG_EMPTY',
      `${name} has no text.`,
      'Store your ecs.config in it, at least ECS_CLUSTER=….',
    )
  }
  const form = /^[\s\ufeff]*\{/.test(plain) ? 'json' : 'env-file'
  const { type, data } = form === 'json' ? readKeyValue(plain, name) : readEnvFile(plain, name)
  const auth = parseAuthData(type, data)
  const base = mergeBase(auth)
  if (typeof base === 'string') throw unreadable(name, base)
  return { form, text, auth, base }
}

interface AuthPair {
  readonly type: string
  readonly data: string
}

function readEnvFile(text: string, name: string): AuthPair {
  const lines = splitLines(text)
  if (!lines.some((line) => /^[\s\ufeff]*(?:export\s+)?ECS_[A-Z0-9_]+\s*=/.test(line.text))) {
    throw notEcs(
      name,
      'it has no line that sets an ECS_… variable',
      'A credential of its own belongs into `credential` of a registry in the plan.',
    )
  }
  const stray = strayLine(lines)
  if (stray > 0) {
    throw unreadable(name, `line ${stray} means to set registry auth, but the agent reads another variable there`)
  }
  const variables = readVariables(text)
  return { type: variables.get(TYPE_KEY) ?? '', data: variables.get(DATA_KEY) ?? '' }
}

function readKeyValue(text: string, name: string): AuthPair {
  const read = readJson(text, 2)
  if (isFault(read)) throw notEcs(name, `it begins like JSON, but ${read.reason} (character ${read.at + 1})`)
  if (!isKeyValueForm(read.members)) {
    const { what, hint } = FOREIGN[foreignKind(read.members)]
    throw notEcs(name, `it is ${what}`, hint)
  }
  const type = stringOf(text, read.members, TYPE_KEY)
  const data = stringOf(text, read.members, DATA_KEY)
  if (type === null) throw unreadable(name, `${TYPE_KEY} is not a JSON string`)
  if (data === null) throw unreadable(name, `${DATA_KEY} is not a JSON string; in this form it is JSON inside a string`)
  return { type: type ?? '', data: data ?? '' }
}

const STORE_MAP = `Store an ecs.config: ECS_CLUSTER=… and the rest, with the inner map of registries as ${DATA_KEY}.`

const FOREIGN: Readonly<Record<ForeignJson, { readonly what: string; readonly hint?: string }>> = {
  'docker-config': { what: 'a docker config.json', hint: STORE_MAP },
  'registry-map': { what: 'a bare map of registries', hint: STORE_MAP },
  'agent-config': { what: "the agent's own JSON config file" },
  credential: {
    what: 'a credential with username and password',
    hint: 'Name it as `credential` of a registry in the plan; `secret` is the one with your ecs.config.',
  },
  other: { what: 'a JSON object without any ECS_… key' },
}

function notEcs(name: string, why: string, hint?: string | undefined): PullAuthError {
  const fallback = 'Store your ecs.config as text (ECS_CLUSTER=… and so on), or its variables as key/value pairs.'
  return new PullAuthError('CONFIG_NOT_ECS', `${name} is not an ECS config: ${why}.`, hint ?? fallback)
}

function unreadable(name: string, why: string): PullAuthError {
  return new PullAuthError(
    'CONFIG_AUTH_UNREADABLE',
    `The ECS agent cannot read the registry auth in ${name}: ${why}.`,
    'Correct it first; `ecs-pull-auth lint` explains every finding and `lint --fix` repairs what it can.',
  )
}

/** The state of this version; null when there is none that we wrote. */
export function stateOf(config: StoredConfig): State | null {
  const text = config.text.reveal()
  if (config.form === 'json') {
    const read = readJson(text, 1)
    return decodeState((isFault(read) ? null : stringOf(text, read.members, STATE_KEY)) ?? '')
  }
  return decodeState(
    splitLines(text)
      .map(stateOnLine)
      .findLast((state) => state !== null) ?? '',
  )
}

/** Which entry the agent would use for an image. */
export function resolveImage(config: StoredConfig, image: string): Resolution {
  return resolve(config.auth, image)
}

/**
 * Replaces or adds the entries and writes the state; every other byte stays.
 * Throws PLAN_INVALID, CONFIG_UNWRITABLE, CONFIG_TOO_LARGE.
 */
export function mergeEntries(
  config: StoredConfig,
  entries: readonly NewEntry[],
  options: { format: AuthFormat; state: State | null; name: string },
): Merged {
  const { data, notes } = mergeAuthData(config.base, entries, options.format)
  const state = options.state === null ? null : encodeState(options.state)
  const wanted = { type: options.format, data, state }
  const text = config.text.reveal()
  const merged = config.form === 'json' ? editKeyValue(text, wanted) : editLines(text, wanted)
  assertFits(options.name, 'the whole text', merged, MAX_SECRET)
  assertFits(options.name, `the line of ${DATA_KEY}`, `${DATA_KEY}=${data}`, MAX_LINE)
  if (state !== null) assertFits(options.name, 'the state line', `# ${state}`, MAX_LINE)
  return { text: new Secret(merged), notes }
}

function assertFits(name: string, what: string, text: string, limit: number): void {
  const bytes = Buffer.byteLength(text, 'utf8')
  if (bytes <= limit) return
  throw new PullAuthError(
    'CONFIG_TOO_LARGE',
    `${name} would be too large: ${what} takes ${bytes} bytes, and ${limit} are allowed.`,
    'Shorten comments, remove entries that nothing uses, or split the fleet over two stored configs.',
  )
}

/**
 * Hex SHA-256 of everything that a rotation of these registry keys does not manage. It is the same before and after
 * our own merge, whatever that added, converted or removed; so a difference means that somebody edited something.
 */
export function unmanagedDigest(config: StoredConfig, managed: readonly string[]): string {
  const ids = new Set(managed.map(twinId))
  const entries = config.base.entries.filter((entry) => !ids.has(twinId(entry.key)))
  const text = config.text.reveal()
  const rest = config.form === 'json' ? otherMembers(text) : otherLines(splitLines(text))
  const content = [config.form, rest, entries.map((entry) => canonical(config.base.text.reveal(), entry))]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

function otherLines(lines: readonly Line[]): readonly string[] {
  const keys = lines.map((line) => assignment(line)?.key)
  const ours = new Set([keys.lastIndexOf(TYPE_KEY), keys.lastIndexOf(DATA_KEY)])
  return lines.filter((line, at) => !ours.has(at) && stateOnLine(line) === null).map((line) => line.text)
}

function otherMembers(text: string): readonly string[] {
  const read = readJson(text, 1)
  const members = isFault(read) ? [] : read.members
  const names = members.map((member) => member.name)
  const ours = new Set([names.lastIndexOf(TYPE_KEY), names.lastIndexOf(DATA_KEY)])
  const others = members.filter((member, at) => !ours.has(at) && member.name !== STATE_KEY)
  return others.map((member) => text.slice(member.start, member.end))
}

/** An entry beyond its format: what the agent makes of it, and the fields that are kept beside. */
function canonical(text: string, entry: AuthEntry): unknown {
  const { credential, extra } = entry
  const value = (field: JsonMember) => text.slice(field.valueStart, field.end)
  const rest = otherFields(entry).map((field) => [field.name, compactJson(unescapeJson(value(field)))])
  if (credential !== null && (credential.username !== '' || credential.password.length > 0)) {
    return [entry.key, credential.username, credential.password.reveal(), rest]
  }
  const auth = entry.member.members.filter((field) => field.name === 'auth' && field.kind === 'string')
  const kept =
    credential === null ? auth.map((field) => decodeString(value(field))) : [extra.get('auth')?.reveal() ?? '']
  return [entry.key, credential === null, kept, rest]
}
