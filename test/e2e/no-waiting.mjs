/**
 * Preloaded into a process of a shipped bundle: a pause takes no time, it only moves the clock, as in
 * test/doubles/virtual-clock.ts. So what takes half an hour is seen at once, and the bundle knows nothing of it.
 */

import { syncBuiltinESMExports } from 'node:module'
import timers, { setImmediate } from 'node:timers/promises'

const { now } = Date
let slept = 0
Date.now = () => now() + slept
timers.setTimeout = async (pause, value, { signal } = {}) => {
  signal?.throwIfAborted()
  slept += pause
  // Answers that have come meanwhile are taken first.
  await setImmediate()
  return value
}
syncBuiltinESMExports()
