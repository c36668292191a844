/** The token APIs of a JFrog platform (facts/registries.md section 3.7); its tokens are the living credentials of a registry double. */

import { randomUUID } from 'node:crypto'
import { AwsRefusal } from '../aws/wire.ts'
import type { SignedByRole } from './aws-role.ts'
import type { Claims } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface JfrogOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  /** Users by the ARN of the IAM role that an administrator mapped to them. */
  readonly roles?: Readonly<Record<string, string>>
  /** AWS's GetCallerIdentity: the ARN of who signed; throws `AwsRefusal`. */
  readonly callerOf?: (request: SignedByRole) => string
  readonly integration?: OidcIntegration
  /** Who may manage tokens. */
  readonly roots?: readonly { readonly token: string; readonly admin: boolean; readonly expiresAt?: number }[]
  /** Users that tokens may be made for. Default `ecs-pull`. */
  readonly users?: readonly string[]
  /** Longest life in seconds; more is 403. */
  readonly longest?: number
  /** Seconds that every token is cut to, silently. */
  readonly cut?: number
  /** Below so many seconds a token cannot be revoked unless forced. Default 6 h. */
  readonly threshold?: number
  /** Before 7.50.3 an Artifactory did not know `force_revocable`, before 7.38 no reference tokens. Default: knows both. */
  readonly knows?: { readonly force?: boolean; readonly reference?: boolean }
}

export interface OidcIntegration {
  readonly name: string
  readonly audience: string
  readonly claimsOf: (token: string, audience: string) => Claims | null
  /** Users by the `sub` of the identity token. */
  readonly mapping: Readonly<Record<string, string>>
  readonly mappingName?: string
  /** Seconds; default 6 h. */
  readonly life?: number
  /** Whether answers say `expires_in`, and whether the token is a JWT with an end. Default both. */
  readonly tells?: { readonly expiresIn?: boolean; readonly exp?: boolean }
}

export interface JfrogToken {
  readonly id: string
  readonly username: string
  readonly description: string
  readonly expiresAt: number
  /** Those that are not kept cannot be listed or revoked. */
  readonly kept: boolean
}

export interface JfrogDouble extends ApiDouble {
  readonly accessTokens: () => readonly JfrogToken[]
  /** The bodies of creates, as they came. */
  readonly creates: readonly Readonly<Record<string, unknown>>[]
}

interface Stored extends JfrogToken {
  readonly accounts: readonly number[]
}

interface World {
  readonly options: JfrogOptions
  readonly stored: Map<string, Stored>
  readonly creates: Readonly<Record<string, unknown>>[]
}

export async function startJfrog(options: JfrogOptions): Promise<JfrogDouble> {
  const world: World = { options, stored: new Map(), creates: [] }
  const asAdmin = (reply: (world: World, call: ApiCall) => ApiReply) => (call: ApiCall) => {
    const root = options.roots?.find(({ token }) => call.headers['authorization'] === `Bearer ${token}`)
    if (root === undefined) return { status: 401, body: {} }
    return root.admin ? reply(world, call) : { status: 403, body: {} }
  }
  const api = await startApi([
    ['POST', /^\/access\/api\/v1\/aws\/token$/, (call) => byRole(world, call)],
    ['POST', /^\/access\/api\/v1\/oidc\/token$/, (call) => byIdentity(world, call)],
    ['POST', /^\/access\/api\/v1\/tokens$/, asAdmin(create)],
    ['GET', /^\/access\/api\/v1\/tokens$/, asAdmin(list)],
    ['GET', /^\/access\/api\/v1\/tokens\/me$/, (call) => showRoot(world, call)],
    ['GET', /^\/access\/api\/v1\/tokens\/([^/]+)$/, asAdmin(show)],
    ['DELETE', /^\/access\/api\/v1\/tokens\/([^/]+)$/, asAdmin(revoke)],
  ])
  const accessTokens = () => [...world.stored.values()].map(({ accounts: _, ...token }) => token)
  return Object.assign(api, { accessTokens, creates: world.creates })
}

