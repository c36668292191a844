/** Contract case of the provider `ghcr`. */

import { ghcr } from '../../src/registries/ghcr.ts'
import { startGithub } from '../doubles/github.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function start({ tokens, now }: Bench): Promise<ServiceDouble> {
  const password = marked('pat')
  const expiresAt = now() + 86_400_000
  tokens.add({ username: 'puller', password, pulls: ['acme/*'], expiresAt })
  const expiration = new Date(expiresAt)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
  const github = await startGithub([{ token: password, expiration, scopes: 'read:packages' }])
  return Object.assign(github, {
    fields: { credential: 'pull', githubApi: `${github.url}/api/v3` },
    secrets: { pull: JSON.stringify({ username: 'puller', password }) },
  })
}

export const ghcrCases: readonly ContractCase[] = [{ name: 'ghcr', provider: ghcr, start }]
