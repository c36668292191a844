/** Contract cases of the provider `cloudsmith`. */

import { Secret } from '../../src/core/secret.ts'
import { cloudsmith } from '../../src/registries/cloudsmith.ts'
import { startCloudsmith } from '../doubles/cloudsmith.ts'
import { createIssuer, githubIssuer, type IdentityIssuer } from '../doubles/identity-issuer.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

function awsIssuer(now: () => number): IdentityIssuer {
  const issuer = 'https://01234567-89ab-4cde-8f01-23456789abcd.tokens.sts.global.api.aws'
  return createIssuer({ issuer, claims: { sub: 'arn:aws:iam::111122223333:role/rotate' }, now })
}

async function start({ tokens, now }: Bench, issuer: IdentityIssuer): Promise<ServiceDouble> {
  const audience = 'https://api.cloudsmith.io'
  const double = await startCloudsmith({ tokens, now, issuer, audience, org: 'acme', services: ['ecs-pull'] })
  return Object.assign(double, {
    fields: { url: double.url, org: 'acme', service: 'ecs-pull' },
    secrets: {},
    identity: { identityToken: async (wanted: string) => new Secret(issuer.issue(wanted)) },
  })
}

export const cloudsmithCases: readonly ContractCase[] = [
  {
    name: 'cloudsmith, by GitHub’s ID token',
    provider: cloudsmith,
    start: (bench) => start(bench, githubIssuer(bench.now)),
  },
  {
    name: 'cloudsmith, by AWS’s web identity',
    provider: cloudsmith,
    start: (bench) => start(bench, awsIssuer(bench.now)),
  },
]
