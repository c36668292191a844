/** Contract cases of the provider `http`: one made-up API of each class. */

import { Secret } from '../../src/core/secret.ts'
import { http } from '../../src/registries/http.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { startMadeUpApis } from '../doubles/made-up-apis.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

type Fields = Readonly<Record<string, unknown>>

const AUDIENCE = 'https://registry.acme.test'

/** As a plan has them; `ttl` as it has been read already. */
export const HTTP_CASES: Readonly<Record<string, (url: string) => Fields>> = {
  'create-delete': (url) => {
    const headers = { authorization: `Bearer \${secret:root}` }
    return {
      class: 'create-delete',
      ttl: 3600,
      mint: {
        method: 'POST',
        url: `${url}/api/v1/tokens`,
        headers,
        json: { name: `\${label}`, seconds: `\${ttl}`, scopes: ['pull'] },
      },
      answer: {
        username: '/data/user~1name',
        password: '/data/token',
        expiresAt: '/data/expires_at',
        id: '/data/id',
      },
      revoke: { method: 'DELETE', url: `${url}/api/v1/tokens/\${id}`, headers },
      list: { method: 'GET', url: `${url}/api/v1/tokens`, headers, items: '/data', id: '/id', label: '/name' },
    }
  },
  exchange: (url) => ({
    class: 'exchange',
    ttl: 7200,
    username: 'token',
    mint: {
      method: 'POST',
      url: `${url}/oauth/token`,
      form: { grant_type: 'exchange', assertion: `\${identity:${AUDIENCE}}` },
    },
    answer: { password: '/access_token', expiresIn: '/expires_in' },
  }),
  destructive: (url) => ({
    class: 'destructive',
    username: 'puller',
    mint: { method: 'PUT', url: `${url}/users/puller/password`, headers: { authorization: `Basic \${basic:admin}` } },
    answer: { password: '/password' },
  }),
}

async function start({ tokens, now }: Bench, fields: (url: string) => Fields): Promise<ServiceDouble> {
  const [root, issuer] = [marked('root'), githubIssuer(now)]
  const double = await startMadeUpApis({ tokens, now, root, issuer, audience: AUDIENCE })
  return Object.assign(double, {
    fields: fields(double.url),
    secrets: { root, admin: JSON.stringify({ username: 'admin', password: root }) },
    identity: { identityToken: async (audience: string) => new Secret(issuer.issue(audience)) },
  })
}

/** The same API asked page by page. */
const PAGED: Readonly<Record<string, Fields>> = {
  'create-delete, a list by page': { query: `?page=\${page}` },
  'create-delete, a list by cursor': { query: `?after=\${cursor}`, next: '/next' },
}
const PAGED_CASES = Object.entries(PAGED).map(([name, { query, ...more }]) => {
  const fields = (url: string): Fields => {
    const entry = HTTP_CASES['create-delete']?.(url) ?? {}
    return { ...entry, list: { ...Object(entry['list']), url: `${url}/api/v1/tokens${query}`, ...more } }
  }
  return [name, fields] as const
})

export const httpCases: readonly ContractCase[] = [...Object.entries(HTTP_CASES), ...PAGED_CASES].map(
  ([name, fields]) => {
    const { ttl } = fields('')
    return {
      name: `http, class ${name}`,
      provider: http,
      start: (bench) => start(bench, fields),
      ...(typeof ttl === 'number' ? { ttl } : {}),
      ...(name === 'destructive' ? { overlap: 1 } : {}),
    }
  },
)
