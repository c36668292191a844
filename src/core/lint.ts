/** Finds every mistake in a config that the ECS agent would keep silent about. */

import { type AuthData, parseAuthData } from './auth-data.ts'
import { DATA_KEY, TYPE_KEY } from './ecs-config.ts'
import { type ForeignJson, foreignKind, isKeyValueForm } from './foreign-json.ts'
import { decodeString, isFault, type JsonMember, readJson } from './go-json.ts'
import { STATE_KEY } from './key-value.ts'
import { lintAuth } from './lint-auth.ts'
import { lintLines } from './lint-lines.ts'
import { type Finding, finding, type LintCode } from './lint-rules.ts'
import { lintVariables, type Variable } from './lint-variables.ts'
import { shownKey } from './registry-key.ts'
import { decodeState } from './state.ts'
import type { StoredConfig } from './stored-config.ts'
import { decodeUtf8, encodeUtf8 } from './utf8.ts'

export { type Finding, LINT_RULES, type LintCode } from './lint-rules.ts'

/** Bytes of a Secrets Manager value, and the size from which longer tokens become a risk. */
const MAX_TEXT = 65_536
const NEAR_TEXT = 49_152

/** All findings in the order of lines. Never throws; no message has a secret. */
export function lintConfig(text: string | Uint8Array): readonly Finding[] {
  return lintText(typeof text === 'string' ? text : decodeUtf8(text))
}

/** The same of a config that is read already, so that its auth is not parsed twice. */
export function lintStored(config: StoredConfig): readonly Finding[] {
  return lintText(config.text.reveal(), config.auth)
}

function lintText(plain: string, parsed?: AuthData): readonly Finding[] {
  if (/^[\s\ufeff]*$/.test(plain)) return [finding('empty')]
  const findings = /^[\s\ufeff]*\{/.test(plain) ? lintJson(plain) : lintLines(plain, parsed)
  const all = [...lintSize(plain), ...findings]
  return all
    .map((found, at) => ({ found, at }))
    .sort(byLine)
    .map(({ found }) => found)
}

interface Placed {
  readonly found: Finding
  readonly at: number
}

function byLine(one: Placed, other: Placed): number {
  return (one.found.line ?? 0) - (other.found.line ?? 0) || one.at - other.at
}

function lintSize(text: string): readonly Finding[] {
  const bytes = text.isWellFormed() ? Buffer.byteLength(text) : encodeUtf8(text).length
  if (bytes > MAX_TEXT) return [finding('text-too-large', { detail: `${bytes} bytes` })]
  return bytes > NEAR_TEXT ? [finding('text-nearly-too-large', { detail: `${bytes} bytes` })] : []
}

const FOREIGN: Readonly<Record<ForeignJson, LintCode>> = {
  'docker-config': 'docker-config-json',
  credential: 'credential-json',
  'agent-config': 'agent-config-json',
  'registry-map': 'registry-map-json',
  other: 'not-an-ecs-config',
}

function lintJson(text: string): readonly Finding[] {
  const read = readJson(text, 2)
  if (isFault(read))
    return [finding('json-invalid', { line: text.slice(0, read.at).split('\n').length, detail: read.reason })]
  if (isKeyValueForm(read.members)) return lintKeyValue(text, read.members)
  const kind = foreignKind(read.members)
  const found = [finding(FOREIGN[kind])]
  // The entries are worth a look all the same: they are what will be put into the config.
  const map = kind === 'docker-config' ? read.members.findLast(({ name }) => name === 'auths') : undefined
  if (map !== undefined) {
    return [...found, ...lintAuth(parseAuthData('dockercfg', text.slice(map.valueStart, map.end)), undefined)]
  }
  return kind === 'registry-map' ? [...found, ...lintAuth(parseAuthData('dockercfg', text), undefined)] : found
}

function lintKeyValue(text: string, members: readonly JsonMember[]): readonly Finding[] {
  const findings: Finding[] = []
  const variables: Variable[] = []
  let line = 1
  let feed = text.indexOf('\n')
  for (const member of members) {
    for (; feed >= 0 && feed < member.start; feed = text.indexOf('\n', feed + 1)) line++
    if (member.kind !== 'string') {
      findings.push(finding('value-not-text', { line, detail: `${shownKey(member.name)} is a JSON ${member.kind}` }))
      continue
    }
    const value = decodeString(text.slice(member.valueStart, member.end))
    if (/[\r\n]/.test(value)) findings.push(finding('value-with-line-break', { line, detail: shownKey(member.name) }))
    const misspelt = member.name !== TYPE_KEY && member.name !== DATA_KEY
    if (misspelt && /^\s*(?:export\s+)?ECS_ENGINE_AUTH_(?:TYPE|DATA)\s*$/i.test(member.name)) {
      findings.push(finding('auth-name-misspelt', { line }))
    }
    if (member.name === STATE_KEY && decodeState(value) === null) findings.push(finding('state-damaged', { line }))
    variables.push({ key: member.name, value, line })
  }
  return [...findings, ...lintVariables(variables)]
}
