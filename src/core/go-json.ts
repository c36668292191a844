/** JSON as Go's `encoding/json` accepts it, with the place of every member in the text, so that edits leave the rest as it is. */

type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'

/** One `"name": value` of an object. Offsets are UTF-16 units of the whole text; `end` is one past the value. */
export interface JsonMember {
  readonly name: string
  readonly start: number
  readonly valueStart: number
  readonly end: number
  readonly kind: JsonKind
  /** Of an object, as deep as was asked for. */
  readonly members: readonly JsonMember[]
}

export interface JsonDocument {
  readonly kind: JsonKind
  readonly members: readonly JsonMember[]
}

/** Why a text is not JSON, in words that never quote it, and where. */
export interface JsonFault {
  readonly at: number
  readonly reason: string
}

/** Go's own limit (encoding/json scanner.go, maxNestingDepth). */
const MAX_DEPTH = 10_000

class Fault extends Error {
  readonly at: number

  constructor(at: number, reason: string) {
    super(reason)
    this.at = at
  }
}

/**
 * Reads a JSON text. Members are told down to `levels` objects deep; what is deeper is only checked. Linear in the
 * length of the text and never recursive beyond `levels`, so that no input can exhaust the stack.
 */
export function readJson(text: string, levels: number): JsonDocument | JsonFault {
  try {
    const reader = new Reader(text)
    const value = reader.value(reader.blank(0), levels)
    const end = reader.blank(value.end)
    if (end < text.length) throw new Fault(end, 'there is text after the end of the JSON')
    return { kind: value.kind, members: value.members }
  } catch (thrown) {
    if (thrown instanceof Fault) return { at: thrown.at, reason: thrown.message }
    throw thrown
  }
}

export function isFault(read: JsonDocument | JsonFault): read is JsonFault {
  return 'reason' in read
}

/** The string that a valid token means. Lone surrogates become U+FFFD, as in Go. */
export function decodeString(token: string): string {
  const plain = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1)
  return plain.isWellFormed() ? plain : plain.toWellFormed()
}

/** Where the string token of a valid JSON text that begins at `at` ends. */
export function stringEnd(json: string, at: number): number {
  let end = at + 1
  while (json.charCodeAt(end) !== QUOTE) end += json.charCodeAt(end) === BACKSLASH ? 2 : 1
  return end + 1
}

interface Value {
  readonly kind: JsonKind
  readonly end: number
  readonly members: readonly JsonMember[]
}

const NO_MEMBERS: readonly JsonMember[] = []
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

class Reader {
  readonly text: string
  /** No escape and no control character anywhere: a string ends at the next quote, which is found many times faster. */
  readonly plain: boolean

  constructor(text: string) {
    this.text = text
    this.plain = !/[^ -[\]-\uffff]/.test(text)
  }

