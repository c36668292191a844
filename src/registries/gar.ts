/** Provider `gar`: access tokens of a Google service account, for Artifact Registry and gcr.io; best without a stored key. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Millis, Provider, ProviderContext } from '../core/ports.ts'
import { bearerHeader, type Secret } from '../core/secret.ts'
import { awsSubject, keyAssertion, oidcSubject } from './gar-identity.ts'
import { exchange, expiryOf, type TokenApi, takeToken, unusable } from './token-api.ts'

export type GarConfig = Federation | Key

interface Federation {
  readonly kind: 'aws' | 'oidc'
  /** `projects/1/locations/global/workloadIdentityPools/p/providers/x` */
  readonly provider: string
  readonly serviceAccount: string
  readonly audience: string
}

interface Key {
  readonly kind: 'key'
  readonly root: string
}

interface Token {
  readonly password: Secret
  readonly expiresAt: Millis
}

const USERNAME = 'oauth2accesstoken'
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const HOUR = 3600
const LONGEST_LIFE = 12 * HOUR
const PROVIDER =
  /^projects\/[0-9]{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/
const EMAIL = /^[a-z0-9.-]{1,100}@[a-z0-9.-]{1,100}\.gserviceaccount\.com$/

/**
 * Two exchanges, or one with a key (facts/registries.md section 3.5). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED,
 * MINT_RATE_LIMITED, MINT_UNAVAILABLE, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING and what `identityToken` and `signAws` throw.
 */
export const gar: Provider<GarConfig> = {
  kind: 'gar',
  summary:
    'Access tokens of a Google service account, for Artifact Registry: by workload identity federation, or by a key.',
  traits: {
    rotation: 'exchange',
    ttl: { min: null, max: LONGEST_LIFE, default: HOUR, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['aws-sigv4', 'github-oidc', 'aws-oidc', 'stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a double that checks AWS signatures, identity tokens and assertions, its tokens by a real docker-registry; never Google',
  },
  options: {
    workloadIdentityProvider: {
      kind: 'string',
      description: 'The provider of a workload identity pool that trusts us, without //iam.googleapis.com/.',
      example: 'projects/123456789/locations/global/workloadIdentityPools/ecs-pull/providers/aws-role',
    },
    identity: {
      kind: 'choice',
      choices: ['aws', 'oidc'],
      description: 'What that provider trusts: the AWS role that runs us (default), or an identity token (OIDC).',
    },
    audience: {
      kind: 'string',
      description: 'Audience of the identity token. Default: https://iam.googleapis.com/ and the provider.',
    },
    serviceAccount: {
      kind: 'string',
      description: 'E-mail of the service account to act as; required with workloadIdentityProvider.',
      example: 'ecs-pull@acme.iam.gserviceaccount.com',
    },
    root: {
      kind: 'secret',
      description: 'Last choice: secret with the JSON file of a service-account key, instead of all of the above.',
      example: 'prod/gar/root',
    },
  },

  parse(fields) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const root = text('root')
    if (root !== null) return readKey(root, fields)
    const [provider, serviceAccount, audience] = [
      text('workloadIdentityProvider') ?? '',
      text('serviceAccount'),
      text('audience'),
    ]
    const kind = text('identity') === 'oidc' ? 'oidc' : 'aws'
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('workloadIdentityProvider', PROVIDER.test(provider) ? null : NO_PROVIDER)
    check('serviceAccount', accountProblem(serviceAccount))
    check('audience', kind === 'aws' && audience !== null ? 'goes with identity: oidc only' : null)
    if (serviceAccount === null || problems.length > 0) return problems
    return { kind, provider, serviceAccount, audience: audience ?? `https://iam.googleapis.com/${provider}` }
  },

  async mint(cx, config, { ttl }) {
    const life = ttl ?? HOUR
    const issuedAt = cx.clock.now()
    const { password, expiresAt } =
      config.kind === 'key' ? await byKey(cx, config, issuedAt) : await byFederation(cx, config, life)
    if (expiresAt < issuedAt + life * 1000 - 60_000) {
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `Google gave a token until ${new Date(expiresAt).toISOString()}, less than the ${life} s that were counted on.`,
        'Ask for a shorter ttl. Above one hour the organization must allow it (see docs/registries/gar.md).',
      )
    }
    return { username: USERNAME, password, issuedAt, expiresAt, handle: null }
  },

  permissions: (config) => (config.kind === 'oidc' ? [{ identityToken: config.audience }] : []),
}

const NO_PROVIDER =
  'must be projects/<number>/locations/global/workloadIdentityPools/<pool>/providers/<provider>; without a pool name a key as root'

function accountProblem(email: string | null): string | null {
  // Without impersonation federation gives tokens of ten minutes at most (facts/registries.md section 3.5).
  if (email === null)
    return 'is missing: a token without a service account lives ten minutes, too short for an instance'
  return EMAIL.test(email) ? null : 'must be the e-mail of a service account'
}

function readKey(root: string, fields: Readonly<Record<string, unknown>>): Key | readonly FieldProblem[] {
  const others = ['workloadIdentityProvider', 'identity', 'audience', 'serviceAccount']
  const problems = others
    .filter((field) => fields[field] !== undefined)
    .map((field) => ({ field, problem: 'must not stand beside root, the key of a service account' }))
  const { ttl } = fields
  const long = typeof ttl === 'number' && ttl > HOUR
  if (long) problems.push({ field: 'ttl', problem: 'is above the hour that a token by key lives' })
  return problems.length > 0 ? problems : { kind: 'key', root }
}

async function byKey(cx: ProviderContext, { root }: Key, issuedAt: Millis): Promise<Token> {
  const api: TokenApi = {
    name: 'Google https://oauth2.googleapis.com/token',
    hints: {
      rejected: `The key in secret ${root} is deleted or disabled, or the clock is wrong: put a living key there.`,
      notPermitted: `Check in Google Cloud that the service account of the key in secret ${root} is enabled.`,
    },
  }
  const answer = await exchange(cx, api, {
    method: 'POST',
    url: 'https://oauth2.googleapis.com/token',
    form: {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await keyAssertion(cx, root, SCOPE),
    },
  })
  const password = takeToken(cx, answer['access_token'], USERNAME)
  if (password === null) throw unusable(api, 'access_token')
  const expiresAt = expiryOf(password, answer['expires_in'], issuedAt)
  if (expiresAt === null) throw unusable(api, 'expires_in')
  return { password, expiresAt }
}

async function byFederation(cx: ProviderContext, config: Federation, life: number): Promise<Token> {
  const api = impersonationApi(config, life)
  const answer = await exchange(cx, api, {
    method: 'POST',
    url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${config.serviceAccount}:generateAccessToken`,
    headers: { authorization: bearerHeader(await federatedToken(cx, config)) },
    json: { scope: [SCOPE], lifetime: `${life}s` },
  })
  const password = takeToken(cx, answer['accessToken'], USERNAME)
  if (password === null) throw unusable(api, 'accessToken')
  const { expireTime } = answer
  const expiresAt = typeof expireTime === 'string' ? Date.parse(expireTime) : Number.NaN
  if (Number.isNaN(expiresAt)) throw unusable(api, 'expireTime')
  return { password, expiresAt }
}

/** A token of the pool: it may only act as the service account, for ten minutes. */
async function federatedToken(cx: ProviderContext, { kind, provider, audience }: Federation): Promise<Secret> {
  const subject = kind === 'aws' ? await awsSubject(cx, provider) : await oidcSubject(cx, audience)
  const api = federationApi(kind, provider, audience)
  const answer = await exchange(cx, api, {
    method: 'POST',
    url: 'https://sts.googleapis.com/v1/token',
    json: {
      audience: `//iam.googleapis.com/${provider}`,
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      scope: SCOPE,
      subjectTokenType: subject.type,
      subjectToken: subject.token,
    },
  })
  const token = takeToken(cx, answer['access_token'])
  if (token === null) throw unusable(api, 'access_token')
  return token
}

