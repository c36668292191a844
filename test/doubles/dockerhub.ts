/** Docker's exchange of GitHub's ID tokens, as facts/registries.md section 3.3 records it. */

import type { IdentityIssuer } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface DockerhubOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  readonly issuer: IdentityIssuer
  readonly org: string
  /** The connection's id, and the subjects that its rulesets let in. */
  readonly connection: string
  readonly subjects: readonly string[]
  /** The longest life given, in seconds: longer ones are cut. */
  readonly longestLife?: number
}

const FIELDS = ['connection_id', 'expires_in', 'grant_type', 'subject_token', 'subject_token_type']

export async function startDockerhub(options: DockerhubOptions): Promise<ApiDouble> {
  const api: ApiDouble = await startApi([['POST', /^\/oauth\/token$/, (call) => exchange(options, api.url, call)]])
  return api
}

function exchange(options: DockerhubOptions, audience: string, { headers, form }: ApiCall): ApiReply {
  if (headers['content-type'] !== 'application/x-www-form-urlencoded') return refused(400, 'invalid_request')
  if ([...form.keys()].sort().join() !== FIELDS.join()) return refused(400, 'invalid_request')
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:token-exchange')
    return refused(400, 'unsupported_grant_type')
  if (form.get('subject_token_type') !== 'urn:ietf:params:oauth:token-type:id_token')
    return refused(400, 'invalid_request')
  const seconds = Number(form.get('expires_in'))
  if (!Number.isInteger(seconds) || seconds < 300 || seconds > 21_600) return refused(400, 'invalid_request')
  const claims = options.issuer.claimsOf(form.get('subject_token') ?? '', audience)
  if (claims === null || form.get('connection_id') !== options.connection) return refused(401, 'invalid_grant')
  if (!options.subjects.includes(String(claims['sub']))) return refused(403, 'access_denied')
  return issue(options, Math.min(seconds, options.longestLife ?? seconds))
}

function issue({ tokens, now, org }: DockerhubOptions, seconds: number): ApiReply {
  const exp = Math.floor(now() / 1000) + seconds
  const password = jwt({ exp, mark: marked('hub') })
  tokens.add({ username: org, password, pulls: ['acme/*'], expiresAt: exp * 1000 })
  return { status: 200, body: { access_token: password, token_type: 'Bearer', expires_in: seconds } }
}

function jwt(claims: object): string {
  const parts = [{ alg: 'RS256', typ: 'JWT' }, claims, 'signature']
  return parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
}

function refused(status: number, error: string): ApiReply {
  return { status, body: { error } }
}
