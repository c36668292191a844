/** Entry of `dist/action.cjs`. */

import { readFileSync } from 'node:fs'
import * as core from '@actions/core'
import { PullAuthError } from '../core/errors.ts'
import { connect, wire } from '../wiring.ts'
import { runAction } from './run.ts'

/** A cancelled workflow sends SIGINT, SIGTERM 7.5 s later, and kills 2.5 s after that. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort(new Error('SIGINT')))
  // Once more is no reason to hurry: what is under way ends within the ten seconds.
  process.on('SIGTERM', () => stop.abort(new Error('SIGTERM')))
  return stop.signal
}

process.exitCode = 1
void runAction({
  env: process.env,
  getInput: (name) => core.getInput(name),
  setOutput: core.setOutput,
  setSecret: core.setSecret,
  startGroup: core.startGroup,
  endGroup: core.endGroup,
  info: core.info,
  warning: core.warning,
  error: core.error,
  writeSummary: async (markdown) => {
    if (process.env['GITHUB_STEP_SUMMARY']) await core.summary.addRaw(markdown).write()
  },
  readFile: (path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      throw new PullAuthError(
        'PLAN_MISSING',
        `The plan ${path} cannot be read.`,
        'Check the path; actions/checkout must run before this step.',
      )
    }
  },
  stopSignal,
  wire: (journal, given) => wire(connect(process.env), journal, given),
}).then((code) => {
  process.exitCode = code
})
