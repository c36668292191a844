/** The time of AWS: a signature with a clock that is five minutes wrong is refused. */

/** Less is nobody's concern. */
const WORTH_CORRECTING = 240_000

export class ServerClock {
  readonly #now: () => number
  #ahead = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Milliseconds by which the service is ahead of us; 0 while the difference does not matter. */
  get ahead(): number {
    return this.#ahead
  }

  now(): Date {
    return new Date(this.#now() + this.#ahead)
  }

  /** From the Date of an answer, unless a cache gave it. */
  learn({ date, age }: { readonly date?: string | undefined; readonly age?: string | undefined }): void {
    const theirs = Date.parse(date ?? '')
    if (age !== undefined || Number.isNaN(theirs)) return
    const ahead = theirs - this.#now()
    this.#ahead = Math.abs(ahead) >= WORTH_CORRECTING ? ahead : 0
  }

  /** Whether a request that was signed when the service seemed `ahead` by so much was signed at a wrong time. */
  isNews(ahead: number): boolean {
    return Math.abs(this.#ahead - ahead) >= WORTH_CORRECTING
  }
}
