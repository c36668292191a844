/** Contract cases of the providers `ecr` and `ecr-public`. */

import { ecr } from '../../src/registries/ecr.ts'
import { ecrPublic } from '../../src/registries/ecr-public.ts'
import { startAwsRole } from '../doubles/aws-role.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function start(
  { tokens, now }: Bench,
  fields: Readonly<Record<string, string>>,
  regions = ['us-east-1', 'eu-west-1'],
): Promise<ServiceDouble> {
  const secretAccessKey = marked('key')
  const user = { name: 'arn:aws-cn:iam::210987654321:user/pull', accessKeyId: 'AKIACHINACHINACHINA1', secretAccessKey }
  const role = await startAwsRole({
    tokens,
    now,
    regions,
    others: [{ ...user, actions: ['ecr:GetAuthorizationToken'] }],
  })
  const root = JSON.stringify({ accessKeyId: user.accessKeyId, secretAccessKey })
  return Object.assign(role, { fields, secrets: { root }, identity: { signAws: role.signAws } })
}

export const ecrCases: readonly ContractCase[] = [
  { name: 'ecr, as the role that runs us', provider: ecr, start: (bench) => start(bench, { region: 'eu-west-1' }) },
  {
    name: 'ecr, with a key of another partition',
    provider: ecr,
    start: (bench) => start(bench, { region: 'cn-north-1', root: 'root' }, ['cn-north-1']),
  },
  { name: 'ecr-public', provider: ecrPublic, start: (bench) => start(bench, {}) },
]
