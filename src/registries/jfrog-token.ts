/** Provider `jfrog-token`: access tokens of a JFrog platform, made by an admin token beside the old one and revoked by id. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, JsonValue, Provider, ProviderContext } from '../core/ports.ts'
import { bearerHeader, type Secret } from '../core/secret.ts'
import { createBeside, labelOf } from './create-beside.ts'
import { httpsProblem } from './https-only.ts'
import { jfrogUrl } from './jfrog.ts'
import {
  apiOf,
  createToken,
  deleteToken,
  isTokenId,
  isUnrevocable,
  type JfrogTokenConfig,
  listTokens,
  type Place,
  TOKENS,
} from './jfrog-token-api.ts'
import { asObject } from './json.ts'
import { ensurePlace } from './root-login.ts'
import { placeProblem } from './root-place.ts'
import { askApi, expiryOf, jwtClaims, objectOf, readRootText, revokeFailed } from './token-api.ts'

/** Without `expires_in` a token would live for a year. */
const DEFAULT_LIFE = 30 * 86_400
const USER = /^[^\s:\p{Cc}]{1,255}$/u

/**
 * Create, look, list and delete (facts/registries.md section 3.7). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING; `revoke` REVOKE_FAILED.
 */
export const jfrogToken: Provider<JfrogTokenConfig> = {
  kind: 'jfrog-token',
  summary:
    'Access tokens that an admin token of a JFrog platform makes; for where jfrog (no stored root) cannot be used.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: null, max: null, default: DEFAULT_LIFE, granularity: 'second' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double of the documented API whose tokens a real docker-registry checks; never JFrog',
  },
  options: {
    url: {
      kind: 'url',
      description: 'The JFrog platform. Default: https:// and the host of the registry key.',
      example: 'https://acme.jfrog.io',
    },
    user: {
      kind: 'string',
      required: true,
      description: 'User that the tokens are for; with it the instances log in.',
      example: 'ecs-pull',
    },
    scope: {
      kind: 'string',
      description: 'Scope of the tokens. Default applied-permissions/user: what the user may do.',
      example: 'applied-permissions/groups:readers',
    },
    referenceToken: {
      kind: 'boolean',
      description: 'Publish the reference token of 64 characters instead of the long one. Default true.',
    },
    root: {
      kind: 'secret',
      required: true,
      description: 'Secret with an admin access token, as bare text or {"token","url"}.',
      example: 'prod/jfrog/root',
    },
  },

  parse(fields, registry) {
    const text = (name: string, fallback: string) => (typeof fields[name] === 'string' ? fields[name] : fallback)
    const [user, root, scope] = [text('user', ''), text('root', ''), text('scope', 'applied-permissions/user')]
    const url = jfrogUrl(text('url', '') || null, registry)
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('url', httpsProblem(url))
    check('root', root === '' ? 'is missing' : null)
    check('user', USER.test(user) ? null : 'must be a user name without blanks and colons')
    check('scope', scope.length <= 500 ? null : 'is longer than the 500 characters that JFrog takes')
    return problems.length > 0 ? problems : { url, root, user, scope, reference: fields['referenceToken'] !== false }
  },

  async mint(cx, config, { label, ttl }) {
    const api = apiOf(config)
    const authorization = await readRoot(cx, config)
    const issuedAt = cx.clock.now()
    const life = ttl ?? DEFAULT_LIFE
    const { id, password, expiresAt } = await createBeside(cx, label, {
      api,
      create: (name) => createToken(cx, config, authorization, name, life),
      list: () => listTokens(cx, config, authorization, label),
      remove: (id) => deleteToken(cx, config, authorization, id),
    })
    if (expiresAt !== null && expiresAt < issuedAt + life * 1000 - 60_000) {
      await deleteToken(cx, config, authorization, id).catch(() =>
        cx.journal.warn(`${api.name}: token ${id} is of no use and could not be revoked.`),
      )
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `${api.name} gave a token until ${new Date(expiresAt).toISOString()}, less than the ${life} s asked for.`,
        'Ask for a shorter ttl, or raise the longest one that JFrog allows.',
      )
    }
    const lasting = await isUnrevocable(cx, config, authorization, id)
    if (lasting) cx.journal.warn(`${api.name}: JFrog does not keep token ${id}, so it can only expire, not be revoked.`)
    return { username: config.user, password, issuedAt, expiresAt, handle: handleOf(config, id, lasting) }
  },

  async find(cx, config, labelPrefix) {
    const tokens = await listTokens(cx, config, await readRoot(cx, config), labelPrefix)
    return tokens.map(({ id, name }) => ({ label: labelOf(name), handle: handleOf(config, id, false) }))
  },

  /** A JWT says it itself; of a reference token JFrog tells it (7.53.1 and later). */
  async rootExpiry(cx, config) {
    await ensurePlace(cx, config)
    const root = await readRootText(cx, config.root, 'token', 'JFrog admin token')
    const own = expiryOf(root, undefined, 0)
    if (own !== null || jwtClaims(root) !== null) return own
    const headers = { authorization: bearerHeader(root) }
    const { expiry } = objectOf(await askApi(cx, { method: 'GET', url: `${config.url}${TOKENS}/me`, headers }))
    return typeof expiry === 'number' && Number.isFinite(expiry) ? expiry * 1000 : null
  },

  async revoke(cx, handle, planned) {
    const { id, lasting, ...place } = readHandle(handle)
    if (lasting) return 'by-expiry'
    const named = planned.some(({ url, root }) => url === place.url && root === place.root)
    const problem = await placeProblem(cx, place.root, place.url, named)
    if (problem !== null) {
      throw revokeFailed(
        `JFrog token ${id}`,
        `${problem}, so no root was sent`,
        `If that address is right, store {"token":"…","url":"…"} in secret ${place.root}, then retire again.`,
      )
    }
    return await deleteToken(cx, place, await readToken(cx, place.root), id)
  },
}

/** The root for a place that the plan names, as a header. */
async function readRoot(cx: ProviderContext, place: Place): Promise<Secret> {
  await ensurePlace(cx, place)
  return await readToken(cx, place.root)
}

async function readToken(cx: ProviderContext, root: string): Promise<Secret> {
  return bearerHeader(await readRootText(cx, root, 'token', 'JFrog admin token'))
}

/** `lasting` is told only where it is so: a handle must be the same when `find` makes it. */
function handleOf({ url, root }: Place, id: string, lasting: boolean): JsonValue {
  return { url, id, root, ...(lasting ? { lasting } : {}) }
}

function readHandle(handle: JsonValue): Place & { readonly id: string; readonly lasting: boolean } {
  const { url, id, root, lasting } = asObject(handle)
  const whole = typeof url === 'string' && typeof root === 'string' && isTokenId(id)
  if (whole && httpsProblem(url) === null) return { url, root, id, lasting: lasting === true }
  throw revokeFailed(
    'A JFrog access token',
    'the stored config remembers it in a form that cannot be read',
    'Revoke old tokens whose description begins with ecs-pull-auth/ in JFrog by hand.',
  )
}
