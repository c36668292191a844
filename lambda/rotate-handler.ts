/** The rotation function: Secrets Manager's four steps, each a call of the core. It never waits for the fleet. */

import { asPullAuthError, PullAuthError } from '../src/core/errors.ts'
import type { JobPorts } from '../src/core/job.ts'
import type { Plan } from '../src/core/plan.ts'
import type { Clock, Journal, SecretArn } from '../src/core/ports.ts'
import { type Attempt, createVersion, finishVersion, PENDING, testVersion } from '../src/core/rotation.ts'
import { type RotationEvent, readRotationEvent } from './event.ts'
import { createLambdaJournal, failureDetail, measureStep } from './journal.ts'
import type { PlanSource } from './plan.ts'

export interface LambdaContext {
  getRemainingTimeInMillis(): number
}

export interface LambdaWorld {
  readonly clock: Clock
  readonly plan: PlanSource
  wire(journal: Journal): JobPorts
  log(line: string): void
}

export function createRotateHandler(world: LambdaWorld) {
  return async (event: unknown, context: LambdaContext): Promise<void> => {
    const journal = createLambdaJournal(world)
    const started = world.clock.now()
    try {
      const rotation = readRotationEvent(event)
      const { step, secret, version } = rotation
      journal.about({ step, secret, version })
      const attempt = toAttempt(await planFor(world, secret), rotation, started + context.getRemainingTimeInMillis())
      const outcome = await runStep(world.wire(journal), attempt, rotation)
      const milliseconds = world.clock.now() - started
      if (outcome === 'reused') journal.measure('PendingReused', 1)
      if (outcome === 'promoted') journal.measure('Promoted', 1)
      measureStep(journal, 'RotationFailed', milliseconds, null)
      journal.info(`${step} done.`, { outcome, milliseconds })
    } catch (thrown) {
      const error = asPullAuthError(thrown)
      measureStep(journal, 'RotationFailed', world.clock.now() - started, error)
      journal.warn(error.message, failureDetail(error))
      // Lambda prints what is thrown: the code and our own sentence, without the cause.
      throw new PullAuthError(error.code, `${error.code}: ${error.message} ${error.hint}`, error.hint)
    }
  }
}

async function runStep(cx: JobPorts, attempt: Attempt, { step }: RotationEvent): Promise<string> {
  switch (step) {
    case 'createSecret':
      return await createVersion(cx, attempt)
    case 'setSecret':
      // A minted token is alive at its registry already; there is nothing to set anywhere.
      return 'nothing to set'
    case 'testSecret':
      return (await testVersion(cx, attempt)).map(({ registry, verdict }) => `${registry} ${verdict}`).join(', ')
    case 'finishSecret':
      await finishVersion(cx, attempt)
      return 'promoted'
  }
}

/** One function rotates one secret: an event for another one is a wrong configuration, not an invitation. */
async function planFor(world: LambdaWorld, secret: SecretArn): Promise<Plan> {
  const plan = await world.plan()
  const name = secret.split(':secret:')[1] ?? ''
  if (plan.secret === secret || name.replace(/-[A-Za-z0-9]{6}$/, '') === plan.secret) {
    refuseElsewhere(plan)
    return { ...plan, secret }
  }
  throw new PullAuthError(
    'ROTATION_EVENT',
    `The event is for ${secret}, but the plan is for ${plan.secret}.`,
    'Give each secret its own function and plan.',
  )
}

/** Some sources trust a workflow only: better told before anything is minted than after the others were. */
function refuseElsewhere({ secret, registries }: Plan): void {
  const elsewhere = registries.filter(({ provider }) => !provider.traits.hosts.includes('lambda'))
  if (elsewhere.length === 0) return
  const names = elsewhere.map(({ key, provider }) => `${key} (${provider.kind})`).join(', ')
  throw new PullAuthError(
    'PLAN_UNSUPPORTED',
    `No rotation function can mint for ${names} in the plan for ${secret}.`,
    'Rotate this secret from the Action, or give that registry another provider, such as static.',
  )
}

function toAttempt(plan: Plan, { version, rotationToken }: RotationEvent, deadline: number): Attempt {
  return { plan, version, label: PENDING, deadline, ...(rotationToken === null ? {} : { rotationToken }) }
}
