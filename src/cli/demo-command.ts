/** `demo`: the main job on embedded doubles, with nothing to install and nothing outside this machine. */

import { PullAuthError } from '../core/errors.ts'
import type { CliCommand } from './command.ts'
import { BREAKS, type Break, type DemoResult, play } from './demo/play.ts'
import { setStage } from './demo/stage.ts'
import { textTable } from './table.ts'

export const demo: CliCommand = {
  summary: 'Watch three rotations of a small fleet, on embedded doubles of AWS and a registry.',
  usage: '[--break registry|node|lost-response]',
  options: { break: { type: 'string' } },
  optionHelp: { break: 'registry, node or lost-response: see what a failure looks like' },
  values: { break: BREAKS },
  least: 0,
  most: 0,
  run: async ({ terminal, journal, options }) => {
    const broken = readBreak(options['break'])
    const stopped = terminal.stopSignal()
    const stage = await setStage(journal, stopped)
    try {
      const result = await Promise.race([play(stage, journal, broken), interrupted(stopped)])
      return { exit: 0, json: broken === null ? result : { ...result, break: broken }, text: closingTable(result) }
    } finally {
      await stage.close()
    }
  },
}

function readBreak(value: string | boolean | undefined): Break | null {
  if (value === undefined) return null
  const known = BREAKS.find((name) => name === value)
  if (known !== undefined) return known
  throw new PullAuthError(
    'USAGE',
    '--break takes registry, node or lost-response.',
    'Leave it out to see three good rotations.',
  )
}

function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () =>
      reject(
        new PullAuthError('DEMO_FAILED', 'The demo was interrupted.', 'Everything it started was stopped and removed.'),
      )
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
}

function closingTable(result: DemoResult): string {
  const rows = [
    ['rotations', String(result.rotations)],
    ['instances on the last version', `${result.onVersion} of ${result.instances}`],
    ['old credentials retired', String(result.retired)],
    ['pulls meanwhile', `${result.pulls.attempted}, ${result.pulls.failed} failed`],
    ['seconds', String(result.seconds)],
  ]
  return textTable(['what', 'result'], rows)
}
