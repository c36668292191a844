/** Structured log lines: one JSON object each, with every known credential taken out. Metrics are lines of their own. */

import { framesOf, type PullAuthError } from '../src/core/errors.ts'
import type { Clock, Detail, Journal } from '../src/core/ports.ts'
import { createMasking } from '../src/masking.ts'
import { embedded, METRIC_OF_CODE, type MetricName, secretName } from './metrics.ts'

export interface LambdaJournal extends Journal {
  /**
   * Every line from here on carries these too. `version` is the id to look for: the same in both functions' lines, in the
   * Run Command's comment and in the status line of every node.
   */
  about(context: Detail): void
  measure(name: MetricName, value: number, registry?: string): void
}

/** One step, or one event: how long it took, and whether and how it failed. `failure`: the metric of the function. */
export function measureStep(
  journal: LambdaJournal,
  failure: 'RotationFailed' | 'ReactionFailed',
  milliseconds: number,
  error: PullAuthError | null,
): void {
  journal.measure('StepDuration', milliseconds)
  journal.measure(failure, error === null ? 0 : 1)
  const own = error === null ? undefined : METRIC_OF_CODE[error.code]
  if (own !== undefined) journal.measure(own, 1)
}

/** What the line of a failure carries besides its message. Whoever finds a defect there has no second look at it. */
export function failureDetail(error: PullAuthError): Detail {
  const frames = framesOf(error)
  return { code: error.code, hint: error.hint, ...(frames.length === 0 ? {} : { stack: frames.join('\n') }) }
}

export function createLambdaJournal({ log, clock }: LambdaLog): LambdaJournal {
  const masking = createMasking()
  let context: Detail = {}
  const write = (level: string, message: string, detail: Readonly<Record<string, unknown>> = {}) =>
    log(masking.clean(JSON.stringify({ level, message, ...context, ...detail })))
  return {
    about: (more) => {
      context = { ...context, ...more }
    },
    mask: masking.add,
    phase: () => undefined,
    info: (message, detail) => write('info', message, detail),
    warn: (message, detail) => write('warn', message, detail),
    measure: (name, exact, registry) => {
      const { secret, step } = context
      const value = Math.round(exact * 1000) / 1000
      // Before an event has been read, nobody knows whose metric it would be; Lambda's own Errors metric counts it.
      if (typeof secret !== 'string') return
      const of = {
        Secret: secretName(secret),
        ...(registry === undefined ? {} : { Registry: registry }),
        ...(typeof step === 'string' ? { Step: step } : {}),
      }
      write('info', `${name}: ${value}`, embedded(name, value, of, clock.now()))
    },
  }
}

export interface LambdaLog {
  readonly clock: Clock
  log(line: string): void
}
