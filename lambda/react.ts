/** Entry of `dist/react.cjs`. */

import { createReactHandler } from './react-handler.ts'
import { lambdaWorld } from './world.ts'

export const handler = createReactHandler(lambdaWorld(process.env, (line) => process.stdout.write(`${line}\n`)))
