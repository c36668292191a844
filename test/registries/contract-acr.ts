/** Contract cases of the provider `acr`. */

import { Secret } from '../../src/core/secret.ts'
import { acr } from '../../src/registries/acr.ts'
import { startAcr } from '../doubles/acr.ts'
import { createIssuer, githubIssuer, type IdentityIssuer } from '../doubles/identity-issuer.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

export const TENANT = '11111111-2222-4333-8444-555555555555'
export const CLIENT = '66666666-7777-4888-9999-000000000000'
export const AUDIENCE = 'api://AzureADTokenExchange'

/** What Entra knows of the application, and what the plan and the process have to prove that they are it. */
export interface AzureIdentity {
  readonly entra: {
    readonly tenant: string
    readonly client: string
    readonly secret: string | null
    readonly federation: { readonly issuer: IdentityIssuer; readonly audience: string; readonly subject: string } | null
  }
  readonly fields: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, string>>
  readonly identity: NonNullable<ServiceDouble['identity']>
}

export function bySecret(): AzureIdentity {
  const secret = marked('client-secret')
  return {
    entra: { tenant: TENANT, client: CLIENT, secret, federation: null },
    fields: { tenant: TENANT, client: CLIENT, root: 'root' },
    secrets: { root: secret },
    identity: {},
  }
}

export function byFederation(issuer: IdentityIssuer, subject: string): AzureIdentity {
  return {
    entra: { tenant: TENANT, client: CLIENT, secret: null, federation: { issuer, subject, audience: AUDIENCE } },
    fields: { tenant: TENANT, client: CLIENT },
    secrets: {},
    identity: { identityToken: async (audience) => new Secret(issuer.issue(audience)) },
  }
}

export const byWorkflow = (now: () => number) => byFederation(githubIssuer(now), 'repo:acme/infra:environment:prod')

export function byRole(now: () => number): AzureIdentity {
  const sub = 'arn:aws:iam::111122223333:role/rotate'
  const issuer = 'https://01234567-89ab-4cde-8f01-23456789abcd.tokens.sts.global.api.aws'
  return byFederation(createIssuer({ issuer, claims: { sub }, now }), sub)
}

async function start({ tokens, now }: Bench, { entra, fields, ...world }: AzureIdentity): Promise<ServiceDouble> {
  const double = await startAcr({ ...entra, tokens, now })
  return Object.assign(double, { ...world, fields: { ...fields, url: double.url, authority: double.url } })
}

export const acrCases: readonly ContractCase[] = [
  { name: 'acr, by client secret', provider: acr, start: (bench) => start(bench, bySecret()) },
  { name: 'acr, by GitHub’s ID token', provider: acr, start: (bench) => start(bench, byWorkflow(bench.now)) },
  { name: 'acr, by AWS’s web identity', provider: acr, start: (bench) => start(bench, byRole(bench.now)) },
]
