/**
 * Entry of `dist/action.cjs`. Inputs that do not go together are told before anything is loaded that talks to anybody: that
 * is most of a start. What does the work is a file of its own (build.mjs).
 */

import { asPullAuthError } from '../core/errors.ts'
import { fail, show } from './desk.ts'
import { failurePage } from './failure-page.ts'
import { githubDesk } from './github-desk.ts'
import { checkInputs, readInputs } from './input-rules.ts'
import { adviceFor } from './workflow-advice.ts'

process.exitCode = 1
try {
  checkInputs(readInputs(githubDesk.getInput))
  void import('./whole.ts')
} catch (thrown) {
  void refuse(thrown)
}

async function refuse(thrown: unknown): Promise<void> {
  const error = asPullAuthError(thrown)
  const password = githubDesk.getInput('password')
  if (password !== '') githubDesk.setSecret(password)
  const advice = adviceFor(error, githubDesk)
  await show(githubDesk, failurePage(error, { spans: [], advice: advice?.text ?? null }))
  process.exitCode = fail(githubDesk, error, advice)
}
