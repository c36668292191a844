/** Provider `jfrog`: who runs us, an AWS role or an OIDC identity, exchanged for a token; no root is stored anywhere. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Provider, ProviderContext } from '../core/ports.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { type ApiRequest, exchange, expiryOf, type TokenApi, takeToken, unusable } from './token-api.ts'

export interface JfrogConfig {
  /** `https://acme.jfrog.io` */
  readonly url: string
  /** null: the signature of the AWS role that runs us. */
  readonly oidc: JfrogOidc | null
}

interface JfrogOidc {
  readonly provider: string
  readonly audience: string
  readonly mapping: string | null
}

/** As in JFrog's own example for ECS; also the least that JFrog can revoke. */
const DEFAULT_LIFE = 21_600
/** What dependabot counts on when an answer tells no end (facts/registries.md section 3.7). */
const OIDC_LIFE = 86_400

/**
 * One request (facts/registries.md section 3.7). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, CREDENTIAL_EXPIRING and what `identityToken` and `signAws` throw.
 */
export const jfrog: Provider<JfrogConfig> = {
  kind: 'jfrog',
  summary: 'Tokens of a JFrog platform in exchange for the AWS role, or for the OIDC identity, that runs us.',
  traits: {
    rotation: 'exchange',
    ttl: { min: null, max: null, default: DEFAULT_LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['aws-sigv4', 'github-oidc', 'aws-oidc'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a double that checks AWS signatures and identity tokens, its tokens by a real docker-registry; never JFrog',
  },
  options: {
    url: {
      kind: 'url',
      description: 'The JFrog platform. Default: https:// and the host of the registry key.',
      example: 'https://acme.jfrog.io',
    },
    oidcProvider: {
      kind: 'string',
      description: 'Name of the OIDC integration in JFrog. Without it the AWS role that runs us is the identity.',
      example: 'github',
    },
    audience: {
      kind: 'string',
      description: 'Audience of the identity token, as the OIDC integration asks for it. Default: the url.',
    },
    identityMapping: {
      kind: 'string',
      description: 'Name of the identity mapping. Default: JFrog takes the first that fits the claims.',
    },
  },

  parse(fields, registry) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const [provider, audience, mapping] = [text('oidcProvider'), text('audience'), text('identityMapping')]
    const url = jfrogUrl(text('url'), registry)
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('url', httpsProblem(url))
    const alone = 'goes with oidcProvider only: an AWS role has none'
    check('audience', provider === null && audience !== null ? alone : null)
    check('identityMapping', provider === null && mapping !== null ? alone : null)
    if (problems.length > 0) return problems
    return { url, oidc: provider === null ? null : { provider, audience: audience ?? url, mapping } }
  },

  async mint(cx, { url, oidc }, { ttl }) {
    const api = oidc === null ? roleApi(url) : oidcApi(url, oidc)
    const life = ttl ?? DEFAULT_LIFE
    const request = oidc === null ? await byRole(cx, url, life) : await byIdentity(cx, url, oidc)
    const issuedAt = cx.clock.now()
    const answer = await exchange(cx, api, request)
    const { username, access_token: text, expires_in: expiresIn } = answer
    if (typeof username !== 'string' || username === '') throw unusable(api, 'username')
    const password = takeToken(cx, text, username)
    if (password === null) throw unusable(api, 'access_token')
    const expiresAt = expiryOf(password, expiresIn, issuedAt) ?? issuedAt + OIDC_LIFE * 1000
    // The schedule counts on the ttl of the plan, or on the default.
    if (expiresAt < issuedAt + life * 1000 - 60_000) throw tooShort(api, oidc, expiresAt, life)
    return { username, password, issuedAt, expiresAt, handle: null }
  },

  permissions: ({ oidc }) => (oidc === null ? [] : [{ identityToken: oidc.audience }]),
}

/** The platform that a plan names, or the host that the images come from. */
export function jfrogUrl(url: string | null, registry: string): string {
  return trimEnd(url ?? `https://${registry.replace(/^https?:\/\//, '').split('/')[0]}`, '/')
}

/**
 * The headers of a signed GetCallerIdentity go to JFrog, which asks AWS with them who we are. `host` belongs to AWS's side:
 * JFrog puts it back from the Region.
 */
async function byRole(cx: ProviderContext, url: string, life: number): Promise<ApiRequest> {
  const signed = await cx.signAws({
    service: 'sts',
    region: null,
    method: 'GET',
    url: 'https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15',
  })
  const headers = Object.entries(signed.headers).filter(([name]) => name.toLowerCase() !== 'host')
  return {
    method: 'POST',
    url: `${url}/access/api/v1/aws/token?region=${signed.region}`,
    headers: { ...Object.fromEntries(headers), 'x-amz-region-set': signed.region },
    json: { expires_in: life },
  }
}

async function byIdentity(cx: ProviderContext, url: string, oidc: JfrogOidc): Promise<ApiRequest> {
  const identity = await cx.identityToken(oidc.audience)
  cx.journal.mask(identity)
  return {
    method: 'POST',
    url: `${url}/access/api/v1/oidc/token`,
    json: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      subject_token: identity,
      provider_name: oidc.provider,
      audience: oidc.audience,
      ...(oidc.mapping === null ? {} : { identity_mapping_name: oidc.mapping }),
    },
  }
}

function roleApi(url: string): TokenApi {
  const setup =
    'An administrator must map this role to a user once: PUT /access/api/v1/aws/iam_role {"username","iam_role"} ' +
    '(Artifactory 7.90.10 or later)'
  return {
    name: `JFrog ${url}/access/api/v1/aws/token`,
    hints: {
      rejected: `${setup}.`,
      notPermitted: `${setup}. 403 is also what a ttl above the longest one that JFrog allows gets.`,
      unavailable: `${setup}; check the url and that the platform is up.`,
    },
  }
}

function oidcApi(url: string, { provider, audience }: JfrogOidc): TokenApi {
  const check =
    `Check the OIDC integration ${provider} in JFrog: its issuer is GitHub’s or that of the AWS account, its audience ` +
    `${audience}, and an identity mapping fits the claims of this workflow or role`
  return {
    name: `JFrog ${url}/access/api/v1/oidc/token`,
    hints: {
      rejected: `${check}.`,
      notPermitted: `${check}; without the integration JFrog answers 404.`,
      unavailable: `${check}; check the url and that the platform is up.`,
    },
  }
}

function tooShort({ name }: TokenApi, oidc: JfrogOidc | null, expiresAt: number, life: number): PullAuthError {
  return new PullAuthError(
    'CREDENTIAL_EXPIRING',
    `${name} gave a token until ${new Date(expiresAt).toISOString()}, less than the ${life} s that were counted on.`,
    oidc === null
      ? 'Ask for a shorter ttl, or raise the longest one that JFrog allows.'
      : 'The identity mapping decides: raise the expiration time of its token, or give the plan a ttl as short as that.',
  )
}
