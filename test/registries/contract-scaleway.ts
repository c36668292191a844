/** Contract cases of the provider `scaleway`. */

import { scaleway } from '../../src/registries/scaleway.ts'
import { marked } from '../doubles/marks.ts'
import { startScaleway } from '../doubles/scaleway.ts'
import type { ContractCase } from './contract.ts'

const APPLICATION = '11111111-2222-4333-8444-555555555555'

export const scalewayCases: readonly ContractCase[] = [
  {
    name: 'scaleway',
    provider: scaleway,
    ttl: 86_400,
    async start({ tokens, now }) {
      const root = marked('root')
      const roots = { [root]: { manages: true } }
      const double = await startScaleway({ tokens, now, roots, applications: [APPLICATION] })
      const fields = { url: double.url, application: APPLICATION, root: 'root' }
      return Object.assign(double, { fields, secrets: { root } })
    },
  },
]
