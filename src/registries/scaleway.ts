/** Provider `scaleway`: API keys of an IAM application, made beside the old one and deleted by their access key. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, JsonValue, Millis, Provider, ProviderContext, Revocation } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { createBeside, labelOf } from './create-beside.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { type Listed, oursOf, revokeListed } from './listed.ts'
import { ensurePlace } from './root-login.ts'
import { placeProblem } from './root-place.ts'
import {
  askApi,
  CREATE_TIMEOUT,
  isLost,
  isSuccess,
  objectOf,
  readRootText,
  refusal,
  revokeFailed,
  type TokenApi,
  takeToken,
} from './token-api.ts'

export interface ScalewayConfig {
  readonly api: string
  /** Who bears the keys: its policies decide what they may pull. */
  readonly application: string
  readonly project: string | null
  readonly root: string
}

interface Key {
  readonly accessKey: string
  readonly secretKey: Secret
  readonly expiresAt: Millis | null
}

const API = 'https://api.scaleway.com'
const KEYS = '/iam/v1alpha1/api-keys'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const ACCESS_KEY = /^[A-Z0-9]{10,40}$/
/** Descriptions are no longer, and `createBeside` adds 14 characters to a label. */
const LONGEST_LABEL = 200 - 14

/**
 * Three requests (facts/registries.md section 3.10). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING; `revoke` REVOKE_FAILED.
 */
export const scaleway: Provider<ScalewayConfig> = {
  kind: 'scaleway',
  summary: 'API keys of a Scaleway IAM application, one for each rotation.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double of the documented API whose keys a real docker-registry checks; never Scaleway',
  },
  options: {
    application: {
      kind: 'string',
      required: true,
      description:
        'Id of the IAM application that bears the keys; its policy should be ContainerRegistryReadOnly alone.',
      example: '11111111-2222-4333-8444-555555555555',
    },
    project: {
      kind: 'string',
      description: 'Id of the default project of the keys. Default: that of the organization.',
    },
    root: {
      kind: 'secret',
      required: true,
      description: 'Secret with the secret key of an API key that may manage IAM, as bare text or {"secretKey","url"}.',
      example: 'prod/scaleway/root',
    },
    url: { kind: 'url', description: 'The API. Default https://api.scaleway.com.', example: API },
  },

  parse(fields) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const [application, project, root] = [text('application') ?? '', text('project'), text('root') ?? '']
    const api = trimEnd(text('url') ?? API, '/')
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('application', UUID.test(application) ? null : 'must be the id of an IAM application, a UUID in lower case')
    check(
      'project',
      project === null || UUID.test(project) ? null : 'must be the id of a project, a UUID in lower case',
    )
    check('root', root === '' ? 'is missing' : null)
    check('url', httpsProblem(api))
    return problems.length > 0 ? problems : { api, application, project, root }
  },

  async mint(cx, config, { label, ttl }) {
    const api = apiOf(config)
    if (label.length > LONGEST_LABEL) throw tooLong(api)
    const token = await readRoot(cx, config)
    const issuedAt = cx.clock.now()
    const asked = ttl === null ? null : issuedAt + ttl * 1000
    const key = await createBeside(cx, label, {
      api,
      create: (name) => createKey(cx, config, token, name, asked),
      list: async () => oursOf(await listKeys(cx, config, token)),
      remove: (id) => deleteKey(cx, config, token, id),
    })
    const { accessKey, secretKey: password, expiresAt } = key
    if (asked !== null && expiresAt !== null && expiresAt < asked - 60_000) {
      await deleteKey(cx, config, token, accessKey).catch(() =>
        cx.journal.warn(`${api.name}: ${accessKey} is left over.`),
      )
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `${api.name} gave a key until ${new Date(expiresAt).toISOString()}, less than was asked for.`,
        'Ask for a shorter ttl, or raise the longest life of API keys in the security settings of the organization.',
      )
    }
    return { username: 'nologin', password, issuedAt, expiresAt, handle: handleOf(config, accessKey) }
  },

  async find(cx, config, labelPrefix) {
    const keys = await listKeys(cx, config, await readRoot(cx, config))
    const ours = oursOf(keys).filter(({ name }) => name.startsWith(labelPrefix))
    return ours.map(({ id, name }) => ({ label: labelOf(name), handle: handleOf(config, id) }))
  },

  async revoke(cx, handle, planned) {
    const { accessKey, ...place } = readHandle(handle)
    const named = planned.some(({ api, root }) => api === place.api && root === place.root)
    const problem = await placeProblem(cx, place.root, place.api, named)
    if (problem !== null) {
      throw revokeFailed(
        `API key ${accessKey}`,
        `${problem}, so no root was sent`,
        `If that address is right, store {"secretKey":"…","url":"…"} in secret ${place.root}, then retire again.`,
      )
    }
    return await deleteKey(cx, place, await readToken(cx, place.root), accessKey)
  },
}

