/**
 * Google's token services (facts/registries.md section 3.5), by host: the security token service, IAM credentials and OAuth.
 * The tokens of service accounts are the living credentials of a registry double.
 */

import { verify } from 'node:crypto'
import { AwsRefusal } from '../aws/wire.ts'
import type { SignedByRole } from './aws-role.ts'
import type { Claims } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { rsaKey } from './rsa-key.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface GoogleOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  readonly pools?: readonly PoolProvider[]
  /** Service accounts by e-mail. */
  readonly accounts?: Readonly<Record<string, ServiceAccount>>
}

export interface PoolProvider {
  /** `projects/1/locations/global/workloadIdentityPools/p/providers/x` */
  readonly name: string
  /** The subjects that its attribute condition lets in: ARNs or `sub` claims. */
  readonly subjects: readonly string[]
  readonly trusts:
    | { readonly kind: 'aws'; readonly callerOf: (request: SignedByRole) => string }
    | {
        readonly kind: 'oidc'
        readonly audience: string
        readonly claimsOf: (token: string, audience: string) => Claims | null
      }
}

export interface ServiceAccount {
  /** Subjects that hold roles/iam.workloadIdentityUser on it. */
  readonly users?: readonly string[]
  /** Whether the organization lets it have tokens of up to 12 h. */
  readonly extended?: boolean
  /** The id of its one key. */
  readonly keyId?: string
}

export interface GoogleDouble extends ApiDouble {
  /** Where the double answers for a URL of Google. */
  reroute(url: string): string
}

interface World extends GoogleOptions {
  /** Subjects by federated token. */
  readonly federated: Map<string, string>
}

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const TOKEN_ENDPOINT = 'https://oauth2.googleapis.com/token'

