/** Entry of `dist/action.cjs`. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as core from '@actions/core'
import { PullAuthError } from '../core/errors.ts'
import { connect, systemClock, wire } from '../wiring.ts'
import { runAction } from './run.ts'

const stop = new AbortController()

function stopSignal(): AbortSignal {
  process.once('SIGINT', () => stop.abort(new Error('SIGINT')))
  // Once more is no reason to hurry: what is under way ends within the ten seconds.
  process.on('SIGTERM', () => stop.abort(new Error('SIGTERM')))
  return stop.signal
}

/** Named by the step, which is unique in its job: the reports of two steps stay apart. */
function writeReport(html: string): string | null {
  const folder = process.env['RUNNER_TEMP']
  if (!folder) return null
  const step = (process.env['GITHUB_ACTION'] ?? 'step').replaceAll(/[^\w-]/g, '_')
  const path = join(folder, `ecs-pull-auth-${step}.html`)
  writeFileSync(path, html, { mode: 0o600 })
  return path
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
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
  clock: systemClock,
  writeReport,
  readText,
  readFile: (path) => {
    const text = readText(path)
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
