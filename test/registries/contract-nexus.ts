/** Contract cases of the provider `nexus`. */

import { nexus } from '../../src/registries/nexus.ts'
import { marked } from '../doubles/marks.ts'
import { startNexus } from '../doubles/nexus.ts'
import type { Bench, ContractCase, ServiceDouble } from './contract.ts'

async function start({ tokens }: Bench): Promise<ServiceDouble> {
  const login = { username: 'rotator', password: marked('root') }
  const double = await startNexus({ tokens, roots: [{ ...login, may: ['create', 'read', 'delete'] }] })
  const fields = { url: double.url, role: 'docker-pull', root: 'root' }
  return Object.assign(double, { fields, secrets: { root: JSON.stringify(login) } })
}

export const nexusCases: readonly ContractCase[] = [
  { name: 'nexus, by a user who may make users', provider: nexus, start },
]
