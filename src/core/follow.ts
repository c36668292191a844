/** Waits for the end of what goes on without this process: few calls, progress, and what becomes of it on Ctrl-C. */

import { isCode, PullAuthError } from './errors.ts'
import type { Clock, Command, Detail, Fleet, Interrupt, Journal, Millis } from './ports.ts'
import { isFinal } from './send.ts'

export interface FollowPorts {
  readonly clock: Clock
  readonly journal: Journal
  /** Without it a signal ends the process, as ever; the rollout goes on. */
  readonly interrupt?: Interrupt
}

/** One look: what there is to tell, and what it ended with. */
export interface Sight<End> {
  readonly progress: string
  readonly detail: Detail
  /** null: it goes on. */
  readonly end: End | null
  /** When it ends at the latest; null = not told. */
  readonly latest: Millis | null
}

export interface Followed<End> {
  /** `Run Command …`, for messages. */
  readonly name: string
  /** null: not visible yet. */
  look(): Promise<Sight<End> | null>
  cancel(): Promise<void>
  /** What to do to follow it again. */
  readonly resume: string
  /** From now on; then ROLLOUT_TIMEOUT. */
  readonly limit: Millis
}

/** A long rollout is asked about every tenth of its time: an hour costs fifty calls, not a thousand. */
const FIRST: Millis = 1_000
const USUAL: Millis = 30_000
const LONGEST: Millis = 240_000

/** Throws ROLLOUT_TIMEOUT, ROLLOUT_DETACHED, ROLLOUT_CANCELLED. */
export async function follow<End>(cx: FollowPorts, followed: Followed<End>): Promise<End> {
  const begun = cx.clock.now()
  const signal = cx.interrupt?.signal()
  const stopped = whenAborted(signal)
  let told = ''
  for (let pause = FIRST; ; pause *= 1.5) {
    const sight = await Promise.race([glance(followed), stopped])
    if (sight === 'stopped') throw await interrupted(cx, followed, told)
    if (sight !== null && sight.progress !== told) tell(cx.journal, sight)
    if (sight !== null && sight.end !== null) return sight.end
    told = sight?.progress ?? told
    const elapsed = cx.clock.now() - begun
    if (elapsed >= followed.limit) throw overdue(followed)
    const wait = Math.min(pause, Math.max(USUAL, Math.min(elapsed / 10, LONGEST)), untilLatest(sight, cx.clock.now()))
    if (!(await sleepUnless(cx.clock, wait, signal))) throw await interrupted(cx, followed, told)
  }
}

/** An instance that stays offline keeps a rollout until Systems Manager ends it: then is the time to look. */
function untilLatest(sight: Sight<unknown> | null, now: Millis): Millis {
  const left = (sight?.latest ?? 0) - now
  return left > 0 ? left + FIRST : Number.POSITIVE_INFINITY
}

/** What cannot be seen for a moment goes on: not visible yet, throttled, or no answer. */
async function glance<End>({ look }: Followed<End>): Promise<Sight<End> | null> {
  try {
    return await look()
  } catch (error) {
    if (isCode(error, 'AWS_THROTTLED', 'AWS_UNAVAILABLE')) return null
    throw error
  }
}

function tell(journal: Journal, { progress, detail }: Sight<unknown>): void {
  if (journal.progress === undefined) journal.info(progress, detail)
  else journal.progress(progress, detail)
}

/** So that a call under way keeps nobody waiting: a cancelled workflow has ten seconds from SIGINT to SIGKILL. */
function whenAborted(signal: AbortSignal | undefined): Promise<'stopped'> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve('stopped')
    signal?.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
}

/** false: somebody asked to stop. */
export async function sleepUnless(clock: Clock, wait: Millis, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await clock.sleep(wait, signal)
    return signal?.aborted !== true
  } catch (error) {
    if (signal?.aborted) return false
    throw error
  }
}

async function interrupted(cx: FollowPorts, followed: Followed<unknown>, told: string): Promise<PullAuthError> {
  const { name, resume } = followed
  const last = told === '' ? '' : ` Last seen: ${told}`
  if (cx.interrupt?.rollout !== 'cancelled') {
    return new PullAuthError(
      'ROLLOUT_DETACHED',
      `Stopped following ${name}, which goes on.${last}`,
      `${resume} No old credential was revoked.`,
    )
  }
  await followed.cancel()
  return new PullAuthError(
    'ROLLOUT_CANCELLED',
    `${name} was cancelled, as asked.${last}`,
    'Instances that had begun may run the new version; the secret has it all the same. Run ecs-pull-auth reload to go on. No old credential was revoked.',
  )
}

function overdue({ name, limit, resume }: Followed<unknown>): PullAuthError {
  return new PullAuthError(
    'ROLLOUT_TIMEOUT',
    `${name} was still running after ${Math.round(limit / 1000)} s: fleet.timeout and its execution time.`,
    `${resume} Or raise fleet.maxConcurrency.`,
  )
}

/** Run Command as something to follow: one cheap call a look (facts, SSM section 7.1). */
export function followedCommand(
  fleet: Fleet,
  { commandId, limit, seen }: { commandId: string; limit: Millis; seen: (command: Command) => void },
): Followed<Command> {
  return {
    name: `Run Command ${commandId}`,
    limit,
    resume: `Follow it again: ecs-pull-auth reload --command ${commandId}; stop it: aws ssm cancel-command --command-id ${commandId}.`,
    cancel: () => fleet.cancel(commandId),
    async look() {
      const command = await fleet.command(commandId)
      if (command === null) return null
      seen(command)
      return { ...sightOf(command), end: isFinal(command.status) ? command : null }
    },
  }
}

/** Nothing to tell before its targets are known: they count from 0. */
export function sightOf(command: Command): Omit<Sight<Command>, 'end'> {
  const { id: commandId, status, completed, targets, errors, deliveryTimedOut } = command
  const failed = errors + deliveryTimedOut
  const counts = `${completed} of ${targets} instances done${failed === 0 ? '' : `, ${failed} failed`}`
  const progress = targets === 0 ? `${status}.` : `${status}: ${counts}.`
  return { progress, detail: { commandId, completed, targets }, latest: command.expiresAt }
}