type Place = Pick<ScalewayConfig, 'api' | 'application' | 'root'>

/** null: the answer was lost after the request was sent, or told of no key. */
async function createKey(
  cx: ProviderContext,
  { project, ...config }: ScalewayConfig,
  token: Secret,
  description: string,
  expiresAt: Millis | null,
): Promise<Key | null> {
  const answer = await askApi(cx, {
    method: 'POST',
    url: `${config.api}${KEYS}`,
    headers: { 'x-auth-token': token },
    json: {
      application_id: config.application,
      description,
      ...(expiresAt === null ? {} : { expires_at: new Date(expiresAt).toISOString() }),
      ...(project === null ? {} : { default_project_id: project }),
    },
    timeoutMs: CREATE_TIMEOUT,
  })
  if (isLost(answer)) return null
  if (!isSuccess(answer)) throw refusal(cx, apiOf(config), answer)
  const { access_key: accessKey, secret_key: text, expires_at: expires } = objectOf(answer)
  const secretKey = takeToken(cx, text, 'nologin')
  const until = typeof expires === 'string' ? Date.parse(expires) : null
  if (secretKey === null || !isAccessKey(accessKey) || Number.isNaN(until)) return null
  return { accessKey, secretKey, expiresAt: until }
}

/** The living keys of the application. Throws the MINT_ codes. */
async function listKeys(cx: ProviderContext, config: Place, token: Secret): Promise<readonly Listed<string>[]> {
  const keys: Listed<string>[] = []
  for (let page = 1; ; page++) {
    const query = `bearer_id=${config.application}&expired=false&page_size=100&page=${page}`
    const answer = await askApi(cx, {
      method: 'GET',
      url: `${config.api}${KEYS}?${query}`,
      headers: { 'x-auth-token': token },
    })
    const { api_keys: list, total_count: total } = objectOf(answer)
    if (!Array.isArray(list)) throw refusal(cx, apiOf(config), answer)
    for (const { access_key: id, description: name } of list.map(asObject)) {
      if (isAccessKey(id)) keys.push({ id, name: typeof name === 'string' ? name : '' })
    }
    if (list.length < 100 || typeof total !== 'number' || page * 100 >= total) return keys
  }
}

function deleteKey(cx: ProviderContext, config: Place, token: Secret, accessKey: string): Promise<Revocation> {
  const { api, root } = config
  const what = `API key ${accessKey} at ${api}`
  const hint = `Check that the root key in secret ${root} is alive and may manage IAM there; retire tries again.`
  const url = `${api}${KEYS}/${accessKey}`
  return revokeListed(
    cx,
    accessKey,
    { what, hint },
    {
      list: () => listKeys(cx, config, token),
      remove: () => askApi(cx, { method: 'DELETE', url, headers: { 'x-auth-token': token } }),
    },
  )
}

async function readRoot(cx: ProviderContext, { root, api }: ScalewayConfig): Promise<Secret> {
  await ensurePlace(cx, { url: api, root })
  return await readToken(cx, root)
}

function readToken(cx: ProviderContext, root: string): Promise<Secret> {
  return readRootText(cx, root, 'secretKey', 'Scaleway secret key')
}

function handleOf({ api, application, root }: ScalewayConfig, key: string): JsonValue {
  return { api, application, key, root }
}

function readHandle(handle: JsonValue): Place & { readonly accessKey: string } {
  const { api, application, key: accessKey, root } = asObject(handle)
  const whole = typeof api === 'string' && typeof application === 'string' && typeof root === 'string'
  if (whole && isAccessKey(accessKey) && httpsProblem(api) === null && UUID.test(application))
    return { api, application, root, accessKey }
  throw revokeFailed(
    'A Scaleway API key',
    'the stored config remembers it in a form that cannot be read',
    'Delete old API keys whose description begins with ecs-pull-auth/ by hand.',
  )
}

function isAccessKey(value: unknown): value is string {
  return typeof value === 'string' && ACCESS_KEY.test(value)
}

function tooLong({ name }: TokenApi): PullAuthError {
  return new PullAuthError(
    'MINT_NOT_PERMITTED',
    `${name}: the description by which a key is found again would be longer than the 200 characters that Scaleway takes.`,
    'Give the stored config a shorter name.',
  )
}

function apiOf({ api, application, root }: Place): TokenApi {
  return {
    name: `Scaleway ${api}${KEYS}`,
    hints: {
      rejected: `Put the secret key of a living API key into secret ${root}.`,
      notPermitted: `Check that there is an application ${application}, and that the bearer of the root key in secret ${root} has the permission set IAMManager or IAMApplicationManager.`,
    },
  }
}
