/** What both doubles share: the account they are in, the clock, events, and work that goes on after an answer. */

import { createHash, randomUUID } from 'node:crypto'
import type { Clock } from '../../src/core/ports.ts'
import type { Json } from './wire.ts'

/** An event as EventBridge delivers it on the default bus. */
export interface AwsEvent {
  readonly version: '0'
  readonly id: string
  readonly 'detail-type': string
  readonly source: string
  readonly account: string
  readonly time: string
  readonly region: string
  readonly resources: readonly string[]
  readonly detail: Json
}

export type EventHandler = (event: AwsEvent) => void | Promise<void>

export class World {
  readonly clock: Clock
  readonly region: string
  readonly account: string
  readonly partition = 'aws'
  readonly #onEvent: EventHandler
  readonly #newId: () => string
  readonly #tasks = new Set<Promise<void>>()
  readonly #failures: unknown[] = []
  readonly #closing = new AbortController()

  /** `newId`: UUIDs; random by default, in a row where a run must be the same every time. */
  constructor(options: {
    clock: Clock
    region: string
    account: string
    onEvent?: EventHandler | undefined
    newId?: () => string
  }) {
    this.clock = options.clock
    this.region = options.region
    this.account = options.account
    this.#onEvent = options.onEvent ?? (() => {})
    this.#newId = options.newId ?? randomUUID
  }

  get closing(): AbortSignal {
    return this.#closing.signal
  }

  arn(service: string, resource: string): string {
    return `arn:${this.partition}:${service}:${this.region}:${this.account}:${resource}`
  }

  newId(): string {
    return this.#newId()
  }

  emit(event: { type: string; source: string; resources?: readonly string[]; detail: Json }): void {
    const { type, source, resources = [], detail } = event
    const time = `${new Date(this.clock.now()).toISOString().slice(0, 19)}Z`
    const { account, region } = this
    const id = this.newId()
    this.background(async () => {
      await this.#onEvent({ version: '0', id, 'detail-type': type, source, account, time, region, resources, detail })
    })
  }

  /** Goes on after the answer. What fails here is a defect of the double or of a callback, and `close` throws it. */
  background(work: () => Promise<void>): void {
    const task: Promise<void> = Promise.resolve()
      .then(work)
      .catch((thrown: unknown) => this.fail(thrown))
      .finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }

  fail(thrown: unknown): void {
    if (!this.closing.aborted) this.#failures.push(thrown)
  }

  /** Until nothing goes on any more. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks)
  }

  /** From now on nothing new begins, and what fails because of that is no failure. */
  stop(): void {
    this.#closing.abort(new Error('The double was closed.'))
  }

  /** Waits for what was under way; throws what failed before `stop`. */
  async finish(): Promise<void> {
    await this.idle()
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'Work behind the AWS double failed.')
  }
}

/** The six characters that AWS adds to a secret's ARN; from the name, so that snapshots stay equal. */
export function arnSuffix(name: string): string {
  return createHash('sha256').update(name).digest('base64').replace(/[+/=]/g, '').slice(0, 6)
}
