/** The table of CLI commands. */

import type { CliCommand } from './command.ts'
import { explain, lint } from './config-commands.ts'
import { demo } from './demo-command.ts'
import { reloadFleet, retireOld, rotateSecret, status } from './plan-commands.ts'
import { document, providers } from './print-commands.ts'

export const COMMANDS: ReadonlyMap<string, CliCommand> = new Map([
  ['demo', demo],
  ['lint', lint],
  ['explain', explain],
  ['rotate', rotateSecret],
  ['reload', reloadFleet],
  ['status', status],
  ['retire', retireOld],
  ['providers', providers],
  ['document', document],
])
