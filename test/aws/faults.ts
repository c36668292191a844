/** Faults that a test or the demo puts between a client and the doubles. */

import type { Json } from './wire.ts'

/**
 * `throttle`, `500`, `503html`, `denied`, `limit` and `error` answer instead of performing. `reset-before` closes the
 * connection and performs nothing; `lost` performs, then closes it; `hang` never answers; `stale` answers a read from the
 * state before the last change; `before` runs something first, such as somebody else's write; `answer` is any other answer.
 */
export type FaultKind =
  | { readonly kind: 'throttle' | '500' | '503html' | 'denied' | 'limit' | 'reset-before' | 'lost' | 'hang' | 'stale' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'before'; readonly run: () => void | Promise<void> }
  | { readonly kind: 'answer'; readonly body: Json }
  | { readonly kind: 'error'; readonly type: string; readonly message: string; readonly status?: number }

export type Fault = FaultKind & {
  readonly match: (operation: string, input: Json) => boolean
  /** How many matching calls are hit; default 1. */
  readonly times?: number
  /** How many matching calls pass first; default 0. */
  readonly after?: number
}

export interface Faults {
  /** Earlier faults win. Returns how often it has struck, and a way to take it back. */
  add(fault: Fault): { readonly struck: number; remove(): void }
  clear(): void
}

interface Armed {
  readonly fault: Fault
  passed: number
  struck: number
}

export class FaultList implements Faults {
  #armed: Armed[] = []

  add(fault: Fault): { readonly struck: number; remove(): void } {
    const armed: Armed = { fault, passed: 0, struck: 0 }
    this.#armed.push(armed)
    return {
      get struck() {
        return armed.struck
      },
      remove: () => {
        this.#armed = this.#armed.filter((other) => other !== armed)
      },
    }
  }

  clear(): void {
    this.#armed = []
  }

  strike(operation: string, input: Json): Fault | null {
    for (const armed of this.#armed) {
      const { fault } = armed
      if (armed.struck >= (fault.times ?? 1) || !fault.match(operation, input)) continue
      if (armed.passed < (fault.after ?? 0)) {
        armed.passed += 1
        continue
      }
      armed.struck += 1
      return fault
    }
    return null
  }
}
