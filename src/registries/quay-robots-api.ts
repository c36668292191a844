/** Quay's robots API: look at a robot, renew its token, and which token it has (facts/registries.md section 3.8). */

import { createHash } from 'node:crypto'
import type { HttpAnswer, ProviderContext } from '../core/ports.ts'
import { bearerHeader, type Secret } from '../core/secret.ts'
import { asObject } from './json.ts'
import { askApi, CREATE_TIMEOUT, objectOf, readRootText, type TokenApi, takeToken } from './token-api.ts'

export interface Place {
  readonly url: string
  readonly organization: string
  readonly root: string
}

/** A Quay, with the root as a header. */
export interface Quay extends Place {
  readonly authorization: Secret
}

export function regenerate(cx: ProviderContext, quay: Quay, robot: string): Promise<HttpAnswer> {
  const url = `${robotsUrl(quay)}/${robot}/regenerate`
  return askApi(cx, { method: 'POST', url, headers: headersOf(quay), timeoutMs: CREATE_TIMEOUT })
}

export function look(cx: ProviderContext, quay: Quay, robot: string): Promise<HttpAnswer> {
  return askApi(cx, { method: 'GET', url: `${robotsUrl(quay)}/${robot}`, headers: headersOf(quay) })
}

/** Only a list that the root may read and that does not name the robot proves that it is gone, its token with it. */
export async function isDeleted(cx: ProviderContext, quay: Quay, robot: string, seen: HttpAnswer): Promise<boolean> {
  if (seen.kind !== 'answer' || (seen.status !== 400 && seen.status !== 404)) return false
  const url = `${robotsUrl(quay)}?token=false&permissions=false`
  const { robots } = objectOf(await askApi(cx, { method: 'GET', url, headers: headersOf(quay) }))
  return Array.isArray(robots) && robots.map(asObject).every(({ name }) => name !== nameOf(quay, robot))
}

/** Which token a robot has now; null when the answer does not hold it. */
export function markIn(cx: ProviderContext, answer: HttpAnswer, name: string): string | null {
  const { name: found, token } = objectOf(answer)
  const secret = found === name ? takeToken(cx, token, name) : null
  return secret === null ? null : markOf(secret)
}

/** 64 bits of a hash of 64 random characters: they tell tokens apart and tell nothing about them. */
export function markOf(token: Secret): string {
  return createHash('sha256').update(token.reveal()).digest('hex').slice(0, 16)
}

export async function enter(cx: ProviderContext, place: Place): Promise<Quay> {
  const { url, organization, root } = place
  return { url, organization, root, authorization: bearerHeader(await readRootText(cx, root, 'token', 'OAuth token')) }
}

/** A Quay that answers its API to browsers only (BROWSER_API_CALLS_XHR_ONLY) asks for the second header. */
function headersOf({ authorization }: Quay): Readonly<Record<string, string | Secret>> {
  return { authorization, 'x-requested-with': 'XMLHttpRequest' }
}

function robotsUrl({ url, organization }: Place): string {
  return `${url}/api/v1/organization/${organization}/robots`
}

export function nameOf({ organization }: Place, robot: string): string {
  return `${organization}+${robot}`
}

export function apiOf(place: Place): TokenApi {
  const { organization, root } = place
  const make = `Make both robots in organization ${organization} and give both read access to the repositories`
  return {
    name: `Quay ${robotsUrl(place)}`,
    hints: {
      rejected: `Put a living OAuth token with scope org:admin into secret ${root}.`,
      notPermitted: `The OAuth token in secret ${root} needs scope org:admin, from an administrator of ${organization}. ${make}.`,
      unavailable: `${make}; check the url and that Quay is up.`,
    },
  }
}
