/** Contract cases of the provider `secrets-manager`. */

import { secretsManager } from '../../src/registries/secrets-manager.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

/** Nobody is asked: it stands in a secret. */
async function start(
  { tokens, now }: Bench,
  fields: Readonly<Record<string, string>>,
  username: string,
  textOf: (password: string, end: string) => object,
): Promise<ServiceDouble> {
  const password = marked('kept')
  const expiresAt = now() + 86_400_000
  tokens.add({ username, password, pulls: ['acme/*'], expiresAt })
  return {
    fields: { credential: 'kept', ...fields },
    secrets: { kept: JSON.stringify(textOf(password, new Date(expiresAt).toISOString())) },
    requests: [],
    fault: null,
    async close() {},
  }
}

export const secretsManagerCases: readonly ContractCase[] = [
  {
    name: 'secrets-manager, an access token that AWS rotates at GitLab',
    provider: secretsManager,
    start: (bench) =>
      start(bench, { shape: 'gitlab-access-token', expiresAt: 'end' }, 'access-token', (token, end) => ({
        token,
        tokenId: '42',
        gitlabUrl: 'https://gitlab.com',
        end,
      })),
  },
  {
    name: 'secrets-manager, by JSON pointers',
    provider: secretsManager,
    start: (bench) =>
      start(
        bench,
        { usernameAt: '/login/user', passwordAt: '/login/tokens/0', expiresAt: '/end' },
        'puller',
        (token, end) => ({
          login: { user: 'puller', tokens: [token] },
          end,
        }),
      ),
  },
]
