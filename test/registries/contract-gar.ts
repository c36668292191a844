/** Contract cases of the provider `gar`. */

import { Secret } from '../../src/core/secret.ts'
import { gar } from '../../src/registries/gar.ts'
import { startAwsRole } from '../doubles/aws-role.ts'
import { keyFile, type ServiceAccount, startGoogle } from '../doubles/google.ts'
import { githubIssuer } from '../doubles/identity-issuer.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

const POOL = 'projects/1234/locations/global/workloadIdentityPools/rotation/providers/'
const EMAIL = 'ecs-pull@acme.iam.gserviceaccount.com'

async function byRole({ tokens, now }: Bench): Promise<ServiceDouble> {
  const name = `${POOL}aws-role`
  const role = await startAwsRole({ now, region: 'eu-west-1' })
  const { callerOf, signAws, arn } = role
  const pools = [{ name, subjects: [arn], trusts: { kind: 'aws', callerOf } }] as const
  const double = await startGoogle({ tokens, now, pools, accounts: { [EMAIL]: { users: [arn] } } })
  const { close } = double
  return Object.assign(double, {
    fields: { workloadIdentityProvider: name, serviceAccount: EMAIL },
    secrets: {},
    identity: { signAws },
    async close() {
      await close()
      await role.close()
    },
  })
}

async function byIdentity({ tokens, now }: Bench): Promise<ServiceDouble> {
  const name = `${POOL}github`
  const sub = 'repo:acme/infra:environment:prod'
  const { claimsOf, issue } = githubIssuer(now)
  const audience = `https://iam.googleapis.com/${name}`
  const pools = [{ name, subjects: [sub], trusts: { kind: 'oidc', audience, claimsOf } }] as const
  const accounts: Record<string, ServiceAccount> = { [EMAIL]: { users: [sub], extended: true } }
  const double = await startGoogle({ tokens, now, pools, accounts })
  return Object.assign(double, {
    fields: { workloadIdentityProvider: name, serviceAccount: EMAIL, identity: 'oidc' },
    secrets: {},
    identity: { identityToken: async (asked: string) => new Secret(issue(asked)) },
  })
}

async function byKey({ tokens, now }: Bench): Promise<ServiceDouble> {
  const double = await startGoogle({ tokens, now, accounts: { [EMAIL]: { keyId: 'k1' } } })
  return Object.assign(double, { fields: { root: 'root' }, secrets: { root: keyFile(EMAIL, 'k1') } })
}

export const garCases: readonly ContractCase[] = [
  { name: 'gar, by AWS role', provider: gar, start: byRole },
  { name: 'gar, by OIDC', provider: gar, ttl: 43_200, start: byIdentity },
  { name: 'gar, by key', provider: gar, start: byKey },
]
