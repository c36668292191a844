/** The awsJson1.1 protocol as both services speak it: typed input shapes that refuse what AWS would refuse, and errors. */

export type Json = { readonly [member: string]: unknown }

/** An error answer: the class name that SDKs match, and the text. Texts are the recorded ones where a comment says so. */
export class AwsRefusal extends Error {
  readonly type: string
  readonly status: number

  constructor(type: string, message: string, status = 400) {
    super(message)
    this.type = type
    this.status = status
  }
}

/** What a handler may know about a call besides its input. */
export interface Call {
  /** Answer from the state before the last change: AWS is eventually consistent (secrets-manager-rotation.md section 6). */
  readonly stale: boolean
  readonly caller: string
}

export interface Operation {
  /** Validates, performs and answers; throws `AwsRefusal`. */
  run(input: Json, call: Call): Json | Promise<Json>
  /** Members that hold a secret; the request log shows `[secret]` instead. */
  readonly secretMembers: readonly string[]
}

export type Operations = Readonly<Record<string, Operation>>

export function operation<T>(
  shape: Shape<T>,
  perform: (input: T, call: Call) => Json | Promise<Json>,
  secretMembers: readonly string[] = [],
): Operation {
  return { run: (input, call) => perform(shape.check(input, ''), call), secretMembers }
}

/** Seconds since 1970 with fraction: how awsJson1.1 writes a timestamp. */
export function timestamp(millis: number): number {
  return millis / 1000
}

// ── Shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Shape<T> {
  check(value: unknown, path: string): T
}

export type Of<S> = S extends Shape<infer T> ? T : never

interface Limits {
  readonly min?: number
  readonly max?: number
}

export function string(rules: Limits & { readonly pattern?: RegExp; readonly values?: readonly string[] } = {}) {
  return shape((value, path): string => {
    if (typeof value !== 'string') throw wrongType(path)
    checkLength(value.length, path, rules)
    if (rules.values !== undefined && !rules.values.includes(value)) {
      throw constraint(path, `Member must satisfy enum value set: [${rules.values.join(', ')}]`)
    }
    if (rules.pattern !== undefined && !rules.pattern.test(value)) {
      throw constraint(path, `Member must satisfy regular expression pattern: ${rules.pattern.source}`)
    }
    return value
  })
}

/** Text whose limit counts UTF-8 bytes, such as a secret's value. */
export function text(maxBytes: number) {
  return shape((value, path): string => {
    if (typeof value !== 'string') throw wrongType(path)
    checkLength(Buffer.byteLength(value, 'utf8'), path, { min: 1, max: maxBytes })
    return value
  })
}

export function integer(rules: Limits = {}) {
  return shape((value, path): number => {
    if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongType(path)
    if (rules.min !== undefined && value < rules.min) {
      throw constraint(path, `Member must have value greater than or equal to ${rules.min}`)
    }
    if (rules.max !== undefined && value > rules.max) {
      throw constraint(path, `Member must have value less than or equal to ${rules.max}`)
    }
    return value
  })
}

export const boolean = shape((value, path): boolean => {
  if (typeof value !== 'boolean') throw wrongType(path)
  return value
})

export function list<T>(of: Shape<T>, rules: Limits = {}) {
  return shape((value, path): readonly T[] => {
    if (!Array.isArray(value)) throw wrongType(path)
    checkLength(value.length, path, rules)
    return value.map((member: unknown, index) => of.check(member, `${path}.${index + 1}.member`))
  })
}

export function map<T>(of: Shape<T>) {
  return shape((value, path): Readonly<Record<string, T>> => {
    if (!isObject(value)) throw wrongType(path)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, of.check(member, `${path}.${key}`)]))
  })
}

type Members = Readonly<Record<string, Shape<unknown>>>
type Structure<M extends Members, R extends keyof M> = { readonly [K in R]: Of<M[K]> } & {
  readonly [K in Exclude<keyof M, R>]?: Of<M[K]>
}

/** Stricter than AWS on purpose: an unknown member is refused, because it is a typing mistake of ours. */
export function structure<M extends Members, R extends keyof M & string = never>(
  members: M,
  required: readonly R[] = [],
) {
  return shape((value, path): Structure<M, R> => {
    if (!isObject(value)) throw wrongType(path)
    for (const name of required)
      if (value[name] == null) throw constraint(member(path, name), 'Member must not be null')
    const known = Object.entries(value).filter(([, given]) => given !== null && given !== undefined)
    return Object.fromEntries(
      known.map(([name, given]) => {
        const of = Object.hasOwn(members, name) ? members[name] : undefined
        if (of === undefined) throw new AwsRefusal('SerializationException', `Unknown member ${member(path, name)}`)
        return [name, of.check(given, member(path, name))]
      }),
    ) as Structure<M, R>
  })
}

/** A refusal in the service's own words, without the value: it may be a secret. */
export function constraint(path: string, rule: string): AwsRefusal {
  return new AwsRefusal(
    'ValidationException',
    `1 validation error detected: Value at '${path}' failed to satisfy constraint: ${rule}`,
  )
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shape<T>(check: (value: unknown, path: string) => T): Shape<T> {
  return { check }
}

function member(path: string, name: string): string {
  return path === '' ? name.charAt(0).toLowerCase() + name.slice(1) : `${path}.${name}`
}

function checkLength(length: number, path: string, rules: Limits): void {
  if (rules.min !== undefined && length < rules.min) {
    throw constraint(path, `Member must have length greater than or equal to ${rules.min}`)
  }
  if (rules.max !== undefined && length > rules.max) {
    throw constraint(path, `Member must have length less than or equal to ${rules.max}`)
  }
}

function wrongType(path: string): AwsRefusal {
  return new AwsRefusal('SerializationException', `Wrong type at ${path === '' ? 'the top' : path}`)
}
