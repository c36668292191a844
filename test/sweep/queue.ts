/** The queue before the event function: at least once, again after a while when it failed, and not for ever. */

import type { BatchResponse } from '../../lambda/react-handler.ts'
import type { Millis } from '../../src/core/ports.ts'
import type { AwsEvent } from '../aws/world.ts'
import type { Timeline } from './timeline.ts'

/** Six times the function's timeout, as the Lambda guide advises. */
const VISIBILITY: Millis = 6 * 60_000
const MOST_RECEIVES = 5

export class Queue {
  /** What was given up. */
  readonly dead: AwsEvent[] = []
  readonly #timeline: Timeline
  readonly #consume: (input: unknown) => Promise<BatchResponse | null>

  /** `consume` returns null for an invocation that ended without an answer. */
  constructor(timeline: Timeline, consume: (input: unknown) => Promise<BatchResponse | null>) {
    this.#timeline = timeline
    this.#consume = consume
  }

  async deliver(event: AwsEvent): Promise<void> {
    const message = { Records: [{ messageId: event.id, body: JSON.stringify(event) }] }
    for (let receive = 1; receive <= MOST_RECEIVES; receive += 1) {
      await this.#timeline.sleep(receive === 1 ? 500 : VISIBILITY)
      const answer = await this.#consume(message)
      if (answer !== null && answer.batchItemFailures.length === 0) return
    }
    this.dead.push(event)
  }
}
