/** Entry of `dist/rotate.cjs`. */

import { createRotateHandler } from './rotate-handler.ts'
import { lambdaWorld } from './world.ts'

export const handler = createRotateHandler(lambdaWorld(process.env, (line) => process.stdout.write(`${line}\n`)))
