/** Contract cases of the providers `jfrog` and `jfrog-token`. */

import { Secret } from '../../src/core/secret.ts'
import { jfrog } from '../../src/registries/jfrog.ts'
import { jfrogToken } from '../../src/registries/jfrog-token.ts'
import { startAwsRole } from '../doubles/aws-role.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import { startJfrog } from '../doubles/jfrog.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function byRole({ tokens, now }: Bench): Promise<ServiceDouble> {
  const role = await startAwsRole({ now, region: 'eu-west-1' })
  const double = await startJfrog({
    tokens,
    now,
    callerOf: role.callerOf,
    roles: { 'arn:aws:iam::123456789012:role/ecs-pull-auth': 'ecs-pull' },
  })
  const { signAws } = role
  const { close } = double
  return Object.assign(double, {
    fields: { url: double.url },
    secrets: {},
    identity: { signAws },
    async close() {
      await close()
      await role.close()
    },
  })
}

async function byIdentity({ tokens, now }: Bench): Promise<ServiceDouble> {
  const { issue, claimsOf } = githubIssuer(now)
  const mapping = { 'repo:acme/infra:environment:prod': 'ecs-pull' }
  const integration = { name: 'github', audience: 'jfrog-github', claimsOf, mapping }
  const double = await startJfrog({ tokens, now, integration })
  return Object.assign(double, {
    fields: { url: double.url, oidcProvider: 'github', audience: 'jfrog-github' },
    secrets: {},
    identity: { identityToken: async (audience: string) => new Secret(issue(audience)) },
  })
}

async function byRoot({ tokens, now }: Bench, fields: Readonly<Record<string, unknown>>): Promise<ServiceDouble> {
  const root = marked('root')
  const double = await startJfrog({ tokens, now, roots: [{ token: root, admin: true }] })
  return Object.assign(double, {
    fields: { url: double.url, user: 'ecs-pull', root: 'root', ...fields },
    secrets: { root },
  })
}

export const jfrogCases: readonly ContractCase[] = [
  { name: 'jfrog, by AWS role', provider: jfrog, start: byRole },
  { name: 'jfrog, by OIDC', provider: jfrog, start: byIdentity },
  { name: 'jfrog-token, reference tokens', provider: jfrogToken, ttl: 3600, start: (bench) => byRoot(bench, {}) },
  {
    name: 'jfrog-token, long tokens',
    provider: jfrogToken,
    start: (bench) => byRoot(bench, { referenceToken: false }),
  },
]
