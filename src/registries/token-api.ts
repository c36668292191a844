/** What all token APIs have in common: one request, what its answer means, and never a word of its body. */

import { PullAuthError } from '../core/errors.ts'
import type { HttpAnswer, HttpRequest, Millis, ProviderContext } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { asObject, type JsonObject, parseJson, parseObject } from './json.ts'
import { retryAfterSeconds } from './retry-after.ts'

/** One token API in words, for messages. */
export interface TokenApi {
  /** `GitLab https://gitlab.com/api/v4/projects/1/deploy_tokens` */
  readonly name: string
  /** What to do when the root or identity is refused (401), when it may not (403, 404), or when nothing useful came. */
  readonly hints: { readonly rejected: string; readonly notPermitted: string; readonly unavailable?: string }
}

export interface ApiRequest {
  readonly method: HttpRequest['method']
  readonly url: string
  readonly headers?: Readonly<Record<string, string | Secret>>
  readonly json?: unknown
  /** Sent as a form; wrapped because forms carry assertions. */
  readonly form?: Readonly<Record<string, string | Secret>>
  readonly timeoutMs?: Millis
}

/** A create that the service is busy with must not be cut off: it would leave a token that nobody knows. */
export const CREATE_TIMEOUT: Millis = 30_000

/** A service that asks for a pause this short is waited for once: 429 says that nothing was done. */
const SHORT_PAUSE = 10

export async function askApi(cx: ProviderContext, request: ApiRequest): Promise<HttpAnswer> {
  const answer = await askOnce(cx, request)
  const pause =
    answer.kind === 'answer' && answer.status === 429 ? retryAfterSeconds(answer.headers, cx.clock.now()) : null
  if (pause === null || pause > SHORT_PAUSE) return answer
  await cx.clock.sleep(pause * 1000)
  return await askOnce(cx, request)
}

function askOnce({ http }: ProviderContext, request: ApiRequest): Promise<HttpAnswer> {
  const { method, url, timeoutMs } = request
  const body = bodyOf(request)
  const type = request.json === undefined ? 'application/x-www-form-urlencoded' : 'application/json'
  return http.send({
    method,
    url,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': type }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
}

function bodyOf({ json, form }: ApiRequest): Secret | undefined {
  if (json !== undefined) return new Secret(JSON.stringify(unwrap(json)))
  if (form === undefined) return undefined
  const fields = Object.entries(form).map(([name, value]): [string, string] => [name, String(unwrap(value))])
  return new Secret(new URLSearchParams(fields).toString())
}

/** A Secret hides itself from JSON.stringify, a replacer included, so it is taken out before. */
function unwrap(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal()
  if (Array.isArray(value)) return value.map(unwrap)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, unwrap(member)]))
}

/**
 * A stateless exchange (class A): when no clear answer came it is asked once more, since a token that nobody holds dies
 * by itself. Returns the answer's JSON object. Throws the MINT_ codes.
 */
export async function exchange(cx: ProviderContext, api: TokenApi, request: ApiRequest): Promise<JsonObject> {
  const first = await askApi(cx, request)
  const again = first.kind !== 'answer' || first.status >= 500
  const answer = again ? await askApi(cx, request) : first
  if (!isSuccess(answer)) throw refusal(cx, api, answer)
  return objectOf(answer)
}

export function isSuccess(answer: HttpAnswer): answer is Extract<HttpAnswer, { kind: 'answer' }> {
  return answer.kind === 'answer' && answer.status >= 200 && answer.status < 300
}

/** The JSON object of an answer that is a success; an empty one for any other. */
export function objectOf(answer: HttpAnswer): JsonObject {
  return asObject(jsonOf(answer))
}

/** The JSON value of an answer that is a success; undefined for any other. */
export function jsonOf(answer: HttpAnswer): unknown {
  return isSuccess(answer) ? parseJson(answer.body.reveal()) : undefined
}

/** A server error after a request that makes something proves nothing: a proxy gives up on a service that still commits. */
export function isLost(answer: HttpAnswer): boolean {
  return answer.kind === 'lost' || (answer.kind === 'answer' && answer.status >= 500)
}

