/** Harbor's robot API, version 2.0, as its source has it (handler/robot.go, handler/project.go); its robots are living credentials. */

import { randomBytes } from 'node:crypto'
import { type ApiCall, type ApiDouble, type ApiReply, type Route, startApi } from './token-api.ts'
import { readBasic } from './token-service.ts'
import type { TokenStore } from './tokens.ts'

/** `resource:action`, such as `robot:create`, or `repository:pull`. */
type Permission = string

export interface HarborRoot {
  /** With the prefix of robots: `robot$factory` of the system, `robot$acme+factory` of a project. */
  readonly username: string
  readonly password: string
  readonly permissions: Readonly<Record<string, readonly Permission[]>>
  readonly expiresAt?: number | null
}

export interface HarborOptions {
  readonly tokens: TokenStore
  readonly roots: readonly HarborRoot[]
  /** Names by number. Default 7: `acme`. */
  readonly projects?: Readonly<Record<number, string>>
  /** Default `robot$`. */
  readonly prefix?: string
  /** Most robots on a page, whatever the client asks. Default 100. */
  readonly pageLimit?: number
  /** The text of the n-th secret, for tests that search for it. */
  readonly secretText?: (n: number) => string
  /** Seconds taken off every life. */
  readonly shorten?: number
  readonly now: () => number
}

export interface HarborRobot {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly projectId: number
  readonly expiresAt: number
}

export interface HarborDouble extends ApiDouble {
  readonly robots: () => readonly HarborRobot[]
}

interface Stored extends HarborRobot {
  readonly account: number
}

interface State {
  readonly options: HarborOptions & { readonly projects: Readonly<Record<number, string>>; readonly prefix: string }
  readonly stored: Map<number, Stored>
  lastId: number
}

/** What a robot that makes robots needs, and no more. */
export const FACTORY: readonly Permission[] = [
  'robot:create',
  'robot:list',
  'robot:delete',
  'project:read',
  'repository:pull',
]

export async function startHarbor(options: HarborOptions): Promise<HarborDouble> {
  const state: State = {
    options: { ...options, projects: options.projects ?? { 7: 'acme' }, prefix: options.prefix ?? 'robot$' },
    stored: new Map(),
    lastId: 40,
  }
  const robots = () => [...state.stored.values()].map(({ account: _, ...robot }) => robot)
  return Object.assign(await startApi(routesOf(state)), { robots })
}

function routesOf(state: State): readonly Route[] {
  const as = (reply: (root: HarborRoot, call: ApiCall) => ApiReply) => (call: ApiCall) => {
    const login = readBasic(call.headers['authorization'])
    const root = state.options.roots.find(
      ({ username, password }) => username === login?.username && password === login.password,
    )
    const dead = root?.expiresAt != null && root.expiresAt <= state.options.now()
    return root === undefined || dead ? problem(401, 'UNAUTHORIZED') : reply(root, call)
  }
  return [
    ['GET', /^\/api\/v2\.0\/projects\/([^/]+)$/, as((root, call) => getProject(state, root, call))],
    ['GET', /^\/api\/v2\.0\/robots$/, as((root, call) => listRobots(state, root, call))],
    ['POST', /^\/api\/v2\.0\/robots$/, as((root, call) => createRobot(state, root, call))],
    ['DELETE', /^\/api\/v2\.0\/robots\/(\d+)$/, as((root, call) => deleteRobot(state, root, call))],
  ]
}

function may(root: HarborRoot, project: string | undefined, permission: Permission): boolean {
  const granted = [
    ...(root.permissions[project ?? ''] ?? []),
    ...(project === undefined ? [] : (root.permissions['*'] ?? [])),
  ]
  return granted.includes(permission)
}

/** A project that does not exist is one that nobody has rights in: 403, never 404. */
function getProject({ options }: State, root: HarborRoot, { parts: [name = ''], headers }: ApiCall): ApiReply {
  const byName = headers['x-is-resource-name'] === 'true' || !/^\d+$/.test(name)
  const found = Object.entries(options.projects).find(([id, project]) => (byName ? project === name : id === name))
  if (found === undefined || !may(root, found[1], 'project:read')) return problem(403, 'FORBIDDEN')
  return { status: 200, body: { project_id: Number(found[0]), name: found[1] } }
}

