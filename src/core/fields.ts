/** Named fields of an object: read, checked and described (JSON Schema) from one table. */

import type { Field, FieldProblem, FieldTable, JsonValue } from './ports.ts'
import { trimEnd } from './trim-end.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Reads the fields of a table from `raw`; what is wrong goes to `problems` with its full path. */
export function readFields(table: FieldTable, raw: Fields, path: string, problems: FieldProblem[]): Fields {
  refuseUnknown(raw, Object.keys(table), path, problems)
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(table)) {
    const value = raw[name]
    const at = join(path, name)
    if (value === undefined || value === null) {
      if (field.required) problems.push({ field: at, problem: `is missing; it is ${expected(field)}` })
    } else if (field.kind === 'object') {
      values[name] = readFields(field.fields ?? {}, objectAt(value, at, problems), at, problems)
    } else {
      const read = readValue(field, value)
      if (read === undefined) problems.push({ field: at, problem: `is not ${expected(field)}` })
      else values[name] = read
    }
  }
  return values
}

export function refuseUnknown(raw: Fields, known: readonly string[], path: string, problems: FieldProblem[]): void {
  for (const name of Object.keys(raw)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const remedy = near === null ? `allowed here: ${known.join(', ')}` : `did you mean ${near}?`
    problems.push({ field: join(path, name), problem: `is not a field of the plan; ${remedy}` })
  }
}

/** A plain object, or a problem and an empty one, so that one pass finds all problems. */
export function objectAt(value: unknown, path: string, problems: FieldProblem[]): Fields {
  if (isObject(value)) return value
  problems.push({ field: path, problem: value === undefined ? 'is missing' : 'must be a mapping of names to values' })
  return {}
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** The known name that a typing mistake most likely meant: at most two fifths of its letters away. */
export function nearest(name: string, known: readonly string[]): string | null {
  let best: string | null = null
  let least = Math.max(2, Math.ceil(name.length * 0.4)) + 1
  for (const candidate of known) {
    const distance = editDistance(name.slice(0, 64).toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

const DURATION = '[1-9][0-9]{0,8}[smhd]'
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `90s`, `15m`, `6h`, `30d` in seconds; null when it is none of these. */
function durationSeconds(text: string): number | null {
  const match = /^([1-9][0-9]{0,8})([smhd])$/.exec(text)
  return match ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0) : null
}

/** Secret names as Secrets Manager takes them, or a secret's ARN. */
const SECRET = /^(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,519}$/

function readValue(field: Field, value: unknown): unknown {
  switch (field.kind) {
    case 'string':
      return typeof value === 'string' && value.trim() === value && value !== '' ? value : undefined
    case 'secret':
      return typeof value === 'string' && SECRET.test(value) ? value : undefined
    case 'url':
      return typeof value === 'string' ? readUrl(value) : undefined
    case 'duration':
      if (field.zero && value === '0s') return 0
      return typeof value === 'string' ? (durationSeconds(value) ?? undefined) : undefined
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined
    case 'integer':
      return Number.isSafeInteger(value) ? value : undefined
    case 'choice':
      return typeof value === 'string' && field.choices?.includes(value) ? value : undefined
    case 'object':
      return isObject(value) ? value : undefined
    case 'texts':
      return isObject(value) && Object.values(value).every((text) => typeof text === 'string') ? value : undefined
    case 'json':
      return isJson(value) ? value : undefined
  }
}

/** YAML knows more, such as dates. */
function isJson(value: unknown): value is JsonValue {
  if (Array.isArray(value)) return value.every(isJson)
  if (typeof value !== 'object' || value === null)
    return value === null || /^(?:string|number|boolean)$/.test(typeof value)
  return [Object.prototype, null].includes(Object.getPrototypeOf(value)) && Object.values(value).every(isJson)
}

function readUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined
  const url = new URL(value)
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return (url.protocol === 'https:' || url.protocol === 'http:') && plain ? trimEnd(value, '/') : undefined
}

function expected(field: Field): string {
  const example = field.example === undefined ? '' : `, for example ${field.example}`
  switch (field.kind) {
    case 'string':
      return `text without outer blanks${example}`
    case 'secret':
      return `the name or ARN of a secret${example}`
    case 'url':
      return `an https URL without user, query or fragment${example}`
    case 'duration':
      return `a duration in s, m, h or d${field.zero ? ', or 0s' : example || ', for example 6h'}`
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number${example}`
    case 'choice':
      return `one of ${field.choices?.join(', ')}`
    case 'object':
      return `a mapping of ${Object.keys(field.fields ?? {}).join(', ')}`
    case 'texts':
      return 'a mapping of names to texts'
    case 'json':
      return `a JSON value${example}`
  }
}

/** The JSON Schema of one field, for editors. */
function fieldSchema(field: Field): JsonValue {
  const description = field.description
  const examples: { examples?: string[] } = field.example === undefined ? {} : { examples: [field.example] }
  switch (field.kind) {
    case 'boolean':
      return { type: 'boolean', description }
    case 'integer':
      return { type: 'integer', description }
    case 'choice':
      return { enum: field.choices ?? [], description }
    case 'duration':
      return {
        type: 'string',
        pattern: field.zero ? `^(?:0s|${DURATION})$` : `^${DURATION}$`,
        description,
        ...examples,
      }
    case 'secret':
      return { type: 'string', pattern: SECRET.source, description, ...examples }
    case 'url':
      return { type: 'string', format: 'uri', description, ...examples }
    case 'string':
      return { type: 'string', minLength: 1, description, ...examples }
    case 'object':
      return { type: 'object', additionalProperties: false, description, ...tableSchema(field.fields ?? {}) }
    case 'texts':
      return { type: 'object', additionalProperties: { type: 'string' }, description }
    case 'json':
      return { description, ...examples }
  }
}

export function tableSchema(table: FieldTable): { properties: Record<string, JsonValue>; required: string[] } {
  const entries = Object.entries(table)
  return {
    properties: Object.fromEntries(entries.map(([name, field]) => [name, fieldSchema(field)])),
    required: entries.filter(([, field]) => field.required).map(([name]) => name),
  }
}
