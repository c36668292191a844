/** Azure Container Registry's exchange of an Entra token for a refresh token, with Entra on the same address. */

import { createEntra, type EntraOptions } from './entra.ts'
import { createIssuer } from './identity-issuer.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface AcrOptions extends Omit<EntraOptions, 'scopes'> {
  readonly tokens: TokenStore
  /** Whether the application has AcrPull. Default yes. */
  readonly permitted?: boolean
  /** Claims to replace in refresh tokens. */
  readonly claims?: Readonly<Record<string, unknown>>
}

export const ACR_USER = '00000000-0000-0000-0000-000000000000'
const SCOPES = ['https://containerregistry.azure.net/.default', 'https://management.azure.com/.default']
const LIFE = 10_800

export async function startAcr(options: AcrOptions): Promise<ApiDouble> {
  const { tokens, tenant, now, permitted = true, claims = {} } = options
  const entra = createEntra({ ...options, scopes: SCOPES })
  const issuer = createIssuer({ issuer: 'Azure Container Registry', claims: { tenant }, now, life: LIFE })

  const exchange = ({ headers, form }: ApiCall): ApiReply => {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return problem(400)
    const service = form.get('service') ?? ''
    const access = form.get('access_token') ?? undefined
    if (form.get('grant_type') !== 'access_token' || service !== headers['host']) return problem(400)
    if (form.get('tenant') !== tenant || !SCOPES.some((scope) => entra.accepts(access, scope))) return problem(401)
    if (!permitted) return problem(403)
    const password = issuer.issue(service, { grant_type: 'refresh_token', ...claims })
    tokens.add({ username: ACR_USER, password, pulls: ['acme/*'], expiresAt: now() + LIFE * 1000 })
    return { status: 200, body: { refresh_token: password } }
  }

  return await startApi([...entra.routes, ['POST', /^\/oauth2\/exchange$/, exchange]])
}

function problem(status: number): ApiReply {
  return { status, body: { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] } }
}
