/** Provider `gitea`: access tokens of a bot user of Gitea or Forgejo, made beside the old one and deleted by id. */

import type { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, JsonValue, Provider, ProviderContext, Revocation } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import type { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { createBeside, labelOf } from './create-beside.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { type Listed, listPages, oursOf, revokeListed } from './listed.ts'
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
  takeToken,
} from './token-api.ts'

interface Gitea extends RootPlace {
  readonly login: RootLogin
}

const SERVICE = 'Gitea'

/**
 * Plain HTTPS (facts/registries.md section 3.10). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID; `revoke` REVOKE_FAILED.
 */
export const gitea: Provider<RootPlace> = {
  kind: 'gitea',
  summary: 'Access tokens of a bot user of Gitea or Forgejo that may read packages and nothing else.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: null, max: null, default: null, granularity: 'none' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double written from Gitea’s own source, its tokens checked by a real docker-registry; never a Gitea',
  },
  options: {
    url: {
      kind: 'url',
      description: 'The Gitea or Forgejo. Default: the host of the registry key.',
      example: 'https://git.acme.com',
    },
    root: {
      kind: 'secret',
      required: true,
      description: 'Secret with {"username","password","url"?} of a bot user without two-factor authentication.',
      example: 'prod/gitea/bot',
    },
  },

  parse(fields, registry) {
    const url = trimEnd(typeof fields['url'] === 'string' ? fields['url'] : `https://${registryHost(registry)}`, '/')
    const root = typeof fields['root'] === 'string' ? fields['root'] : ''
    const problems: FieldProblem[] = []
    const urlProblem = httpsProblem(url)
    if (urlProblem !== null) problems.push({ field: 'url', problem: urlProblem })
    if (root === '') problems.push({ field: 'root', problem: 'is missing' })
    return problems.length > 0 ? problems : { url, root }
  },

  async mint(cx, config, { label }) {
    const gitea = await enter(cx, config)
    const issuedAt = cx.clock.now()
    const { id, password } = await createBeside(cx, label, {
      api: apiOf(gitea),
      create: (name) => createToken(cx, gitea, name),
      list: async () => oursOf(await listTokens(cx, gitea)),
      remove: (token) => deleteToken(cx, gitea, token),
    })
    return { username: gitea.login.username, password, issuedAt, expiresAt: null, handle: handleOf(gitea, id) }
  },

  async find(cx, config, labelPrefix) {
    const gitea = await enter(cx, config)
    const tokens = oursOf(await listTokens(cx, gitea)).filter(({ name }) => name.startsWith(labelPrefix))
    return tokens.map(({ id, name }) => ({ label: labelOf(name), handle: handleOf(gitea, id) }))
  },

  async revoke(cx, handle, planned) {
    const { id, user, ...place } = readHandle(handle)
    const what = `Access token ${id} of ${user} at ${place.url}`
    const login = await handleLogin(cx, place, { service: SERVICE, what, planned })
    if (login.username !== user) throw anotherUser(what, place.root)
    return await deleteToken(cx, { ...place, login }, id)
  },
}

async function enter(cx: ProviderContext, config: RootPlace): Promise<Gitea> {
  return { ...config, login: await plannedLogin(cx, config, SERVICE) }
}

function apiOf({ url, root, login }: Gitea): TokenApi {
  return {
    name: `Gitea ${url}, tokens of ${login.username}`,
    hints: {
      rejected: `Check the login in secret ${root}. Tokens are made with a password only, never with a token, and not by a user who has two-factor authentication or must change the password first.`,
      notPermitted: `Check the url in the plan, and that the user in secret ${root} exists and may sign in there.`,
      unavailable: 'Check the url in the plan and that Gitea is up, then run again.',
    },
  }
}

function tokensUrl({ url, login }: Gitea): string {
  return `${url}/api/v1/users/${encodeURIComponent(login.username)}/tokens`
}

/** null: the answer was lost after the request was sent, or told of no token. */
async function createToken(
  cx: ProviderContext,
  gitea: Gitea,
  name: string,
): Promise<{ readonly id: number; readonly password: Secret } | null> {
  const answer = await askApi(cx, {
    method: 'POST',
    url: tokensUrl(gitea),
    headers: { authorization: gitea.login.header },
    json: { name, scopes: ['read:package'] },
    timeoutMs: CREATE_TIMEOUT,
  })
  if (isLost(answer)) return null
  if (!isSuccess(answer)) throw refusal(cx, apiOf(gitea), answer)
  // The token itself, although the field is called after its hash.
  const { id, sha1 } = objectOf(answer)
  const password = takeToken(cx, sha1, gitea.login.username)
  return password !== null && isId(id) ? { id, password } : null
}

async function listTokens(cx: ProviderContext, gitea: Gitea): Promise<readonly Listed<number>[]> {
  const items = await listPages(cx, apiOf(gitea), (page) => ({
    method: 'GET',
    url: `${tokensUrl(gitea)}?page=${page}&limit=50`,
    headers: { authorization: gitea.login.header },
  }))
  return items.flatMap(({ id, name }) => (isId(id) && typeof name === 'string' ? [{ id, name }] : []))
}

/** By id: a name that begins with digits is taken for one. */
function deleteToken(cx: ProviderContext, gitea: Gitea, id: number): Promise<Revocation> {
  const words = {
    what: `Access token ${id} of ${gitea.login.username} at ${gitea.url}`,
    hint: `Check that the login in secret ${gitea.root} works; retire tries again.`,
  }
  return revokeListed(cx, id, words, {
    list: () => listTokens(cx, gitea),
    remove: () =>
      askApi(cx, {
        method: 'DELETE',
        url: `${tokensUrl(gitea)}/${id}`,
        headers: { authorization: gitea.login.header },
      }),
  })
}

/** Numbers and lists belong to a user, so a secret that has changed to another one proves nothing about this token. */
function handleOf({ url, root, login }: Gitea, id: number): JsonValue {
  return { url, root, user: login.username, id }
}

function anotherUser(what: string, root: string): PullAuthError {
  return revokeFailed(
    what,
    `secret ${root} holds the login of another user now`,
    'Delete the token in the settings of its user, or delete that user.',
  )
}

function readHandle(handle: JsonValue): RootPlace & { readonly user: string; readonly id: number } {
  const { url, root, user, id } = asObject(handle)
  const whole = typeof url === 'string' && typeof root === 'string' && typeof user === 'string' && isId(id)
  if (whole && httpsProblem(url) === null) return { url, root, user, id }
  throw revokeFailed(
    'An access token of Gitea',
    'the stored config remembers it in a form that cannot be read',
    'Delete old tokens whose name begins with ecs-pull-auth/ in the settings of the bot user by hand.',
  )
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
