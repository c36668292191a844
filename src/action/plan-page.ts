/** The report of `mode: plan`: the whole plan as it was understood, without anything secret. */

import type { PullAuthError } from '../core/errors.ts'
import type { Preview } from '../preview.ts'
import { previewParts } from '../preview-text.ts'
import { problemParts } from './failure-page.ts'
import type { Page } from './page.ts'

export function planPage(preview: Preview, problem: PullAuthError | null): Page {
  return {
    headline: problem === null ? 'Plan only: nothing was asked, nothing changed' : 'Plan only: this plan is not safe',
    tone: problem === null ? 'good' : 'bad',
    parts: [
      ...problemParts(problem, null),
      ...previewParts(preview).map(([title, facts]) => ({ kind: 'table' as const, title, head: [], rows: facts })),
    ],
  }
}
