/** Contract case of the provider `dockerhub`. */

import { Secret } from '../../src/core/secret.ts'
import { dockerhub } from '../../src/registries/dockerhub.ts'
import { startDockerhub } from '../doubles/dockerhub.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

const CONNECTION = '0f8fad5b-d9cb-469f-a165-70867728950e'

async function start({ tokens, now }: Bench): Promise<ServiceDouble> {
  const issuer = githubIssuer(now)
  const subjects = ['repo:acme/infra:environment:prod']
  const double = await startDockerhub({ tokens, now, issuer, org: 'acme', connection: CONNECTION, subjects })
  return Object.assign(double, {
    fields: { url: double.url, org: 'acme', connection: CONNECTION },
    secrets: {},
    identity: { identityToken: async (audience: string) => new Secret(issuer.issue(audience)) },
  })
}

export const dockerhubCases: readonly ContractCase[] = [
  { name: 'dockerhub, by GitHub’s ID token', provider: dockerhub, start },
]
