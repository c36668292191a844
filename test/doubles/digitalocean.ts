/** DigitalOcean's docker-credentials, as facts/registries.md section 3.10 records them. */

import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface DigitaloceanOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  /** Texts of API tokens, and whether each has the scope registry:read. */
  readonly roots: Readonly<Record<string, { readonly reads: boolean }>>
  readonly name: string
}

export function startDigitalocean(options: DigitaloceanOptions): Promise<ApiDouble> {
  const path = /^\/v2\/registries\/([a-z0-9-]+)\/docker-credentials$/
  return startApi([['GET', path, (call) => credentials(options, call)]])
}

function credentials({ tokens, now, roots, name }: DigitaloceanOptions, call: ApiCall): ApiReply {
  const root = roots[/^Bearer (.+)$/.exec(call.headers['authorization'] ?? '')?.[1] ?? '']
  if (root === undefined) return problem(401, 'Unauthorized', 'Unable to authenticate you')
  if (!root.reads) return problem(403, 'Forbidden', 'You are not authorized to perform this operation')
  if (call.parts[0] !== name) return problem(404, 'not_found', 'registry does not exist')
  const asked = call.query.get('expiry_seconds') ?? '0'
  if (!/^[0-9]{1,10}$/.test(asked) || Number(asked) > 2_147_483_647)
    return problem(422, 'unprocessable_entity', 'invalid expiry_seconds')
  if (call.query.get('read_write') !== 'false') return problem(422, 'unprocessable_entity', 'this double only reads')
  const token = marked('digitalocean')
  const expiresAt = asked === '0' ? null : now() + Number(asked) * 1000
  tokens.add({ username: token, password: token, pulls: ['acme/*'], expiresAt })
  const auth = Buffer.from(`${token}:${token}`).toString('base64')
  return { status: 200, body: { auths: { 'registry.digitalocean.com': { auth } } } }
}

function problem(status: number, id: string, message: string): ApiReply {
  return { status, body: { id, message } }
}
