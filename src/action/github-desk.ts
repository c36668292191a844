/** The runner of GitHub Actions, as far as telling goes. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as core from '@actions/core'
import type { Desk } from './desk.ts'

export const githubDesk: Desk = {
  env: process.env,
  getInput: (name) => core.getInput(name),
  setOutput: core.setOutput,
  setSecret: core.setSecret,
  info: core.info,
  warning: core.warning,
  error: core.error,
  writeSummary: async (markdown) => {
    if (process.env['GITHUB_STEP_SUMMARY']) await core.summary.addRaw(markdown).write()
  },
  clock: { now: () => Date.now() },
  writeReport,
  readText,
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
