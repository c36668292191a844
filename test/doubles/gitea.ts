/** The access-token API of Gitea and Forgejo, as Gitea's source has it (routers/api/v1/user/app.go); its tokens are living credentials. */

import { randomBytes } from 'node:crypto'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import { readBasic } from './token-service.ts'
import type { TokenStore } from './tokens.ts'

export interface GiteaUser {
  readonly username: string
  readonly password: string
  readonly twoFactor?: boolean
}

export interface GiteaOptions {
  readonly tokens: TokenStore
  readonly users: readonly GiteaUser[]
  /** MAX_RESPONSE_ITEMS: most tokens on a page, whatever the client asks. Default 50. */
  readonly pageLimit?: number
  /** The text of the n-th token, for tests that search for it. */
  readonly tokenText?: (n: number) => string
  /** Below which path it is served. */
  readonly path?: string
}

export interface GiteaToken {
  readonly id: number
  readonly user: string
  readonly name: string
}

export interface GiteaDouble extends ApiDouble {
  readonly accessTokens: () => readonly GiteaToken[]
}

interface Stored extends GiteaToken {
  readonly text: string
  readonly account: number
}

const SCOPE = /^(?:read|write):(?:activitypub|admin|issue|misc|notification|organization|package|repository|user)$/

export async function startGitea(options: GiteaOptions): Promise<GiteaDouble> {
  const { tokens, users, pageLimit = 50, path = '' } = options
  const stored = new Map<number, Stored>()
  let lastId = 0

  /** Basic with a password; whoever has a second factor needs a code too, and a token is no password here. */
  const asSelf = (reply: (user: GiteaUser, call: ApiCall) => ApiReply) => (call: ApiCall) => {
    const login = readBasic(call.headers['authorization'])
    const user = users.find(({ username, password }) => username === login?.username && password === login.password)
    if (user === undefined || user.twoFactor === true) return problem(401)
    const named = decodeURIComponent(call.parts[0] ?? '')
    if (!users.some(({ username }) => username === named)) return problem(404)
    return named === user.username ? reply(user, call) : problem(403)
  }

  const list = ({ username }: GiteaUser, { query }: ApiCall): ApiReply => {
    const own = [...stored.values()].filter(({ user }) => user === username)
    const size = Math.min(Number(query.get('limit') ?? 30), pageLimit)
    const first = (Number(query.get('page') ?? 1) - 1) * size
    const body = own
      .slice(first, first + size)
      .map((token) => ({ ...shown(token), sha1: '', scopes: ['read:package'] }))
    return { status: 200, headers: { 'x-total-count': String(own.length) }, body }
  }

  const create = ({ username }: GiteaUser, { headers, json }: ApiCall): ApiReply => {
    if (headers['content-type'] !== 'application/json') return problem(415)
    const { name, scopes } = (json ?? {}) as Record<string, unknown>
    if (typeof name !== 'string' || name === '' || name.length > 255) return problem(422)
    if (!Array.isArray(scopes) || !scopes.every((scope) => SCOPE.test(scope))) return problem(400)
    if (!scopes.includes('read:package')) return problem(400)
    if ([...stored.values()].some((token) => token.user === username && token.name === name)) return problem(400)
    lastId += 1
    const text = options.tokenText?.(lastId) ?? randomBytes(20).toString('hex')
    const account = tokens.add({ username, password: text, pulls: ['acme/*'], expiresAt: null })
    const token: Stored = { id: lastId, user: username, name, text, account }
    stored.set(lastId, token)
    return { status: 201, body: { ...shown(token), sha1: text, scopes } }
  }

  const remove = ({ username }: GiteaUser, { parts: [, id] }: ApiCall): ApiReply => {
    const token = stored.get(Number(id))
    if (token?.user !== username) return problem(404)
    stored.delete(token.id)
    tokens.remove(token.account)
    return { status: 204 }
  }

  const at = (rest: string) => new RegExp(`^${path}/api/v1/users/([^/]+)/tokens${rest}$`)
  const double = await startApi([
    ['GET', at(''), asSelf(list)],
    ['POST', at(''), asSelf(create)],
    ['DELETE', at('/(\\d+)'), asSelf(remove)],
  ])
  const accessTokens = () => [...stored.values()].map(({ id, user, name }) => ({ id, user, name }))
  return Object.assign(double, { accessTokens })
}

function shown({ id, name, text }: Stored) {
  return { id, name, token_last_eight: text.slice(-8) }
}

function problem(status: number): ApiReply {
  return { status, body: { message: 'as the double says', url: 'https://gitea.test/api/swagger' } }
}
