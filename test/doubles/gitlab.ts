/** GitLab's deploy-token API, on loopback or without a socket; its tokens are the living credentials of a registry double. */

import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { type Fault, listen, misbehave, shut } from './faults.ts'
import { type PlainAnswer, type PlainRequest, plainRequest } from './plain-http.ts'
import { createTokenStore, type TokenStore } from './tokens.ts'

export interface GitlabAccess {
  /** The text of the access token. */
  readonly token: string
  readonly scopes: readonly ('api' | 'read_api')[]
  /** Full paths that it may see; of `acme` it also sees `acme/app`. */
  readonly sees: readonly string[]
  /** Full paths whose tokens it may manage (Maintainer, Owner); of `acme` also those of `acme/app`. */
  readonly manages: readonly string[]
}

export interface GitlabOptions {
  readonly tokens?: TokenStore
  readonly access: readonly GitlabAccess[]
  /** Full paths by id. Default: project 1 `acme/app`, group 2 `acme`. */
  readonly projects?: Readonly<Record<number, string>>
  readonly groups?: Readonly<Record<number, string>>
  /** Most tokens on a page, whatever the client asks. Default 100, as GitLab. */
  readonly pageLimit?: number
  /** The longest life given, in seconds: longer ones are cut. */
  readonly longestLife?: number
  /** The text of the n-th deploy token, for tests that search for it. */
  readonly tokenText?: (n: number) => string
  /** 401 answers from this address after which everything is 403 (GitLab: 30). Default: never. */
  readonly banAfter?: number
  readonly now?: () => number
}

export interface GitlabRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
}

export interface GitlabFault {
  /** Whether the request takes effect before the fault. */
  readonly when: 'before' | 'after'
  readonly fault: Fault
}

export interface DeployToken {
  readonly id: number
  readonly name: string
  readonly username: string
  readonly scope: string
  readonly expiresAt: number | null
}

export interface GitlabDouble {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly tokens: TokenStore
  /** The deploy tokens that exist. */
  readonly deployTokens: () => readonly DeployToken[]
  readonly requests: readonly GitlabRequest[]
  fault: ((request: GitlabRequest) => GitlabFault | null) | null
  close(): Promise<void>
}

