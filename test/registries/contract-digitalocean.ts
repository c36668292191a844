/** Contract cases of the provider `digitalocean`. */

import { digitalocean } from '../../src/registries/digitalocean.ts'
import { startDigitalocean } from '../doubles/digitalocean.ts'
import { marked } from '../doubles/marks.ts'
import type { ContractCase } from './contract.ts'

export const digitaloceanCases: readonly ContractCase[] = [
  {
    name: 'digitalocean',
    provider: digitalocean,
    async start({ tokens, now }) {
      const root = marked('root')
      const double = await startDigitalocean({ tokens, now, name: 'acme', roots: { [root]: { reads: true } } })
      return Object.assign(double, { fields: { url: double.url, name: 'acme', root: 'root' }, secrets: { root } })
    },
  },
]