export async function startGoogle(options: GoogleOptions): Promise<GoogleDouble> {
  const world: World = { ...options, federated: new Map() }
  const api = await startApi([
    ['POST', /^\/sts\.googleapis\.com\/v1\/token$/, (call) => federate(world, call)],
    [
      'POST',
      /^\/iamcredentials\.googleapis\.com\/v1\/projects\/-\/serviceAccounts\/([^/:]+):generateAccessToken$/,
      (call) => impersonate(world, call),
    ],
    ['POST', /^\/oauth2\.googleapis\.com\/token$/, (call) => byAssertion(world, call)],
  ])
  return Object.assign(api, { reroute: (url: string) => url.replace(/^https:\/\//, `${api.url}/`) })
}

/** The JSON file of a service-account key. Its `token_uri` is one that nobody may believe. */
export function keyFile(email: string, keyId: string): string {
  const key = rsaKey().privateKey.export({ type: 'pkcs8', format: 'pem' })
  return JSON.stringify({
    type: 'service_account',
    project_id: 'acme',
    private_key_id: keyId,
    private_key: key,
    client_email: email,
    token_uri: 'https://evil.test/token',
  })
}

function federate({ pools = [], federated }: World, { headers, json }: ApiCall): ApiReply {
  const asked = objectOf(json)
  const { audience, grantType, requestedTokenType, scope, subjectTokenType: type, subjectToken } = asked
  const right =
    headers['content-type'] === 'application/json' &&
    headers['authorization'] === undefined &&
    grantType === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
    requestedTokenType === 'urn:ietf:params:oauth:token-type:access_token' &&
    scope === SCOPE &&
    typeof subjectToken === 'string'
  if (!right) return oauthError('invalid_request')
  const pool = pools.find(({ name }) => audience === `//iam.googleapis.com/${name}`)
  if (pool === undefined) return oauthError('invalid_target')
  const subject = subjectOf(pool, type, subjectToken)
  if (subject === null) return oauthError('invalid_grant')
  if (!pool.subjects.includes(subject)) return oauthError('unauthorized_client')
  const token = marked('federated')
  federated.set(token, subject)
  return {
    status: 200,
    body: {
      access_token: token,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 600,
    },
  }
}

function subjectOf({ name, trusts }: PoolProvider, type: unknown, token: string): string | null {
  if (trusts.kind === 'oidc') {
    if (type !== 'urn:ietf:params:oauth:token-type:jwt') return null
    const claims = trusts.claimsOf(token, trusts.audience)
    return claims === null ? null : String(claims['sub'])
  }
  if (type !== 'urn:ietf:params:aws:token-type:aws4_request') return null
  const { url, method, headers } = JSON.parse(decodeURIComponent(token))
  if (!/^https:\/\/sts\.[a-z0-9-]+\.amazonaws\.com\/\?Action=GetCallerIdentity&Version=2011-06-15$/.test(url))
    return null
  const named = Object.fromEntries(headers.map(({ key, value }: Record<string, string>) => [key?.toLowerCase(), value]))
  if (method !== 'POST' || named['x-goog-cloud-target-resource'] !== `//iam.googleapis.com/${name}`) return null
  if (!/SignedHeaders=[a-z0-9;-]*x-goog-cloud-target-resource/.test(named['authorization'])) return null
  try {
    return trusts.callerOf({ method, url, headers: named })
  } catch (thrown) {
    if (thrown instanceof AwsRefusal) return null
    throw thrown
  }
}

function impersonate({ tokens, now, accounts = {}, federated }: World, { headers, json, parts }: ApiCall): ApiReply {
  const subject = federated.get(headers['authorization']?.replace(/^Bearer /, '') ?? '')
  if (subject === undefined) return apiError(401, 'UNAUTHENTICATED')
  const account = accounts[parts[0] ?? '']
  if (account === undefined) return apiError(404, 'NOT_FOUND')
  if (!account.users?.includes(subject)) return apiError(403, 'PERMISSION_DENIED')
  const { scope, lifetime, ...more } = objectOf(json)
  const seconds = /^(\d{1,6})s$/.exec(String(lifetime))?.[1]
  const right = headers['content-type'] === 'application/json' && Array.isArray(scope) && scope.join() === SCOPE
  if (!right || seconds === undefined || Object.keys(more).length > 0) return apiError(400, 'INVALID_ARGUMENT')
  if (Number(seconds) > (account.extended ? 43_200 : 3600)) return apiError(400, 'INVALID_ARGUMENT')
  const expiresAt = now() + Number(seconds) * 1000
  return {
    status: 200,
    body: { accessToken: newToken(tokens, expiresAt), expireTime: new Date(expiresAt).toISOString() },
  }
}

function byAssertion({ tokens, now, accounts = {} }: World, { headers, form }: ApiCall): ApiReply {
  if (headers['content-type'] !== 'application/x-www-form-urlencoded') return oauthError('invalid_request')
  const asked = form.get('grant_type')
  if (asked !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return oauthError('unsupported_grant_type')
  const [header = '', payload = '', signature = ''] = (form.get('assertion') ?? '').split('.')
  const text = Buffer.from(`${header}.${payload}`)
  if (!verify('RSA-SHA256', text, rsaKey().publicKey, Buffer.from(signature, 'base64url'))) {
    return oauthError('invalid_grant')
  }
  const { alg, kid } = decode(header)
  const { iss, sub, aud, scope, iat, exp } = decode(payload)
  const account = accounts[String(iss)]
  const seconds = now() / 1000
  const timely = Math.abs(Number(iat) - seconds) < 300 && Number(exp) > seconds && Number(exp) - Number(iat) <= 3600
  const known = account?.keyId !== undefined && account.keyId === kid && alg === 'RS256' && sub === iss
  if (!known || !timely || aud !== TOKEN_ENDPOINT) return oauthError('invalid_grant')
  if (scope !== SCOPE) return oauthError('invalid_scope')
  const token = newToken(tokens, now() + 3_599_000)
  return { status: 200, body: { access_token: token, expires_in: 3599, token_type: 'Bearer' } }
}

/** Opaque, as Google's are. */
function newToken(tokens: TokenStore, expiresAt: number): string {
  const password = `ya29.${marked('google')}`
  tokens.add({ username: 'oauth2accesstoken', password, pulls: ['acme/*'], expiresAt })
  return password
}

function oauthError(error: string): ApiReply {
  return { status: 400, body: { error, error_description: marked('description') } }
}

function apiError(code: number, status: string): ApiReply {
  return { status: code, body: { error: { code, status, message: marked('message') } } }
}

function decode(part: string): Claims {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims
}

function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null ? { ...json } : {}
}
