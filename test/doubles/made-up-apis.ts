/** Three made-up token APIs, one of each class that a plan may describe for provider `http`. */

import type { IdentityIssuer } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, type Route, startApi } from './token-api.ts'
import { readBasic } from './token-service.ts'
import type { TokenStore } from './tokens.ts'

export interface MadeUpOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  readonly root: string
  readonly issuer: IdentityIssuer
  readonly audience: string
  /** The longest life that tokens get, in seconds. Default: what is asked. */
  readonly longestLife?: number
}

export interface MadeUpApis extends ApiDouble {
  /** Labels of the living tokens. */
  labels(): readonly string[]
}

interface Stored {
  readonly id: number
  readonly label: string
  readonly account: number
}

export async function startMadeUpApis(options: MadeUpOptions): Promise<MadeUpApis> {
  const stored = new Map<string, Stored>()
  const replaced = { account: 0 }
  const guarded = (reply: (call: ApiCall) => ApiReply) => (call: ApiCall) =>
    call.headers['authorization'] === `Bearer ${options.root}` ? reply(call) : { status: 401 }
  const routes: readonly Route[] = [
    ['POST', /^\/api\/v1\/tokens$/, guarded((call) => create(options, stored, call))],
    ['GET', /^\/api\/v1\/tokens$/, guarded((call) => list(stored, call))],
    ['DELETE', /^\/api\/v1\/tokens\/(\d+)$/, guarded(({ parts }) => remove(options, stored, parts[0] ?? ''))],
    ['POST', /^\/oauth\/token$/, (call) => exchange(options, call)],
    ['PUT', /^\/users\/puller\/password$/, (call) => replace(options, replaced, call)],
  ]
  const double = await startApi(routes)
  return Object.assign(double, { labels: () => [...stored.values()].map(({ label }) => label) })
}

/** Class create-delete: a token beside the others. */
function create({ tokens, now, longestLife }: MadeUpOptions, stored: Map<string, Stored>, call: ApiCall): ApiReply {
  const { name, seconds, scopes } = (call.json ?? {}) as Record<string, unknown>
  if (typeof name !== 'string' || typeof seconds !== 'number' || JSON.stringify(scopes) !== '["pull"]')
    return { status: 422 }
  const id = Math.max(0, ...[...stored.values()].map((one) => one.id)) + 1
  const password = marked('made-up')
  const expiresAt = now() + Math.min(seconds, longestLife ?? seconds) * 1000
  const account = tokens.add({ username: `bot-${id}`, password, pulls: ['acme/*'], expiresAt })
  stored.set(String(id), { id, label: name, account })
  const end = new Date(expiresAt).toISOString()
  return { status: 201, body: { data: { id, 'user/name': `bot-${id}`, token: password, expires_at: end } } }
}

/** All at once, or two at a time: by number (a page past the end is empty) or by the id after which to go on. */
function list(stored: Map<string, Stored>, { query }: ApiCall): ApiReply {
  const all = [...stored.values()].map(({ id, label }) => ({ id, name: label }))
  const page = query.get('page')
  if (page !== null) return { status: 200, body: { data: all.slice((Number(page) - 1) * 2, Number(page) * 2) } }
  const after = query.get('after')
  if (after === null) return { status: 200, body: { data: all } }
  const rest = all.filter(({ id }) => id > Number(after))
  const data = rest.slice(0, 2)
  return { status: 200, body: { data, ...(rest.length > 2 ? { next: data.at(-1)?.id } : {}) } }
}

function remove({ tokens }: MadeUpOptions, stored: Map<string, Stored>, id: string): ApiReply {
  const found = stored.get(id)
  if (found === undefined) return { status: 404 }
  stored.delete(id)
  tokens.remove(found.account)
  return { status: 204 }
}

/** Class exchange: an identity for a token that dies by itself. */
function exchange({ tokens, now, issuer, audience }: MadeUpOptions, { form, headers }: ApiCall): ApiReply {
  if (headers['content-type'] !== 'application/x-www-form-urlencoded') return { status: 415 }
  if (form.get('grant_type') !== 'exchange') return { status: 400 }
  if (issuer.claimsOf(form.get('assertion') ?? '', audience) === null) return { status: 401 }
  const password = marked('exchanged')
  tokens.add({ username: 'token', password, pulls: ['acme/*'], expiresAt: now() + 7_200_000 })
  return { status: 200, body: { access_token: password, expires_in: 7200 } }
}

/** Class destructive: the user has one password. */
function replace({ tokens, root }: MadeUpOptions, replaced: { account: number }, { headers }: ApiCall): ApiReply {
  const login = readBasic(headers['authorization'])
  if (login?.username !== 'admin' || login.password !== root) return { status: 401 }
  const password = marked('replaced')
  tokens.remove(replaced.account)
  replaced.account = tokens.add({ username: 'puller', password, pulls: ['acme/*'], expiresAt: null })
  return { status: 200, body: { password } }
}
