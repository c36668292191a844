/** Repairs of ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA that have one meaning only. */

import { type AuthData, type AuthType, parseAuthData } from './auth-data.ts'
import { type AuthEntry, decodeAuth, sameCredential } from './auth-entry.ts'
import { mergeAuthData, mergeBase, pastedAuths } from './auth-merge.ts'
import { trimSpace } from './ecs-config.ts'
import { decodeString, isFault, type JsonMember, readJson, stringEnd } from './go-json.ts'
import { groups } from './groups.ts'
import { isRegistryHost } from './image.ts'
import { editObject, wholeObject } from './json-edit.ts'
import type { Credential } from './ports.ts'
import { HUB_KEY, normaliseKey, registryHost, shownKey, twinId } from './registry-key.ts'
import { basicCredential, Secret } from './secret.ts'
import { trimEnd } from './trim-end.ts'

export interface RepairedAuth {
  readonly type: string
  readonly data: string
  readonly notes: readonly string[]
}

/** Never throws; what it cannot repair stays as it is. */
export function repairAuth(type: string, data: string): RepairedAuth {
  const notes: string[] = []
  let current = { type, data: repairKinds(data, notes) }
  const pasted = pastedAuths(current.data)
  if (pasted !== null) {
    current = { type: 'dockercfg', data: pasted.text.reveal() }
    notes.push('Took the entries out of a pasted docker config.json.')
  }
  current.type = repairType(current.type, current.data, notes)
  for (const step of [repairEntries, repairKeys, addBareHosts, plainLine]) current = step(current, notes)
  return { ...current, notes }
}

interface Pair {
  type: string
  data: string
}

/** Settings of the docker CLI that were pasted beside the entries; a value that is no object loses the whole map. */
const DOCKER_SETTINGS = new Set([
  'credsStore',
  'detachKeys',
  'currentContext',
  'stackOrchestrator',
  'experimental',
  'imagesFormat',
  'psFormat',
])

function repairKinds(data: string, notes: string[]): string {
  const read = readJson(data, 1)
  if (isFault(read) || read.kind !== 'object') return data
  const settings = read.members.filter(({ name, kind }) => DOCKER_SETTINGS.has(name) && kind !== 'object')
  if (settings.length === 0 || read.members.some(({ name }) => name === 'auths')) return data
  notes.push(`Removed ${settings.map(({ name }) => name).join(', ')}, a setting of the docker CLI.`)
  return editObject(wholeObject(data, read.members), (member) => (settings.includes(member) ? null : undefined), [])
}

