/** Entra's token endpoint for one application: by client secret or by federated credential. */

import { createIssuer, type IdentityIssuer } from './identity-issuer.ts'
import type { ApiCall, ApiReply, Route } from './token-api.ts'

export interface EntraOptions {
  readonly tenant: string
  readonly client: string
  /** null: the application has none. */
  readonly secret: string | null
  /** Who is trusted by a federated credential; null: nobody. */
  readonly federation: { readonly issuer: IdentityIssuer; readonly audience: string; readonly subject: string } | null
  readonly scopes: readonly string[]
  readonly now: () => number
}

export interface Entra {
  readonly routes: readonly Route[]
  /** Whether a text is a living access token of this tenant for that scope. */
  accepts(token: string | undefined, scope: string): boolean
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

export function createEntra(options: EntraOptions): Entra {
  const { tenant, client, scopes, now } = options
  const issuer = createIssuer({
    issuer: `https://sts.windows.net/${tenant}/`,
    claims: { appid: client },
    now,
    life: 3600,
  })

  const token = ({ headers, form, parts: [asked] }: ApiCall): ApiReply => {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return problem(400, 'invalid_request', 900144)
    if (asked !== tenant) return problem(400, 'invalid_request', 90002)
    if (form.get('grant_type') !== 'client_credentials') return problem(400, 'unsupported_grant_type', 70003)
    if (form.get('client_id') !== client) return problem(400, 'unauthorized_client', 700016)
    const refused = refuse(options, form)
    if (refused !== null) return refused
    const scope = form.get('scope') ?? ''
    if (!scopes.includes(scope)) return problem(400, 'invalid_scope', 70011)
    const access = issuer.issue(scope)
    return { status: 200, body: { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: access } }
  }

  return {
    routes: [['POST', /^\/([^/]+)\/oauth2\/v2\.0\/token$/, token]],
    accepts: (text, scope) => text !== undefined && issuer.claimsOf(text, scope) !== null,
  }
}

function refuse({ secret, federation }: EntraOptions, form: URLSearchParams): ApiReply | null {
  const [password, assertion] = [form.get('client_secret'), form.get('client_assertion')]
  if ((password === null) === (assertion === null)) return problem(401, 'invalid_client', 7000218)
  if (assertion === null) return password === secret ? null : problem(401, 'invalid_client', 7000215)
  if (form.get('client_assertion_type') !== JWT_BEARER) return problem(400, 'invalid_request', 900144)
  const claims = federation === null ? null : federation.issuer.claimsOf(assertion, federation.audience)
  if (claims === null) return problem(401, 'invalid_client', 700211)
  return claims['sub'] === federation?.subject ? null : problem(400, 'invalid_request', 700213)
}

function problem(status: number, error: string, code: number): ApiReply {
  return { status, body: { error, error_codes: [code], error_description: `AADSTS${code}: as the double says` } }
}
