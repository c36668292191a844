/** The Action's inputs: checked, and turned into a plan. */

import { type Plan, readPlan, readUnjudgedPlan } from '../core/plan.ts'
import type { Interrupt } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import { Secret } from '../core/secret.ts'
import { parsePlanText } from '../plan-text.ts'
import { PROVIDERS } from '../registries/table.ts'
import { GIVEN } from '../wiring.ts'
import { checkInputs, type Inputs, usage } from './input-rules.ts'

/** `plan`: tell what a rotation would do, ask nobody, change nothing. */
export type Mode = 'rotate' | 'plan'

export interface Request {
  readonly mode: Mode
  readonly plan: Plan
  /** Credentials that came as inputs, by the name under which the plan knows them. */
  readonly given: ReadonlyMap<string, Secret>
  /** What becomes of a rollout that is under way when the workflow is cancelled. */
  readonly cancelled: Interrupt['rollout']
}

/** Throws USAGE and PLAN_MISSING for the inputs, and what `readPlan` throws. */
export function readRequest(inputs: Inputs, readFile: (path: string) => string): Request {
  checkInputs(inputs)
  const mode = inputs.mode === 'plan' ? 'plan' : 'rotate'
  const cancelled = inputs['on-cancel'] === 'cancel' ? 'cancelled' : 'goes-on'
  if (inputs.plan === '') return { mode, cancelled, ...singleRegistry(inputs, mode) }
  const plan = readAs(mode, parsePlanText(readFile(inputs.plan), inputs.plan), inputs.plan)
  return { mode, cancelled, plan, given: new Map() }
}

/** In mode plan a schedule that is not safe is part of the report. */
function readAs(mode: Mode, value: unknown, origin: string): Plan {
  return mode === 'plan' ? readUnjudgedPlan(value, origin, PROVIDERS) : readPlan(value, origin, PROVIDERS)
}

function singleRegistry(inputs: Inputs, mode: Mode): Pick<Request, 'plan' | 'given'> {
  const name = `${GIVEN}credential`
  const provider = registryHost(inputs.registry) === 'ghcr.io' ? 'ghcr' : 'static'
  const value = {
    version: 1,
    secret: inputs.secret,
    registries: {
      [inputs.registry]: { provider, credential: 'credential-from-inputs', probe: inputs.probe },
    },
    ...(inputs.targets === '' ? {} : { fleet: { targets: readTargets(inputs.targets) } }),
  }
  const plan = readAs(mode, value, 'made from the inputs')
  const registries = plan.registries.map((registry) => ({
    ...registry,
    config: { ...(registry.config as object), credential: name },
  }))
  const text = JSON.stringify({ username: inputs.username, password: inputs.password })
  return { plan: { ...plan, registries }, given: new Map([[name, new Secret(text)]]) }
}

/** `tag:team=blue,green`, one key a line: the form of the AWS CLI's documentation, without its Key= and Values=. */
function readTargets(text: string): Record<string, string[]> {
  const targets: Record<string, string[]> = {}
  for (const line of text.split('\n').map((part) => part.trim())) {
    if (line === '') continue
    const at = line.lastIndexOf('=')
    if (at < 1)
      throw usage(
        `The input targets has the line "${line}" without a value.`,
        'Write one target a line, as in tag:ecs-pull-auth=prod.',
      )
    targets[line.slice(0, at)] = line.slice(at + 1).split(',')
  }
  return targets
}
