/** Tokens that a service lists: all pages of the list, and the removal of one that a handle names. */

import { PullAuthError } from '../core/errors.ts'
import type { HttpAnswer, ProviderContext, Revocation } from '../core/ports.ts'
import { asObject, type JsonObject } from './json.ts'
import { type ApiRequest, askApi, isSuccess, jsonOf, refusal, revokeFailed, said, type TokenApi } from './token-api.ts'

/** Every label of ours begins with this (core/mint-label.ts). */
const OURS = 'ecs-pull-auth/'
const NOT_OURS =
  'Somebody changed its label, or wrote its id into the stored config. Look at it, and delete it by hand if it is one of ours.'
/** A list that never ends is none. */
export const MOST_PAGES = 1000

export interface Listed<Id> {
  readonly id: Id
  /** Label and unique end, as `createBeside` gave it; any other text for a token of somebody else. */
  readonly name: string
}

/**
 * All items of a list in pages, to the total that the service tells in `X-Total-Count`, else to the first empty page. The
 * URL of a `Link` header is never followed: it would send the root wherever it points. Throws the MINT_ codes.
 */
export async function listPages(
  cx: ProviderContext,
  api: TokenApi,
  request: (page: number) => ApiRequest,
): Promise<readonly JsonObject[]> {
  const items: JsonObject[] = []
  for (let page = 1; page <= MOST_PAGES; page++) {
    const { list, total } = await readList(cx, api, request(page))
    items.push(...list)
    if (list.length === 0 || items.length >= total) break
  }
  return items
}

/** A list that comes whole. Throws the MINT_ codes. */
export async function listWhole(
  cx: ProviderContext,
  api: TokenApi,
  request: ApiRequest,
): Promise<readonly JsonObject[]> {
  return (await readList(cx, api, request)).list
}

async function readList(cx: ProviderContext, api: TokenApi, request: ApiRequest) {
  const answer = await askApi(cx, request)
  const list = jsonOf(answer)
  if (!isSuccess(answer) || !Array.isArray(list)) throw refusal(cx, api, answer)
  return { list: list.map(asObject), total: Number(answer.headers['x-total-count']) }
}

export function isOurs(name: unknown): name is string {
  return typeof name === 'string' && name.startsWith(OURS)
}

export function oursOf<Id>(tokens: readonly Listed<Id>[]): readonly Listed<Id>[] {
  return tokens.filter(({ name }) => isOurs(name))
}

export interface ListedSource<Id> {
  /** All tokens of the place, those of others too. */
  list(): Promise<readonly Listed<Id>[]>
  remove(id: Id): Promise<HttpAnswer>
}

/**
 * Removes a token by id, if the list shows it with a label of ours: a handle that somebody wrote into the stored config
 * must not turn the root against tokens of others. What a whole list does not show is gone. Throws REVOKE_FAILED.
 */
export async function revokeListed<Id>(
  cx: ProviderContext,
  id: Id,
  { what, hint }: { readonly what: string; readonly hint: string },
  { list, remove }: ListedSource<Id>,
): Promise<Revocation> {
  const listed = (await listOrFail(what, hint, list)).filter((token) => token.id === id)
  if (listed.length === 0) return 'already-gone'
  if (oursOf(listed).length === 0) throw revokeFailed(what, 'it carries no label of ours and was left alone', NOT_OURS)
  const answer = await remove(id)
  // The list has just shown it to this root, so the 404 means the token, not the root's rights.
  if (answer.kind === 'answer' && answer.status === 404) return 'already-gone'
  if (isSuccess(answer)) return 'revoked'
  throw revokeFailed(what, said(cx, answer), hint)
}

async function listOrFail<Item>(
  what: string,
  hint: string,
  list: () => Promise<readonly Item[]>,
): Promise<readonly Item[]> {
  try {
    return await list()
  } catch (error) {
    if (error instanceof PullAuthError) throw revokeFailed(what, `no list shows it (${error.message})`, hint)
    throw error
  }
}
