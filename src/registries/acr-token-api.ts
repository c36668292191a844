/** Azure Resource Manager, as far as the two passwords of a scope-map token go (facts/registries.md section 3.6, way 2). */

import type { HttpAnswer, Millis, ProviderContext } from '../core/ports.ts'
import { bearerHeader, type Secret } from '../core/secret.ts'
import { asObject } from './json.ts'
import { retryAfterSeconds } from './retry-after.ts'
import {
  askApi,
  CREATE_TIMEOUT,
  isLost,
  isSuccess,
  objectOf,
  refusal,
  said,
  type TokenApi,
  unusable,
} from './token-api.ts'

export const SLOTS = ['password1', 'password2'] as const
export type Slot = (typeof SLOTS)[number]

/** A scope-map token, and the right to manage it. */
export interface ScopeMapToken {
  /** `https://management.azure.com` */
  readonly arm: string
  /** `/subscriptions/…/registries/acmeprod/tokens/ecs` */
  readonly id: string
  readonly access: Secret
  readonly api: TokenApi
}

/** What is known of a password without its value. null = not told. */
export interface Password {
  readonly made: Millis | null
  readonly expiresAt: Millis | null
}

export interface TokenState {
  readonly enabled: boolean
  /** A slot that is missing was never filled. */
  readonly passwords: ReadonlyMap<Slot, Password>
}

export interface Generated extends Password {
  readonly username: string
  /** As Azure gave it, to be wrapped and masked. */
  readonly value: unknown
}

export type Generation =
  | { readonly kind: 'done'; readonly answer: HttpAnswer }
  /** Nothing was done, or nobody may see what was done. */
  | { readonly kind: 'refused'; readonly answer: HttpAnswer }
  /** It may have been done. */
  | { readonly kind: 'unclear'; readonly why: string }

const VERSION = 'api-version=2025-11-01'
/** Seconds. Azure takes a few; with SETTLE of acr-token.ts it must fit into the two minutes of a rotation function. */
const LONGEST_WAIT = 40
const PAUSE = { default: 2, longest: 10 }

/** Throws the MINT_ codes. */
export async function readToken(cx: ProviderContext, token: ScopeMapToken): Promise<TokenState> {
  const { arm, id, access, api } = token
  const headers = { authorization: bearerHeader(access) }
  const answer = await askApi(cx, { method: 'GET', url: `${arm}${id}?${VERSION}`, headers })
  if (!isSuccess(answer)) throw refusal(cx, api, answer)
  const { status, credentials } = asObject(objectOf(answer)['properties'])
  if (typeof status !== 'string') throw unusable(api, 'status')
  return { enabled: status === 'enabled', passwords: passwordsOf(asObject(credentials)['passwords']) }
}

function passwordsOf(list: unknown): ReadonlyMap<Slot, Password> {
  const items = Array.isArray(list) ? list.map(asObject) : []
  return new Map(items.flatMap((item) => (isSlot(item['name']) ? [[item['name'], passwordOf(item)] as const] : [])))
}

function passwordOf({ creationTime, expiry }: Readonly<Record<string, unknown>>): Password {
  return { made: momentOf(creationTime), expiresAt: momentOf(expiry) }
}

function momentOf(value: unknown): Millis | null {
  const moment = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(moment) ? moment : null
}

/**
 * Replaces one password. `name` is always sent: without it Azure replaces both, and every instance fails to pull.
 */
export async function generate(
  cx: ProviderContext,
  token: ScopeMapToken,
  slot: Slot,
  expiresAt: Millis,
): Promise<Generation> {
  const { arm, id, access } = token
  const registry = id.slice(0, id.toLowerCase().lastIndexOf('/tokens/'))
  const answer = await askApi(cx, {
    method: 'POST',
    url: `${arm}${registry}/generateCredentials?${VERSION}`,
    headers: { authorization: bearerHeader(access) },
    json: { tokenId: id, expiry: new Date(expiresAt).toISOString(), name: slot },
    timeoutMs: CREATE_TIMEOUT,
  })
  if (isLost(answer)) return { kind: 'unclear', why: said(cx, answer) }
  if (!isSuccess(answer)) return { kind: 'refused', answer }
  return answer.status === 202 ? await follow(cx, token, answer) : { kind: 'done', answer }
}

/** Asks for the result of an accepted request until it is there. Reading it changes nothing, so a lost answer is asked again. */
async function follow(cx: ProviderContext, { arm, access }: ScopeMapToken, accepted: HttpAnswer): Promise<Generation> {
  let last = accepted
  let url = resultUrl(arm, accepted)
  for (let waited = 0; waited < LONGEST_WAIT; ) {
    if (url === null)
      return { kind: 'unclear', why: 'the result was promised at an address that is not Azure Resource Manager’s' }
    const pause = pauseOf(cx, last)
    await cx.clock.sleep(pause * 1000)
    waited += pause
    last = await askApi(cx, { method: 'GET', url, headers: { authorization: bearerHeader(access) } })
    if (last.kind !== 'answer' || last.status >= 500 || last.status === 429) continue
    if (last.status === 401 || last.status === 403) return { kind: 'refused', answer: last }
    if (!isSuccess(last)) return { kind: 'unclear', why: `asked for the result, ${said(cx, last)}` }
    if (last.status !== 202) return { kind: 'done', answer: last }
    if (last.headers['location'] !== undefined) url = resultUrl(arm, last)
  }
  return { kind: 'unclear', why: `there was no result within ${LONGEST_WAIT} s` }
}

/** The access token goes to Azure Resource Manager only, whatever a header says. */
function resultUrl(arm: string, answer: HttpAnswer): string | null {
  const location = answer.kind === 'answer' ? answer.headers['location'] : undefined
  if (location === undefined || !URL.canParse(location, arm)) return null
  const url = new URL(location, arm)
  return url.origin === new URL(arm).origin ? url.href : null
}

function pauseOf({ clock }: ProviderContext, answer: HttpAnswer): number {
  const asked = answer.kind === 'answer' ? retryAfterSeconds(answer.headers, clock.now()) : null
  return Math.min(Math.max(asked ?? PAUSE.default, 1), PAUSE.longest)
}

/** The new password out of a result; null when it is not there. */
export function readGenerated(answer: HttpAnswer, slot: Slot): Generated | null {
  const { username, passwords } = objectOf(answer)
  const found = (Array.isArray(passwords) ? passwords.map(asObject) : []).find(({ name }) => name === slot)
  if (typeof username !== 'string' || username === '' || found === undefined) return null
  return { username, value: found['value'], ...passwordOf(found) }
}

export function isSlot(value: unknown): value is Slot {
  return value === 'password1' || value === 'password2'
}
