/** A request that a plan describes: its fields, what may stand where, and how it is asked. */

import type { Field, FieldProblem, FieldTable, ProviderContext } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { ensurePlace } from './root-login.ts'
import { fill, fillJson, fillUrl, type PlainValues, readTemplate, Template } from './template.ts'
import type { ApiRequest } from './token-api.ts'

export interface DeclaredRequest {
  readonly method: ApiRequest['method']
  readonly url: Template
  /** `https://api.acme.com`, the same for every run. */
  readonly origin: string
  readonly headers: Readonly<Record<string, Template>>
  /** A JSON value with Templates for its texts; undefined = none. */
  readonly json: unknown
  readonly form: Readonly<Record<string, Template>> | null
  readonly secrets: readonly string[]
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** The fields of one request, in a plan. */
export function requestFields(methods: readonly string[]): FieldTable {
  const method: Field = { kind: 'choice', choices: methods, required: true, description: 'The method.' }
  return {
    method,
    url: {
      kind: 'string',
      required: true,
      description: `An https URL. \${label}, \${ttl}, \${expiresAt}, \${id}, \${page} and \${cursor} may stand in its path and query, a secret never.`,
    },
    headers: {
      kind: 'texts',
      description: `Headers by name, with \${secret:NAME}, \${basic:NAME} or \${identity:AUDIENCE}.`,
    },
    json: {
      kind: 'json',
      description: `The body as JSON, with the same in its texts. "\${ttl}" or "\${page}" alone is a number.`,
    },
    form: { kind: 'texts', description: 'The body as a form, instead of json.' },
  }
}

/** What the core and HTTP itself set. */
const OWN_HEADERS = ['host', 'content-length', 'content-type', 'transfer-encoding', 'connection', 'expect', 'upgrade']

/** Reads the fields of `requestFields`; what is wrong goes to `problems`. `known`: the plain places with a value. */
export function readRequest(
  value: unknown,
  path: string,
  known: readonly (keyof PlainValues)[],
  problems: FieldProblem[],
): DeclaredRequest {
  const raw = asObject(value)
  const secrets: string[] = []
  const template = (at: string, text: unknown): Template => {
    const read = readTemplate(String(text), known)
    if (read instanceof Template) {
      secrets.push(...read.secrets)
      return read
    }
    problems.push({ field: at, problem: read })
    return new Template([])
  }
  const texts = (name: string) =>
    Object.entries(asObject(raw[name])).map(([key, text]) => [key, template(`${path}.${name}.${key}`, text)] as const)
  const url = template(`${path}.url`, raw['url'])
  const { origin, problem } = originOf(url)
  if (problem !== null) problems.push({ field: `${path}.url`, problem })
  const headers = texts('headers')
  for (const [name] of headers) {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !OWN_HEADERS.includes(name.toLowerCase())) continue
    problems.push({ field: `${path}.headers.${name}`, problem: 'is a header that cannot be set here' })
  }
  if (raw['json'] !== undefined && raw['form'] !== undefined)
    problems.push({ field: `${path}.form`, problem: 'must not stand beside json: a request has one body' })
  const hasBody = raw['json'] !== undefined || raw['form'] !== undefined
  if (raw['method'] === 'GET' && hasBody)
    problems.push({ field: `${path}.method`, problem: 'must not be GET: that request has no body' })
  return {
    method: METHODS.find((method) => method === raw['method']) ?? 'GET',
    url,
    origin,
    headers: Object.fromEntries(headers),
    json: raw['json'] === undefined ? undefined : jsonTemplate(raw['json'], `${path}.json`, template),
    form: raw['form'] === undefined ? null : Object.fromEntries(texts('form')),
    secrets: [...new Set(secrets)],
  }
}

function jsonTemplate(value: unknown, path: string, template: (at: string, text: string) => Template): unknown {
  if (typeof value === 'string') return template(path, value)
  if (Array.isArray(value)) return value.map((member, index) => jsonTemplate(member, `${path}.${index}`, template))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, jsonTemplate(member, `${path}.${name}`, template)]),
  )
}

/** Where a URL leads, whatever stands in its places; URLs are logged on their way, so no secret may be in one. */
function originOf(url: Template): { origin: string; problem: string | null } {
  const wrong = (problem: string) => ({ origin: '', problem })
  if (url.secrets.length > 0 || url.holds('identity'))
    return wrong(
      'has a secret or identity in it: URLs are logged by servers and proxies; send it in a header or in the body',
    )
  const [first = ''] = url.parts
  const fixed = typeof first === 'string' ? first : ''
  const origin = /^https?:\/\/[^/?#\\\s]+(?=\/)/.exec(fixed)?.[0]
  if (origin === undefined) return wrong('must begin with https://, a host and a /')
  const problem = httpsProblem(origin)
  if (problem !== null) return wrong(problem)
  const whole = fillUrl(url, { label: 'x', ttl: 1, expiresAt: 'x', id: 'x', page: 1, cursor: 'x' })
  if (/[\s\\#]/.test(whole) || !URL.canParse(whole)) return wrong('is not a URL')
  return { origin: new URL(origin).origin, problem: null }
}

/** Ready to be asked. Throws CREDENTIAL_INVALID, IDENTITY_UNAVAILABLE and what `readSecret` throws. */
export async function askable(cx: ProviderContext, request: DeclaredRequest, values: PlainValues): Promise<ApiRequest> {
  const { method, url, origin, json, form, secrets } = request
  for (const root of secrets) await ensurePlace(cx, { url: origin, root })
  const [headers, body] = await Promise.all([fillAll(cx, request.headers, values), fillJson(cx, json, values)])
  return {
    method,
    url: fillUrl(url, values),
    headers,
    ...(body === undefined ? {} : { json: body }),
    ...(form === null ? {} : { form: await fillAll(cx, form, values) }),
  }
}

async function fillAll(
  cx: ProviderContext,
  templates: Readonly<Record<string, Template>>,
  values: PlainValues,
): Promise<Readonly<Record<string, string | Secret>>> {
  const filled = Object.entries(templates).map(async ([name, one]) => [name, await fill(cx, one, values)] as const)
  return Object.fromEntries(await Promise.all(filled))
}

/** The URL as the plan has it. */
export function placeOf({ url }: DeclaredRequest): string {
  return url.parts.map((part) => (typeof part === 'string' ? part : `{${part.kind}}`)).join('')
}

/** For messages. */
export function nameOf(request: DeclaredRequest): string {
  return `${request.method} ${placeOf(request).replace(/\?.*$/, '')}`
}

/** Whether a place stands anywhere in a request. */
export function holds({ url, headers, json, form }: DeclaredRequest, kind: keyof PlainValues): boolean {
  return templatesIn([url, headers, json, form]).some((template) => template.holds(kind))
}

/** Audiences of the identity tokens that stand anywhere in it. */
export function audiencesIn({ headers, json, form }: DeclaredRequest): readonly string[] {
  return templatesIn([headers, json, form]).flatMap((template) => template.audiences)
}

function templatesIn(value: unknown): readonly Template[] {
  if (value instanceof Template) return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(templatesIn) : []
}
