/** Azure Resource Manager, as far as one scope-map token goes, with Entra on the same address; its passwords are living credentials. */

import { randomBytes } from 'node:crypto'
import { createEntra, type EntraOptions } from './entra.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

type Right = 'read' | 'generate' | 'result'

export interface ArmOptions extends Omit<EntraOptions, 'scopes'> {
  readonly tokens: TokenStore
  /** `/subscriptions/…/tokens/ecs-pull` */
  readonly tokenId: string
  readonly rights?: readonly Right[]
  readonly disabled?: boolean
  /** How often a result is not there yet. Default once; 0 answers the request itself. */
  readonly pending?: number
  /** Where results are said to be. Default here. */
  readonly resultOrigin?: string
  /** The longest life given, in seconds. */
  readonly longestLife?: number
  /** The text of the n-th password, for tests that search for it. */
  readonly passwordText?: (n: number) => string
}

export interface ArmDouble extends ApiDouble {
  /** Moments by slot. */
  readonly made: () => Readonly<Record<string, number>>
  /** Fills slots as somebody else would: all of them when none is named. */
  fill(slot: string | null): void
}

interface Password {
  readonly name: string
  readonly value: string
  readonly made: number
  readonly expiry: number | null
  readonly account: number
}

interface State {
  readonly options: ArmOptions
  readonly passwords: Map<string, Password>
  readonly results: Map<string, { left: number; readonly names: readonly string[] }>
  count: number
}

const VERSION = '2025-11-01'
const SLOTS = ['password1', 'password2']

export async function startArm(options: ArmOptions): Promise<ArmDouble> {
  const { tokenId, rights = ['read', 'generate', 'result'] } = options
  const scopes: string[] = []
  const entra = createEntra({ ...options, scopes })
  const state: State = { options, passwords: new Map(), results: new Map(), count: 0 }

  /** Who may do it, on which token, in which version of the API: everything else is refused before it takes effect. */
  const guarded = (right: Right, reply: (call: ApiCall) => ApiReply) => (call: ApiCall) => {
    const bearer = /^Bearer (.+)$/.exec(call.headers['authorization'] ?? '')?.[1]
    if (!entra.accepts(bearer, scopes[0] ?? '')) return problem(401, 'InvalidAuthenticationToken')
    if (!rights.includes(right)) return problem(403, 'AuthorizationFailed')
    return call.query.get('api-version') === VERSION ? reply(call) : problem(400, 'MissingApiVersionParameter')
  }

  const show = (): ApiReply => {
    const passwords = [...state.passwords.values()].map(shown)
    const credentials = passwords.length === 0 ? {} : { credentials: { passwords } }
    const properties = {
      provisioningState: 'Succeeded',
      status: options.disabled ? 'disabled' : 'enabled',
      ...credentials,
    }
    return { status: 200, body: { id: tokenId, name: nameOf(tokenId), properties } }
  }
  const registry = tokenId.slice(0, tokenId.indexOf('/tokens/'))
  const double = await startApi([
    ...entra.routes,
    ['GET', exactly(tokenId), guarded('read', show)],
    ['POST', exactly(`${registry}/generateCredentials`), guarded('generate', (call) => generate(state, call))],
    ['GET', /^\/subscriptions\/[^/]+\/results\/(\d+)$/, guarded('result', (call) => result(state, call))],
    ['GET', /^\/subscriptions\/.*\/tokens\/[^/]+$/, guarded('read', () => problem(404, 'ResourceNotFound'))],
    ['POST', /\/generateCredentials$/, guarded('generate', () => problem(404, 'ResourceNotFound'))],
  ])
  scopes.push(`${double.url}/.default`)
  return Object.assign(double, {
    made: () => Object.fromEntries([...state.passwords].map(([name, { made }]) => [name, made])),
    fill: (slot: string | null) => renew(state, slot === null ? SLOTS : [slot], null),
  })
}

function exactly(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.()]/g, '\\$&')}$`)
}

function nameOf(tokenId: string): string {
  return tokenId.slice(tokenId.lastIndexOf('/') + 1)
}

function generate(state: State, { headers, json }: ApiCall): ApiReply {
  const { options, results } = state
  if (!headers['content-type']?.startsWith('application/json')) return problem(415, 'UnsupportedMediaType')
  const { tokenId, expiry, name } = (json ?? {}) as Record<string, unknown>
  if (tokenId !== options.tokenId) return problem(400, 'TokenNotFound')
  const asked = typeof expiry === 'string' ? Date.parse(expiry) : Number.NaN
  if (!(asked > options.now())) return problem(400, 'InvalidExpiry')
  if (name !== undefined && !SLOTS.includes(String(name))) return problem(400, 'InvalidPasswordName')
  const latest = options.now() + (options.longestLife ?? Number.POSITIVE_INFINITY) * 1000
  // The trap: without a name both are replaced.
  const names = name === undefined ? SLOTS : [String(name)]
  renew(state, names, Math.min(asked, latest))
  const id = String(state.count)
  results.set(id, { left: options.pending ?? 1, names })
  return options.pending === 0 ? complete(state, names) : accepted(state, headers['host'] ?? '', id)
}

function renew(state: State, names: readonly string[], expiry: number | null): void {
  const { tokens, now, tokenId, passwordText } = state.options
  for (const name of names) {
    const old = state.passwords.get(name)
    if (old !== undefined) tokens.remove(old.account)
    state.count += 1
    const value = passwordText?.(state.count) ?? randomBytes(26).toString('base64url')
    const account = tokens.add({ username: nameOf(tokenId), password: value, pulls: ['acme/*'], expiresAt: expiry })
    // One second for each, so that every renewal has its own moment although the clock of a test stands still.
    state.passwords.set(name, { name, value, made: now() + state.count * 1000, expiry, account })
  }
}

function result(state: State, { headers, parts: [id = ''] }: ApiCall): ApiReply {
  const found = state.results.get(id)
  if (found === undefined) return problem(404, 'NotFound')
  found.left -= 1
  return found.left >= 0 ? accepted(state, headers['host'] ?? '', id) : complete(state, found.names)
}

function accepted({ options }: State, host: string, id: string): ApiReply {
  const origin = options.resultOrigin ?? `http://${host}`
  const location = `${origin}/subscriptions/x/results/${id}?api-version=${VERSION}`
  return { status: 202, headers: { location, 'retry-after': '2' } }
}

/** Values of the renewed ones only. */
function complete({ options, passwords }: State, names: readonly string[]): ApiReply {
  const list = [...passwords.values()].map((one) => ({
    ...shown(one),
    ...(names.includes(one.name) ? { value: one.value } : {}),
  }))
  return { status: 200, body: { username: nameOf(options.tokenId), passwords: list } }
}

/** Seven digits of a second, as .NET writes them. */
function shown({ name, made, expiry }: Password) {
  const text = (moment: number) => new Date(moment).toISOString().replace('Z', '8847+00:00')
  return { name, creationTime: text(made), ...(expiry === null ? {} : { expiry: text(expiry) }) }
}

function problem(status: number, code: string): ApiReply {
  return { status, body: { error: { code, message: 'as the double says' } } }
}
