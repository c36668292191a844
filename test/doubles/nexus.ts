/** The user API of Sonatype Nexus Repository, as its source has it (UserApiResource); its users are living credentials. */

import { remember } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import { readBasic } from './token-service.ts'
import type { TokenStore } from './tokens.ts'

export interface NexusRoot {
  readonly username: string
  readonly password: string
  readonly may: readonly ('create' | 'read' | 'delete')[]
}

export interface NexusOptions {
  readonly tokens: TokenStore
  readonly roots: readonly NexusRoot[]
  /** What a role pulls. Default: `docker-pull` pulls `acme/*`. */
  readonly roles?: Readonly<Record<string, readonly string[]>>
}

export interface NexusUser {
  readonly userId: string
  readonly lastName: string
  readonly roles: readonly string[]
}

export interface NexusDouble extends ApiDouble {
  readonly users: () => readonly NexusUser[]
  /** Makes a user that nobody of ours made. */
  add(userId: string, lastName: string): void
}

interface Stored extends NexusUser {
  readonly account: number
}

const USERS = '/service/rest/v1/security/users'
const REQUIRED = ['userId', 'firstName', 'lastName', 'emailAddress', 'password']

export async function startNexus(options: NexusOptions): Promise<NexusDouble> {
  const { tokens, roots, roles = { 'docker-pull': ['acme/*'] } } = options
  const stored = new Map<string, Stored>()

  const as = (right: NexusRoot['may'][number], reply: (call: ApiCall) => ApiReply) => (call: ApiCall) => {
    const login = readBasic(call.headers['authorization'])
    const root = roots.find((one) => one.username === login?.username && one.password === login.password)
    if (root === undefined) return { status: 401 }
    return root.may.includes(right) ? reply(call) : { status: 403 }
  }

  const add = (userId: string, lastName: string, password: string, given: readonly string[]): void => {
    // A role that does not exist is taken, and gives nothing.
    const pulls = given.flatMap((role) => roles[role] ?? [])
    const account = tokens.add({ username: userId, password, pulls, expiresAt: null })
    stored.set(userId, { userId, lastName, roles: given, account })
  }

  const create = ({ headers, json }: ApiCall): ApiReply => {
    if (headers['content-type'] !== 'application/json') return { status: 415 }
    const user = (json ?? {}) as Record<string, unknown>
    const given = user['roles']
    const texts = REQUIRED.every((name) => typeof user[name] === 'string' && user[name] !== '')
    if (!texts || !/^[^@\s]+@[^@\s]+$/.test(String(user['emailAddress']))) return { status: 400, body: [] }
    if (user['status'] !== 'active' || !Array.isArray(given) || given.length === 0) return { status: 400, body: [] }
    const [userId, lastName] = [String(user['userId']), String(user['lastName'])]
    if (lastName.length > 200 || stored.has(userId)) return { status: 400, body: [] }
    add(userId, lastName, remember(String(user['password'])), given.map(String))
    return { status: 200, body: shown(stored.get(userId)) }
  }

  /** A search by the beginning of the id, in one answer. */
  const list = ({ query }: ApiCall): ApiReply => {
    const wanted = (query.get('userId') ?? '').toLowerCase()
    const found = [...stored.values()].filter(({ userId }) => userId.toLowerCase().startsWith(wanted))
    return { status: 200, body: query.get('source') === 'default' ? found.map(shown) : found.slice(0, 100).map(shown) }
  }

  const remove = ({ parts: [userId = ''] }: ApiCall): ApiReply => {
    const user = stored.get(userId)
    if (user === undefined) return { status: 404, body: `"User '${userId}' not found."` }
    stored.delete(userId)
    tokens.remove(user.account)
    return { status: 204 }
  }

  const double = await startApi([
    ['GET', new RegExp(`^${USERS}$`), as('read', list)],
    ['POST', new RegExp(`^${USERS}$`), as('create', create)],
    ['DELETE', new RegExp(`^${USERS}/([^/]+)$`), as('delete', remove)],
  ])
  const users = () => [...stored.values()].map(({ account: _, ...user }) => user)
  return Object.assign(double, {
    users,
    add: (userId: string, lastName: string) => add(userId, lastName, 'x', ['nx-admin']),
  })
}

function shown(user: Stored | undefined) {
  const { userId, lastName, roles } = user ?? { userId: '', lastName: '', roles: [] }
  return {
    userId,
    firstName: 'as made',
    lastName,
    emailAddress: 'as@made',
    source: 'default',
    status: 'active',
    readOnly: false,
    roles,
    externalRoles: [],
  }
}
