/**
 * A cancelled workflow: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s after that. A step that has begun is brought to its
 * end, no other one is begun; so nothing is minted that nobody stores, and the report is still written.
 */

import { PullAuthError } from '../core/errors.ts'
import type { Clock, Millis } from '../core/ports.ts'

/** What follows a promotion without being asked for: outputs are written at once, and retiring looks after itself. */
const GOES_ON: readonly string[] = ['Write outputs', 'Retire']
const RELOAD = 'Reload the fleet'

/** Throws RUN_CANCELLED when a step would begin after the workflow was cancelled. */
export function refuseNext(step: string, stop: AbortSignal): void {
  if (!stop.aborted || GOES_ON.includes(step)) return
  throw new PullAuthError(
    'RUN_CANCELLED',
    `The workflow was cancelled, so this run stopped before its step "${step}".`,
    step === RELOAD
      ? 'The new version is current, and no instance was asked to take it: run again, or ecs-pull-auth reload.'
      : 'The stored config is as it was. Run again: a later run finds what this one has left.',
  )
}

/** Leaves time for the report before the runner kills. */
const PATIENCE: Millis = 5_000

/** The job, unless the step that is under way when the workflow is cancelled takes too long: then RUN_CANCELLED. */
export async function unlessTooLate<T>(
  job: Promise<T>,
  { stop, clock, step }: { readonly stop: AbortSignal; readonly clock: Clock; readonly step: () => string },
): Promise<T> {
  const ended = new AbortController()
  const late = new Promise<never>((_, reject) => {
    const wait = () =>
      void clock.sleep(PATIENCE, ended.signal).then(
        () => reject(tooLate(step())),
        () => undefined,
      )
    if (stop.aborted) wait()
    else stop.addEventListener('abort', wait, { once: true, signal: ended.signal })
  })
  try {
    return await Promise.race([job, late])
  } finally {
    ended.abort()
  }
}

function tooLate(step: string): PullAuthError {
  return new PullAuthError(
    'RUN_CANCELLED',
    `The workflow was cancelled while its step "${step}" was under way, which did not end in time.`,
    'What it had begun may have taken effect. Run again: every step finds out first what is there.',
  )
}
