/** A root that logs in with a user name and a password. */

import { PullAuthError } from '../core/errors.ts'
import type { ProviderContext } from '../core/ports.ts'
import { basicHeader, Secret } from '../core/secret.ts'
import { parseObject } from './json.ts'
import { placeProblem } from './root-place.ts'
import { revokeFailed } from './token-api.ts'

export interface RootLogin {
  readonly username: string
  /** The `Authorization` header. */
  readonly header: Secret
}

/** Which service a secret's root is for. */
export interface RootPlace {
  readonly url: string
  /** Name of the secret. */
  readonly root: string
}

/** Throws CREDENTIAL_INVALID when the root's own secret says that it is for another service than the plan. */
export async function ensurePlace(cx: ProviderContext, { url, root }: RootPlace): Promise<void> {
  const problem = await placeProblem(cx, root, url, true)
  if (problem === null) return
  throw new PullAuthError(
    'CREDENTIAL_INVALID',
    `The address in the plan does not fit its root: ${problem}.`,
    'Name the secret that holds the root of this service, or correct the address in the plan or in the secret.',
  )
}

/** The login for a place that the plan names. Throws CREDENTIAL_INVALID. */
export async function plannedLogin(cx: ProviderContext, place: RootPlace, service: string): Promise<RootLogin> {
  await ensurePlace(cx, place)
  return await readLogin(cx, place.root, service)
}

/**
 * The login for a place that a handle names: only where today's plan or the root's own secret says that it is the place.
 * Throws REVOKE_FAILED, CREDENTIAL_INVALID.
 */
export async function handleLogin(
  cx: ProviderContext,
  place: RootPlace,
  {
    service,
    what,
    planned,
  }: { readonly service: string; readonly what: string; readonly planned: readonly RootPlace[] },
): Promise<RootLogin> {
  const named = planned.some(({ url, root }) => url === place.url && root === place.root)
  const problem = await placeProblem(cx, place.root, place.url, named)
  if (problem === null) return await readLogin(cx, place.root, service)
  throw revokeFailed(
    what,
    `${problem}, so no root was sent`,
    `If you know that ${service}, store the root as {"username":"…","password":"…","url":"…"} in secret ${place.root}, then retire again. If you do not, somebody wrote it into the stored config.`,
  )
}

/** `{"username","password"}` from the root's secret, masked. */
async function readLogin(cx: ProviderContext, name: string, service: string): Promise<RootLogin> {
  const { username, password } = parseObject((await cx.readSecret(name)).reveal())
  if (isText(username) && isText(password) && !username.includes(':')) {
    const secret = new Secret(password)
    cx.journal.mask(secret, username)
    return { username, header: basicHeader(username, secret) }
  }
  throw new PullAuthError(
    'CREDENTIAL_INVALID',
    `Secret ${name} holds no login of ${service}.`,
    'Store {"username": "…", "password": "…"} as the text of the secret; the user name without a colon.',
  )
}

/** What a Basic header can carry. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Cc}/u.test(value) && value.isWellFormed()
}
