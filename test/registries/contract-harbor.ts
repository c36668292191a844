/** Contract cases of the provider `harbor`. */

import { harbor } from '../../src/registries/harbor.ts'
import { FACTORY, startHarbor } from '../doubles/harbor.ts'
import { marked } from '../doubles/marks.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function start({ tokens, now }: Bench, username: string, project: string): Promise<ServiceDouble> {
  const password = marked('root')
  const permissions = { [project]: FACTORY }
  const roots = [{ username, password, permissions }]
  const double = await startHarbor({ tokens, now, roots, secretText: (n) => marked(`robot-${n}`) })
  const fields = { url: double.url, project: 'acme', root: 'root' }
  return Object.assign(double, { fields, secrets: { root: JSON.stringify({ username, password }) } })
}

export const harborCases: readonly ContractCase[] = [
  {
    name: 'harbor, by a robot of the project',
    provider: harbor,
    start: (bench) => start(bench, 'robot$acme+f', 'acme'),
  },
  { name: 'harbor, by a robot of the system', provider: harbor, start: (bench) => start(bench, 'robot$factory', '*') },
]
