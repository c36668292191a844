/** What lint says about the lines of an ecs.config, reader by reader. */

import type { AuthData } from './auth-data.ts'
import { authExtent } from './auth-extent.ts'
import {
  assignment,
  DATA_KEY,
  type Line,
  splitLines,
  stateOnLine,
  strayAssignment,
  TYPE_KEY,
  trimSpace,
} from './ecs-config.ts'
import { type Finding, finding, type LintCode } from './lint-rules.ts'
import { lintVariables, type Variable } from './lint-variables.ts'
import { decodeState } from './state.ts'

/** Bytes of a line for docker's scanner, and of a variable for Linux (facts: ecs-agent section 8). */
const MAX_SCAN = 65_535
const MAX_ASSIGNMENT = 131_071

export function lintLines(text: string, parsed?: AuthData): readonly Finding[] {
  const lines = splitLines(text)
  const variables = lines.flatMap((line, at) => variableOn(line, at + 1) ?? [])
  const found: Finding[] = lines.flatMap((line, at) => lintBytes(line, at + 1))
  if (text.startsWith('\ufeff')) found.push(finding('byte-order-mark', { line: 1 }))
  const stray = lines.some((line) => strayAssignment(line) !== null)
  if (!stray && !variables.some(({ key }) => /^\ufeff?(?:export\s+)?ECS_/.test(key)))
    return [...found, finding('not-an-ecs-config')]
  // The lines that a value was meant to go on over are told once, not one by one.
  const extent = authExtent(lines)
  lines.forEach((line, at) => {
    if (extent === null || at <= extent.from || at > extent.to) found.push(...lintLine(line, at + 1, lines[at + 1]))
  })
  const told = new Set<LintCode>(stray ? ['auth-none'] : [])
  if (extent !== null && extent.to > extent.from) {
    found.push(finding('auth-many-lines', { line: extent.from + 1, detail: `to line ${extent.to + 1}` }))
    told.add('auth-json-invalid')
  }
  // What follows from a finding that is told already is not told again.
  return [...found, ...lintVariables(variables, parsed).filter(({ code }) => !told.has(code))]
}

function variableOn(line: Line, number: number): Variable | null {
  const assigned = assignment(line)
  return assigned === null ? null : { ...assigned, line: number }
}

function lintBytes(line: Line, number: number): readonly Finding[] {
  const codes: LintCode[] = []
  if (!line.text.isWellFormed()) codes.push('invalid-utf8')
  if (line.text.includes('\0')) codes.push('nul-byte')
  if (trimSpace(line.text).includes('\r')) codes.push('carriage-return')
  const bytes = line.text.length * 3 > MAX_SCAN ? Buffer.byteLength(line.text) : 0
  if (bytes > MAX_ASSIGNMENT) codes.push('line-unstartable')
  else if (bytes > MAX_SCAN) codes.push('line-too-long')
  return codes.map((code) => finding(code, { line: number }))
}

function lintLine(line: Line, number: number, next: Line | undefined): readonly Finding[] {
  const text = trimSpace(line.text)
  if (text === '') return []
  const at = { line: number }
  const found: Finding[] = []
  if (line.text.endsWith('\\') && next !== undefined) found.push(finding('swallowed-line', at))
  if (text.startsWith('#')) return [...found, ...lintComment(line, text, number)]
  if (text.startsWith(';')) return [...found, finding('semicolon-comment', at)]
  const stray = strayAssignment(line)
  const assigned = assignment(line)
  if (assigned === null) return [...found, finding('line-without-equals', at)]
  const name = lintName(assigned.key, stray !== null)
  if (name !== null) found.push(finding(name, { ...at, ...(stray === null ? {} : { detail: stray.key }) }))
  return [...found, ...lintValue(line, assigned.key, assigned.value, number)]
}

function lintComment(line: Line, text: string, number: number): readonly Finding[] {
  const state = stateOnLine(line)
  if (state !== null && decodeState(state) === null) return [finding('state-damaged', { line: number })]
  const auth = /^#[#\s]*(?:export\s+)?ECS_ENGINE_AUTH_DATA\s*=\s*\S/i.test(text)
  return auth ? [finding('commented-out-auth', { line: number })] : []
}

function lintName(key: string, stray: boolean): LintCode | null {
  if (key === '') return 'empty-name'
  if (/^export\s/.test(key)) return 'export-prefix'
  if (/^\S+\s+$/.test(key)) return 'space-before-equals'
  if (stray) return 'auth-name-misspelt'
  return /\s/.test(key.replace(/^\ufeff/, '')) ? 'space-in-name' : null
}

function lintValue(line: Line, key: string, value: string, number: number): readonly Finding[] {
  const codes: LintCode[] = []
  if (/^\s/.test(value)) codes.push('space-after-equals')
  const edges = edgesOf(line.text)
  if (/[^ \t\r]/.test(edges)) codes.push('wide-space')
  else if (/[ \t]$/.test(line.text)) codes.push('trailing-space')
  const quote = /^["']/.exec(value)?.[0]
  // For the two auth variables the JSON itself tells what the quotes destroy.
  if (quote !== undefined && key !== DATA_KEY && key !== TYPE_KEY) {
    codes.push(isClosed(value, quote) ? 'quoted-value' : 'unclosed-quote')
  }
  return codes.map((code) => finding(code, { line: number }))
}

/** The white space at both ends that ecs-init cuts off. */
function edgesOf(text: string): string {
  const trimmed = trimSpace(text)
  if (trimmed.length === text.length) return ''
  const start = text.indexOf(trimmed)
  return text.slice(0, start) + text.slice(start + trimmed.length)
}

/** Whether systemd finds the closing quote on the same line. */
function isClosed(value: string, quote: string): boolean {
  if (quote === "'") return value.indexOf("'", 1) > 0
  for (let at = 1; at < value.length; at++) {
    if (value[at] === '\\') at++
    else if (value[at] === '"') return true
  }
  return false
}
