/** Entry of `dist/action.cjs`. */

import { readFileSync } from 'node:fs'
import * as core from '@actions/core'
import { PullAuthError } from '../core/errors.ts'
import { connect, wire } from '../wiring.ts'
import { runAction } from './run.ts'

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
  wire: (journal, given) => wire(connect(process.env), journal, given),
}).then((code) => {
  process.exitCode = code
})
