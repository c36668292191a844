/** Entry of `dist/action-whole.cjs`: a run whose inputs go together. */

import * as core from '@actions/core'
import { PullAuthError } from '../core/errors.ts'
import { connect, systemClock, wire } from '../wiring.ts'
import { githubDesk } from './github-desk.ts'
import { runAction } from './run.ts'

const stop = new AbortController()

function stopSignal(): AbortSignal {
  process.once('SIGINT', () => stop.abort(new Error('SIGINT')))
  // Once more is no reason to hurry: what is under way ends within the ten seconds.
  process.on('SIGTERM', () => stop.abort(new Error('SIGTERM')))
  return stop.signal
}

process.exitCode = 1
void runAction({
  ...githubDesk,
  clock: systemClock,
  startGroup: core.startGroup,
  endGroup: core.endGroup,
  readFile: (path) => {
    const text = githubDesk.readText(path)
    if (text !== null) return text
    throw new PullAuthError(
      'PLAN_MISSING',
      `The plan ${path} cannot be read.`,
      'Check the path; actions/checkout must run before this step.',
    )
  },
  stopSignal,
  wire: (journal, given) => wire(connect(process.env), journal, given),
}).then((code) => {
  process.exitCode = code
  // A step that did not end in time is left where it is.
  if (stop.signal.aborted) process.exit()
})
