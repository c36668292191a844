/** Contract cases of the provider `secrets-manager`. */

import { secretsManager } from '../../src/registries/secrets-manager.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

/** Nobody is asked: it stands in a secret. */
async function start(
  { tokens, now }: Bench,
  fields: Readonly<Record<string, string>>,
  username: string,
  textOf: (password: string) => object,
): Promise<ServiceDouble> {
  const password = marked('kept')
  tokens.add({ username, password, pulls: ['acme/*'], expiresAt: now() + 86_400_000 })
  return {
    fields: { credential: 'kept', ...fields },
    secrets: { kept: JSON.stringify(textOf(password)) },
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
      start(bench, { shape: 'gitlab-access-token' }, 'access-token', (token) => ({
        token,
        tokenId: '42',
        gitlabUrl: 'https://gitlab.com',
      })),
  },
  {
    name: 'secrets-manager, by JSON pointers',
    provider: secretsManager,
    start: (bench) =>
      start(bench, { usernameAt: '/login/user', passwordAt: '/login/tokens/0' }, 'puller', (token) => ({
        login: { user: 'puller', tokens: [token] },
      })),
  },
]
