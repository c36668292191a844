/** GitLab's deploy-token API: create, list, delete, and what each answer means (facts/registries.md section 3.2). */

import { PullAuthError } from '../core/errors.ts'
import type { HttpAnswer, HttpRequest, Millis, ProviderContext, Revocation } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { asObject, parseJson, parseObject } from './json.ts'
import { retryAfterSeconds } from './retry-after.ts'

/** Where tokens live, and the secret with the root that manages them. */
export interface GitlabScope {
  /** `https://gitlab.com/api/v4` */
  readonly api: string
  /** `projects/<id>` or `groups/<id>`, URL-encoded. */
  readonly scope: string
  readonly root: string
}

export interface GitlabRoot extends GitlabScope {
  readonly token: Secret
}

export interface WantedToken {
  readonly name: string
  readonly username: string | null
  readonly expiresAt: Millis | null
}

export interface CreatedToken {
  readonly id: number
  readonly username: string
  readonly password: Secret
  readonly expiresAt: Millis | null
}

/** A create that GitLab is busy with must not be cut off: it would leave a token that nobody knows. */
const CREATE_TIMEOUT: Millis = 30_000

/** A new token, or null when the answer was lost after the request was sent: a token may or may not exist then. */
export async function createToken(
  cx: ProviderContext,
  root: GitlabRoot,
  wanted: WantedToken,
): Promise<CreatedToken | null> {
  const body = {
    name: wanted.name,
    scopes: ['read_registry'],
    ...(wanted.username === null ? {} : { username: wanted.username }),
    ...(wanted.expiresAt === null ? {} : { expires_at: new Date(wanted.expiresAt).toISOString() }),
  }
  const answer = await ask(cx, root, { method: 'POST', body: JSON.stringify(body), timeoutMs: CREATE_TIMEOUT })
  // A server error after a POST proves nothing: a proxy gives up on a GitLab that still commits.
  if (answer.kind === 'lost' || (answer.kind === 'answer' && answer.status >= 500)) return null
  if (answer.kind === 'unreachable' || answer.status < 200 || answer.status >= 300) throw refusal(cx, root, answer)
  return readCreated(cx, answer.body)
}

function readCreated(cx: ProviderContext, body: Secret): CreatedToken | null {
  const { id, username, token, expires_at: expires } = parseObject(body.reveal())
  if (typeof token !== 'string' || token === '') return null
  const password = new Secret(token)
  cx.journal.mask(password, typeof username === 'string' ? username : undefined)
  const expiresAt = typeof expires === 'string' ? Date.parse(expires) : null
  if (typeof username !== 'string' || username === '' || !isId(id) || Number.isNaN(expiresAt)) return null
  return { id, username, password, expiresAt }
}

/** All live tokens of the scope. Throws the MINT_ codes. */
export async function listTokens(
  cx: ProviderContext,
  root: GitlabRoot,
): Promise<readonly { id: number; name: string }[]> {
  const tokens: { id: number; name: string }[] = []
  for (let page = 1; ; ) {
    const answer = await ask(cx, root, { method: 'GET', query: `?active=true&per_page=100&page=${page}` })
    const list = answer.kind === 'answer' && answer.status === 200 ? parseJson(answer.body.reveal()) : undefined
    if (answer.kind !== 'answer' || !Array.isArray(list)) throw refusal(cx, root, answer)
    for (const { id, name } of list.map(asObject)) if (isId(id) && typeof name === 'string') tokens.push({ id, name })
    // The number only: following the URL of a Link header would send the root token wherever it points.
    const next = Number(answer.headers['x-next-page'])
    if (!(next > page)) return tokens
    page = next
  }
}

/** Deletes by id. Throws REVOKE_FAILED. */
export async function deleteToken(cx: ProviderContext, root: GitlabRoot, id: number): Promise<Revocation> {
  const answer = await ask(cx, root, { method: 'DELETE', path: `/${id}` })
  if (answer.kind === 'answer' && answer.status >= 200 && answer.status < 300) return 'revoked'
  if (answer.kind === 'answer' && answer.status === 404) {
    // 404 is also what a root sees that has lost its access: only a scope that can be listed proves the token gone.
    const scope = await ask(cx, root, { method: 'GET', query: '?per_page=1' })
    if (scope.kind === 'answer' && scope.status === 200) return 'already-gone'
  }
  throw new PullAuthError(
    'REVOKE_FAILED',
    `Deploy token ${id} of ${root.api}/${root.scope} could not be deleted: ${said(cx, answer)}.`,
    `Check that the root token in secret ${root.root} is alive and may manage deploy tokens there; retire tries again.`,
  )
}

interface Ask {
  readonly method: HttpRequest['method']
  readonly path?: string
  readonly query?: string
  readonly body?: string
  readonly timeoutMs?: Millis
}

function ask(
  { http }: ProviderContext,
  root: GitlabRoot,
  { method, path = '', query = '', body, timeoutMs }: Ask,
): Promise<HttpAnswer> {
  return http.send({
    method,
    url: `${root.api}/${root.scope}/deploy_tokens${path}${query}`,
    headers: {
      'private-token': root.token,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
}

/** What an answer that is no success means; nothing was made. */
function refusal(cx: ProviderContext, root: GitlabRoot, answer: HttpAnswer): PullAuthError {
  const message = `GitLab ${root.api}/${root.scope}/deploy_tokens: ${said(cx, answer)}.`
  switch (answer.kind === 'answer' ? answer.status : 0) {
    case 401:
      return new PullAuthError('MINT_REJECTED', message, `Put a living access token into secret ${root.root}.`)
    case 403:
      return new PullAuthError(
        'MINT_NOT_PERMITTED',
        message,
        'The root needs scope api and Maintainer of the project or Owner of the group. After many failed logins ' +
          'self-managed GitLab also bans an address for an hour: do not retry in a hurry.',
      )
    case 404:
      return new PullAuthError(
        'MINT_NOT_PERMITTED',
        message,
        `Check the project or group in the plan: it does not exist, or the root token in secret ${root.root} may not see it.`,
      )
    case 429:
      return new PullAuthError(
        'MINT_RATE_LIMITED',
        message,
        'Run again after that time; rotations of many secrets can share one root less often.',
      )
    default:
      return new PullAuthError(
        'MINT_UNAVAILABLE',
        message,
        'Check the url in the plan and that GitLab is up, then run again.',
      )
  }
}

/** An answer in words, without its body. */
function said(cx: ProviderContext, answer: HttpAnswer): string {
  if (answer.kind !== 'answer') return `no answer (${answer.reason})`
  const wait = answer.status === 429 || answer.status >= 500 ? retryAfterSeconds(answer.headers, cx.clock.now()) : null
  const redirect =
    answer.status >= 300 && answer.status < 400 ? ', a redirect, which is not followed with a root token' : ''
  return `it answered ${answer.status}${redirect}${wait === null ? '' : ` and asks to wait ${wait} s`}`
}

export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
