/** The commands that ask nobody, with the Node of these bundles and with the oldest one that the package admits. */

import { NODE_20 } from './cli.ts'
import { offlineCommands } from './offline-commands.ts'
import { NODE_24 } from './run-process.ts'

offlineCommands('Node 24', NODE_24, false)
offlineCommands('Node 20', NODE_20 ?? '', NODE_20 === null ? 'this machine has no Node 20' : false)
