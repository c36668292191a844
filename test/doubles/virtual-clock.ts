/** A clock for tests: sleeping takes no time, it only moves the clock. */

import type { Clock, Millis } from '../../src/core/ports.ts'

export interface VirtualClock extends Clock {
  advance(ms: Millis): void
}

export function virtualClock(start: Millis = Date.UTC(2026, 10, 24)): VirtualClock {
  let now = start
  return {
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      now += ms
    },
    advance: (ms) => {
      now += ms
    },
  }
}
