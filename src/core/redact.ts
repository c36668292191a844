/** A config as a person may see it, whatever state it is in: no credential, everything else as it stands. */

import { parseAuthData } from './auth-data.ts'
import { shownKey } from './registry-key.ts'

/** A line that sets, or once set, a variable; also in the ways that readers do not understand. */
const ASSIGNMENT = /^(\s*(?:[#;]\s*)*(?:export\s+)?["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*[=:]\s*)(.*)$/
/** The same inside the console's key/value JSON, however it is laid out. */
const JSON_MEMBER = /("[A-Za-z_]*AUTH_DATA"\s*:\s*)"(?:[^"\\]|\\.)*"/gi
const STATE = /(ecs-pull-auth:v1:)[A-Za-z0-9_-]+/g
/** Anything that could be a token, wherever it stands. */
const TOKEN = /[A-Za-z0-9+/_=-]{20,}/g

/** For text that may be malformed in any way: what is not understood is hidden, not shown. */
export function redactConfig(text: string): string {
  return text.split('\n').map(redactLine).join('\n')
}

function redactLine(line: string): string {
  const json = line.replaceAll(JSON_MEMBER, '$1"***"').replaceAll(STATE, '$1…')
  if (json !== line) return maskTokens(json)
  const assignment = ASSIGNMENT.exec(line)
  const [, head = '', name = '', value = ''] = assignment ?? []
  if (/AUTH_DATA|PASSWORD|SECRET|TOKEN/i.test(name)) return head + summary(value)
  if (assignment !== null) return head + maskTokens(value)
  // Lines that assign nothing may go on with the JSON of an earlier one.
  return /^\s*(?:[#;]|$)/.test(line) ? maskTokens(line) : hidden(line)
}

/** The registries of a value that the agent can read; of any other only its length. */
function summary(value: string): string {
  const { fault, entries } = parseAuthData('dockercfg', value.trim())
  if (fault !== null || entries.length === 0) return hidden(value)
  return `{${entries.map(({ key }) => `${shownKey(key)}: ***`).join(', ')}}`
}

function hidden(text: string): string {
  return text === '' ? '' : `*** (${text.length} characters)`
}

function maskTokens(text: string): string {
  return text.replaceAll(TOKEN, (token) => (/^[A-Z_]+=?$/.test(token) ? token : '***'))
}

/** The lines that differ, as `- old` and `+ new`, redacted. Mending touches few lines, so what is alike at both ends is cut. */
export function redactedDifference(before: string, after: string): string {
  const [old, fresh] = [before, after].map((text) => text.split(/\r?\n/)) as [string[], string[]]
  let head = 0
  while (head < Math.min(old.length, fresh.length) && old[head] === fresh[head]) head++
  let tail = 0
  const most = Math.min(old.length, fresh.length) - head
  while (tail < most && old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]) tail++
  const show = (sign: string, lines: readonly string[]) => lines.map((line) => `${sign} ${redactLine(line)}`)
  return [...show('-', old.slice(head, old.length - tail)), ...show('+', fresh.slice(head, fresh.length - tail))].join(
    '\n',
  )
}