function listRobots({ options, stored }: State, root: HarborRoot, { query }: ApiCall): ApiReply {
  const words = Object.fromEntries((query.get('q') ?? '').split(',').map((word) => word.split('=', 2)))
  const { Level: level = 'system', ProjectID: id } = words
  if (level !== 'system' && level !== 'project') return problem(400, 'BAD_REQUEST')
  if (level === 'project' && !/^[1-9]\d*$/.test(id ?? '')) return problem(400, 'BAD_REQUEST')
  const [page, asked] = [Number(query.get('page') ?? 1), Number(query.get('page_size') ?? 10)]
  if (asked > 100) return problem(422, 'UNPROCESSABLE')
  const project = level === 'project' ? (options.projects[Number(id)] ?? '') : undefined
  const permitted =
    project === undefined ? root.permissions['/']?.includes('robot:list') : may(root, project, 'robot:list')
  if (!permitted) return problem(403, 'FORBIDDEN')
  const made = project === undefined ? [] : [...stored.values()].filter(({ projectId }) => projectId === Number(id))
  const all = [...rootsAsRobots(options, project), ...made.map(shown(options))]
  const size = Math.min(asked, options.pageLimit ?? 100)
  const headers = { 'x-total-count': String(all.length) }
  return { status: 200, headers, body: all.slice((page - 1) * size, page * size) }
}

function rootsAsRobots({ roots }: State['options'], project: string | undefined) {
  const own = roots.filter(({ username }) =>
    project === undefined ? !username.includes('+') : username.includes(`$${project}+`),
  )
  return own.map(({ username, expiresAt }, index) => ({
    id: index + 1,
    name: username,
    level: project === undefined ? 'system' : 'project',
    expires_at: expiresAt == null ? -1 : Math.floor(expiresAt / 1000),
  }))
}

function shown({ projects, prefix }: State['options']) {
  return ({ id, name, description, projectId, expiresAt }: Stored) => ({
    id,
    name: `${prefix}${projects[projectId]}+${name}`,
    description,
    level: 'project',
    expires_at: expiresAt,
    disable: false,
    editable: true,
  })
}

const NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/

function createRobot(state: State, root: HarborRoot, { headers, json }: ApiCall): ApiReply {
  const { options, stored } = state
  if (headers['content-type'] !== 'application/json') return problem(415, 'UNSUPPORTED')
  const { name, description, level, duration, permissions } = (json ?? {}) as Record<string, unknown>
  if (typeof name !== 'string' || !NAME.test(name) || name.length > 255) return problem(400, 'BAD_REQUEST')
  if (typeof description !== 'string' || description.length > 1024) return problem(500, 'UNKNOWN')
  const days = Number.isInteger(duration) ? Number(duration) : 0
  if (days !== -1 && days <= 0) return problem(400, 'BAD_REQUEST')
  const [wanted, ...others] = Array.isArray(permissions) ? permissions : []
  if (level !== 'project' || wanted?.kind !== 'project' || others.length > 0) return problem(400, 'BAD_REQUEST')
  const access: readonly { resource: string; action: string }[] = wanted.access ?? []
  if (access.length !== 1 || access[0]?.resource !== 'repository' || access[0].action !== 'pull')
    return problem(400, 'BAD_REQUEST')
  const project = Object.entries(options.projects).find(([, known]) => known === wanted.namespace)
  if (project === undefined || !may(root, project[1], 'robot:create')) return problem(403, 'FORBIDDEN')
  if (!may(root, project[1], 'repository:pull')) return problem(403, 'DENIED')
  const projectId = Number(project[0])
  if ([...stored.values()].some((robot) => robot.name === name && robot.projectId === projectId))
    return problem(409, 'CONFLICT')
  state.lastId += 1
  const id = state.lastId
  const expiresAt = days === -1 ? -1 : Math.floor(options.now() / 1000) + days * 86_400 - (options.shorten ?? 0)
  const username = `${options.prefix}${project[1]}+${name}`
  const password = options.secretText?.(id) ?? randomBytes(16).toString('hex')
  const expires = expiresAt === -1 ? null : expiresAt * 1000
  const account = options.tokens.add({ username, password, pulls: [`${project[1]}/*`], expiresAt: expires })
  stored.set(id, { id, name, description, projectId, expiresAt, account })
  const body = { id, name: username, secret: password, creation_time: new Date(options.now()).toISOString() }
  return {
    status: 201,
    headers: { location: `/api/v2.0/robots/${id}` },
    body: { ...body, expires_at: expiresAt },
  }
}

/** A robot that does not exist is 404 to whoever is logged in, before any right is looked at. */
function deleteRobot({ options, stored }: State, root: HarborRoot, { parts: [id] }: ApiCall): ApiReply {
  const robot = stored.get(Number(id))
  if (robot === undefined) return problem(404, 'NOT_FOUND')
  if (!may(root, options.projects[robot.projectId], 'robot:delete')) return problem(403, 'FORBIDDEN')
  stored.delete(robot.id)
  options.tokens.remove(robot.account)
  return { status: 200 }
}

function problem(status: number, code: string): ApiReply {
  return { status, body: { errors: [{ code, message: 'as the double says' }] } }
}
