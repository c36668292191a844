/** How long credentials and the roots that mint them have to live, told as numbers and in time for a person to act. */

import type { PlannedRegistry } from './plan.ts'
import type { Millis, ProviderContext } from './ports.ts'
import type { StateEntry } from './state.ts'

const DAY: Millis = 86_400_000

type Told = Pick<ProviderContext, 'clock' | 'journal'>

/** Of the entries that have just become current. */
export function measurePromotion(cx: Told, entries: readonly StateEntry[]): void {
  for (const { registry, expiresAt } of entries) {
    if (expiresAt !== null) cx.journal.measure?.('TtlAtPromotion', (expiresAt - cx.clock.now()) / 1000, registry)
  }
  measureLife(cx, entries)
}

/** One without a known end has nothing to measure. */
export function measureLife({ clock, journal }: Told, entries: readonly StateEntry[]): void {
  for (const { registry, issuedAt, expiresAt } of entries) {
    if (expiresAt === null) continue
    const now = clock.now()
    journal.measure?.('CredentialDaysLeft', (expiresAt - now) / DAY, registry)
    // A credential that a person keeps may have been issued long before anybody noted it, or after it ended.
    if (expiresAt > issuedAt)
      journal.measure?.('CredentialLifeUsed', (100 * (now - issuedAt)) / (expiresAt - issuedAt), registry)
  }
}

/** Time to make a new root and to store it, holidays included. */
const ROOT_WARNING: Millis = 14 * DAY

/** A root dies too. It is watched where its source tells when; a watch that fails never fails a rotation. */
export async function watchRoot(cx: ProviderContext, { key, provider, config }: PlannedRegistry): Promise<void> {
  try {
    const expiresAt = (await provider.rootExpiry?.(cx, config)) ?? null
    if (expiresAt === null) return
    const left = expiresAt - cx.clock.now()
    cx.journal.measure?.('RootDaysLeft', left / DAY, key)
    if (left > ROOT_WARNING) return
    cx.journal.warn(
      `${key}: the root credential of ${provider.kind} dies at ${new Date(expiresAt).toISOString()}; nothing can be minted from then on.`,
      { code: 'CREDENTIAL_EXPIRING', registry: key, rootExpiresAt: new Date(expiresAt).toISOString() },
    )
  } catch {
    cx.journal.info(`${key}: ${provider.kind} did not tell when its root credential dies.`)
  }
}
