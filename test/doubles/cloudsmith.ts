/** Cloudsmith's exchange of identity tokens, as facts/registries.md section 3.10 records it. */

import type { IdentityIssuer } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface CloudsmithOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  /** Whose tokens the provider settings trust, and for which audience. */
  readonly issuer: IdentityIssuer
  readonly audience: string
  readonly org: string
  /** The service accounts that the settings name. */
  readonly services: readonly string[]
  /** Claims of the tokens that it gives, besides `exp`. Default 2 hours of life. */
  readonly life?: number
  /** Whether its tokens tell their end. Default true. */
  readonly opaque?: boolean
}

export function startCloudsmith(options: CloudsmithOptions): Promise<ApiDouble> {
  return startApi([['POST', /^\/openid\/([^/]+)\/$/, (call) => exchange(options, call)]])
}

function exchange({ life = 7200, ...options }: CloudsmithOptions, call: ApiCall): ApiReply {
  if (call.headers['content-type'] !== 'application/json') return problem(415, 'Unsupported media type.')
  const { oidc_token: identity, service_slug: service, ...rest } = (call.json ?? {}) as Record<string, unknown>
  if (typeof identity !== 'string' || typeof service !== 'string' || Object.keys(rest).length > 0)
    return problem(422, 'Invalid input.')
  if (call.parts[0] !== options.org) return problem(404, 'Not found.')
  if (options.issuer.claimsOf(identity, options.audience) === null) return problem(401, 'Invalid token.')
  if (!options.services.includes(service)) return problem(403, 'You do not have permission.')
  const end = Math.floor(options.now() / 1000) + life
  const password = options.opaque ? marked('cloudsmith') : jwt({ slug: service, exp: end, mark: marked('cloudsmith') })
  options.tokens.add({ username: 'token', password, pulls: ['acme/*'], expiresAt: end * 1000 })
  return { status: 201, body: { token: password } }
}

function jwt(claims: object): string {
  return [{ alg: 'HS256', typ: 'JWT' }, claims, 'signature'].map((part) => encode(JSON.stringify(part))).join('.')
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

function problem(status: number, detail: string): ApiReply {
  return { status, body: { detail } }
}
