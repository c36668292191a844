/** Which of a scope-map token's two passwords may be renewed, and what is remembered of one. */

import type { JsonValue, Millis } from '../core/ports.ts'
import { isSlot, type Password, SLOTS, type Slot } from './acr-token-api.ts'
import { asObject } from './json.ts'

/** Which password of which token, and when it was made: one that was renewed since is another one. */
export interface PasswordHandle {
  readonly registry: string
  readonly token: string
  readonly slot: Slot
  readonly made: Millis
}

/**
 * The slot that no instance uses; null when both are in use. The current one, whose handle comes first, is never touched; the
 * other one only when no earlier version names the password that it holds now. Of two free ones the empty or older one.
 */
export function freeSlot(
  { registry, token }: Pick<PasswordHandle, 'registry' | 'token'>,
  passwords: ReadonlyMap<Slot, Password>,
  inUse: readonly (PasswordHandle | null)[],
  now: Millis,
): Slot | null {
  const ours = inUse.map((handle) => (handle?.registry === registry && handle.token === token ? handle : null))
  const current = ours[0]?.slot
  const isHeld = (slot: Slot): boolean => {
    const password = passwords.get(slot)
    if (password === undefined || isDead(password, now)) return false
    const { made } = password
    return ours.some((handle) => handle?.slot === slot && (made === null || isSameMoment(made, handle.made)))
  }
  const age = (slot: Slot) => passwords.get(slot)?.made ?? 0
  const free = SLOTS.filter((slot) => slot !== current && !isHeld(slot)).sort((a, b) => age(a) - age(b))
  return free[0] ?? null
}

/** Two answers may round the same moment differently. */
export function isSameMoment(a: Millis, b: Millis): boolean {
  return Math.abs(a - b) < 1000
}

export function isDead({ expiresAt }: Password, now: Millis): boolean {
  return expiresAt !== null && expiresAt <= now
}

/** null for what is none of ours. */
export function readHandle(value: JsonValue): PasswordHandle | null {
  const { registry, token, slot, made } = asObject(value)
  const whole = typeof registry === 'string' && typeof token === 'string' && Number.isSafeInteger(made)
  const legal = whole && /^[a-z0-9]{5,50}$/.test(registry) && /^[a-z0-9-]{5,50}$/.test(token)
  return legal && isSlot(slot) ? { registry, token, slot, made: Number(made) } : null
}
