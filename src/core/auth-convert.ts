/** Entries as text: new ones written, kept ones carried into the wanted format where that loses nothing. */

import type { AuthType } from './auth-data.ts'
import { type AuthEntry, ENTRY_FAULTS, foldName, hasControl } from './auth-entry.ts'
import { PullAuthError } from './errors.ts'
import type { JsonMember } from './go-json.ts'
import { unescapeJson } from './json-edit.ts'
import type { Credential } from './ports.ts'
import { shownKey } from './registry-key.ts'
import { basicCredential } from './secret.ts'

export interface NewEntry extends Credential {
  /** The registry key as the plan spells it. */
  readonly registry: string
}

export function entryValue(entry: NewEntry, format: AuthType): string {
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
export function keeper(
  text: string,
  style: AuthType | null,
  format: AuthType,
): (entry: AuthEntry | undefined) => string | undefined {
  if (style === format && !text.includes('\\')) return () => undefined
  return (entry) => {
    if (entry === undefined) return undefined
    const { start, end } = entry.member
    const raw = text.slice(start, end)
    let plain = unescapeJson(style === format ? raw : convertEntry(text, entry, format))
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
