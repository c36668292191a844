/** Provider `http`: a registry with an API that no other provider knows, described by requests in the plan. */

import { createHash } from 'node:crypto'
import { PullAuthError } from '../core/errors.ts'
import type { JsonValue, Millis, Provider, ProviderContext, Revocation } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { createBeside, labelOf } from './create-beside.ts'
import { type AnswerPlaces, type DeclaredList, HTTP_FIELDS, type HttpConfig, readHttpPlan } from './http-plan.ts'
import { askable, audiencesIn, type DeclaredRequest, holds, nameOf, placeOf } from './http-request.ts'
import { asObject } from './json.ts'
import { valueAt } from './json-pointer.ts'
import { type Listed, MOST_PAGES, oursOf, revokeListed } from './listed.ts'
import type { PlainValues } from './template.ts'
import {
  ambiguous,
  askApi,
  CREATE_TIMEOUT,
  exchange,
  expiryOf,
  isLost,
  isSuccess,
  jsonOf,
  refusal,
  revokeFailed,
  said,
  type TokenApi,
  takeToken,
  unusable,
} from './token-api.ts'

/**
 * Nothing secret is put into a URL, and no request leaves the hosts that the plan names. `mint` throws MINT_REJECTED,
 * MINT_NOT_PERMITTED, MINT_RATE_LIMITED, MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID, CREDENTIAL_EXPIRING and
 * what `identityToken` throws; `revoke` REVOKE_FAILED.
 */