/** Finds the type by what the entries hold, when there is none or it is spelt in another way. */
function repairType(type: string, data: string, notes: string[]): string {
  const trimmed = trimSpace(type)
  const fits = fittingType(data)
  const spelt = /^["']?(docker(?:cfg)?)["']?$/i.exec(trimmed)?.[1]?.toLowerCase() ?? null
  const wanted = trimmed === '' || (spelt === 'docker' && fits === 'dockercfg') ? fits : spelt
  if (wanted === null || wanted === trimmed || parseAuthData(wanted, data).entries.length === 0) return type
  notes.push(`Set ECS_ENGINE_AUTH_TYPE to ${wanted}.`)
  return wanted
}

/** The one type in which every entry gives a credential; null: none or both do. */
function fittingType(data: string): AuthType | null {
  const [encoded, plain] = [isComplete(parseAuthData('dockercfg', data)), isComplete(parseAuthData('docker', data))]
  if (encoded === plain) return null
  return encoded ? 'dockercfg' : 'docker'
}

function isComplete({ entries }: AuthData): boolean {
  const last = [...new Map(entries.map((entry) => [entry.key, entry])).values()]
  return last.length > 0 && last.every(({ credential }) => credential !== null && credential.username !== '')
}

/** Entries whose credential is plain to see but not in the place or form that the agent reads. */
function repairEntries(pair: Pair, notes: string[]): Pair {
  const auth = parseAuthData(pair.type, pair.data)
  if (auth.type !== 'dockercfg') return pair
  const changed = editObject(
    wholeObject(
      pair.data,
      auth.entries.map(({ member }) => member),
    ),
    (_member, at) => {
      const entry = auth.entries[at]
      const credential = entry === undefined ? null : intended(pair.data, entry)
      if (entry === undefined || credential === null) return undefined
      notes.push(`Encoded the credential of ${shownKey(entry.key)} as the agent reads it.`)
      const name = pair.data.slice(entry.member.start, entry.member.valueStart)
      return `${name}{"auth":"${basicCredential(credential.username, credential.password).reveal()}"}`
    },
    [],
  )
  return auth.entries.length === 0 ? pair : { ...pair, data: changed }
}

/** The credential that an entry means and the agent does not find; null: it finds it, or nobody knows. */
function intended(text: string, entry: AuthEntry): Credential | null {
  const field = (name: string) => stringField(text, entry.member, name)
  if (field('identitytoken') !== '') return null
  const [username, password, auth] = [field('username'), field('password'), field('auth')]
  if (entry.credential !== null) return withoutLineEnd(entry.credential) ?? (/\s/.test(auth) ? entry.credential : null)
  if (auth === '')
    return username !== '' && password !== '' && !username.includes(':')
      ? { username, password: new Secret(password) }
      : null
  const standard = Buffer.from(auth.replace(/\s+/g, ''), 'base64')
  // Only a text that is base64 in another dialect comes back the same.
  const same =
    standard.toString('base64url') ===
    auth
      .replace(/[\s=]+/g, '')
      .replaceAll('+', '-')
      .replaceAll('/', '_')
  const decoded = same ? decodeAuth(standard.toString('base64')) : 'bad-base64'
  return typeof decoded === 'string' ? null : (withoutLineEnd(decoded) ?? decoded)
}

/** `echo` without -n leaves a line end in the password, where no registry accepts one (RFC 7617). */
function withoutLineEnd({ username, password }: Credential): Credential | null {
  const trimmed = trimEnd(password.reveal(), '\r\n')
  return trimmed.length === password.length || trimmed === '' ? null : { username, password: new Secret(trimmed) }
}

function stringField(text: string, member: JsonMember, name: string): string {
  const field = member.members.findLast((candidate) => candidate.name === name && candidate.kind === 'string')
  return field === undefined ? '' : decodeString(text.slice(field.valueStart, field.end))
}

/** Keys that are repeated, dead by spelling, or the same entry twice under two spellings. */
function repairKeys(pair: Pair, notes: string[]): Pair {
  const auth = parseAuthData(pair.type, pair.data)
  const last = new Map(auth.entries.map((entry) => [entry.key, entry]))
  const families = groups([...last.values()], ({ key }) => twinId(liveKey(key)))
  const edits = new Map<AuthEntry, string | null>()
  for (const entry of auth.entries) {
    if (last.get(entry.key) === entry) continue
    edits.set(entry, null)
    notes.push(`Removed an earlier ${shownKey(entry.key)}: the last one counts.`)
  }
  for (const family of families.values()) repairFamily(family, edits, notes)
  if (edits.size === 0) return pair
  const changed = editObject(
    wholeObject(
      pair.data,
      auth.entries.map(({ member }) => member),
    ),
    (_member, at) => {
      const entry = auth.entries[at]
      const key = entry === undefined ? undefined : edits.get(entry)
      if (entry === undefined || typeof key !== 'string') return key
      return JSON.stringify(key) + pair.data.slice(stringEnd(pair.data, entry.member.start), entry.member.end)
    },
    [],
  )
  return { ...pair, data: changed }
}

function repairFamily(family: readonly AuthEntry[], edits: Map<AuthEntry, string | null>, notes: string[]): void {
  const length = ({ key }: AuthEntry) => normaliseKey(key).length
  const live = family.filter(({ key }) => liveKey(key) === key)
  const kept = (live.length > 0 ? live : family).reduce((least, entry) =>
    length(entry) < length(least) ? entry : least,
  )
  const same = family.filter((entry) => kept.credential !== null && sameCredential(entry, kept))
  // Two different credentials need a decision, which is not ours.
  for (const entry of same) {
    if (entry === kept) continue
    edits.set(entry, null)
    notes.push(`Removed ${shownKey(entry.key)}, which is ${shownKey(kept.key)} in another spelling.`)
  }
  const key = liveKey(kept.key)
  if (key === kept.key || same.length < family.length) return
  edits.set(kept, key)
  notes.push(`Spelt ${shownKey(kept.key)} as ${shownKey(key)}, which the agent finds.`)
}

/** The spelling that the agent finds: scheme in lower case, no outer space, Docker Hub's one key. */
function liveKey(key: string): string {
  const trimmed = trimSpace(key).replace(/^https?:\/\//i, (scheme) => scheme.toLowerCase())
  const dead = normaliseKey(trimmed) !== normaliseKey(HUB_KEY)
  return twinId(trimmed) === 'docker.io' && dead ? HUB_KEY : trimmed
}

/** Several path keys without their host: one of the keys that the agent picks by chance becomes the host's own. */
function addBareHosts(pair: Pair, notes: string[]): Pair {
  const auth = parseAuthData(pair.type, pair.data)
  const renamed = new Map<JsonMember, string>()
  const added: string[] = []
  for (const [host, entries] of groups(auth.entries, ({ key }) => registryHost(key))) {
    const alive = entries.filter(({ credential }) => credential !== null)
    const [first] = alive
    // A key for the host that is there and broken needs its owner, not another one beside it.
    if (first === undefined || host === 'docker.io' || !isRegistryHost(host)) continue
    if (entries.some(({ key }) => normaliseKey(key) === host)) continue
    if (alive.every((entry) => sameCredential(entry, first) || normaliseKey(entry.key) === normaliseKey(first.key)))
      continue
    const name = JSON.stringify(host)
    const whole = alive.find(({ key }) => normaliseKey(key) === `${host}/`)
    const { key, member } = whole ?? first
    if (whole === undefined) added.push(`${name}:${pair.data.slice(member.valueStart, member.end)}`)
    else renamed.set(member, name + pair.data.slice(stringEnd(pair.data, member.start), member.end))
    const note = `Gave ${shownKey(host)} a key of its own, with the credential of ${shownKey(key)}`
    notes.push(`${note}, so that nothing is left to chance.`)
  }
  if (added.length === 0 && renamed.size === 0) return pair
  const members = auth.entries.map(({ member }) => member)
  return { ...pair, data: editObject(wholeObject(pair.data, members), (member) => renamed.get(member), added) }
}

/** One line without a backslash, which systemd would take away: by plain characters, or as dockercfg. */
function plainLine(pair: Pair, notes: string[]): Pair {
  if (!/[\\\t\r\n]/.test(pair.data)) return pair
  const auth = parseAuthData(pair.type, pair.data)
  const base = mergeBase(auth)
  if (auth.type === null || typeof base === 'string') return pair
  for (const format of [auth.type, 'dockercfg'] satisfies readonly AuthType[]) {
    try {
      const { data } = mergeAuthData(base, [], format)
      notes.push(
        `Wrote the entries on one line without backslashes${format === auth.type ? '' : `, as type ${format}`}.`,
      )
      return { type: format, data }
    } catch {
      // Not in this format. An entry that has no other form stays as it is, and lint tells.
    }
  }
  return pair
}
