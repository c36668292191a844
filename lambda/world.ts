/** Wires a function from its environment: once, at init, so that warm invocations pay nothing. */

import { connect, systemClock, wire } from '../src/wiring.ts'
import { createPlanSource } from './plan.ts'
import type { LambdaWorld } from './rotate-handler.ts'

export function lambdaWorld(
  env: Readonly<Record<string, string | undefined>>,
  log: (line: string) => void,
): LambdaWorld {
  const adapters = connect(env)
  return {
    clock: systemClock,
    plan: createPlanSource(env, systemClock, adapters.readParameter),
    wire: (journal) => wire(adapters, journal),
    log,
  }
}
