/** Structured log lines: one JSON object each, with every known credential taken out. */

import type { Detail, Journal } from '../src/core/ports.ts'
import { createMasking } from '../src/masking.ts'

export function createLambdaJournal(write: (line: string) => void, context: Detail): Journal {
  const masking = createMasking()
  const log = (level: string, message: string, detail: Detail = {}) =>
    write(masking.clean(JSON.stringify({ level, message, ...context, ...detail })))
  return {
    mask: masking.add,
    phase: () => undefined,
    info: (message, detail) => log('info', message, detail),
    warn: (message, detail) => log('warn', message, detail),
  }
}
