/** A token server for a real docker-registry, over the living credentials of a test (facts/registries.md section 10). */

import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import { selfSigned } from '../doubles/certificate.ts'
import { listen, shut } from '../doubles/faults.ts'
import { allows, readBasic } from '../doubles/token-service.ts'
import type { Account, TokenStore } from '../doubles/tokens.ts'

export const SERVICE = 'test-registry'
export const ISSUER = 'test-issuer'

/** What a registry must know to take its bearers. */
export interface TokenAuth {
  readonly realm: string
  readonly certificate: string
}

export interface TokenServer extends TokenAuth {
  /** From now on exactly these credentials live. */
  use(tokens: TokenStore): void
  close(): Promise<void>
}

/** Strict: a wrong password is 401, a login without rights gets a token that grants nothing. `pusher` may push. */
export async function startTokenServer(pusher: Account): Promise<TokenServer> {
  const { key, cert } = selfSigned(['test-issuer'])
  const issue = issuer(key, cert)
  let tokens: TokenStore | null = null
  const server = createServer((request, response): unknown => {
    const query = new URL(request.url ?? '/', 'http://token').searchParams
    const login = readBasic(request.headers.authorization)
    const pushes = login?.username === pusher.username && login.password === pusher.password
    const account = login === null ? null : pushes ? pusher : (tokens?.login(login.username, login.password) ?? null)
    const [, name = '', actions = ''] = /^repository:([^:]+):([a-z,]+)$/.exec(query.get('scope') ?? '') ?? []
    if (query.get('service') !== SERVICE) return response.writeHead(400).end()
    if (account === null && (login !== null || name === '')) return response.writeHead(401).end()
    const may = allows({ publicRepositories: [] }, account, name) ? ['pull', ...(pushes ? ['push'] : [])] : []
    const granted = actions.split(',').filter((action) => may.includes(action))
    const access = granted.length === 0 ? [] : [{ type: 'repository', name, actions: granted }]
    const token = issue({ sub: account?.username ?? '', access })
    return response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ token, expires_in: 300 }))
  })
  return {
    realm: `http://${await listen(server)}/token`,
    certificate: cert,
    use: (store) => {
      tokens = store
    },
    close: () => shut(server),
  }
}

/** Bearers as docker-registry checks them: the certificate of the key stands in the header, the times are real ones. */
function issuer(key: string, cert: string): (claims: object) => string {
  const privateKey = createPrivateKey(key)
  const header = { typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(cert).raw.toString('base64')] }
  return (claims) => {
    const now = Math.floor(Date.now() / 1000)
    const times = { nbf: now - 10, iat: now, exp: now + 300 }
    const payload = { iss: ISSUER, aud: SERVICE, jti: randomUUID(), ...times, ...claims }
    const text = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }
}