/** As a proxy of GetCallerIdentity: it passes on what a signature needs, and no header more. */
const PASSED_ON = ['authorization', 'x-amz-date', 'x-amz-security-token']

function byRole({ options }: World, { headers, query, json }: ApiCall): ApiReply {
  // Its own proxy routes by host: one that belongs to AWS is nowhere.
  if (!headers['host']?.startsWith('127.0.0.1:')) return { status: 404 }
  if (headers['content-type'] !== 'application/json') return { status: 415 }
  const region = query.get('region')
  const { expires_in: life, ...more } = objectOf(json)
  if (region === null || headers['x-amz-region-set'] !== region) return { status: 400 }
  if (typeof life !== 'number' || life <= 0 || Object.keys(more).length > 0) return { status: 400 }
  if (life > (options.longest ?? Number.POSITIVE_INFINITY)) return { status: 403 }
  const passed = Object.fromEntries(PASSED_ON.map((name) => [name, headers[name]]))
  const url = `https://sts.${region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15`
  const arn = roleOf(options, { method: 'GET', url, headers: defined(passed) })
  const username = arn === null ? undefined : options.roles?.[arn]
  if (arn === null) return { status: 401 }
  if (username === undefined) return { status: 403 }
  const { token, seconds } = newToken(options, username, life)
  options.tokens.add({ username, password: token, pulls: ['acme/*'], expiresAt: options.now() + seconds * 1000 })
  return {
    status: 200,
    body: {
      token_id: randomUUID(),
      access_token: token,
      scope: 'applied-permissions/user',
      token_type: 'Bearer',
      expires_in: seconds,
      username,
    },
  }
}

/** The IAM role behind the session that GetCallerIdentity names; null for whom AWS does not know. */
function roleOf({ callerOf }: JfrogOptions, request: SignedByRole): string | null {
  try {
    const session = callerOf?.(request) ?? null
    return session?.replace(/^arn:aws:sts::(\d+):assumed-role\/([^/]+)\/.*$/, 'arn:aws:iam::$1:role/$2') ?? null
  } catch (thrown) {
    if (thrown instanceof AwsRefusal) return null
    throw thrown
  }
}

function byIdentity({ options }: World, { headers, json }: ApiCall): ApiReply {
  const { integration, tokens, now } = options
  if (headers['content-type'] !== 'application/json') return { status: 415 }
  const asked = objectOf(json)
  const { grant_type: grant, subject_token_type: type, subject_token: subject, provider_name: name, audience } = asked
  const right =
    grant === 'urn:ietf:params:oauth:grant-type:token-exchange' && type === 'urn:ietf:params:oauth:token-type:id_token'
  if (!right || typeof subject !== 'string') return { status: 400 }
  if (integration === undefined || integration.name !== name) return { status: 404 }
  const claims = audience === integration.audience ? integration.claimsOf(subject, integration.audience) : null
  if (claims === null) return { status: 401 }
  const { identity_mapping_name: mappingName = integration.mappingName } = asked
  const username = integration.mapping[String(claims['sub'])]
  if (username === undefined || mappingName !== integration.mappingName) return { status: 403 }
  const { expiresIn = true, exp = true } = integration.tells ?? {}
  const { token, seconds } = newToken(options, username, integration.life ?? 21_600, exp)
  tokens.add({ username, password: token, pulls: ['acme/*'], expiresAt: now() + seconds * 1000 })
  return {
    status: 200,
    body: {
      access_token: token,
      token_type: 'Bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      username,
      ...(expiresIn ? { expires_in: seconds } : {}),
    },
  }
}

const CREATE_FIELDS = [
  'grant_type',
  'username',
  'scope',
  'expires_in',
  'description',
  'refreshable',
  'include_reference_token',
  'force_revocable',
]

