/** Provider `secrets-manager`: a credential that AWS's managed rotation or another tool keeps in a secret, in its own shape. */

import type { FieldProblem, Provider, ProviderContext } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { parseJson } from './json.ts'
import { isPointer, valueAt } from './json-pointer.ts'
import { asMinted, type Kept, type KeptNames, readKept } from './kept.ts'
import { expiryOf } from './token-api.ts'

/** Where the parts stand, as JSON Pointers. */
interface Places {
  /** null: the user name is in the plan. */
  readonly username: string | null
  readonly password: string
  /** null: nowhere. */
  readonly expires: string | null
}

export interface SecretsManagerConfig {
  readonly credential: string
  readonly at: Places
  /** Used instead of what the secret has. */
  readonly username: string | null
}

interface Shape extends Places {
  /** The user name where the secret has none. */
  readonly user?: string
}

/**
 * Shapes known by name. `gitlab-access-token` is AWS's managed external secret, `{token, tokenId, gitlabUrl, …}`, of which
 * GitLab takes any user name for a project's or group's token (facts/registries.md sections 1 and 3.2).
 */
const SHAPES: Readonly<Record<string, Shape>> = {
  'repository-credentials': { username: 'username', password: 'password', expires: 'expires' },
  'ecr-pull-through-cache': { username: 'username', password: 'accessToken', expires: null },
  'gitlab-access-token': { username: null, user: 'access-token', password: 'token', expires: null },
}

/**
 * Reads and checks, mints nothing: whoever keeps the secret also rotates it. Throws CREDENTIAL_INVALID, CREDENTIAL_EXPIRING,
 * and what `readSecret` throws.
 */
export const secretsManager: Provider<SecretsManagerConfig> = {
  kind: 'secrets-manager',
  summary: 'A credential that AWS managed rotation or another tool keeps in a secret, read in the shape that it has.',
  traits: {
    rotation: 'static',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'none',
    identity: ['none'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'secrets in the documented shapes, their credentials checked by a real docker-registry; never a managed rotation',
  },
  options: {
    credential: {
      kind: 'secret',
      required: true,
      description: 'The secret that somebody else keeps and rotates.',
      example: 'prod/gitlab/managed',
    },
    shape: {
      kind: 'choice',
      choices: Object.keys(SHAPES),
      description: 'What the secret looks like, where it is one of the known shapes.',
    },
    usernameAt: {
      kind: 'string',
      description: 'Where the user name stands in the secret: a member, or a JSON Pointer.',
      example: '/login/user',
    },
    passwordAt: { kind: 'string', description: 'Where the password or token stands.', example: '/login/token' },
    expiresAt: {
      kind: 'string',
      description: 'Where the end stands: an ISO date, or seconds or milliseconds since 1970.',
      example: '/login/expires',
    },
    username: { kind: 'string', description: 'A user name for a secret that has none.', example: 'acme-bot' },
  },

  parse(fields) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const [credential, shape] = [text('credential'), SHAPES[text('shape') ?? '']]
    const place = (field: string, known: string | null | undefined) => pointerOf(text(field) ?? known ?? null)
    const at = {
      username: place('usernameAt', shape?.username),
      password: place('passwordAt', shape?.password),
      expires: place('expiresAt', shape?.expires),
    }
    const username = text('username') ?? (text('usernameAt') === null ? (shape?.user ?? null) : null)
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('credential', credential === null ? 'is missing' : null)
    check('passwordAt', at.password === null ? 'is missing: name it, or the shape' : pointerProblem(at.password))
    check('usernameAt', at.username === null ? null : pointerProblem(at.username))
    check('expiresAt', at.expires === null ? null : pointerProblem(at.expires))
    if (at.username === null && username === null) check('usernameAt', 'is missing: name it, or the username itself')
    if (text('username') !== null && text('usernameAt') !== null) check('username', 'must not stand beside usernameAt')
    const { password } = at
    return credential === null || password === null || problems.length > 0
      ? problems
      : { credential, at: { ...at, password }, username }
  },

  async mint(cx, config) {
    const kept = readShaped(cx, config, await cx.readSecret(config.credential))
    // A token that is a JWT tells its end itself, whatever the secret says.
    const own = expiryOf(kept.password, undefined, cx.clock.now())
    const renew = 'Its own rotation has failed or has not run: look at whoever keeps that secret.'
    return asMinted(cx, config.credential, kept, own, renew)
  },
}

function readShaped(cx: ProviderContext, { credential, at, username }: SecretsManagerConfig, text: Secret): Kept {
  const value = parseJson(text.reveal())
  const found = {
    username: username ?? (at.username === null ? undefined : valueAt(value, at.username)),
    password: valueAt(value, at.password),
    expires: at.expires === null ? null : isoOf(valueAt(value, at.expires)),
  }
  const names: KeptNames = {
    username: at.username ?? 'username',
    password: at.password,
    expires: at.expires ?? 'expires',
    hint: 'Check shape, usernameAt and passwordAt in the plan against the members that the secret has.',
  }
  return readKept(cx, credential, found, names)
}

/** A bare name is a member of the object. */
function pointerOf(place: string | null): string | null {
  if (place === null || place.startsWith('/')) return place
  return `/${place.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function pointerProblem(place: string): string | null {
  return isPointer(place) ? null : 'has a ~ that is not ~0 or ~1, as JSON Pointers write it'
}

/** Seconds or milliseconds since 1970 as an ISO date; anything else as it is. */
function isoOf(value: unknown): unknown {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0 || value >= 1e14) return value
  return new Date(value < 1e11 ? value * 1000 : value).toISOString()
}