interface Stored extends DeployToken {
  readonly account: number
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export async function startGitlab(options: GitlabOptions): Promise<GitlabDouble> {
  const gitlab = createGitlab(options)
  const requests: GitlabRequest[] = []
  const server = createServer(async (incoming, response) => {
    const request = await plainRequest(incoming)
    const asked = { method: request.method, path: request.path }
    requests.push(asked)
    const fault = double.fault?.(asked) ?? null
    if (fault?.when === 'before') return misbehave(response, fault.fault)
    const result = gitlab.answer(request)
    if (fault?.when === 'after') return misbehave(response, fault.fault)
    send(response, result)
  })
  const double: GitlabDouble = {
    url: `http://${await listen(server)}`,
    tokens: gitlab.tokens,
    deployTokens: gitlab.deployTokens,
    requests,
    fault: null,
    close: () => shut(server),
  }
  return double
}

function send(response: ServerResponse, { status, headers, body }: PlainAnswer): void {
  response.writeHead(status, headers).end(body)
}

/** The API without a socket. */
export interface Gitlab {
  readonly tokens: TokenStore
  /** The deploy tokens that exist. */
  readonly deployTokens: () => readonly DeployToken[]
  answer(request: PlainRequest): PlainAnswer
}

export function createGitlab(options: GitlabOptions): Gitlab {
  const now = options.now ?? Date.now
  const tokens = options.tokens ?? createTokenStore(now)
  const stored = new Map<number, Stored>()
  const answer = answerer({ ...options, now, tokens }, stored)
  return {
    tokens,
    deployTokens: () => [...stored.values()].map(({ account: _, ...token }) => token),
    answer: (request) => {
      const { status, headers, body } = answer(request)
      const type = { 'content-type': 'application/json', ...headers }
      return { status, headers: type, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    },
  }
}

function answerer(
  options: GitlabOptions & { readonly now: () => number; readonly tokens: TokenStore },
  stored: Map<number, Stored>,
) {
  const { access, projects = { 1: 'acme/app' }, groups = { 2: 'acme' }, banAfter = Number.POSITIVE_INFINITY } = options
  let failures = 0
  let lastId = 0

  /** The full path behind `projects/1` or `groups/acme%2Fteam`; undefined when there is none. */
  const pathOf = (kind: string, id: string): string | undefined => {
    const known = kind === 'projects' ? projects : groups
    return Object.entries(known).find(([number, path]) => number === id || path === decodeURIComponent(id))?.[1]
  }

  const create = (scope: string, path: string, kind: string, { headers, body: text }: PlainRequest): Answer => {
    if (headers['content-type'] !== 'application/json') return problem(415, '415 Unsupported Media Type')
    const body: unknown = parse(text)
    const { name, scopes, username, expires_at: asked } = (body ?? {}) as Record<string, unknown>
    const wrong = invalidField({ name, scopes, username, asked })
    if (wrong !== null) return problem(400, wrong)
    const latest =
      options.longestLife === undefined ? Number.POSITIVE_INFINITY : options.now() + options.longestLife * 1000
    const expiresAt = Math.min(typeof asked === 'string' ? Date.parse(asked) : Number.POSITIVE_INFINITY, latest)
    lastId += 1
    const id = lastId
    const password = options.tokenText?.(id) ?? `gldt-${randomBytes(10).toString('hex')}`
    const user = typeof username === 'string' ? username : `gitlab+deploy-token-${id}`
    const expires = Number.isFinite(expiresAt) ? expiresAt : null
    const pulls = kind === 'projects' ? [path, `${path}/*`] : [`${path}/*`]
    const account = options.tokens.add({ username: user, password, pulls, expiresAt: expires })
    const token: Stored = { id, name: String(name), username: user, scope, expiresAt: expires, account }
    stored.set(id, token)
    return { status: 201, body: { ...shown(token, options.now()), token: password } }
  }

  const list = (scope: string, query: URLSearchParams): Answer => {
    const size = Math.min(Number(query.get('per_page') ?? 20), options.pageLimit ?? 100)
    const page = Number(query.get('page') ?? 1)
    const all = [...stored.values()]
      .filter((token) => token.scope === scope)
      .map((token) => shown(token, options.now()))
    const wanted = query.get('active') === 'true' ? all.filter(({ expired }) => !expired) : all
    const pages = Math.max(1, Math.ceil(wanted.length / size))
    const headers = {
      'x-page': String(page),
      'x-per-page': String(size),
      'x-next-page': page < pages ? String(page + 1) : '',
    }
    return { status: 200, headers, body: wanted.slice((page - 1) * size, page * size) }
  }

  const remove = (scope: string, id: number): Answer => {
    const token = stored.get(id)
    if (token?.scope !== scope) return problem(404, '404 Deploy Token Not Found')
    stored.delete(id)
    options.tokens.remove(token.account)
    return { status: 204 }
  }

  return (asked: PlainRequest): Answer => {
    if (failures >= banAfter) return problem(403, '403 Forbidden')
    const root = access.find(({ token }) => token === asked.headers['private-token'])
    if (root === undefined) {
      failures += 1
      return problem(401, '401 Unauthorized')
    }
    const url = new URL(asked.path, 'http://gitlab')
    const match = /^\/api\/v4\/(projects|groups)\/([^/]+)\/deploy_tokens(?:\/(\d+))?$/.exec(url.pathname)
    if (match === null) return problem(404, '404 Not Found')
    const [, kind = '', name = '', id] = match
    const path = pathOf(kind, name)
    if (path === undefined || !covers(root.sees, path))
      return problem(404, kind === 'projects' ? '404 Project Not Found' : '404 Group Not Found')
    const mayWrite = root.scopes.includes('api')
    if (!covers(root.manages, path) || (asked.method !== 'GET' && !mayWrite)) return problem(403, '403 Forbidden')
    const scope = `${kind}/${path}`
    if (asked.method === 'POST' && id === undefined) return create(scope, path, kind, asked)
    if (asked.method === 'GET' && id === undefined) return list(scope, url.searchParams)
    return asked.method === 'DELETE' && id !== undefined
      ? remove(scope, Number(id))
      : problem(405, '405 Method Not Allowed')
  }
}

function covers(paths: readonly string[], path: string): boolean {
  return paths.some((one) => path === one || path.startsWith(`${one}/`))
}

const SCOPES = ['read_repository', 'read_registry', 'write_registry', 'read_package_registry', 'write_package_registry']

function invalidField({ name, scopes, username, asked }: Readonly<Record<string, unknown>>): string | null {
  if (typeof name !== 'string' || name === '') return 'name is missing'
  if (name.length > 255) return 'Name is too long (maximum is 255 characters)'
  if (!Array.isArray(scopes) || scopes.length === 0) return 'scopes is missing'
  if (!scopes.every((scope) => SCOPES.includes(scope))) return 'scopes does not have a valid value'
  if (!scopes.includes('read_registry')) return 'this double is for registries'
  if (username !== undefined && !/^[a-zA-Z0-9.+_-]{1,255}$/.test(String(username))) return 'username is invalid'
  if (asked !== undefined && (typeof asked !== 'string' || Number.isNaN(Date.parse(asked))))
    return 'expires_at is invalid'
  return null
}

function shown({ id, name, username, expiresAt }: Stored, now: number) {
  return {
    id,
    name,
    username,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    scopes: ['read_registry'],
    revoked: false,
    expired: expiresAt !== null && expiresAt <= now,
  }
}

function problem(status: number, message: string): Answer {
  return { status, body: { message } }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
