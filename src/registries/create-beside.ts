/** Class B: a token is made beside the old one, under a name of its own; a lost answer is found by that name. */

import { PullAuthError } from '../core/errors.ts'
import type { ProviderContext } from '../core/ports.ts'
import { ambiguous, type TokenApi } from './token-api.ts'

export interface CreateBeside<Made, Id> {
  readonly api: TokenApi
  /** Makes a token that carries this name where `list` shows it. null: the answer was lost after the request was sent. */
  create(name: string): Promise<Made | null>
  /** Live tokens with the names that `create` gave. */
  list(): Promise<readonly { readonly id: Id; readonly name: string }[]>
  remove(id: Id): Promise<unknown>
}

/**
 * Makes one token; after a lost answer the token is removed, if the service made it, and one more is tried. Throws
 * MINT_AMBIGUOUS when it cannot be told whether one exists: then nothing may be minted on top, and it is left to `find`.
 */
export async function createBeside<Made, Id>(
  cx: ProviderContext,
  label: string,
  source: CreateBeside<Made, Id>,
): Promise<Made> {
  for (let attempt = 1; attempt <= 2; attempt++) {
    const name = uniqueName(label)
    const made = await source.create(name)
    if (made !== null) return made
    if (!(await removeLost(cx, source, name))) break
  }
  throw ambiguous(source.api)
}

/**
 * The text of such a token is lost, so it serves nobody, and it is safe to remove: the end of the name was drawn at random
 * for this one call, so no other process, no retry and no other entry of the plan can have made or stored it.
 */
async function removeLost<Made, Id>(
  cx: ProviderContext,
  { api, list, remove }: CreateBeside<Made, Id>,
  name: string,
): Promise<boolean> {
  try {
    const lost = (await list()).find((token) => token.name === name)
    if (lost === undefined) return false
    await remove(lost.id)
  } catch (error) {
    if (error instanceof PullAuthError) return false
    throw error
  }
  cx.journal.warn(`${api.name}: the answer with a new token was lost; that token was found by its name and removed.`)
  return true
}

function uniqueName(label: string): string {
  return `${label}#${crypto.randomUUID().slice(0, 13)}`
}

/** The label of a name that `createBeside` gave. */
export function labelOf(name: string): string {
  return name.replace(/#[^#]*$/, '')
}
