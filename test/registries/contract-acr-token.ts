/** Contract cases of the provider `acr-token`. */

import { acrToken } from '../../src/registries/acr-token.ts'
import { startArm } from '../doubles/arm.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'
import { type AzureIdentity, byRole, bySecret, byWorkflow } from './contract-acr.ts'

export const TOKEN_ID =
  '/subscriptions/99999999-2222-4333-8444-555555555555/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acme1/tokens/ecs-pull'

async function start({ tokens, now }: Bench, { entra, fields, ...world }: AzureIdentity): Promise<ServiceDouble> {
  const passwordText = (n: number) => marked(`password-${n}`)
  const double = await startArm({ ...entra, tokens, now, tokenId: TOKEN_ID, passwordText })
  const places = { authority: double.url, arm: double.url }
  return Object.assign(double, { ...world, fields: { ...fields, ...places, token: TOKEN_ID } })
}

const common = { provider: acrToken, overlap: 2 }

export const acrTokenCases: readonly ContractCase[] = [
  { ...common, name: 'acr-token, by client secret', start: (bench) => start(bench, bySecret()) },
  { ...common, name: 'acr-token, by GitHub’s ID token', start: (bench) => start(bench, byWorkflow(bench.now)) },
  { ...common, name: 'acr-token, by AWS’s web identity', start: (bench) => start(bench, byRole(bench.now)) },
]
