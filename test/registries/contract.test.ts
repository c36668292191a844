/** The contract of all providers, against the registry double. */

import { test } from 'node:test'
import { startRegistry } from '../doubles/registry.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { NOW } from './context.ts'
import { type Bench, contractChecks } from './contract.ts'
import { CONTRACT_CASES } from './contract-cases.ts'

async function withBench(run: (bench: Bench) => Promise<void>): Promise<void> {
  const now = () => NOW
  const tokens = createTokenStore(now)
  const registry = await startRegistry({ tokens, now })
  try {
    await run({ tokens, host: registry.host, now })
  } finally {
    await registry.close()
  }
}

for (const one of CONTRACT_CASES) for (const [name, check] of contractChecks(one, withBench)) test(name, check)
