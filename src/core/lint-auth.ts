/** What lint says about ECS_ENGINE_AUTH_DATA and every entry in it. */

import { type AuthData, type AuthEntry, type AuthFault, foldName, hasControl, shownKey } from './auth-data.ts'
import { pastedAuths } from './auth-merge.ts'
import type { JsonMember } from './go-json.ts'
import { lintKeys } from './lint-keys.ts'
import { type Finding, finding, type LintCode } from './lint-rules.ts'

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

const NOTHING: readonly Finding[] = []

function lintEntries(entries: readonly AuthEntry[], docker: boolean, line: number | undefined): readonly Finding[] {
  return entries.flatMap((entry) => {
    const codes = docker ? dockerCodes(entry) : dockercfgCodes(entry)
    if (codes.length === 0) return NOTHING
    return codes.map((code) => finding(code, { line, registry: shownKey(entry.key) }))
  })
}

function dockercfgCodes(entry: AuthEntry): readonly LintCode[] {
  const fields = entry.member.members.map(nameOfField)
  const codes: LintCode[] = []
  if (entry.credential === null) {
    if (fields.includes('identitytoken')) return ['entry-identity-token']
    return entry.fault === null ? [] : [`entry-${entry.fault}`]
  }
  if (fields.includes('identitytoken') && entry.credential.password.length === 0) return ['entry-identity-token']
  if (fields.includes('username') || fields.includes('password')) codes.push('entry-fields-ignored')
  return [...codes, ...credentialCodes(entry)]
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
  return credentialCodes(entry)
}

function credentialCodes({ credential }: AuthEntry): readonly LintCode[] {
  if (credential === null) return []
  const codes: LintCode[] = []
  const password = credential.password.reveal()
  if (credential.username === '' || password === '') codes.push('entry-empty')
  if (credential.username.includes(':')) codes.push('entry-colon-in-user')
  if (hasControl(credential.username) || hasControl(password)) codes.push('entry-control-character')
  return codes
}
