/** Models of the programs that read an ecs.config, each held against what the real ones did (test/vectors). */

import { readVariables, trimSpace } from '../../src/core/ecs-config.ts'
import { encodeUtf8 } from '../../src/core/utf8.ts'

/** The variables, or why the whole file is refused; `null` for what a model does not cover. */
export type Read = ReadonlyMap<string, string> | { readonly error: string } | null

/** Broken UTF-8 stands in `text` as lone surrogates (src/core/utf8.ts). */
export type Reader = (text: string) => Read

/** The longest `NAME=value` that Linux passes to a process; systemd then cannot start the service. */
const MAX_ASSIGNMENT = 131_071
const MAX_SCAN = 65_536

export const ecsInit: Reader = (text) => readVariables(text)

/** `docker run --env-file`: docker/cli pkg/kvfile/kvfile.go over Go's bufio.Scanner. */
export const dockerCli: Reader = (text) => {
  const variables = new Map<string, string>()
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const [at, raw] of lines.entries()) {
    if (encodeUtf8(raw).length >= MAX_SCAN) return { error: 'token too long' }
    if (!raw.isWellFormed()) return { error: 'invalid utf8 bytes' }
    const line = trimStart((at === 0 ? raw.replace(/^\ufeff/, '') : raw).replace(/\r$/, ''))
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    const key = equals < 0 ? line : line.slice(0, equals)
    if (key === '') return { error: 'no variable name' }
    if ([...key].some((character) => trimSpace(character) === '')) return { error: 'contains whitespaces' }
    if (equals >= 0) variables.set(key, line.slice(equals + 1))
  }
  return variables
}

function trimStart(line: string): string {
  const trimmed = trimSpace(line)
  return trimmed === '' ? '' : line.slice(line.indexOf(trimmed))
}

type SystemdState =
  | 'pre-key'
  | 'key'
  | 'pre-value'
  | 'value'
  | 'value-escape'
  | 'single'
  | 'double'
  | 'double-escape'
  | 'comment'
  | 'comment-escape'

/** `EnvironmentFile=` of systemd 252: src/basic/env-file.c, parse_env_file_internal, the same states. */
export const systemd252: Reader = (text) => {
  if (text.includes('\0')) return { error: 'Bad message' }
  if (!text.isWellFormed()) return { error: 'Invalid argument' }
  const variables = new Map<string, string>()
  let state: SystemdState = 'pre-key'
  let key = ''
  let value = ''
  const push = (chomp: boolean) => {
    variables.set(key.replace(/[ \t\r\n]+$/, ''), chomp ? chompEnd(value, escapedTo) : value)
    key = ''
    value = ''
    escapedTo = 0
    state = 'pre-key'
  }
  // Trailing white space goes, except what a backslash protects.
  let escapedTo = 0
  for (const c of text) {
    const newline = c === '\n' || c === '\r'
    const white = newline || c === ' ' || c === '\t'
    switch (state) {
      case 'pre-key':
        if (c === '#' || c === ';') state = 'comment'
        else if (!white) {
          state = 'key'
          key = c
        }
        break
      case 'key':
        if (newline) {
          state = 'pre-key'
          key = ''
        } else if (c === '=') state = 'pre-value'
        else key += c
        break
      case 'pre-value':
        if (newline) push(false)
        else if (c === "'") state = 'single'
        else if (c === '"') state = 'double'
        else if (c === '\\') state = 'value-escape'
        else if (!white) {
          state = 'value'
          value += c
        }
        break
      case 'value':
        if (newline) push(true)
        else if (c === '\\') state = 'value-escape'
        else value += c
        break
      case 'value-escape':
        state = 'value'
        if (!newline) value += c
        escapedTo = value.length
        break
      case 'single':
        if (c === "'") state = 'pre-value'
        else value += c
        break
      case 'double':
        if (c === '"') state = 'pre-value'
        else if (c === '\\') state = 'double-escape'
        else value += c
        break
      case 'double-escape':
        state = 'double'
        if ('"\\`$'.includes(c)) value += c
        else if (c !== '\n') value += `\\${c}`
        break
      case 'comment':
        if (c === '\\') state = 'comment-escape'
        else if (newline) state = 'pre-key'
        break
      case 'comment-escape':
        state = 'comment'
        break
    }
  }
  if (state !== 'pre-key' && state !== 'key' && !String(state).startsWith('comment')) push(state === 'value')
  for (const [name, set] of variables) {
    if (encodeUtf8(`${name}=${set}`).length > MAX_ASSIGNMENT) return { error: 'Argument list too long' }
  }
  return variables
}

function chompEnd(value: string, keep: number): string {
  return value.slice(0, keep) + value.slice(keep).replace(/[ \t\r\n]+$/, '')
}

/**
 * `. file` in bash, as far as quoting goes: it is here to show that nothing can be written for it. Expansions and
 * commands are not covered.
 */
export const bashSource: Reader = (text) => {
  const variables = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const assigned = /^(?:[ \t\n]|#[^\n]*)*(?:([A-Za-z_]\w*)=)?/.exec(text.slice(at))
    at += assigned?.[0].length ?? 0
    if (at >= text.length && assigned?.[1] === undefined) break
    if (assigned?.[1] === undefined) return null
    const word = bashWord(text, at)
    if (word === null) return null
    at = word.end
    if (!/^(?:[ \t]+#[^\n]*|[ \t]*)(?:\n|$)/.test(text.slice(at))) return null
    variables.set(assigned[1], word.value)
  }
  return variables
}

function bashWord(text: string, start: number): { value: string; end: number } | null {
  let value = ''
  let at = start
  for (; at < text.length; at++) {
    const c = text[at] ?? ''
    if (c === ' ' || c === '\t' || c === '\n') break
    if ('$`&|;<>()*?~'.includes(c)) return null
    if (c === "'") {
      const close = text.indexOf("'", at + 1)
      if (close < 0) return null
      value += text.slice(at + 1, close)
      at = close
    } else if (c === '"') {
      const close = bashDouble(text, at + 1)
      if (close === null) return null
      value += close.value
      at = close.end
    } else if (c === '\\') {
      at++
      if (text[at] !== '\n') value += text[at] ?? ''
    } else if (c !== '\0') value += c
  }
  return { value, end: at }
}

function bashDouble(text: string, start: number): { value: string; end: number } | null {
  let value = ''
  for (let at = start; at < text.length; at++) {
    const c = text[at] ?? ''
    if (c === '"') return { value, end: at }
    if (c === '$' || c === '`') return null
    if (c === '\\' && '"\\`$\n'.includes(text[at + 1] ?? ' ')) {
      at++
      if (text[at] !== '\n') value += text[at]
    } else if (c !== '\0') value += c
  }
  return null
}
