/** JFrog's access-token API: create, look, list, revoke, and what each answer means (facts/registries.md section 3.7). */

import type { PullAuthError } from '../core/errors.ts'
import type { Millis, ProviderContext, Revocation } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { asObject } from './json.ts'
import { isOurs } from './listed.ts'
import {
  askApi,
  CREATE_TIMEOUT,
  expiryOf,
  isLost,
  isSuccess,
  objectOf,
  refusal,
  revokeFailed,
  said,
  type TokenApi,
  takeToken,
} from './token-api.ts'

export interface JfrogTokenConfig {
  readonly url: string
  readonly root: string
  readonly user: string
  readonly scope: string
  readonly reference: boolean
}

export type Place = Pick<JfrogTokenConfig, 'url' | 'root'>

interface Made {
  readonly id: string
  readonly password: Secret
  readonly expiresAt: Millis | null
}

export const TOKENS = '/access/api/v1/tokens'
const TOKEN_ID = /^[A-Za-z0-9-]{1,64}$/

/** null: the answer was lost after the request was sent, or told of no token. */
export async function createToken(
  cx: ProviderContext,
  config: JfrogTokenConfig,
  authorization: Secret,
  description: string,
  life: number,
): Promise<Made | null> {
  const { user, scope, reference } = config
  const issuedAt = cx.clock.now()
  const answer = await askApi(cx, {
    method: 'POST',
    url: `${config.url}${TOKENS}`,
    headers: { authorization },
    json: {
      grant_type: 'client_credentials',
      username: user,
      scope,
      expires_in: life,
      description,
      refreshable: false,
      include_reference_token: reference,
      // Below a threshold of 6 h, which an administrator may raise, a token is else one that cannot be revoked.
      force_revocable: true,
    },
    timeoutMs: CREATE_TIMEOUT,
  })
  if (isLost(answer)) return null
  if (!isSuccess(answer)) throw refusal(cx, apiOf(config), answer)
  const { token_id: id, access_token: long, reference_token: short, expires_in: expiresIn } = objectOf(answer)
  const [whole, brief] = [takeToken(cx, long, user), takeToken(cx, short, user)]
  if (whole === null || !isTokenId(id)) return null
  // An Artifactory before 7.38 gives no reference token; the long one does the same.
  return { id, password: (reference ? brief : null) ?? whole, expiresAt: expiryOf(whole, expiresIn, issuedAt) }
}

/** Living tokens whose description begins with the prefix. Throws the MINT_ codes. */
export async function listTokens(
  cx: ProviderContext,
  config: Place,
  authorization: Secret,
  prefix: string,
): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const url = `${config.url}${TOKENS}?description=${encodeURIComponent(prefix)}*`
  const answer = await askApi(cx, { method: 'GET', url, headers: { authorization } })
  const { tokens } = objectOf(answer)
  if (!Array.isArray(tokens)) throw refusal(cx, apiOf(config), answer)
  const alive = (expiry: unknown) => typeof expiry !== 'number' || expiry * 1000 > cx.clock.now()
  return tokens.map(asObject).flatMap(({ token_id: id, description: name, expiry }) => {
    return isTokenId(id) && typeof name === 'string' && name.startsWith(prefix) && alive(expiry) ? [{ id, name }] : []
  })
}

/**
 * JFrog keeps only tokens that it can revoke. One that it does not know right after it was made cannot be revoked: an
 * Artifactory before 7.50.3 does not know `force_revocable`. Without a clear answer the token counts as revocable.
 */
export async function isUnrevocable(
  cx: ProviderContext,
  { url }: Place,
  authorization: Secret,
  id: string,
): Promise<boolean> {
  const answer = await askApi(cx, { method: 'GET', url: `${url}${TOKENS}/${id}`, headers: { authorization } })
  return answer.kind === 'answer' && answer.status === 404
}

/** Throws REVOKE_FAILED. */
export async function deleteToken(
  cx: ProviderContext,
  config: Place,
  authorization: Secret,
  id: string,
): Promise<Revocation> {
  const headers = { authorization }
  const url = `${config.url}${TOKENS}/${id}`
  const seen = await askApi(cx, { method: 'GET', url, headers })
  if (seen.kind === 'answer' && seen.status === 404 && (await isNowhere(cx, config, authorization, id)))
    return 'already-gone'
  if (!isSuccess(seen)) throw failed(config, id, said(cx, seen))
  // A handle that somebody wrote into the stored config must not turn the root against tokens of others.
  if (!isOurs(objectOf(seen)['description'])) throw failed(config, id, 'ecs-pull-auth did not make it')
  const answer = await askApi(cx, { method: 'DELETE', url, headers })
  if (answer.kind === 'answer' && answer.status === 200) return 'revoked'
  // Documented: revoked before.
  if (answer.kind === 'answer' && answer.status === 204) return 'already-gone'
  throw failed(config, id, said(cx, answer))
}

/** A root that lost its rights gets 403, not 404; that the list can be read shows that the 404 is JFrog's own. */
async function isNowhere(cx: ProviderContext, { url }: Place, authorization: Secret, id: string): Promise<boolean> {
  const list = `${url}${TOKENS}?token_id=${id}`
  const { tokens } = objectOf(await askApi(cx, { method: 'GET', url: list, headers: { authorization } }))
  return Array.isArray(tokens) && tokens.length === 0
}

function failed({ url, root }: Place, id: string, why: string): PullAuthError {
  const hint = `Check that the root token in secret ${root} is alive and an admin token; retire tries again.`
  return revokeFailed(`JFrog token ${id} at ${url}`, why, hint)
}

export function isTokenId(value: unknown): value is string {
  return typeof value === 'string' && TOKEN_ID.test(value)
}

export function apiOf({ url, root }: Place): TokenApi {
  return {
    name: `JFrog ${url}${TOKENS}`,
    hints: {
      rejected: `Put a living admin access token into secret ${root}.`,
      notPermitted:
        `The token in secret ${root} must be an admin token. 403 is also what a ttl above the longest one that JFrog ` +
        'allows gets, and a scope that the user may not have.',
    },
  }
}
