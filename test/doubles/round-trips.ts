/** A network whose every answer takes one unit of a time of its own: what is asked at once overlaps, the rest adds up. */

export class RoundTrips {
  /** The requests of each round trip, in the order in which they were asked. */
  readonly trips: string[][] = []
  #waiting: (() => void)[] = []

  /** Answers when everything else has been asked that need not wait for an answer. */
  async make<T>(name: string, answer: () => T | Promise<T>): Promise<T> {
    const first = this.#waiting.length === 0
    if (first) this.trips.push([])
    this.trips.at(-1)?.push(name)
    const arrived = new Promise<void>((resolve) => this.#waiting.push(resolve))
    // Comes after everything that can go on by itself, because nothing here waits for a socket.
    if (first) setImmediate(() => this.#arrive())
    await arrived
    return await answer()
  }

  #arrive(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const arrive of waiting) arrive()
  }
}