/** What an answer that is no success means; nothing was made. */
export function refusal(cx: ProviderContext, { name, hints }: TokenApi, answer: HttpAnswer): PullAuthError {
  const code = oauthCode(answer)
  const message = `${name}: ${said(cx, answer)}${code === null ? '' : ` (${code})`}.`
  switch (code === null ? (answer.kind === 'answer' ? answer.status : 0) : OAUTH_REFUSALS[code]) {
    case 401:
      return new PullAuthError('MINT_REJECTED', message, hints.rejected)
    case 403:
    case 404:
      return new PullAuthError('MINT_NOT_PERMITTED', message, hints.notPermitted)
    case 429:
      return new PullAuthError('MINT_RATE_LIMITED', message, 'Run again after that time, or rotate less often.')
    default:
      return new PullAuthError(
        'MINT_UNAVAILABLE',
        message,
        hints.unavailable ?? 'Check the registry’s entry in the plan and that its API is up, then run again.',
      )
  }
}

/** OAuth token endpoints refuse with 400 and a code (RFC 6749 section 5.2, RFC 8693 section 2.2.2): the status that says the same. */
const OAUTH_REFUSALS = {
  invalid_client: 401,
  invalid_grant: 401,
  invalid_token: 401,
  access_denied: 403,
  invalid_scope: 403,
  invalid_target: 403,
  unauthorized_client: 403,
} as const

function oauthCode(answer: HttpAnswer): keyof typeof OAUTH_REFUSALS | null {
  if (answer.kind !== 'answer' || answer.status !== 400) return null
  const { error } = parseObject(answer.body.reveal())
  return typeof error === 'string' && Object.hasOwn(OAUTH_REFUSALS, error)
    ? (error as keyof typeof OAUTH_REFUSALS)
    : null
}

/** An answer of another shape than documented: nothing in it is shown. */
export function unusable({ name, hints }: TokenApi, missing: string): PullAuthError {
  return new PullAuthError(
    'MINT_UNAVAILABLE',
    `${name}: its answer has no ${missing}.`,
    hints.unavailable ?? 'Check the registry’s entry in the plan; its API may have changed.',
  )
}

export function ambiguous({ name }: TokenApi): PullAuthError {
  return new PullAuthError(
    'MINT_AMBIGUOUS',
    `${name} was asked for a token, but its answer was lost; a token may exist.`,
    'Run again. A token that nobody holds is found by its label, which begins with ecs-pull-auth/, and removed.',
  )
}

export function revokeFailed(what: string, why: string, hint: string): PullAuthError {
  return new PullAuthError('REVOKE_FAILED', `${what} could not be revoked: ${why}.`, hint)
}

/** An answer in words, without its body. */
export function said(cx: ProviderContext, answer: HttpAnswer): string {
  if (answer.kind !== 'answer') return `no answer (${answer.reason})`
  const wait = answer.status === 429 || answer.status >= 500 ? retryAfterSeconds(answer.headers, cx.clock.now()) : null
  const redirect =
    answer.status >= 300 && answer.status < 400 ? ', a redirect, which is not followed with a credential' : ''
  return `it answered ${answer.status}${redirect}${wait === null ? '' : ` and asks to wait ${wait} s`}`
}

/** A non-empty text of an answer as a wrapped and masked credential; null when it is not there. */
export function takeToken(cx: ProviderContext, value: unknown, username?: string): Secret | null {
  if (typeof value !== 'string' || value === '') return null
  const token = new Secret(value)
  cx.journal.mask(token, username)
  return token
}

/** `expires_in` seconds, or the `exp` of a JWT, as a moment; null when neither tells. */
export function expiryOf(token: Secret, expiresIn: unknown, issuedAt: Millis): Millis | null {
  if (typeof expiresIn === 'number' && Number.isFinite(expiresIn) && expiresIn > 0) return issuedAt + expiresIn * 1000
  const exp = jwtClaims(token)?.['exp']
  return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : null
}

/** The claims of a JWT, unverified: only for what its holder may know, such as its end. null for an opaque token. */
export function jwtClaims(token: Secret): JsonObject | null {
  const parts = token.reveal().split('.')
  if (parts.length !== 3) return null
  const claims = parseObject(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'))
  return Object.keys(claims).length === 0 ? null : claims
}

/**
 * A root credential from its secret: bare text, or a JSON object with the named member. Masked. Throws CREDENTIAL_INVALID.
 */
export async function readRootText(cx: ProviderContext, name: string, member: string, what: string): Promise<Secret> {
  const text = (await cx.readSecret(name)).reveal().trim()
  const value = text.startsWith('{') ? parseObject(text)[member] : text
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) {
    const root = new Secret(value)
    cx.journal.mask(root)
    return root
  }
  throw new PullAuthError(
    'CREDENTIAL_INVALID',
    `Secret ${name} holds no ${what}.`,
    `Store the bare text, or {"${member}": "…"}, as the text of the secret.`,
  )
}