export const http: Provider<HttpConfig> = {
  kind: 'http',
  summary: 'What one HTTPS request of the plan gives, for registries with an API that have no provider of their own.',
  traits: {
    rotation: 'create-delete',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'immediate',
    identity: ['github-oidc', 'aws-oidc', 'stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'doubles of made-up APIs, one of each class, whose tokens a real docker-registry checks',
  },
  options: HTTP_FIELDS,
  parse: readHttpPlan,

  declared({ rotation, mint, revoke, list }) {
    const secrets = [mint, revoke, list?.request].flatMap((request) => request?.secrets ?? [])
    return { rotation, revoke: revoke === null ? 'by-expiry' : 'immediate', secrets: [...new Set(secrets)] }
  },

  async mint(cx, config, { label, ttl }) {
    const issuedAt = cx.clock.now()
    const end = ttl === null ? null : issuedAt + ttl * 1000
    const asked = { label, ...(ttl === null || end === null ? {} : { ttl, expiresAt: new Date(end).toISOString() }) }
    const made = config.rotation === 'create-delete' ? await create(cx, config, asked) : await take(cx, config, asked)
    const { username, password, id } = made
    // An answer that tells no end: the token itself may, else it is the one that the plan asks for or knows.
    const expiresAt = made.expiresAt === undefined ? (expiryOf(password, undefined, issuedAt) ?? end) : made.expiresAt
    await ensureLife(cx, config, id, { expiresAt, end })
    return { username, password, issuedAt, expiresAt, handle: handleOf(config, id) }
  },

  async find(cx, config, labelPrefix) {
    if (config.list === null) return []
    const found = oursOf(await readItems(cx, config.list)).filter(({ name }) => name.startsWith(labelPrefix))
    return found.map(({ id, name }) => ({ label: labelOf(name), handle: handleOf(config, id) }))
  },

  /** A handle is good for the request that today's plan has for it, and for no other. */
  async revoke(cx, handle, planned) {
    const { registry, at, id } = readHandle(handle)
    const config = planned.find((one) => one.registry === registry && one.revoke !== null && placeOf(one.revoke) === at)
    if (config !== undefined) return await remove(cx, config, id)
    throw revokeFailed(
      `Credential ${id} of ${registry}`,
      `the plan has no request that revokes it at ${at}`,
      `Put the entry of ${registry} with that revoke request back into the plan and retire again, or revoke it there by hand.`,
    )
  },

  permissions({ mint, revoke, list }) {
    const requests = [mint, revoke, list?.request].flatMap((request) => request ?? [])
    return [...new Set(requests.flatMap(audiencesIn))].map((identityToken) => ({ identityToken }))
  },
}

interface Made {
  readonly username: string
  readonly password: Secret
  /** undefined: the answer is not asked for it. */
  readonly expiresAt: Millis | null | undefined
  readonly id: string | null
}

/** Classes that leave nothing behind: asked once more when no clear answer came. */
async function take(cx: ProviderContext, config: HttpConfig, asked: PlainValues): Promise<Made> {
  const api = apiOf(config.mint)
  const request = await askable(cx, config.mint, asked)
  const made = readMade(cx, config, await exchange(cx, api, { ...request, timeoutMs: CREATE_TIMEOUT }))
  if (typeof made === 'string') throw unusable(api, made)
  return made
}

async function create(cx: ProviderContext, config: HttpConfig, asked: PlainValues & { label: string }): Promise<Made> {
  const { list } = config
  if (list !== null) {
    return await createBeside(cx, asked.label, {
      api: apiOf(config.mint),
      create: (label) => createOne(cx, config, { ...asked, label }),
      list: async () => oursOf(await readItems(cx, list)),
      remove: (id) => remove(cx, config, id),
    })
  }
  const made = await createOne(cx, config, asked)
  if (made === null) throw ambiguous(apiOf(config.mint))
  return made
}

/** null: the answer was lost after the request was sent. */
async function createOne(cx: ProviderContext, config: HttpConfig, asked: PlainValues): Promise<Made | null> {
  const api = apiOf(config.mint)
  const request = await askable(cx, config.mint, asked)
  const answer = await askApi(cx, { ...request, timeoutMs: CREATE_TIMEOUT })
  const value = jsonOf(answer)
  if (isLost(answer) || (isSuccess(answer) && value === undefined)) return null
  if (!isSuccess(answer)) throw refusal(cx, api, answer)
  const made = readMade(cx, config, value)
  if (typeof made !== 'string') return made
  throw new PullAuthError(
    'MINT_AMBIGUOUS',
    `${api.name}: its answer has no ${made}. A credential exists that nobody can use.`,
    'Correct the pointers under answer in the plan. With a list request it is found and revoked by a later retire; else do it by hand.',
  )
}

/** What the answer says, or what it lacks. */
function readMade(cx: ProviderContext, { username: fixed, answer, revoke }: HttpConfig, value: unknown): Made | string {
  const at = (pointer: string | null) => (pointer === null ? undefined : valueAt(value, pointer))
  const username = fixed ?? textOf(at(answer.username))
  const password = takeToken(cx, at(answer.password), username ?? undefined)
  if (password === null) return `text at ${answer.password}`
  if (username === null || /[:\p{Cc}]/u.test(username)) return `user name at ${answer.username}`
  const expiresAt = endOf(answer, value, cx.clock.now())
  if (Number.isNaN(expiresAt)) return `time at ${answer.expiresAt ?? answer.expiresIn}`
  const id = textOf(at(answer.id))
  if (revoke !== null && !isId(id)) return `id at ${answer.id}`
  return { username, password, expiresAt, id }
}

/** undefined: nothing is asked for; null: it never ends; NaN: it cannot be read. */
function endOf({ expiresAt, expiresIn }: AnswerPlaces, value: unknown, now: Millis): Millis | null | undefined {
  const found = valueAt(value, expiresAt ?? expiresIn ?? '')
  if (expiresAt === null && expiresIn === null) return undefined
  if (found === null) return null
  const seconds = typeof found === 'number' || /^[0-9]{1,10}$/.test(String(found)) ? Number(found) : Number.NaN
  if (expiresAt === null) return seconds > 0 ? now + seconds * 1000 : Number.NaN
  return Number.isNaN(seconds) ? Date.parse(String(found)) : seconds * 1000
}

/** A service may give less than it was asked for: such a credential would die before its successor is there. */
async function ensureLife(
  cx: ProviderContext,
  config: HttpConfig,
  id: string | null,
  { expiresAt, end }: { readonly expiresAt: Millis | null; readonly end: Millis | null },
): Promise<void> {
  if (expiresAt === null || end === null || expiresAt >= end - 60_000) return
  const name = nameOf(config.mint)
  if (config.revoke !== null && id !== null) {
    await remove(cx, config, id).catch(() =>
      cx.journal.warn(`${name}: credential ${id} is of no use and is left over.`),
    )
  }
  throw new PullAuthError(
    'CREDENTIAL_EXPIRING',
    `${name} gave a credential until ${new Date(expiresAt).toISOString()}, less than the ttl of the plan.`,
    'Give the entry a shorter ttl, or raise the limit at the service.',
  )
}

/**
 * All that the list shows, those of others too: to the first page that shows nothing new, or to the last cursor. A list
 * that is cut short would let a living credential pass for one that is gone. Throws the MINT_ codes.
 */
async function readItems(cx: ProviderContext, list: DeclaredList): Promise<readonly Listed<string>[]> {
  const found = new Map<string, Listed<string>>()
  const paged = holds(list.request, 'page')
  let cursor = ''
  for (let page = 1; page <= MOST_PAGES; page++) {
    const { items, next } = await readPage(cx, list, { page, cursor })
    const before = found.size
    for (const item of items) found.set(item.id, item)
    if (paged ? found.size === before : next === '') return [...found.values()]
    if (!paged && next === cursor) break
    cursor = next
  }
  throw unusable(apiOf(list.request), 'last page')
}

async function readPage(cx: ProviderContext, list: DeclaredList, place: PlainValues) {
  const api = apiOf(list.request)
  const answer = await askApi(cx, await askable(cx, list.request, place))
  if (!isSuccess(answer)) throw refusal(cx, api, answer)
  const value = jsonOf(answer)
  const items = valueAt(value, list.items)
  if (!Array.isArray(items)) throw unusable(api, `list at ${list.items === '' ? 'its top' : list.items}`)
  const listed = items.flatMap((item: unknown) => {
    const [id, name] = [textOf(valueAt(item, list.id)), valueAt(item, list.label)]
    return isId(id) ? [{ id, name: typeof name === 'string' ? name : '' }] : []
  })
  return { items: listed, next: (list.next === null ? null : textOf(valueAt(value, list.next))) ?? '' }
}

async function remove(cx: ProviderContext, config: HttpConfig, id: string): Promise<Revocation> {
  const { registry, revoke, list } = config
  const what = `Credential ${id} of ${registry}`
  if (revoke === null) throw revokeFailed(what, 'the plan has no request for it', 'Add revoke to its entry.')
  const hint = `Check what the headers of revoke in the entry of ${registry} send; retire tries again.`
  const ask = async () => await askApi(cx, await askable(cx, revoke, { id }))
  if (list !== null) return await revokeListed(cx, id, { what, hint }, { list: () => readItems(cx, list), remove: ask })
  const answer = await ask()
  if (answer.kind === 'answer' && answer.status === 410) return 'already-gone'
  if (isSuccess(answer)) return 'revoked'
  // A 404 is also what somebody sees who has lost the right to look.
  const proof = 'With a list request in its entry it can be told whether the credential is gone already.'
  throw revokeFailed(what, said(cx, answer), `${hint} ${proof}`)
}

/**
 * No address in it is ever asked. `at` and `list` tell which requests of a plan the id belongs to: what a list of another
 * project does not show is not gone.
 */
function handleOf({ registry, revoke, list }: HttpConfig, id: string | null): JsonValue {
  if (revoke === null || id === null) return null
  const handle = { registry, at: placeOf(revoke), id }
  if (list === null) return handle
  return { ...handle, list: createHash('sha256').update(placeOf(list.request)).digest('hex').slice(0, 12) }
}

function readHandle(handle: JsonValue): { readonly registry: string; readonly at: string; readonly id: string } {
  const { registry, at, id } = asObject(handle)
  if (typeof registry === 'string' && typeof at === 'string' && isId(id)) return { registry, at, id }
  throw revokeFailed(
    'A credential',
    'the stored config remembers it in a form that cannot be read',
    'Revoke old credentials whose label begins with ecs-pull-auth/ by hand.',
  )
}

/** Handles are small. `.` and `..` would climb in a URL. */
function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,100}$/.test(value) && !/^\.{1,2}$/.test(value)
}

function textOf(value: unknown): string | null {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}

function apiOf(request: DeclaredRequest): TokenApi {
  const name = nameOf(request)
  const secrets =
    request.secrets.length === 0 ? 'the identity that it sends' : `the text of ${request.secrets.join(', ')}`
  return {
    name,
    hints: {
      rejected: `Check ${secrets}, and how the plan sends it.`,
      notPermitted: `Check that ${secrets} may do this, and the URL in the plan.`,
      unavailable: `Check the request in the plan (method, URL, body, pointers) and that the service is up.`,
    },
  }
}
