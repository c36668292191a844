/** What lint says about ECS_ENGINE_AUTH_DATA and every entry in it. */

import type { AuthData, AuthFault } from './auth-data.ts'
import { type AuthEntry, foldName, hasControl } from './auth-entry.ts'
import { pastedAuths } from './auth-merge.ts'
import type { JsonMember } from './go-json.ts'
import { lintKeys } from './lint-keys.ts'
import { type Finding, finding, type LintCode } from './lint-rules.ts'
import type { Credential } from './ports.ts'
import { shownKey } from './registry-key.ts'

/** `line` is where the data stand; undefined when they are the whole text. */
export function lintAuth(auth: AuthData, line: number | undefined): readonly Finding[] {
  const data = auth.text.reveal()
  const pasted = pastedAuths(data)
  if (pasted !== null) {
    return [
      finding('auths-wrapper', { line }),
      ...lintEntries(pasted.entries, false, line),
      ...lintKeys(pasted.entries, line),
    ]
  }
  if (auth.fault !== null) return [faultFinding(auth.fault, data, line)]
  const found: Finding[] = data.includes('\\') ? [finding('auth-backslash', { line })] : []
  return [...found, ...lintEntries(auth.entries, auth.type === 'docker', line), ...lintKeys(auth.entries, line)]
}

const FAULTS: Readonly<Record<AuthFault['kind'], LintCode>> = {
  'type-missing': 'auth-type-missing',
  'type-unknown': 'auth-type-unknown',
  'data-missing': 'auth-data-missing',
  'json-invalid': 'auth-json-invalid',
  'not-object': 'auth-not-object',
  'wrong-kind': 'auth-wrong-kind',
}

function faultFinding(fault: AuthFault, data: string, line: number | undefined): Finding {
  const place = fault.at === null ? '' : `, character ${fault.at + 1}`
  const code = fault.kind === 'json-invalid' || fault.kind === 'not-object' ? jsonCode(fault, data) : FAULTS[fault.kind]
  const told = code === 'auth-json-invalid' || code === 'auth-wrong-kind'
  return finding(code, { line, ...(told ? { detail: `${fault.reason}${place}` } : {}) })
}

/** The mistakes that people make on the way to valid JSON, told by their own names. */
function jsonCode(fault: AuthFault, data: string): LintCode {
  if (/^\s*["']/.test(data)) return 'auth-quoted'
  if (/^\s*\{\s*\\"/.test(data)) return 'auth-escaped'
  if (fault.at !== null && fault.at > 0 && data[fault.at] === '#') return 'auth-trailing-comment'
  return FAULTS[fault.kind]
}

function lintEntries(entries: readonly AuthEntry[], docker: boolean, line: number | undefined): readonly Finding[] {
  const found: Finding[] = []
  for (const entry of entries) {
    const codes = docker ? dockerCodes(entry) : dockercfgCodes(entry)
    for (const code of codes) found.push(finding(code, { line, registry: shownKey(entry.key) }))
  }
  return found
}

function dockercfgCodes(entry: AuthEntry): readonly LintCode[] {
  const { credential, fault, member } = entry
  const has = (name: string) => member.members.some((field) => nameOfField(field) === name)
  if ((credential === null || credential.password.length === 0) && has('identitytoken')) return ['entry-identity-token']
  if (credential === null) return fault === null ? [] : [`entry-${fault}`]
  const ignored = member.members.length > 1 && (has('username') || has('password'))
  return ignored ? ['entry-fields-ignored', ...credentialCodes(credential)] : credentialCodes(credential)
}

/** '' for a field that is null, which is as good as none. */
function nameOfField({ kind, name }: JsonMember): string {
  return kind === 'null' ? '' : name === 'auth' ? name : foldName(name)
}

function dockerCodes(entry: AuthEntry): readonly LintCode[] {
  const { credential, extra } = entry
  const empty = credential === null || (credential.username === '' && credential.password.length === 0)
  if (extra.has('identitytoken') || extra.has('registrytoken')) return ['entry-token']
  if (empty && extra.has('auth')) return ['entry-auth-ignored']
  return credential === null ? [] : credentialCodes(credential)
}

function credentialCodes({ username, password: secret }: Credential): readonly LintCode[] {
  const password = secret.reveal()
  const codes: LintCode[] = []
  if (username === '' || password === '') codes.push('entry-empty')
  if (username.includes(':')) codes.push('entry-colon-in-user')
  if (hasControl(username) || hasControl(password)) codes.push('entry-control-character')
  return codes
}
