/** A plan's text, YAML or JSON, as a value; `readPlan` checks what it says. */

import { load } from 'js-yaml'
import { PullAuthError } from './core/errors.ts'

const LONGEST_PLAN = 1_000_000

/** Throws PLAN_UNREADABLE with the line of the mistake, never with the text around it. */
export function parsePlanText(text: string, origin: string): unknown {
  if (text.trim() === '')
    throw new PullAuthError(
      'PLAN_MISSING',
      `The plan ${origin} is empty.`,
      'Write one; ecs-pull-auth --help names the fields.',
    )
  if (text.length > LONGEST_PLAN) throw unreadable(origin, `it has ${text.length} characters`)
  try {
    return load(text)
  } catch (error) {
    throw unreadable(origin, placeOf(error))
  }
}

function placeOf(error: unknown): string {
  const { reason, mark } = error as { reason?: unknown; mark?: { line?: unknown; column?: unknown } }
  const place = typeof mark?.line === 'number' ? `line ${mark.line + 1}: ` : ''
  return `${place}${typeof reason === 'string' ? reason : 'not YAML'}`
}

function unreadable(origin: string, what: string): PullAuthError {
  return new PullAuthError(
    'PLAN_UNREADABLE',
    `The plan ${origin} is not readable as YAML or JSON: ${what}.`,
    'Correct the text at the named line.',
  )
}
