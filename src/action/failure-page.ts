/** The report of a run that came to nothing. */

import type { ErrorCode, PullAuthError } from '../core/errors.ts'
import type { Page, Part, Span } from './page.ts'

/** After these a version may have been stored or promoted: the last word was not heard. */
const OPEN: readonly ErrorCode[] = ['AWS_UNAVAILABLE', 'INTERNAL', 'ROTATION_TIMEOUT']

export function failurePage(
  error: PullAuthError,
  { spans, advice }: { readonly spans: readonly Span[]; readonly advice: string | null },
): Page {
  const timeline: Part = { kind: 'timeline', title: 'Timeline', spans }
  return {
    headline: failureHeadline(error.code),
    tone: 'bad',
    parts: [...problemParts(error, advice), ...(spans.length === 0 ? [] : [timeline])],
  }
}

function failureHeadline(code: ErrorCode): string {
  if (code === 'RUN_CANCELLED') return 'Cancelled'
  return OPEN.includes(code) ? 'Not finished' : 'Nothing changed'
}

export function problemParts(problem: PullAuthError | null, advice: string | null): readonly Part[] {
  if (problem === null) return []
  const lines = [problem.message, problem.hint, ...(advice === null ? [] : [advice])]
  return [{ kind: 'problem', code: problem.code, lines }]
}
