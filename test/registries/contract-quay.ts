/** Contract cases of the providers `quay` and `quay-robots`. */

import { Secret } from '../../src/core/secret.ts'
import { quay } from '../../src/registries/quay.ts'
import { quayRobots } from '../../src/registries/quay-robots.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { marked } from '../doubles/marks.ts'
import { startQuay } from '../doubles/quay.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function byIdentity({ tokens, now }: Bench): Promise<ServiceDouble> {
  const { issue, claimsOf } = githubIssuer(now)
  const subject = 'repo:acme/infra:environment:prod'
  const federations = { 'acme+ecs_pull': { subject, audience: 'https://quay.acme.test', claimsOf } }
  const double = await startQuay({ tokens, now, federations })
  return Object.assign(double, {
    fields: { url: double.url, robot: 'acme+ecs_pull', audience: 'https://quay.acme.test' },
    secrets: {},
    identity: { identityToken: async (audience: string) => new Secret(issue(audience)) },
  })
}

async function byRoot({ tokens, now }: Bench): Promise<ServiceDouble> {
  const root = marked('root')
  const roots = [{ token: root, admin: true }]
  const double = await startQuay({ tokens, now, roots, robots: ['acme+pull_a', 'acme+pull_b'] })
  return Object.assign(double, {
    fields: { url: double.url, organization: 'acme', first: 'pull_a', second: 'pull_b', root: 'root' },
    secrets: { root },
  })
}

export const quayCases: readonly ContractCase[] = [
  { name: 'quay, by OIDC', provider: quay, start: byIdentity },
  { name: 'quay-robots, two robots', provider: quayRobots, overlap: 2, start: byRoot },
]
