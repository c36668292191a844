/** An issuer of identity tokens (JWT), and the check that a registry makes of them: signature, issuer, audience, life. */

import { type KeyObject, randomUUID, sign, verify } from 'node:crypto'
import { marked } from './marks.ts'
import { rsaKey } from './rsa-key.ts'

export interface IdentityIssuer {
  readonly issuer: string
  /** A fresh token for one audience; `change` replaces claims, such as `exp`. */
  issue(audience: string, change?: Claims): string
  /** The claims of a token that this issuer signed for that audience and that lives; null for any other text. */
  claimsOf(token: string, audience: string): Claims | null
}

export type Claims = Readonly<Record<string, unknown>>

export interface IssuerOptions {
  readonly issuer: string
  readonly claims: Claims
  readonly now: () => number
  /** Seconds that a token lives. Default 300. */
  readonly life?: number
}

/** GitHub's, as a job of `acme/infra` that deploys to prod sees it. */
export function githubIssuer(now: () => number): IdentityIssuer {
  const claims = { sub: 'repo:acme/infra:environment:prod', repository: 'acme/infra', environment: 'prod' }
  return createIssuer({ issuer: 'https://token.actions.githubusercontent.com', claims, now })
}

export function createIssuer({ issuer, claims, now, life = 300 }: IssuerOptions): IdentityIssuer {
  const key = rsaKey()
  const seconds = () => Math.floor(now() / 1000)
  return {
    issuer,
    issue(audience, change = {}) {
      const times = { iat: seconds(), nbf: seconds(), exp: seconds() + life }
      // The mark makes every token one that a search for leaks knows.
      const payload = {
        iss: issuer,
        aud: audience,
        jti: randomUUID(),
        mark: marked('jwt'),
        ...times,
        ...claims,
        ...change,
      }
      return signJwt(payload, key.privateKey)
    },
    claimsOf(token, audience) {
      const read = readJwt(token, key.publicKey)
      if (read === null || read['iss'] !== issuer || read['aud'] !== audience) return null
      return Number(read['exp']) > seconds() ? read : null
    },
  }
}

function signJwt(payload: Claims, key: KeyObject): string {
  const text = [{ typ: 'JWT', alg: 'RS256', kid: 'test' }, payload].map(encode).join('.')
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`
}

function readJwt(token: string, key: KeyObject): Claims | null {
  const [header = '', payload = '', signature = '', ...more] = token.split('.')
  if (more.length > 0 || signature === '') return null
  const right = verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))
  return right ? (JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Claims) : null
}

function encode(part: Claims): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
