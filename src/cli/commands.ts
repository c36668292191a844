/** The table of CLI commands. */

import type { CliCommand } from './command.ts'
import { explain, lint } from './config-commands.ts'
import { demo } from './demo-command.ts'
import { doctor } from './doctor-command.ts'
import { iam } from './iam-command.ts'
import { init } from './init-command.ts'
import { reloadFleet, retireOld, rollback, rotateSecret, status } from './plan-commands.ts'
import { plan } from './preview-command.ts'
import { completion, document, providers } from './print-commands.ts'
import { verify } from './verify-command.ts'

export const COMMANDS: ReadonlyMap<string, CliCommand> = new Map([
  ['demo', demo],
  ['init', init],
  ['lint', lint],
  ['explain', explain],
  ['verify', verify],
  ['plan', plan],
  ['rotate', rotateSecret],
  ['reload', reloadFleet],
  ['status', status],
  ['rollback', rollback],
  ['retire', retireOld],
  ['doctor', doctor],
  ['providers', providers],
  ['document', document],
  ['iam', iam],
  ['completion', completion(() => COMMANDS)],
])
