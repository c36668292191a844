/** Provider `harbor`: one robot account of a project per rotation, made beside the old one and deleted by id. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, JsonValue, Millis, Provider, ProviderContext } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import { trimEnd } from '../core/trim-end.ts'
import { createBeside, labelOf } from './create-beside.ts'
import {
  apiOf,
  type CreatedRobot,
  createRobot,
  deleteRobot,
  type Harbor,
  type HarborConfig,
  isId,
  listOurs,
  listRobots,
  projectQuery,
  type Robot,
} from './harbor-api.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { handleLogin, plannedLogin } from './root-login.ts'
import { revokeFailed } from './token-api.ts'

/** What Harbor takes as a project name, and so what it never has to be quoted in a query. */
const PROJECT = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/
const DAY = 86_400
const DEFAULT_DAYS = 30
const SERVICE = 'Harbor'
/** Harbor adds calendar days on its own clock: where that changes to summer time, one hour is missing. */
const SHORTER_BY: Millis = 61 * 60_000

/**
 * Plain HTTPS (facts/registries.md section 3.9). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING; `revoke` REVOKE_FAILED.
 */
export const harbor: Provider<HarborConfig> = {
  kind: 'harbor',
  summary: 'Robot accounts of a Harbor project, made by a robot that may make robots.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: DAY, max: null, default: DEFAULT_DAYS * DAY, granularity: 'day' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double written from Harbor’s own source, whose robots a real docker-registry checks; never a Harbor',
  },
  options: {
    url: {
      kind: 'url',
      description: 'The Harbor. Default: the host of the registry key.',
      example: 'https://harbor.acme.com',
    },
    project: { kind: 'string', required: true, description: 'Name of the project to pull from.', example: 'acme' },
    root: {
      kind: 'secret',
      required: true,
      description:
        'Secret with {"username","password","url"?} of a robot that may create, list and delete robots of the project, read the project and pull from it.',
      example: 'prod/harbor/root',
    },
  },

  parse(fields, registry) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
    const url = trimEnd(text('url') || `https://${registryHost(registry)}`, '/')
    const [project, root] = [text('project'), text('root')]
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('url', httpsProblem(url))
    check(
      'project',
      PROJECT.test(project) ? null : 'must be the name of a project, in lower case, without its registry',
    )
    check('root', root === '' ? 'is missing' : null)
    return problems.length > 0 ? problems : { url, project, root }
  },

  async mint(cx, config, { label, ttl }) {
    const harbor = await enter(cx, config)
    const issuedAt = cx.clock.now()
    const days = Math.ceil((ttl ?? DEFAULT_DAYS * DAY) / DAY)
    const created = await createBeside(cx, label, {
      api: apiOf(config),
      create: (name) => createRobot(cx, harbor, name, days),
      list: () => listOurs(cx, harbor),
      remove: (id) => deleteRobot(cx, harbor, id),
    })
    await ensureLife(cx, harbor, created, issuedAt + days * DAY * 1000)
    const { id, username, password, expiresAt } = created
    return { username, password, issuedAt, expiresAt, handle: handleOf(config, id) }
  },

  /** Expired robots too: Harbor keeps them until somebody deletes them. */
  async find(cx, config, labelPrefix) {
    const robots = (await listOurs(cx, await enter(cx, config))).filter(({ name }) => name.startsWith(labelPrefix))
    return robots.map(({ id, name }) => ({ label: labelOf(name), handle: handleOf(config, id) }))
  },

  async revoke(cx, handle, planned) {
    const { id, ...place } = readHandle(handle)
    const login = await handleLogin(cx, place, { service: SERVICE, what: `Robot ${id}`, planned })
    return await deleteRobot(cx, { ...place, login }, id)
  },

  /** A robot dies too. One of the whole system shows itself only to a root that may list those. */
  async rootExpiry(cx, config) {
    const harbor = await enter(cx, config)
    const isRoot = ({ username }: Robot) => username === harbor.login.username
    const inProject = (await listRobots(cx, harbor, await projectQuery(cx, harbor))).find(isRoot)
    const root = inProject ?? (await listRobots(cx, harbor, 'Level=system')).find(isRoot)
    return root?.expiresAt ?? null
  },
}

async function enter(cx: ProviderContext, config: HarborConfig): Promise<Harbor> {
  return { ...config, login: await plannedLogin(cx, config, SERVICE) }
}

/** A Harbor that gives less than was asked would let the robot die before its successor is there. */
async function ensureLife(cx: ProviderContext, harbor: Harbor, robot: CreatedRobot, asked: Millis): Promise<void> {
  const { id, expiresAt } = robot
  if (expiresAt === null || expiresAt >= asked - SHORTER_BY) return
  await deleteRobot(cx, harbor, id).catch(() =>
    cx.journal.warn(`${apiOf(harbor).name}: robot ${id} is of no use and could not be deleted.`),
  )
  throw new PullAuthError(
    'CREDENTIAL_EXPIRING',
    `${apiOf(harbor).name}: a new robot lives until ${new Date(expiresAt).toISOString()}, less than was asked for.`,
    'Ask for a shorter ttl, and check the clock of Harbor.',
  )
}

function handleOf({ url, project, root }: HarborConfig, id: number): JsonValue {
  return { url, project, root, id }
}

function readHandle(handle: JsonValue): HarborConfig & { readonly id: number } {
  const { url, project, root, id } = asObject(handle)
  const whole = typeof url === 'string' && typeof project === 'string' && typeof root === 'string' && isId(id)
  if (whole && httpsProblem(url) === null && PROJECT.test(project)) return { url, project, root, id }
  throw revokeFailed(
    'A robot account',
    'the stored config remembers it in a form that cannot be read',
    'Delete old robots whose description begins with ecs-pull-auth/ in Harbor by hand.',
  )
}
