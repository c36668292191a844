/** Texts of a plan with places for what only a run knows: secrets, identities, the label, the life asked for, an id, a page. */

import { PullAuthError } from '../core/errors.ts'
import type { ProviderContext } from '../core/ports.ts'
import { basicCredential, Secret } from '../core/secret.ts'
import { parseJson, parseObject } from './json.ts'
import { isPointer, valueAt } from './json-pointer.ts'

type Place =
  | { readonly kind: 'secret'; readonly name: string; readonly pointer: string | null }
  /** A secret with `username` and `password`, as a Basic credential. */
  | { readonly kind: 'basic'; readonly name: string }
  | { readonly kind: 'identity'; readonly audience: string }
  | { readonly kind: PlainPlace }

/** What may stand in a URL: nothing of it is secret. */
type PlainPlace = keyof PlainValues

export interface PlainValues {
  readonly label?: string
  /** Seconds. */
  readonly ttl?: number
  /** ISO 8601. */
  readonly expiresAt?: string
  readonly id?: string
  /** Of a list, from 1. */
  readonly page?: number
  /** What the page before has given for the next one; empty for the first. */
  readonly cursor?: string
}

export class Template {
  readonly parts: readonly (string | Place)[]

  constructor(parts: readonly (string | Place)[]) {
    this.parts = parts
  }

  /** Names of the secrets that it reads. */
  get secrets(): readonly string[] {
    return this.parts.flatMap((part) => (typeof part !== 'string' && 'name' in part ? [part.name] : []))
  }

  /** Audiences of the identity tokens that it asks for. */
  get audiences(): readonly string[] {
    return this.parts.flatMap((part) => (typeof part !== 'string' && 'audience' in part ? [part.audience] : []))
  }

  holds(kind: Place['kind']): boolean {
    return this.parts.some((part) => typeof part !== 'string' && part.kind === kind)
  }
}

const PLACE = /\$\{([^}]*)\}/g
const NAME = /^(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,519}$/

/** A text of the plan, or what is wrong with it. `known`: the plain places that have a value there. */
export function readTemplate(text: string, known: readonly PlainPlace[]): Template | string {
  const parts: (string | Place)[] = []
  let at = 0
  for (const match of text.matchAll(PLACE)) {
    const place = readPlace(match[1] ?? '', known)
    if (place === null) return `has ${match[0]}, which ${whyNot(match[1] ?? '', known)}`
    parts.push(text.slice(at, match.index), place)
    at = match.index + match[0].length
  }
  const rest = text.slice(at)
  if (`${parts.filter((part) => typeof part === 'string').join('')}${rest}`.includes('${'))
    return `has a \${ without its }; ${allowed(known)}`
  return new Template([...parts, rest].filter((part) => part !== ''))
}

function readPlace(text: string, known: readonly PlainPlace[]): Place | null {
  const plain = known.find((name) => name === text)
  if (plain !== undefined) return { kind: plain }
  const colon = text.indexOf(':')
  const [kind, rest] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)]
  if (kind === 'identity') return /^[\x21-\x7e]{1,255}$/.test(rest) ? { kind, audience: rest } : null
  if (kind === 'basic') return NAME.test(rest) ? { kind, name: rest } : null
  const [name = '', pointer = null] = rest.split('#', 2)
  if (kind !== 'secret' || !NAME.test(name) || (pointer !== null && !isPointer(pointer))) return null
  return { kind, name, pointer }
}

function whyNot(text: string, known: readonly PlainPlace[]): string {
  const timed = known.includes('label') && (text === 'ttl' || text === 'expiresAt')
  return timed ? 'needs a ttl in the entry' : `stands for nothing; ${allowed(known)}`
}

function allowed(known: readonly PlainPlace[]): string {
  const places = ['secret:NAME', 'secret:NAME#/pointer', 'basic:NAME', 'identity:AUDIENCE', ...known]
  return `allowed here: ${places.map((place) => `\${${place}}`).join(' ')}`
}

/** For a URL: the values are encoded, and none is secret. */
export function fillUrl(template: Template, values: PlainValues): string {
  const texts = template.parts.map((part) =>
    typeof part === 'string' ? part : encodeURIComponent(plainValue(part, values)),
  )
  return texts.join('')
}

/** With secrets in it the text is wrapped. Throws CREDENTIAL_INVALID, IDENTITY_UNAVAILABLE and what `readSecret` throws. */
export async function fill(cx: ProviderContext, template: Template, values: PlainValues): Promise<string | Secret> {
  const texts = await Promise.all(
    template.parts.map((part) => (typeof part === 'string' ? part : placeValue(cx, part, values))),
  )
  const whole = texts.map((text) => (text instanceof Secret ? text.reveal() : text)).join('')
  return texts.some((text) => text instanceof Secret) ? new Secret(whole) : whole
}

/** A JSON value whose texts are templates. One that is `${ttl}` or `${page}` alone becomes a number. */
export async function fillJson(cx: ProviderContext, value: unknown, values: PlainValues): Promise<unknown> {
  if (value instanceof Template) {
    const [part] = value.parts
    const alone = value.parts.length === 1 && typeof part === 'object' ? part.kind : null
    return alone === 'ttl' || alone === 'page' ? values[alone] : await fill(cx, value, values)
  }
  if (Array.isArray(value)) return await Promise.all(value.map((member) => fillJson(cx, member, values)))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(
    async ([name, member]) => [name, await fillJson(cx, member, values)] as const,
  )
  return Object.fromEntries(await Promise.all(members))
}

async function placeValue(cx: ProviderContext, place: Place, values: PlainValues): Promise<string | Secret> {
  switch (place.kind) {
    case 'secret':
      return await secretValue(cx, place.name, place.pointer)
    case 'basic':
      return await basicValue(cx, place.name)
    case 'identity': {
      const token = await cx.identityToken(place.audience)
      cx.journal.mask(token)
      return token
    }
    default:
      return plainValue(place, values)
  }
}

function plainValue({ kind }: Place, values: PlainValues): string {
  return kind === 'secret' || kind === 'basic' || kind === 'identity' ? '' : String(values[kind] ?? '')
}

async function secretValue(cx: ProviderContext, name: string, pointer: string | null): Promise<Secret> {
  const text = (await cx.readSecret(name)).reveal().trim()
  return usable(cx, name, pointer === null ? text : valueAt(parseJson(text), pointer), pointer ?? 'text')
}

async function basicValue(cx: ProviderContext, name: string): Promise<Secret> {
  const { username, password } = parseObject((await cx.readSecret(name)).reveal())
  if (typeof username !== 'string' || username === '' || username.includes(':')) throw invalid(name, 'username')
  const basic = basicCredential(username, usable(cx, name, password, 'password'))
  cx.journal.mask(basic)
  return basic
}

/** What fits into a header and a body alike. */
function usable(cx: ProviderContext, name: string, value: unknown, what: string): Secret {
  if (typeof value !== 'string' || value === '' || /\p{Cc}/u.test(value)) throw invalid(name, what)
  const secret = new Secret(value)
  cx.journal.mask(secret)
  return secret
}

function invalid(name: string, what: string): PullAuthError {
  return new PullAuthError(
    'CREDENTIAL_INVALID',
    `Secret ${name} has no usable ${what}: it must be one line of text.`,
    'Correct the secret, or the place in the plan that names it.',
  )
}
