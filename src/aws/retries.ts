/** Which failures of a call are worth another attempt, and how long to wait: the SDK's standard mode, by its own lists. */

/** The parts of an error of this folder, or of the SDK's credential chain, that decide. */
export interface CallError extends Error {
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number | undefined }
}

const THROTTLES: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
])
const TRANSIENT_NAMES: ReadonlySet<string> = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException'])
const TRANSIENT_STATUSES: ReadonlySet<unknown> = new Set([500, 502, 503, 504])
const TRANSIENT_CODES: ReadonlySet<unknown> = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'],
])

export type Worth = 'throttled' | 'transient' | null

export function worthAnother(error: CallError): Worth {
  if (error.$metadata?.httpStatusCode === 429 || THROTTLES.has(error.name)) return 'throttled'
  return isTransient(error, 0) ? 'transient' : null
}

function isTransient(error: CallError, depth: number): boolean {
  const { name, code, cause, $metadata } = error
  if (TRANSIENT_NAMES.has(name) || TRANSIENT_CODES.has(code) || TRANSIENT_STATUSES.has($metadata?.httpStatusCode))
    return true
  // A clock that is wrong, and an answer that did not tell the time.
  if (name === 'InvalidSignatureException' && error.message.includes('Signature expired')) return true
  return cause instanceof Error && depth < 10 && isTransient(cause, depth + 1)
}

const LONGEST_WAIT = 20_000
/** How much longer than its own wait an answer may ask for. */
const LONGEST_ASKED = 5_000
const CAPACITY = 500

/**
 * The wait before each next attempt. All calls of a client share what they may spend on attempts, so that a service in
 * trouble is not asked three times as often.
 */
export class RetryBudget {
  #left = CAPACITY

  /** Milliseconds, or null when the budget is spent. `attempt` counts from 1; `asked`: what the answer asks for. */
  spend(worth: 'throttled' | 'transient', attempt: number, asked: number | null): number | null {
    const cost = costOf(worth)
    if (this.#left < cost) return null
    this.#left -= cost
    const base = worth === 'throttled' ? 1_000 : 50
    const own = Math.floor(Math.random() * Math.min(base * 2 ** (attempt - 1), LONGEST_WAIT))
    return Math.min(LONGEST_WAIT, asked === null ? own : Math.max(own, Math.min(asked, own + LONGEST_ASKED)))
  }

  /** `last`: what the attempt before the good one was worth. */
  refund(last: Worth): void {
    this.#left = Math.min(CAPACITY, this.#left + (last === null ? 1 : costOf(last)))
  }
}

function costOf(worth: 'throttled' | 'transient'): number {
  return worth === 'throttled' ? 5 : 14
}

/** What an answer asks for, in milliseconds: `x-amz-retry-after`, else `retry-after` in seconds. */
export function waitAsked(headers: Readonly<Record<string, string | string[] | undefined>>): number | null {
  const [milliseconds, seconds] = [headers['x-amz-retry-after'], headers['retry-after']]
  if (typeof milliseconds === 'string' && /^\d+$/.test(milliseconds)) return Number(milliseconds)
  return typeof seconds === 'string' && /^\d+(\.\d+)?$/.test(seconds) ? Number(seconds) * 1_000 : null
}
