/** Entry of `dist/cli-lint.cjs`. */

import { explain, lint } from './config-commands.ts'
import { runProcess } from './process.ts'

void runProcess(
  new Map([
    ['lint', lint],
    ['explain', explain],
  ]),
)
