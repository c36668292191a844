/** AWS calls of one clean rotation, step by step, through the handler of the function. */

import type { VersionId } from '../../src/core/ports.ts'
import { version } from '../aws/fixture.ts'
import { startFunctions } from '../lambda/functions.ts'

export interface Step {
  readonly step: string
  readonly calls: readonly string[]
}

export async function callsOfARotation(): Promise<readonly Step[]> {
  const functions = startFunctions()
  const { calls } = functions.world.client
  const steps: Step[] = []
  for (const step of ['createSecret', 'setSecret', 'testSecret', 'finishSecret']) {
    const before = calls.length
    const error = await functions.rotate(version(2) as VersionId, [step])
    if (error !== null) throw error
    steps.push({ step, calls: calls.slice(before).map(({ operation }) => operation) })
  }
  return steps
}
