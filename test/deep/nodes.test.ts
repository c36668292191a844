/** Every release line of Node that the package admits starts the commands that ask nobody: 20, 22, 24 and 26. */

import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { offlineCommands } from '../e2e/offline-commands.ts'
import { NODE_24 } from '../e2e/run-process.ts'
import { isMissing, isProgram } from './software.ts'

const FOLDER = resolve(import.meta.dirname, '../../.tools/nodes/node_modules')

offlineCommands('Node 24', NODE_24, false)
for (const line of [20, 22, 26]) {
  const node = join(FOLDER, `node-${line}/bin/node`)
  const there = isProgram(node)
  test(`Node ${line} is here`, (t) => void isMissing(t, { [`Node ${line}`]: there }))
  offlineCommands(`Node ${line}`, node, there ? false : 'there is none')
}
