/** Token APIs are asked over https only, plain http goes to loopback. */

import { isLoopback } from '../core/loopback.ts'

/** Why a root credential must not be sent to a URL, in words for a field of the plan; null when it may. */
export function httpsProblem(url: string): string | null {
  if (!URL.canParse(url)) return 'is not a URL'
  const { protocol, hostname, username, password, search, hash } = new URL(url)
  if (`${username}${password}${search}${hash}` !== '') return 'must have no user, query or fragment'
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return null
  return 'must begin with https://'
}
