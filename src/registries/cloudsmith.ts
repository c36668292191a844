/** Provider `cloudsmith`: who runs us, exchanged for a token of a service account; no root is stored anywhere. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Provider } from '../core/ports.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { exchange, expiryOf, type TokenApi, takeToken, unusable } from './token-api.ts'

export interface CloudsmithConfig {
  readonly api: string
  readonly org: string
  readonly service: string
  readonly audience: string
}

const API = 'https://api.cloudsmith.io'
const SLUG = /^[a-z0-9][a-z0-9_-]{0,99}$/i
/** What dependabot counts on (facts/registries.md section 3.10); each token says its own end. */
const LIFE = 7200

/**
 * One request (facts/registries.md section 3.10). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, CREDENTIAL_EXPIRING and what `identityToken` throws.
 */
export const cloudsmith: Provider<CloudsmithConfig> = {
  kind: 'cloudsmith',
  summary: 'Tokens of a Cloudsmith service account, in exchange for the identity of the workflow or AWS role.',
  traits: {
    rotation: 'exchange',
    ttl: { min: LIFE, max: LIFE, default: LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['github-oidc', 'aws-oidc'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a double of the exchange that dependabot uses, its tokens checked by a real docker-registry; never Cloudsmith',
  },
  options: {
    org: { kind: 'string', required: true, description: 'Slug of the organization (workspace).', example: 'acme' },
    service: {
      kind: 'string',
      required: true,
      description: 'Slug of the service account that the OIDC provider settings name.',
      example: 'ecs-pull-x1y2',
    },
    audience: {
      kind: 'string',
      description:
        'Audience of the identity token, as the provider settings ask for it. Default https://api.cloudsmith.io.',
    },
    url: { kind: 'url', description: 'The API. Default https://api.cloudsmith.io.', example: API },
  },

  parse(fields) {
    const text = (name: string, fallback = '') => (typeof fields[name] === 'string' ? fields[name] : fallback)
    const [org, service, audience] = [text('org'), text('service'), text('audience', API)]
    const api = trimEnd(text('url', API), '/')
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('org', SLUG.test(org) ? null : 'must be the slug that stands in the URLs of Cloudsmith')
    check('service', SLUG.test(service) ? null : 'must be the slug of a service account, not its name')
    check('url', httpsProblem(api))
    return problems.length > 0 ? problems : { api, org, service, audience }
  },

  async mint(cx, { api: base, org, service, audience }, { ttl }) {
    const identity = await cx.identityToken(audience)
    cx.journal.mask(identity)
    const api = apiOf(base, org, service)
    const issuedAt = cx.clock.now()
    const answer = await exchange(cx, api, {
      method: 'POST',
      url: `${base}/openid/${org}/`,
      json: { oidc_token: identity, service_slug: service },
    })
    const password = takeToken(cx, answer['token'], 'token')
    if (password === null) throw unusable(api, 'token')
    const expiresAt = expiryOf(password, undefined, issuedAt) ?? issuedAt + LIFE * 1000
    if (ttl !== null && expiresAt < issuedAt + ttl * 1000 - 60_000) {
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `${api.name} gave a token until ${new Date(expiresAt).toISOString()}, less than the ttl of the plan.`,
        'Leave ttl out: Cloudsmith decides how long its tokens live.',
      )
    }
    return { username: 'token', password, issuedAt, expiresAt, handle: null }
  },

  permissions: ({ audience }) => [{ identityToken: audience }],
}

function apiOf(base: string, org: string, service: string): TokenApi {
  const settings =
    'Check the OIDC provider settings of the organization: the issuer, the required claims and the audience must be those of ' +
    'this workflow or AWS role'
  return {
    name: `Cloudsmith ${base}/openid/${org}/`,
    hints: {
      rejected: `${settings}.`,
      notPermitted: `${settings}, and service account ${service} must be among those that they name.`,
      unavailable: `${settings}. Otherwise see the status page of Cloudsmith.`,
    },
  }
}
