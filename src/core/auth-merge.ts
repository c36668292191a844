/** Puts fresh credentials into ECS_ENGINE_AUTH_DATA and leaves every other entry as it stands. */

import { entryValue, keeper, type NewEntry } from './auth-convert.ts'
import { type AuthData, type AuthType, parseAuthData } from './auth-data.ts'
import type { AuthEntry } from './auth-entry.ts'
import { PullAuthError } from './errors.ts'
import { isFault, readJson } from './go-json.ts'
import { compactJson, editObject, wholeObject } from './json-edit.ts'
import { normaliseKey, shownKey, twinId, writtenKey } from './registry-key.ts'
import { Secret } from './secret.ts'

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
  const keep = keeper(base.text.reveal(), base.style, format)
  const data = editObject(
    wholeObject(
      base.text.reveal(),
      base.entries.map((entry) => entry.member),
    ),
    (_member, at) => (changes.edits.has(at) ? changes.edits.get(at) : keep(base.entries[at])),
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
  const places = placesOf(existing, entries)
  const edits = new Map<number, string | null>()
  const added: string[] = []
  for (const entry of entries) {
    const key = writtenKey(entry.registry)
    const value = `:${entryValue(entry, format)}`
    const twins = places.get(twinId(entry.registry)) ?? []
    const spelled = twins.find(({ key: twin }) => normaliseKey(twin) === normaliseKey(key))
    const place = spelled ?? twins[0]
    const name = spelled?.key ?? key
    for (const twin of twins) edits.set(twin.at, twin === place ? `"${name}"${value}` : null)
    if (place === undefined) added.push(`"${name}"${value}`)
    notes.push(...spellingNotes(entry.registry, name, twins))
  }
  return { edits, added }
}

interface Place {
  readonly at: number
  readonly key: string
}

/** Where each managed registry stands, in all its spellings. Throws PLAN_INVALID when two entries are one registry. */
function placesOf(existing: readonly AuthEntry[], entries: readonly NewEntry[]): ReadonlyMap<string, readonly Place[]> {
  const places = new Map<string, Place[]>()
  for (const { registry } of entries) {
    const id = twinId(registry)
    if (places.has(id))
      throw sameRegistry(
        entries.find((other) => twinId(other.registry) === id),
        registry,
      )
    places.set(id, [])
  }
  existing.forEach(({ key }, at) => {
    places.get(twinId(key))?.push({ at, key })
  })
  return places
}

function spellingNotes(registry: string, name: string, twins: readonly Place[]): readonly string[] {
  if (twins.length === 0 && twinId(registry) === 'docker.io' && registry !== name) {
    return [`Wrote ${shownKey(registry)} as ${name}, the only key that the agent looks up for Docker Hub.`]
  }
  const gone = twins.filter(({ key }) => key !== name)
  if (gone.length === 0) return []
  const keys = [...new Set(gone.map(({ key }) => shownKey(key)))].join(', ')
  return [`Removed ${keys}: other spellings of ${name}, which would race with it, hide it or do nothing.`]
}

function sameRegistry(one: NewEntry | undefined, other: string): PullAuthError {
  return new PullAuthError(
    'PLAN_INVALID',
    `The registry keys ${shownKey(one?.registry ?? other)} and ${shownKey(other)} are one registry to the ECS agent.`,
    'List it once.',
  )
}
