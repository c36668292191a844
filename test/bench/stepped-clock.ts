/** A clock that another process moves on: nothing happens here until it says how far. */

import { setImmediate } from 'node:timers/promises'
import type { Clock, Millis } from '../../src/core/ports.ts'

export class SteppedClock implements Clock {
  #now: Millis = Date.UTC(2026, 10, 24)
  /** Those who wait, by the time that they wait for: a wave of thousands is one entry. */
  readonly #waiting = new Map<Millis, (() => void)[]>()

  now(): Millis {
    return this.#now
  }

  sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const at = this.#now + Math.max(0, ms)
    return new Promise((resolve) => {
      const others = this.#waiting.get(at)
      if (others === undefined) this.#waiting.set(at, [resolve])
      else others.push(resolve)
    })
  }

  async advance(ms: Millis): Promise<Millis> {
    const until = this.#now + ms
    for (;;) {
      // Comes after everything that can go on by itself.
      await setImmediate()
      const next = Math.min(...this.#waiting.keys())
      if (next > until) break
      const due = this.#waiting.get(next) ?? []
      this.#waiting.delete(next)
      this.#now = next
      for (const ring of due) ring()
    }
    this.#now = until
    return until
  }
}