function federationApi(kind: Federation['kind'], provider: string, audience: string): TokenApi {
  const trust =
    kind === 'aws'
      ? 'it must be of type AWS with the id of our account, and its attribute condition must fit our role'
      : `its issuer must be GitHub’s or that of the AWS account, its audience ${audience}, and its condition must fit the claims`
  const check = `Check ${provider} in Google Cloud: ${trust}`
  return {
    name: 'Google https://sts.googleapis.com/v1/token',
    hints: {
      rejected: `${check}.`,
      notPermitted: `${check}.`,
      unavailable: `${check}; else see Google’s status page.`,
    },
  }
}

function impersonationApi({ serviceAccount, provider }: Federation, life: number): TokenApi {
  const pool = provider.replace(/\/providers\/.*/, '')
  const role =
    `Grant roles/iam.workloadIdentityUser on ${serviceAccount} to principalSet://iam.googleapis.com/${pool}/… for our ` +
    'role or workflow, and enable the IAM Service Account Credentials API in its project'
  const long =
    'A ttl above one hour needs the organization policy constraints/iam.allowServiceAccountCredentialLifetimeExtension ' +
    `with ${serviceAccount} in it.`
  return {
    name: `Google ${serviceAccount}:generateAccessToken`,
    hints: {
      rejected: `${role}.`,
      notPermitted: `${role}.`,
      unavailable: life > HOUR ? long : `${role}; else see Google’s status page.`,
    },
  }
}
