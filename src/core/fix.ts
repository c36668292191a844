/** Repairs of a config that lose nothing: the same text with every mistake mended whose meaning is beyond doubt. */

import { authExtent, unwrapValue } from './auth-extent.ts'
import { repairAuth } from './auth-repair.ts'
import {
  assignment,
  DATA_KEY,
  editLines,
  joinLines,
  type Line,
  readVariables,
  splitLines,
  stateOnLine,
  strayAssignment,
  TYPE_KEY,
  trimSpace,
} from './ecs-config.ts'
import { isKeyValueForm } from './foreign-json.ts'
import { isFault, readJson } from './go-json.ts'
import { editKeyValue, STATE_KEY, stringOf } from './key-value.ts'
import { trimEnd } from './trim-end.ts'

export interface Fixed {
  readonly text: string
  /** What was repaired, in sentences without secrets; none: the text is as it was. */
  readonly notes: readonly string[]
}

/**
 * Repairs what has one meaning only. Text that is no ecs.config, and mistakes that need a decision, stay as they are;
 * lint the result to see them. Never throws.
 */
export function fixConfig(text: string): Fixed {
  const notes: string[] = []
  let fixed = text
  // A repair may be what makes the next one possible: a new bare-host key turns another spelling of it into a twin.
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const once = fixOnce(fixed)
    if (once.notes.length === 0) break
    for (const note of once.notes) notes.push(note)
    fixed = once.text
  }
  return { text: fixed, notes }
}

/** More than any chain of repairs is long. */
const MOST_PASSES = 8

function fixOnce(text: string): Fixed {
  if (/^[\s\ufeff]*\{/.test(text)) return fixKeyValue(text)
  const notes: string[] = []
  const lines = fixLines(splitLines(fixText(text, notes)), notes)
  const joined = joinLines(lines)
  const variables = readVariables(joined)
  const pair = { type: variables.get(TYPE_KEY) ?? '', data: variables.get(DATA_KEY) ?? '' }
  const repaired = repairAuth(pair.type, pair.data)
  if (repaired.notes.length === 0) return { text: notes.length === 0 ? text : joined, notes }
  const state = lines.map(stateOnLine).findLast((found) => found !== null) ?? null
  return {
    text: editLines(joined, { type: repaired.type, data: repaired.data, state }),
    notes: [...notes, ...repaired.notes],
  }
}

function fixKeyValue(text: string): Fixed {
  const read = readJson(text, 1)
  if (isFault(read) || !isKeyValueForm(read.members)) return { text, notes: [] }
  const value = (key: string) => stringOf(text, read.members, key)
  const [type, data] = [value(TYPE_KEY), value(DATA_KEY)]
  if (type === null || data === null) return { text, notes: [] }
  const { notes, ...repaired } = repairAuth(type ?? '', data ?? '')
  if (notes.length === 0) return { text, notes }
  return { text: editKeyValue(text, { ...repaired, state: value(STATE_KEY) ?? null }), notes }
}

function fixText(text: string, notes: string[]): string {
  let fixed = text
  if (fixed.startsWith('\ufeff')) {
    fixed = fixed.replace(/^\ufeff+/, '')
    notes.push('Removed the byte order mark.')
  }
  if (!fixed.includes('\n') && trimSpace(fixed).includes('\r')) {
    fixed = fixed.replaceAll('\r', '\n')
    notes.push('Turned the carriage returns, the only line ends, into line feeds.')
  }
  return fixed
}

function fixLines(lines: readonly Line[], notes: string[]): readonly Line[] {
  const data = fixData(lines, notes)
  // A misspelt line beside a well-spelt one would win over it, if it came later.
  const exact = new Set(data.map((line) => assignment(line)?.key))
  return data.map((line, at) => {
    const number = `line ${at + 1}`
    const comment = fixComment(line, at < data.length - 1)
    if (comment !== null) {
      notes.push(`Made ${number} a comment that every reader skips.`)
      return comment
    }
    const stray = strayAssignment(line)
    if (stray === null || exact.has(stray.key) || line.text.includes('\r')) return line
    const value = trimSpace(stray.value)
    notes.push(`Wrote ${stray.key} on ${number} so that ecs-init finds it.`)
    return { ...line, text: `${stray.key}=${value}` }
  })
}

/** `;` is a comment for systemd only, and a comment that ends in a backslash swallows the next line there. */
function fixComment(line: Line, more: boolean): Line | null {
  const text = trimSpace(line.text)
  if (!/^[#;]/.test(text)) return null
  const fixed = trimSpace(trimEnd(text.replace(/^;/, '#'), '\\'))
  return text.startsWith(';') || (more && text.endsWith('\\')) ? { ...line, text: fixed } : null
}

/** Brings the JSON of the auth data onto its one line, out of quotes and escapes that ecs-init keeps. */
function fixData(lines: readonly Line[], notes: string[]): readonly Line[] {
  const extent = authExtent(lines)
  const first = extent === null ? undefined : lines[extent.from]
  // A lone CR hides another line in this one, which must not be lost.
  if (extent === null || first === undefined || first.text.includes('\r')) return lines
  const unwrapped = unwrapValue(extent.text)
  if (unwrapped === null) return lines
  const json = unwrapped.json.replace(/[\t\r\n]+/g, ' ')
  if (first.text.replace(/^[ \t]+/, '') === `${DATA_KEY}=${json}`) return lines
  const mended = [{ text: `${DATA_KEY}=${json}`, end: lines[extent.to]?.end ?? first.end }]
  if (unwrapped.comment !== '')
    mended.unshift({ text: unwrapped.comment, end: first.end.endsWith('\n') ? first.end : '\n' })
  notes.push(`Wrote ${DATA_KEY} on one line, without quotes, escapes or comment around its JSON.`)
  return [...lines.slice(0, extent.from), ...mended, ...lines.slice(extent.to + 1)]
}
