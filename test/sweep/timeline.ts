/** Virtual time for many actors at once: it goes on only when all of them wait, and to the earliest one that does. */

import { setImmediate } from 'node:timers/promises'
import type { Clock, Millis } from '../../src/core/ports.ts'

interface Timer {
  readonly at: Millis
  readonly ring: () => void
}

export const START: Millis = Date.UTC(2026, 10, 24)

export class Timeline implements Clock {
  #now = START
  /** The earliest first; of those at the same time the one that was set first. */
  readonly #timers: Timer[] = []
  #beat: { readonly ms: Millis; readonly ring: () => void; at: Millis } | null = null

  now(): Millis {
    return this.#now
  }

  sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /** Returns what takes the timer back. */
  after(ms: Millis, ring: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), ring }
    // From the end: most timers are later than those that are set already, which may be thousands.
    this.#timers.splice(this.#timers.findLastIndex(({ at }) => at <= timer.at) + 1, 0, timer)
    return () => {
      const at = this.#timers.indexOf(timer)
      if (at >= 0) this.#timers.splice(at, 1)
    }
  }

  /** Until nobody waits for a time any more. */
  async run(): Promise<void> {
    for (;;) {
      // A macrotask comes after every promise that can go on by itself: now nothing moves until time does.
      await setImmediate()
      const next = this.#timers.shift()
      if (next === undefined) return
      this.#goTo(next.at)
      next.ring()
    }
  }

  /** Rings at the same distance for ever, and keeps nobody waiting. */
  every(ms: Millis, ring: () => void): void {
    this.#beat = { ms, ring, at: this.#now + ms }
  }

  #goTo(at: Millis): void {
    for (const beat = this.#beat; beat !== null && beat.at <= at; beat.at += beat.ms) {
      this.#now = beat.at
      beat.ring()
    }
    this.#now = at
  }

  /** Nobody may be waiting. */
  advanceTo(at: Millis): void {
    this.#goTo(Math.max(this.#now, at))
  }
}
