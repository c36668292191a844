/** Entry of `dist/cli-all.cjs`. */

import { COMMANDS } from './commands.ts'
import { runProcess } from './process.ts'

void runProcess(COMMANDS)
