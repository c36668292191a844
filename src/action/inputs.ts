/** The Action's inputs: read once, checked together, turned into a plan. */

import { PullAuthError } from '../core/errors.ts'
import { type Plan, readPlan, readUnjudgedPlan } from '../core/plan.ts'
import type { Interrupt } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import { Secret } from '../core/secret.ts'
import { parsePlanText } from '../plan-text.ts'
import { PROVIDERS } from '../registries/table.ts'
import { GIVEN } from '../wiring.ts'

/** action.yml lists the same names; a test compares them. */
export const INPUT_NAMES = [
  'plan',
  'secret',
  'registry',
  'username',
  'password',
  'probe',
  'targets',
  'on-cancel',
  'mode',
] as const
export type InputName = (typeof INPUT_NAMES)[number]
export type Inputs = Readonly<Record<InputName, string>>

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

const SINGLE: readonly InputName[] = ['secret', 'registry', 'username', 'password', 'probe', 'targets']

/** Throws USAGE with every missing or superfluous input, and what `readPlan` throws. */
export function readRequest(inputs: Inputs, readFile: (path: string) => string): Request {
  const mode = readMode(inputs.mode)
  return { mode, cancelled: readOnCancel(inputs['on-cancel']), ...readPlanned(inputs, mode, readFile) }
}

function readMode(text: string): Mode {
  if (text === '' || text === 'rotate') return 'rotate'
  if (text === 'plan') return 'plan'
  throw usage(
    `The input mode is ${text}.`,
    'Write plan to be told what would be done, or rotate, which is the default.',
  )
}

function readOnCancel(text: string): Interrupt['rollout'] {
  if (text === '' || text === 'detach') return 'goes-on'
  if (text === 'cancel') return 'cancelled'
  throw usage(`The input on-cancel is ${text}.`, 'Write detach, or cancel; without it the rollout goes on (detach).')
}

type Planned = Pick<Request, 'plan' | 'given'>

function readPlanned(inputs: Inputs, mode: Mode, readFile: (path: string) => string): Planned {
  const single = SINGLE.filter((name) => inputs[name] !== '')
  if (inputs.plan !== '') {
    if (single.length > 0)
      throw usage(
        `The input plan does not go together with ${single.join(', ')}.`,
        'Put everything into the plan file.',
      )
    return { plan: readAs(mode, parsePlanText(readFile(inputs.plan), inputs.plan), inputs.plan), given: new Map() }
  }
  const missing = NEEDED[mode].filter((name) => inputs[name] === '')
  if (missing.length === NEEDED[mode].length) {
    throw new PullAuthError(
      'PLAN_MISSING',
      'Neither the input plan nor secret, registry, username, password and probe are given.',
      EMPTY_HINT,
    )
  }
  if (missing.length > 0) throw usage(`Missing: ${missing.join(', ')}.`, EMPTY_HINT)
  return singleRegistry(inputs, mode)
}

/** A pull request of a fork has no credential, and its plan is worth a look all the same. */
const NEEDED: Readonly<Record<Mode, readonly InputName[]>> = {
  rotate: SINGLE.filter((name) => name !== 'targets'),
  plan: ['secret', 'registry', 'probe'],
}

/** In mode plan a schedule that is not safe is part of the report. */
function readAs(mode: Mode, value: unknown, origin: string): Plan {
  return mode === 'plan' ? readUnjudgedPlan(value, origin, PROVIDERS) : readPlan(value, origin, PROVIDERS)
}

const EMPTY_HINT =
  'Set the input plan to a file of the repository, or all single inputs. An input from a secret or variable is empty where ' +
  'that is not available: forks and Dependabot get no secrets.'

function singleRegistry(inputs: Inputs, mode: Mode): Planned {
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

function usage(message: string, hint: string): PullAuthError {
  return new PullAuthError('USAGE', message, hint)
}
