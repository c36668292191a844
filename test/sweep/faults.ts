/** What can happen to a call, and which of it makes sense for which call. */

/**
 * A number behind a kind says how many attempts are struck: the SDK makes three of a call by itself, plain HTTP one.
 *
 * - `throttle`, `error`: refused with 429 or 500 before anything happens; `denied`: 403. `error-after`: 500 although it took effect.
 * - `outage`: that host answers 500 to everybody for five minutes.
 * - `reset`: no answer and no effect; `lost`: effect and no answer. `unreachable`: no connection.
 * - `late`: no answer in time, and the effect comes 40 s later, when later calls have long been made.
 * - `delay`: takes effect; its answer is not there yet when the process is stopped at its deadline.
 * - `stale`: a read answers from the state before the last change; of a secret for five minutes after it, the longest that AWS
 *   names for Secrets Manager (facts, section 6; docs/retire.md says what a longer one would do).
 * - `lag`: a command is listed, but as one that has just been sent: Pending, with counters of 0 (facts, SSM section 7.2).
 * - `kill`: the process ends before the call; `kill-after`: after it took effect.
 * - `twice`: the same event arrives again, and that second invocation runs to its end before this call is made.
 * - `edit`: somebody edits an unmanaged line of the stored config just before.
 */
export type FaultKind =
  | 'throttle1'
  | 'throttle3'
  | 'error1'
  | 'error3'
  | 'error-after'
  | 'denied'
  | 'unreachable'
  | 'outage'
  | 'reset1'
  | 'reset3'
  | 'lost1'
  | 'lost3'
  | 'late1'
  | 'late3'
  | 'delay'
  | 'stale'
  | 'lag'
  | 'kill'
  | 'kill-after'
  | 'twice'
  | 'edit'

/** `node`: the script on an instance reads the secret; it retries by itself, so only what outlasts that is told apart. */
export type CallSort = 'aws-read' | 'aws-commands' | 'aws-write' | 'aws-once' | 'http-read' | 'http-write' | 'node'

/**
 * What is the same as another fault is left out: a read that is lost is a read without an answer, and a process that is
 * killed after a read is one that is killed before its next call.
 */
const READ: readonly FaultKind[] = [
  'throttle1',
  'throttle3',
  'error1',
  'error3',
  'denied',
  'reset1',
  'reset3',
  'stale',
  'delay',
  'kill',
  'twice',
  'edit',
]
const ENDS: readonly FaultKind[] = ['delay', 'kill', 'kill-after', 'twice', 'edit']

export const FAULTS: Readonly<Record<CallSort, readonly FaultKind[]>> = {
  'aws-read': READ,
  'aws-commands': [...READ, 'lag'],
  'aws-write': [
    'throttle1',
    'throttle3',
    'error1',
    'error3',
    'denied',
    'reset1',
    'reset3',
    'lost1',
    'lost3',
    'late1',
    'late3',
    ...ENDS,
  ],
  'aws-once': ['throttle1', 'error1', 'denied', 'reset1', 'lost1', 'late1', ...ENDS],
  'http-read': [
    'throttle1',
    'error1',
    'denied',
    'unreachable',
    'outage',
    'reset1',
    'stale',
    'delay',
    'kill',
    'twice',
    'edit',
  ],
  'http-write': ['throttle1', 'error1', 'error-after', 'denied', 'unreachable', 'reset1', 'lost1', 'late1', ...ENDS],
  node: ['error3', 'denied', 'stale', 'kill', 'edit'],
}

export interface Strike {
  /** The number of the call within its schedule, from 0. */
  readonly call: number
  readonly fault: FaultKind
}

/** What happens to a call, by its number and sort; null: nothing. */
export type Strikes = (call: number, sort: CallSort) => FaultKind | null

export function planned(list: readonly Strike[]): Strikes {
  const byCall = new Map(list.map(({ call, fault }) => [call, fault]))
  return (call) => byCall.get(call) ?? null
}

/** `a:12.lost1+17.kill`: enough to run the same schedule again. */
export function scheduleId(scenario: string, strikes: readonly Strike[]): string {
  return `${scenario}:${strikes.map(({ call, fault }) => `${call}.${fault}`).join('+')}`
}

export function parseScheduleId(id: string): { scenario: string; strikes: readonly Strike[] } | null {
  const match = /^([a-z][0-9]*):((?:\d+\.[a-z0-9-]+(?:\+|$))*)$/.exec(id)
  if (match === null) return null
  const strikes = (match[2] ?? '').split('+').filter((part) => part !== '')
  return {
    scenario: match[1] ?? '',
    strikes: strikes.map((part) => {
      const [call, fault] = part.split('.') as [string, FaultKind]
      return { call: Number(call), fault }
    }),
  }
}

/** Whether an attempt (from 1) of a call is struck. */
export function strikes(fault: FaultKind, attempt: number): boolean {
  return attempt === 1 || fault.endsWith('3')
}

/** The kind without its number. */
export function nature(fault: FaultKind): string {
  return fault.replace(/\d$/, '')
}
