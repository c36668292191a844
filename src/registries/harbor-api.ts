/** Harbor's robot API, version 2.0: create, list, delete, and what each answer means (facts/registries.md section 3.9). */

import type { Millis, ProviderContext, Revocation } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { type Listed, listPages, oursOf, revokeListed } from './listed.ts'
import type { RootLogin, RootPlace } from './root-login.ts'
import {
  askApi,
  CREATE_TIMEOUT,
  isLost,
  isSuccess,
  objectOf,
  refusal,
  type TokenApi,
  takeToken,
  unusable,
} from './token-api.ts'

export interface HarborConfig extends RootPlace {
  readonly project: string
}

export interface Harbor extends HarborConfig {
  readonly login: RootLogin
}

export interface Robot {
  readonly id: number
  /** With Harbor's prefix and the project: `robot$acme+ecs-pull-auth-…`. */
  readonly username: string
  readonly description: string
  readonly expiresAt: Millis | null
}

export interface CreatedRobot {
  readonly id: number
  readonly username: string
  readonly password: Secret
  readonly expiresAt: Millis | null
}

export function apiOf({ url, project, root }: HarborConfig): TokenApi {
  return {
    name: `Harbor ${url}, robots of project ${project}`,
    hints: {
      rejected: `Check that the robot or user in secret ${root} is alive: a robot account expires and can be disabled.`,
      notPermitted:
        `Check the project's name, and that the root in secret ${root} may create, list and delete robots of it, read the project and ` +
        'pull from it: a robot hands on only what it may do itself, with the same effect (Harbor 2.12 or newer).',
      unavailable: 'Check the url in the plan and that Harbor is up, then run again.',
    },
  }
}

/**
 * null: the answer was lost after the request was sent, or told of no robot. The name of a robot has few characters and is
 * unique in its project, so it carries the unique end of our name only; the whole of it is the description.
 */
export async function createRobot(
  cx: ProviderContext,
  harbor: Harbor,
  name: string,
  days: number,
): Promise<CreatedRobot | null> {
  const { url, project, login } = harbor
  const access = [{ resource: 'repository', action: 'pull' }]
  const answer = await askApi(cx, {
    method: 'POST',
    url: `${url}/api/v2.0/robots`,
    headers: { authorization: login.header },
    json: {
      name: `ecs-pull-auth-${name.slice(name.lastIndexOf('#') + 1)}`,
      description: name,
      level: 'project',
      duration: days,
      disable: false,
      permissions: [{ kind: 'project', namespace: project, access }],
    },
    timeoutMs: CREATE_TIMEOUT,
  })
  if (isLost(answer)) return null
  if (!isSuccess(answer)) throw refusal(cx, apiOf(harbor), answer)
  const { id, name: username, secret, expires_at: expires } = objectOf(answer)
  const password = takeToken(cx, secret, typeof username === 'string' ? username : undefined)
  const expiresAt = expiryOf(expires)
  const usable = isId(id) && isUsername(username) && password !== null && expiresAt !== undefined
  return usable ? { id, username, password, expiresAt } : null
}

/** The robots of the project that carry a label of ours. */
export async function listOurs(cx: ProviderContext, harbor: Harbor): Promise<readonly Listed<number>[]> {
  return oursOf(await listProject(cx, harbor))
}

async function listProject(cx: ProviderContext, harbor: Harbor): Promise<readonly Listed<number>[]> {
  const robots = await listRobots(cx, harbor, await projectQuery(cx, harbor))
  return robots.map(({ id, description: name }) => ({ id, name }))
}

export async function listRobots(cx: ProviderContext, harbor: Harbor, query: string): Promise<readonly Robot[]> {
  const { url, login } = harbor
  const items = await listPages(cx, apiOf(harbor), (page) => ({
    method: 'GET',
    url: `${url}/api/v2.0/robots?q=${encodeURIComponent(query)}&page=${page}&page_size=100`,
    headers: { authorization: login.header },
  }))
  return items.flatMap(({ id, name, description = '', expires_at: expires }) => {
    const whole = isId(id) && typeof name === 'string' && typeof description === 'string'
    return whole ? [{ id, username: name, description, expiresAt: expiryOf(expires) ?? null }] : []
  })
}

/** Robots of a project are listed by its number only. The header says that a name of digits is a name. */
export async function projectQuery(cx: ProviderContext, harbor: Harbor): Promise<string> {
  const { url, project, login } = harbor
  const answer = await askApi(cx, {
    method: 'GET',
    url: `${url}/api/v2.0/projects/${project}`,
    headers: { authorization: login.header, 'x-is-resource-name': 'true' },
  })
  if (!isSuccess(answer)) throw refusal(cx, apiOf(harbor), answer)
  const { project_id: id } = objectOf(answer)
  if (!isId(id)) throw unusable(apiOf(harbor), 'project_id')
  return `Level=project,ProjectID=${id}`
}

export function deleteRobot(cx: ProviderContext, harbor: Harbor, id: number): Promise<Revocation> {
  const { url, project, root, login } = harbor
  const words = {
    what: `Robot ${id} of ${url}, project ${project},`,
    hint: `Check that the root in secret ${root} is alive and may list and delete robots there; retire tries again.`,
  }
  return revokeListed(cx, id, words, {
    list: () => listProject(cx, harbor),
    remove: () =>
      askApi(cx, {
        method: 'DELETE',
        url: `${url}/api/v2.0/robots/${id}`,
        headers: { authorization: login.header },
      }),
  })
}

/** Seconds since 1970, -1 for never; undefined for anything else. */
function expiryOf(value: unknown): Millis | null | undefined {
  if (value === -1) return null
  return isId(value) ? value * 1000 : undefined
}

/** Basic credentials end the name at the first colon. The prefix is the administrator's choice, `robot$` by default. */
function isUsername(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x39\x3b-\x7e]+$/.test(value)
}

export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
