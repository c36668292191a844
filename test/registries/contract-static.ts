/** Contract cases of the provider `static`. */

import { fixed } from '../../src/registries/static.ts'
import { marked } from '../doubles/marks.ts'
import type { ContractCase } from './contract.ts'

export const staticCases: readonly ContractCase[] = [
  {
    name: 'static',
    provider: fixed,
    // Nobody is asked: it stands in a secret.
    async start({ tokens, now }) {
      const password = marked('kept')
      const expiresAt = now() + 86_400_000
      tokens.add({ username: 'puller', password, pulls: ['acme/*'], expiresAt })
      const credential = JSON.stringify({ username: 'puller', password, expires: new Date(expiresAt).toISOString() })
      return {
        fields: { credential: 'pull' },
        secrets: { pull: credential },
        requests: [],
        fault: null,
        async close() {},
      }
    },
  },
]
