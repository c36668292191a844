/** Where the JSON of ECS_ENGINE_AUTH_DATA was meant to be, when it goes on over lines that ecs-init does not join. */

import { assignment, DATA_KEY, type Line, strayAssignment, trimSpace } from './ecs-config.ts'
import { isFault, readJson } from './go-json.ts'

export interface AuthExtent {
  /** Indexes of the first and the last line. */
  readonly from: number
  readonly to: number
  /** What was meant: the value with the lines that follow, without continuation backslashes. */
  readonly text: string
}

/** Of the line that counts: the last well-spelt one, else the last misspelt one. null: there is none. */
export function authExtent(lines: readonly Line[]): AuthExtent | null {
  const exact = lines.findLastIndex((line) => assignment(line)?.key === DATA_KEY && strayAssignment(line) === null)
  const from = exact >= 0 ? exact : lines.findLastIndex((line) => strayAssignment(line)?.key === DATA_KEY)
  const first = lines[from]
  if (first === undefined) return null
  const value = trimSpace((exact >= 0 ? assignment(first)?.value : strayAssignment(first)?.value) ?? '')
  if (!goesOn(lines[from + 1]) || !isOpen(value)) return { from, to: from, text: value }
  let to = from
  while (to + 1 < lines.length && goesOn(lines[to + 1])) to++
  const more = lines.slice(from + 1, to + 1).map((line) => trimSpace(line.text))
  return {
    from,
    to,
    text: [value, ...more]
      .map((part) => part.replace(/\\$/, ''))
      .join('\n')
      .trim(),
  }
}

/** Whether a value wants more lines: it is empty, or JSON (perhaps in a quote) that breaks off. */
function isOpen(value: string): boolean {
  const json = value.replace(/^["']/, '').replace(/\\$/, '')
  const read = readJson(json, 0)
  return value === '' || (/^[{[]/.test(json) && isFault(read) && read.at >= json.length)
}

/** A line that is JSON and sets nothing. */
function goesOn(line: Line | undefined): boolean {
  return line !== undefined && line.text !== '' && /^["{}[\],']/.test(trimSpace(line.text))
}

/** The JSON object in a value that was quoted, escaped or commented for another reader; null when there is none. */
export function unwrapValue(text: string): { json: string; comment: string } | null {
  for (const candidate of [text, ...unquoted(text)]) {
    const read = readJson(candidate, 0)
    // A text in double quotes with escapes inside is a JSON string: what counts is in it.
    if (!isFault(read) && read.kind === 'object') return { json: candidate, comment: '' }
    if (!isFault(read)) continue
    const rest = candidate.slice(read.at)
    if (rest.startsWith('#') && !isFault(readJson(candidate.slice(0, read.at), 0))) {
      return { json: candidate.slice(0, read.at).trim(), comment: rest }
    }
  }
  return null
}

function unquoted(text: string): readonly string[] {
  const quote = text[0]
  const inner = (quote === '"' || quote === "'") && text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text
  return [inner, inner.replace(/\\(["\\$`])/g, '$1')]
}
