/** The token service of a registry: who asks, what is granted, and the bearer that carries it (distribution's token spec). */

import { hash, randomBytes } from 'node:crypto'
import { type Account, matchesRepository, type TokenStore } from './tokens.ts'

export interface TokenServiceOptions {
  readonly tokens: TokenStore
  readonly publicRepositories: readonly string[]
  /** What a wrong password with a scope gets: an error, or an anonymous token as Harbor gives it. */
  readonly wrongPassword: 'refuse' | 'anonymous'
  /** What a refused login answers: Docker Hub 401, GHCR and GitLab 403. */
  readonly refusal: 401 | 403
  readonly tokenName: 'token' | 'access_token'
  /** Bearers that tell nothing by themselves, as GHCR's and Google's. */
  readonly opaque: boolean
  readonly now: () => number
}

export interface Bearer {
  readonly subject: string
  readonly repository: string | null
  readonly pulls: boolean
}

export interface TokenAnswer {
  readonly status: number
  readonly body: string
}

export interface TokenService {
  answer(query: URLSearchParams, authorization: string | undefined): TokenAnswer
  /** null for a bearer that is forged, tampered with or expired. */
  read(bearer: string): Bearer | null
}

export const SERVICE = 'test-registry'
/** Docker's token spec: a bearer outlives the credential that got it, by minutes. */
const BEARER_SECONDS = 300

export function createTokenService(options: TokenServiceOptions): TokenService {
  const key = randomBytes(32).toString('hex')
  const opaqueBearers = new Map<string, string>()
  // No HMAC: nobody attacks a double, and one call is several times as fast.
  const sign = (payload: string) => hash('sha256', `${key}.${payload}`, 'base64url')

  const issue = (subject: string, repository: string | null, pulls: boolean): string => {
    const seconds = Math.floor(options.now() / 1000)
    const access = pulls ? [{ type: 'repository', name: repository, actions: ['pull'] }] : []
    const claims = { iss: 'test-issuer', sub: subject, aud: SERVICE, exp: seconds + BEARER_SECONDS, repository, access }
    const payload = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode(claims)}`
    const jwt = `${payload}.${sign(payload)}`
    if (!options.opaque) return jwt
    const name = randomBytes(24).toString('base64url')
    opaqueBearers.set(name, jwt)
    return name
  }

  return {
    answer(query, authorization) {
      if (query.get('service') !== SERVICE) return problem(400, 'unknown service')
      const scope = query.get('scope')
      const match = /^repository:([a-z0-9._/-]+):([a-z,*]+)$/.exec(scope ?? '')
      if (scope !== null && match === null) return problem(400, 'malformed scope')
      const login = readBasic(authorization)
      const account = login === null ? null : options.tokens.login(login.username, login.password)
      const wrong = login !== null && account === null
      if (wrong && (scope === null || options.wrongPassword === 'refuse'))
        return problem(options.refusal, 'access forbidden')
      if (scope === null && account === null) return problem(401, 'authentication required')
      const repository = match?.[1] ?? null
      const pulls =
        repository !== null && (match?.[2] ?? '').split(',').includes('pull') && allows(options, account, repository)
      const token = issue(account?.username ?? '', repository, pulls)
      return { status: 200, body: JSON.stringify({ [options.tokenName]: token, expires_in: BEARER_SECONDS }) }
    },

    read(bearer) {
      const jwt = options.opaque ? (opaqueBearers.get(bearer) ?? '') : bearer
      const [header = '', payload = '', signature = ''] = jwt.split('.')
      if (signature === '' || sign(`${header}.${payload}`) !== signature) return null
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
      if (claims.exp * 1000 <= options.now()) return null
      return { subject: claims.sub, repository: claims.repository, pulls: claims.access.length > 0 }
    },
  }
}

export function allows(
  { publicRepositories }: { readonly publicRepositories: readonly string[] },
  account: Account | null,
  repository: string,
): boolean {
  return matchesRepository(publicRepositories, repository) || matchesRepository(account?.pulls ?? [], repository)
}

/** User and password of an `Authorization: Basic` header; null without one. */
export function readBasic(authorization: string | undefined): { username: string; password: string } | null {
  const match = /^Basic ([A-Za-z0-9+/]+=*)$/.exec(authorization ?? '')
  if (match === null) return null
  const text = Buffer.from(match[1] ?? '', 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function problem(status: number, message: string): TokenAnswer {
  return { status, body: JSON.stringify({ errors: [{ code: status === 403 ? 'DENIED' : 'UNAUTHORIZED', message }] }) }
}