  blank(from: number): number {
    let at = from
    for (; at < this.text.length; at++) {
      const unit = this.text.charCodeAt(at)
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) break
    }
    return at
  }

  value(at: number, levels: number): Value {
    const unit = this.text.charCodeAt(at)
    if (unit === OPEN_OBJECT && levels > 0) return this.object(at, levels)
    if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) {
      return { kind: unit === OPEN_OBJECT ? 'object' : 'array', end: this.nested(at), members: NO_MEMBERS }
    }
    const { kind, end } = this.scalar(at)
    return { kind, end, members: NO_MEMBERS }
  }

  object(open: number, levels: number): Value {
    const members: JsonMember[] = []
    let at = this.blank(open + 1)
    if (this.text.charCodeAt(at) === CLOSE_OBJECT) return { kind: 'object', end: at + 1, members }
    for (;;) {
      const start = at
      const nameEnd = this.name(start)
      const valueStart = this.colon(nameEnd)
      const value = this.value(valueStart, levels - 1)
      members.push({
        name: decodeString(this.text.slice(start, nameEnd)),
        start,
        valueStart,
        end: value.end,
        kind: value.kind,
        members: value.members,
      })
      at = this.blank(value.end)
      if (this.text.charCodeAt(at) === CLOSE_OBJECT) return { kind: 'object', end: at + 1, members }
      at = this.comma(at)
    }
  }

  /** Checks a value of any depth with a stack of its own and tells where it ends. */
  nested(from: number): number {
    const open: number[] = []
    let at = from
    for (;;) {
      const unit = this.text.charCodeAt(at)
      if (unit === OPEN_OBJECT || unit === OPEN_ARRAY) {
        open.push(unit)
        if (open.length > MAX_DEPTH) throw new Fault(at, `it is nested more than ${MAX_DEPTH} deep`)
        at = this.blank(at + 1)
        if (this.text.charCodeAt(at) !== closing(unit)) {
          if (unit === OPEN_OBJECT) at = this.colon(this.name(at))
          continue
        }
      } else {
        at = this.scalar(at).end
      }
      for (;;) {
        const inside = open.at(-1)
        if (inside === undefined) return at
        at = this.blank(at)
        if (this.text.charCodeAt(at) !== closing(inside)) {
          at = this.comma(at)
          if (inside === OPEN_OBJECT) at = this.colon(this.name(at))
          break
        }
        open.pop()
        at++
      }
    }
  }

  scalar(at: number): { kind: JsonKind; end: number } {
    const unit = this.text.charCodeAt(at)
    if (unit === QUOTE) return { kind: 'string', end: this.string(at) }
    if (this.text.startsWith('true', at)) return { kind: 'boolean', end: at + 4 }
    if (this.text.startsWith('false', at)) return { kind: 'boolean', end: at + 5 }
    if (this.text.startsWith('null', at)) return { kind: 'null', end: at + 4 }
    NUMBER.lastIndex = at
    if (NUMBER.test(this.text)) return { kind: 'number', end: NUMBER.lastIndex }
    throw this.unexpected(at, 'a value')
  }

  string(at: number): number {
    const quote = this.plain ? this.text.indexOf('"', at + 1) : -1
    if (quote >= 0) return quote + 1
    for (let end = at + 1; end < this.text.length; end++) {
      const unit = this.text.charCodeAt(end)
      if (unit === QUOTE) return end + 1
      if (unit < 0x20) throw new Fault(end, 'a string has a raw control character')
      if (unit !== BACKSLASH) continue
      ESCAPE.lastIndex = end
      if (!ESCAPE.test(this.text)) throw new Fault(end, 'a backslash begins no escape that JSON knows')
      end = ESCAPE.lastIndex - 1
    }
    throw new Fault(this.text.length, 'a string has no closing quote')
  }

  name(at: number): number {
    if (this.text.charCodeAt(at) !== QUOTE) throw this.unexpected(at, 'a name in double quotes')
    return this.string(at)
  }

  colon(from: number): number {
    const at = this.blank(from)
    if (this.text.charCodeAt(at) !== COLON) throw this.unexpected(at, 'a colon')
    return this.blank(at + 1)
  }

  comma(at: number): number {
    if (this.text.charCodeAt(at) !== COMMA) throw this.unexpected(at, 'a comma')
    const next = this.blank(at + 1)
    const unit = this.text.charCodeAt(next)
    if (unit === CLOSE_OBJECT || unit === CLOSE_ARRAY) throw new Fault(at, 'the last comma has nothing after it')
    return next
  }

  unexpected(at: number, wanted: string): Fault {
    if (at >= this.text.length) return new Fault(at, `the text ends where ${wanted} should be`)
    const found = this.text[at]
    if (found === '\ufeff') return new Fault(at, 'it begins with a byte order mark')
    if (found === "'") return new Fault(at, `there is a single quote where ${wanted} should be`)
    if (found === '\\') return new Fault(at, `there is a backslash where ${wanted} should be`)
    return new Fault(at, `${wanted} is missing`)
  }
}

function closing(open: number): number {
  return open === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY
}
