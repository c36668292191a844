/** Provider `acr`: an Entra identity exchanged for a refresh token of Azure Container Registry, which lives for three hours. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Provider } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import { trimEnd } from '../core/trim-end.ts'
import { ENTRA_FIELDS, type EntraApplication, entraToken, readApplication } from './entra.ts'
import { httpsProblem } from './https-only.ts'
import { exchange, expiryOf, type TokenApi, takeToken, unusable } from './token-api.ts'

interface AcrConfig extends EntraApplication {
  readonly url: string
}

/** The user name of whoever logs in with a refresh token. */
const USERNAME = '00000000-0000-0000-0000-000000000000'
const SCOPE = 'https://containerregistry.azure.net/.default'
/** Three hours, fixed by Azure. */
const LIFE = 10_800

/**
 * Two exchanges (facts/registries.md section 3.6, way 1). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED,
 * MINT_RATE_LIMITED, MINT_UNAVAILABLE, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING, IDENTITY_UNAVAILABLE.
 */
export const acr: Provider<AcrConfig> = {
  kind: 'acr',
  summary: 'Three-hour tokens of Azure Container Registry in exchange for an Entra identity.',
  traits: {
    rotation: 'exchange',
    ttl: { min: LIFE, max: LIFE, default: LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['github-oidc', 'aws-oidc', 'stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double of the documented exchange, its tokens checked by a real docker-registry; never Azure',
  },
  options: {
    ...ENTRA_FIELDS,
    url: {
      kind: 'url',
      description: 'The registry, where it is not the host of the registry key.',
      example: 'https://acmeprod.azurecr.io',
    },
  },

  parse(fields, registry) {
    const url = trimEnd(typeof fields['url'] === 'string' ? fields['url'] : `https://${registryHost(registry)}`, '/')
    const problems: FieldProblem[] = []
    const application = readApplication(fields, problems)
    const urlProblem = httpsProblem(url)
    if (urlProblem !== null) problems.push({ field: 'url', problem: urlProblem })
    return problems.length > 0 ? problems : { ...application, url }
  },

  async mint(cx, config, { ttl }) {
    const { url, tenant } = config
    const api = apiOf(config)
    const access = await entraToken(cx, config, SCOPE)
    const issuedAt = cx.clock.now()
    const form = { grant_type: 'access_token', service: new URL(url).host, tenant, access_token: access }
    const answer = await exchange(cx, api, { method: 'POST', url: `${url}/oauth2/exchange`, form })
    const password = takeToken(cx, answer['refresh_token'], USERNAME)
    if (password === null) throw unusable(api, 'refresh_token')
    const expiresAt = expiryOf(password, undefined, issuedAt)
    if (expiresAt === null) throw unusable(api, 'refresh_token that tells when it ends')
    if (ttl !== null && expiresAt < issuedAt + ttl * 1000 - 60_000) {
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `${api.name}: a new token lives until ${new Date(expiresAt).toISOString()}, less than was asked for.`,
        'Leave ttl out, or use acr-token, whose passwords live as long as asked.',
      )
    }
    return { username: USERNAME, password, issuedAt, expiresAt, handle: null }
  },

  permissions: ({ root, audience }) => (root === null ? [{ identityToken: audience }] : []),
}

function apiOf({ url, client }: AcrConfig): TokenApi {
  const role = `Give application ${client} the role AcrPull on the registry (with repository permissions by ABAC: Container Registry Repository Reader), and check the tenant.`
  return {
    name: `Azure Container Registry ${url}`,
    hints: {
      rejected: role,
      notPermitted: role,
      unavailable:
        'Check the registry key or url in the plan, and that the registry may be reached from here, then run again.',
    },
  }
}
