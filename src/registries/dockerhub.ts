/** Provider `dockerhub`: GitHub's ID token, exchanged for a token of a Docker organization; no root is stored anywhere. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Provider } from '../core/ports.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { exchange, expiryOf, type TokenApi, takeToken, unusable } from './token-api.ts'

export interface DockerhubConfig {
  readonly identity: string
  readonly org: string
  readonly connection: string
}

const IDENTITY = 'https://identity.docker.com'
const ORG = /^[a-z0-9]{2,30}$|^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$/
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Seconds that may be asked for. Without a wish Docker gives 300 (facts/registries.md section 3.3). */
const LIFE = { min: 300, max: 21_600 }

/**
 * Docker trusts GitHub's ID tokens and nobody else's, so this works in a workflow only; elsewhere a person keeps the
 * credential, because Docker's own APIs for tokens ask for the password of an owner. `mint` throws IDENTITY_UNAVAILABLE,
 * MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED, MINT_UNAVAILABLE, CREDENTIAL_EXPIRING.
 */
export const dockerhub: Provider<DockerhubConfig> = {
  kind: 'dockerhub',
  summary: 'Tokens of a Docker organization in exchange for the workflow’s identity; in the Action only.',
  traits: {
    rotation: 'exchange',
    ttl: { ...LIFE, default: LIFE.max, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['github-oidc'],
    hosts: ['action'],
    evidence:
      'a double of the exchange that docker/login-action makes, its tokens checked by a real docker-registry; never Docker Hub',
  },
  options: {
    org: { kind: 'string', required: true, description: 'Name of the Docker organization.', example: 'acme' },
    connection: {
      kind: 'string',
      required: true,
      description: 'Id of the OIDC connection in the organization’s settings.',
      example: '0f8fad5b-d9cb-469f-a165-70867728950e',
    },
    url: {
      kind: 'url',
      description: 'Docker’s identity service. Default https://identity.docker.com.',
      example: IDENTITY,
    },
  },

  parse(fields) {
    const text = (name: string, fallback = '') => (typeof fields[name] === 'string' ? fields[name] : fallback)
    const [org, connection] = [text('org'), text('connection')]
    const identity = trimEnd(text('url', IDENTITY), '/')
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('org', ORG.test(org) ? null : 'must be the name of the organization as it stands in its images')
    check('connection', UUID.test(connection) ? null : 'must be the id of an OIDC connection, a UUID')
    check('url', httpsProblem(identity))
    return problems.length > 0 ? problems : { identity, org, connection }
  },

  async mint(cx, { identity, org, connection }, { ttl }) {
    const subject = await cx.identityToken(identity, 'github')
    cx.journal.mask(subject)
    const api = apiOf(identity, org, connection)
    const issuedAt = cx.clock.now()
    const asked = ttl ?? LIFE.max
    const answer = await exchange(cx, api, {
      method: 'POST',
      url: `${identity}/oauth/token`,
      form: {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        subject_token: subject,
        connection_id: connection,
        expires_in: String(asked),
      },
    })
    const password = takeToken(cx, answer['access_token'], org)
    if (password === null) throw unusable(api, 'access_token')
    const expiresAt = expiryOf(password, answer['expires_in'], issuedAt) ?? issuedAt + asked * 1000
    if (expiresAt >= issuedAt + asked * 1000 - 60_000)
      return { username: org, password, issuedAt, expiresAt, handle: null }
    throw new PullAuthError(
      'CREDENTIAL_EXPIRING',
      `${api.name} gave a token until ${new Date(expiresAt).toISOString()}, less than was asked for.`,
      'Ask for a shorter ttl.',
    )
  },
}

function apiOf(identity: string, org: string, connection: string): TokenApi {
  const rules =
    `Check the OIDC connection ${connection} in the settings of ${org}: it must be active, and one of its rulesets must match ` +
    'the subject of this workflow, which may have GitHub’s newer form with ids (repo:owner@1/name@2:…)'
  return {
    name: `Docker ${identity}/oauth/token`,
    hints: {
      rejected: `${rules}.`,
      notPermitted: `${rules}, and give it pull access. Connections need a Team or Business subscription.`,
      unavailable: `${rules}. Otherwise see Docker’s status page.`,
    },
  }
}
