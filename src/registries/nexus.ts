/** Provider `nexus`: one user of Sonatype Nexus Repository per rotation, made beside the old one and deleted. */

import { randomBytes } from 'node:crypto'
import type { FieldProblem, JsonValue, Provider, ProviderContext, Revocation } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { createBeside, labelOf } from './create-beside.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { type Listed, listWhole, oursOf, revokeListed } from './listed.ts'
import { handleLogin, plannedLogin, type RootLogin, type RootPlace } from './root-login.ts'
import {
  askApi,
  CREATE_TIMEOUT,
  isLost,
  isSuccess,
  objectOf,
  refusal,
  revokeFailed,
  type TokenApi,
} from './token-api.ts'

interface NexusConfig extends RootPlace {
  readonly role: string
}

interface Nexus extends RootPlace {
  readonly login: RootLogin
}

const SERVICE = 'Nexus'
const PREFIX = 'ecs-pull-auth-'
const USER = /^ecs-pull-auth-[0-9a-f]{8}-[0-9a-f]{4}$/
/** Nexus wants one, and sends nothing to it. `invalid` is nobody's domain (RFC 2606). */
const EMAIL = 'ecs-pull-auth@example.invalid'

/**
 * Plain HTTPS (facts/registries.md section 3.10). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID; `revoke` REVOKE_FAILED.
 */
export const nexus: Provider<NexusConfig> = {
  kind: 'nexus',
  summary: 'Users of Sonatype Nexus Repository with one role, one user for each rotation.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: null, max: null, default: null, granularity: 'none' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double written from Nexus’s own source, its users checked by a real docker-registry; never a Nexus',
  },
  options: {
    url: {
      kind: 'url',
      required: true,
      description: 'The Nexus itself: a connector port for Docker does not serve its API.',
      example: 'https://nexus.acme.com',
    },
    role: {
      kind: 'string',
      required: true,
      description: 'Id of the role that the users get: it should read the Docker repositories and nothing else.',
      example: 'docker-pull',
    },
    root: {
      kind: 'secret',
      required: true,
      description: 'Secret with {"username","password","url"?} of a user who may create, read and delete users.',
      example: 'prod/nexus/root',
    },
  },

  parse(fields) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
    const [url, role, root] = [trimEnd(text('url'), '/'), text('role'), text('root')]
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('url', url === '' ? 'is missing' : httpsProblem(url))
    check('role', /^[\w.-]+$/.test(role) ? null : 'must be the id of a role')
    check('root', root === '' ? 'is missing' : null)
    return problems.length > 0 ? problems : { url, role, root }
  },

  async mint(cx, config, { label }) {
    const nexus = await enter(cx, config)
    const issuedAt = cx.clock.now()
    const { username, password } = await createBeside(cx, label, {
      api: apiOf(nexus),
      create: (name) => createUser(cx, nexus, config.role, name),
      list: async () => oursOf(await listUsers(cx, nexus)),
      remove: (user) => deleteUser(cx, nexus, user),
    })
    return { username, password, issuedAt, expiresAt: null, handle: handleOf(config, username) }
  },

  async find(cx, config, labelPrefix) {
    const users = oursOf(await listUsers(cx, await enter(cx, config))).filter(({ name }) =>
      name.startsWith(labelPrefix),
    )
    return users.map(({ id, name }) => ({ label: labelOf(name), handle: handleOf(config, id) }))
  },

  async revoke(cx, handle, planned) {
    const { user, ...place } = readHandle(handle)
    const login = await handleLogin(cx, place, { service: SERVICE, what: `User ${user}`, planned })
    return await deleteUser(cx, { ...place, login }, user)
  },
}

async function enter(cx: ProviderContext, { url, root }: NexusConfig): Promise<Nexus> {
  return { url, root, login: await plannedLogin(cx, { url, root }, SERVICE) }
}

function apiOf({ url, root }: Nexus): TokenApi {
  return {
    name: `Nexus ${url}, users`,
    hints: {
      rejected: `Check the login in secret ${root}: the user must be active.`,
      notPermitted: `Give the user in secret ${root} a role with nx-users-create, nx-users-read and nx-users-delete, and check the url in the plan.`,
      unavailable:
        'Check the url (not a connector port of Docker) and the role in the plan, and that Nexus is up, then run again.',
    },
  }
}

function usersUrl({ url }: Nexus): string {
  return `${url}/service/rest/v1/security/users`
}

/**
 * null: the answer was lost after the request was sent, or told of another user. The unique end of our name makes the
 * user's id; the label is the last name, where people see it.
 */
async function createUser(
  cx: ProviderContext,
  nexus: Nexus,
  role: string,
  name: string,
): Promise<{ readonly username: string; readonly password: Secret } | null> {
  const username = `${PREFIX}${name.slice(name.lastIndexOf('#') + 1)}`
  const password = new Secret(randomBytes(32).toString('base64url'))
  cx.journal.mask(password, username)
  const answer = await askApi(cx, {
    method: 'POST',
    url: usersUrl(nexus),
    headers: { authorization: nexus.login.header },
    json: {
      userId: username,
      firstName: 'ecs-pull-auth',
      lastName: labelOf(name),
      emailAddress: EMAIL,
      password,
      status: 'active',
      roles: [role],
    },
    timeoutMs: CREATE_TIMEOUT,
  })
  if (isLost(answer)) return null
  if (!isSuccess(answer)) throw refusal(cx, apiOf(nexus), answer)
  return objectOf(answer)['userId'] === username ? { username, password } : null
}

/** The whole list in one answer: only for users of other sources Nexus has a limit. */
async function listUsers(cx: ProviderContext, nexus: Nexus): Promise<readonly Listed<string>[]> {
  const users = await listWhole(cx, apiOf(nexus), {
    method: 'GET',
    url: `${usersUrl(nexus)}?userId=${PREFIX}&source=default`,
    headers: { authorization: nexus.login.header },
  })
  return users.flatMap(({ userId, lastName }) =>
    isUser(userId) && typeof lastName === 'string'
      ? [{ id: userId, name: `${lastName}#${userId.slice(PREFIX.length)}` }]
      : [],
  )
}

function deleteUser(cx: ProviderContext, nexus: Nexus, user: string): Promise<Revocation> {
  const words = {
    what: `User ${user} of ${nexus.url}`,
    hint: `Check that the user in secret ${nexus.root} is active and may read and delete users; retire tries again.`,
  }
  return revokeListed(cx, user, words, {
    list: () => listUsers(cx, nexus),
    remove: () =>
      askApi(cx, {
        method: 'DELETE',
        url: `${usersUrl(nexus)}/${user}`,
        headers: { authorization: nexus.login.header },
      }),
  })
}

function handleOf({ url, root }: RootPlace, user: string): JsonValue {
  return { url, root, user }
}

function readHandle(handle: JsonValue): RootPlace & { readonly user: string } {
  const { url, root, user } = asObject(handle)
  if (typeof url === 'string' && typeof root === 'string' && isUser(user) && httpsProblem(url) === null)
    return { url, root, user }
  throw revokeFailed(
    'A user of Nexus',
    'the stored config remembers it in a form that cannot be read',
    'Delete old users whose id begins with ecs-pull-auth- in Nexus by hand.',
  )
}

/** Nobody else's users have such an id, so no handle can turn the root against them. */
function isUser(value: unknown): value is string {
  return typeof value === 'string' && USER.test(value)
}
