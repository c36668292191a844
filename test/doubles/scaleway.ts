/** Scaleway's IAM API keys, as facts/registries.md section 3.10 and the API's reference record them. */

import { randomBytes } from 'node:crypto'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, type Route, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface ScalewayOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  /** Secret keys that are known, and whether their bearer may manage IAM. */
  readonly roots: Readonly<Record<string, { readonly manages: boolean }>>
  readonly applications: readonly string[]
  /** The longest life that the organization allows, in seconds: longer ones are cut. */
  readonly longestLife?: number
}

interface Stored {
  readonly access_key: string
  readonly application_id: string
  readonly description: string
  readonly default_project_id: string
  readonly expires_at: string | null
  readonly account: number
}

export interface ScalewayDouble extends ApiDouble {
  /** The keys that exist. */
  keys(): readonly { readonly accessKey: string; readonly description: string; readonly project: string }[]
}

const MEMBERS = ['application_id', 'description', 'expires_at', 'default_project_id']

export async function startScaleway(options: ScalewayOptions): Promise<ScalewayDouble> {
  const stored = new Map<string, Stored>()
  const path = /^\/iam\/v1alpha1\/api-keys$/
  const onePath = /^\/iam\/v1alpha1\/api-keys\/([A-Z0-9]+)$/
  const guarded = (reply: (call: ApiCall) => ApiReply) => (call: ApiCall) => denial(options, call) ?? reply(call)
  const routes: readonly Route[] = [
    ['POST', path, guarded((call) => create(options, stored, call))],
    ['GET', path, guarded(({ query }) => list(options, stored, query))],
    ['DELETE', onePath, guarded(({ parts }) => remove(options, stored, parts[0] ?? ''))],
  ]
  const double = await startApi(routes)
  return Object.assign(double, {
    keys: () =>
      [...stored.values()].map(({ access_key: accessKey, description, default_project_id: project }) => {
        return { accessKey, description, project }
      }),
  })
}

function denial({ roots }: ScalewayOptions, { headers }: ApiCall): ApiReply | null {
  const root = roots[headers['x-auth-token'] ?? '']
  if (root === undefined) return { status: 401, body: { type: 'denied_authentication', reason: 'not_found' } }
  return root.manages ? null : { status: 403, body: { type: 'permissions_denied' } }
}

function create(options: ScalewayOptions, stored: Map<string, Stored>, { headers, json }: ApiCall): ApiReply {
  if (headers['content-type'] !== 'application/json') return { status: 415 }
  const body = (json ?? {}) as Record<string, unknown>
  const { application_id: application, description, expires_at: asked, default_project_id: project } = body
  const unknown = Object.keys(body).filter((name) => !MEMBERS.includes(name))
  if (unknown.length > 0) return invalid(unknown[0] ?? '')
  if (typeof description !== 'string' || description.length > 200) return invalid('description')
  if (asked !== undefined && (typeof asked !== 'string' || !(Date.parse(asked) > options.now())))
    return invalid('expires_at')
  if (typeof application !== 'string') return invalid('application_id')
  if (!options.applications.includes(application)) return missing('application', application)
  const latest = options.now() + (options.longestLife ?? Number.POSITIVE_INFINITY) * 1000
  const end = Math.min(typeof asked === 'string' ? Date.parse(asked) : Number.POSITIVE_INFINITY, latest)
  const expiresAt = Number.isFinite(end) ? end : null
  const password = marked('scaleway')
  const account = options.tokens.add({ username: 'nologin', password, pulls: ['acme/*'], expiresAt })
  const key: Stored = {
    access_key: `SCW${randomBytes(9).toString('hex').toUpperCase().slice(0, 17)}`,
    application_id: application,
    description,
    default_project_id: typeof project === 'string' ? project : 'the organization’s',
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    account,
  }
  stored.set(key.access_key, key)
  return { status: 200, body: { ...shown(key), secret_key: password } }
}

function list(options: ScalewayOptions, stored: Map<string, Stored>, query: URLSearchParams): ApiReply {
  const [size, page] = [Number(query.get('page_size') ?? 20), Number(query.get('page') ?? 1)]
  if (!(size >= 1 && size <= 100)) return invalid('page_size')
  if (!(page >= 1)) return invalid('page')
  const expired = ({ expires_at: end }: Stored) => end !== null && Date.parse(end) <= options.now()
  const wanted = [...stored.values()].filter((key) => {
    const lives = query.get('expired') !== 'false' || !expired(key)
    return lives && key.application_id === (query.get('bearer_id') ?? key.application_id)
  })
  const keys = wanted.slice((page - 1) * size, page * size).map((key) => ({ ...shown(key), secret_key: null }))
  return { status: 200, body: { api_keys: keys, total_count: wanted.length } }
}

function remove({ tokens }: ScalewayOptions, stored: Map<string, Stored>, accessKey: string): ApiReply {
  const key = stored.get(accessKey)
  if (key === undefined) return missing('api_key', accessKey)
  stored.delete(accessKey)
  tokens.remove(key.account)
  return { status: 204 }
}

function shown({ account: _, ...key }: Stored) {
  return { ...key, user_id: null, editable: true }
}

function invalid(name: string): ApiReply {
  return { status: 400, body: { type: 'invalid_arguments', details: [{ argument_name: name }] } }
}

function missing(resource: string, id: string): ApiReply {
  return { status: 404, body: { type: 'not_found', resource, resource_id: id } }
}