function create({ options, stored, creates }: World, { headers, json }: ApiCall): ApiReply {
  if (headers['content-type'] !== 'application/json') return { status: 415 }
  const asked = objectOf(json)
  const { grant_type: grant, username, scope, expires_in: life, description } = asked
  creates.push(asked)
  if (Object.keys(asked).some((name) => !CREATE_FIELDS.includes(name))) return { status: 400 }
  if (grant !== 'client_credentials' || typeof life !== 'number' || life <= 0) return { status: 400 }
  if (typeof description !== 'string' || description.length > 1024) return { status: 400 }
  const known = (options.users ?? ['ecs-pull']).includes(String(username))
  if (!known || life > (options.longest ?? Number.POSITIVE_INFINITY)) return { status: 403 }
  const id = randomUUID()
  const { token, seconds } = newToken(options, String(username), life)
  const expiresAt = options.now() + seconds * 1000
  const { force = true, reference = true } = options.knows ?? {}
  const short = reference && asked['include_reference_token'] === true ? marked('jfrog-reference') : null
  const accounts = [token, ...(short === null ? [] : [short])].map((password) =>
    options.tokens.add({ username: String(username), password, pulls: ['acme/*'], expiresAt }),
  )
  const kept = (force && asked['force_revocable'] === true) || life >= (options.threshold ?? 21_600)
  stored.set(id, { id, username: String(username), description, expiresAt, kept, accounts })
  return {
    status: 200,
    body: {
      token_id: id,
      access_token: token,
      ...(short === null ? {} : { reference_token: short }),
      expires_in: seconds,
      scope,
      token_type: 'Bearer',
    },
  }
}

/** A wildcard is allowed at the end of a description only. */
function list({ stored }: World, { query }: ApiCall): ApiReply {
  const [description, id] = [query.get('description'), query.get('token_id')]
  const matches = (token: Stored) => {
    if (id !== null && token.id !== id) return false
    if (description === null) return true
    return description.endsWith('*')
      ? token.description.startsWith(description.slice(0, -1))
      : token.description === description
  }
  return {
    status: 200,
    body: {
      tokens: [...stored.values()]
        .filter(({ kept }) => kept)
        .filter(matches)
        .map(shown),
    },
  }
}

function showRoot({ options }: World, { headers }: ApiCall): ApiReply {
  const root = options.roots?.find(({ token }) => headers['authorization'] === `Bearer ${token}`)
  if (root === undefined) return { status: 401, body: {} }
  const end = root.expiresAt === undefined ? {} : { expiry: Math.floor(root.expiresAt / 1000) }
  return { status: 200, body: { token_id: 'root', subject: 'jfac@01test/users/admin', ...end } }
}

function show({ stored }: World, { parts }: ApiCall): ApiReply {
  const token = stored.get(parts[0] ?? '')
  return token?.kept ? { status: 200, body: shown(token) } : { status: 404, body: {} }
}

/** 204: revoked before. One that is not kept is not found. */
function revoke({ options, stored }: World, { parts }: ApiCall): ApiReply {
  const token = stored.get(parts[0] ?? '')
  if (token === undefined) return { status: 204 }
  if (!token.kept) return { status: 404, body: {} }
  stored.delete(token.id)
  for (const account of token.accounts) options.tokens.remove(account)
  return { status: 200, body: {} }
}

function shown({ id, username, description, expiresAt }: Stored): unknown {
  const subject = `jfac@01test/users/${username}`
  return { token_id: id, subject, expiry: Math.floor(expiresAt / 1000), issuer: 'jfac@01test', description }
}

function newToken(
  { now, cut = Number.POSITIVE_INFINITY }: JfrogOptions,
  username: string,
  life: number,
  tellsEnd = true,
): { token: string; seconds: number } {
  const seconds = Math.min(life, cut)
  const end = tellsEnd ? { exp: Math.floor(now() / 1000) + seconds } : {}
  const claims = { sub: `jfac@01test/users/${username}`, ...end }
  const parts = [{ typ: 'JWT', alg: 'RS256' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return { token: `${parts.join('.')}.${marked('jfrog')}`, seconds }
}

function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null ? { ...json } : {}
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
