/** Every call that the product makes, numbered in order; the ones that a schedule names are struck by their fault. */

import type { Millis } from '../../src/core/ports.ts'
import { type CallSort, type FaultKind, nature, type Strikes, strikes } from './faults.ts'
import type { Timeline } from './timeline.ts'

export interface CallRecord {
  readonly by: string
  readonly sort: CallSort
  /** Operation, or method and path. */
  readonly name: string
}

/** One run of a handler, of the Action or of the script on an instance. */
export class Invocation {
  readonly name: string
  /** When the process is stopped, whatever it does. */
  readonly deadline: Millis
  /** The same event once more, to its end. */
  readonly again: () => Promise<unknown>
  alive = true
  readonly killed: Promise<void>
  #die: () => void = () => undefined

  constructor(name: string, deadline: Millis, again: () => Promise<unknown>) {
    this.name = name
    this.deadline = deadline
    this.again = again
    this.killed = new Promise((resolve) => {
      this.#die = resolve
    })
  }

  /** From now on no answer reaches it and no call leaves it; what it had begun stays as it is. */
  kill(): void {
    this.alive = false
    this.#die()
  }
}

/** How one kind of call is made once, and what stands for each way in which it can fail. They return or throw. */
export interface Ways<T> {
  readonly attempts: number
  readonly timeout: Millis
  perform(how: 'now' | 'stale' | 'lag'): T | Promise<T>
  refuse(kind: 'throttle' | 'error' | 'denied'): T
  /** `sent`: it may have taken effect, as far as the caller can know. */
  noAnswer(sent: boolean): T
  worthAnother(thrown: unknown): boolean
  /** From now until then nothing works there. */
  fail?(until: Millis): void
}

const OUTAGE: Millis = 5 * 60_000

/** When the effect of a late call comes: after the retries of that call, and mostly after its invocation. */
const LATE: Millis = 40_000

export class Calls {
  readonly records: CallRecord[] = []
  /** Later calls are not struck, and not counted. */
  armed = true
  edit: () => Promise<void> | void = () => undefined
  tell: ((line: string) => void) | null = null
  readonly #timeline: Timeline
  readonly #strikes: Strikes
  readonly #seed: number
  #made = 0

  constructor(timeline: Timeline, strikes: Strikes, seed: number) {
    this.#timeline = timeline
    this.#strikes = strikes
    this.#seed = seed
  }

  async make<T>(invocation: Invocation, sort: CallSort, name: string, ways: Ways<T>): Promise<T> {
    if (!invocation.alive) return await never()
    const fault = this.#record({ by: invocation.name, sort, name })
    if (fault === 'edit') await this.edit()
    if (fault === 'twice') await invocation.again()
    if (fault === 'kill') invocation.kill()
    for (let attempt = 1; ; attempt += 1) {
      await this.#timeline.sleep(this.#latency())
      if (!invocation.alive) return await never()
      try {
        const struck = fault !== null && strikes(fault, attempt) ? nature(fault) : ''
        const answer = await this.#attempt(invocation, ways, struck)
        return invocation.alive ? answer : await never()
      } catch (thrown) {
        if (!invocation.alive) return await never()
        if (attempt === ways.attempts || !ways.worthAnother(thrown)) throw thrown
        await this.#timeline.sleep(200 * attempt)
      }
    }
  }

  async #attempt<T>(invocation: Invocation, ways: Ways<T>, fault: string): Promise<T> {
    switch (fault) {
      case 'throttle':
      case 'error':
      case 'denied':
        return ways.refuse(fault)
      case 'outage':
        ways.fail?.(this.#timeline.now() + OUTAGE)
        return await ways.perform('now')
      case 'unreachable':
        return ways.noAnswer(false)
      case 'reset':
        return ways.noAnswer(true)
      case 'stale':
      case 'lag':
        return await ways.perform(fault)
      case 'error-after':
        await settled(ways)
        return ways.refuse('error')
      case 'lost':
        await settled(ways)
        return ways.noAnswer(true)
      case 'late':
        this.#timeline.after(LATE, () => void settled(ways))
        await this.#timeline.sleep(ways.timeout)
        return ways.noAnswer(true)
      case 'delay':
        await settled(ways)
        await this.#timeline.sleep(invocation.deadline - this.#timeline.now())
        invocation.kill()
        return await never()
      case 'kill-after':
        await settled(ways)
        invocation.kill()
        return await never()
      default:
        return await ways.perform('now')
    }
  }

  #record(record: CallRecord): FaultKind | null {
    if (!this.armed) {
      this.tell?.(`      ${record.by}: ${record.name}`)
      return null
    }
    const number = this.records.push(record) - 1
    const fault = this.#strikes(number, record.sort)
    this.tell?.(
      `${String(number).padStart(4)}  ${record.by}: ${record.name}${fault === null ? '' : `   <<< ${fault.toUpperCase()}`}`,
    )
    return fault
  }

  /** Calls that are made at once end in an order that depends on the seed, and on nothing else. */
  #latency(): Millis {
    this.#made += 1
    return 20 + (((Math.imul(this.#made + 1, 2654435761) ^ Math.imul(this.#seed + 1, 40503)) >>> 0) % 97)
  }
}

export function never(): Promise<never> {
  return new Promise(() => undefined)
}

/** Takes effect; what was answered does not matter, since nobody hears it. */
async function settled(ways: Ways<unknown>): Promise<void> {
  try {
    await ways.perform('now')
  } catch {
    // A refusal is an answer too.
  }
}
