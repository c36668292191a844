/** Looks at what is current, at a fixed beat: else nobody would notice that rotations have stopped coming. Reads only. */

import { measureLife, watchRoot } from './lifetimes.ts'
import type { Plan } from './plan.ts'
import type { VersionId } from './ports.ts'
import { currentOf, providerContext, type RotationPorts } from './rotation.ts'
import { readStoredConfig, stateOf } from './stored-config.ts'

/** Returns the current version; null: the secret has none. */
export async function watchCurrent(cx: RotationPorts, plan: Plan): Promise<VersionId | null> {
  const secret = await cx.store.describe(plan.secret)
  const current = currentOf(secret)
  if (current === null) return null
  const { text, createdAt } = await cx.store.read(secret.arn, { version: current })
  cx.journal.measure?.('VersionAge', (cx.clock.now() - createdAt) / 1000)
  const planned = new Set(plan.registries.map(({ key }) => key))
  const entries = stateOf(readStoredConfig(text, secret.name))?.entries ?? []
  measureLife(
    cx,
    entries.filter(({ registry }) => planned.has(registry)),
  )
  await Promise.all(plan.registries.map((registry) => watchRoot(providerContext(cx), registry)))
  return current
}
