/** The Action's inputs and the rules among them, which need nothing else: what breaks them is told before anything is loaded. */

import { PullAuthError } from '../core/errors.ts'

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

const SINGLE: readonly InputName[] = ['secret', 'registry', 'username', 'password', 'probe', 'targets']
/** A pull request of a fork has no credential, and its plan is worth a look all the same. */
const NEEDED: ReadonlyMap<string, readonly InputName[]> = new Map([
  ['rotate', SINGLE.filter((name) => name !== 'targets')],
  ['plan', ['secret', 'registry', 'probe']],
])
const EMPTY_HINT =
  'Set the input plan to a file of the repository, or all single inputs. An input from a secret or variable is empty where ' +
  'that is not available: forks and Dependabot get no secrets.'

export function readInputs(getInput: (name: string) => string): Inputs {
  return Object.fromEntries(INPUT_NAMES.map((name) => [name, getInput(name)])) as Inputs
}

/** Throws USAGE with every missing or superfluous input, and PLAN_MISSING when there is none at all. */
export function checkInputs(inputs: Inputs): void {
  const needed = NEEDED.get(inputs.mode || 'rotate')
  if (needed === undefined)
    throw usage(
      `The input mode is ${inputs.mode}.`,
      'Write plan to be told what would be done, or rotate, which is the default.',
    )
  if (!['', 'detach', 'cancel'].includes(inputs['on-cancel']))
    throw usage(
      `The input on-cancel is ${inputs['on-cancel']}.`,
      'Write detach, or cancel; without it the rollout goes on (detach).',
    )
  if (inputs.plan === '') refuseMissing(inputs, needed)
  else refuseBeside(inputs)
}

function refuseMissing(inputs: Inputs, needed: readonly InputName[]): void {
  const missing = needed.filter((name) => inputs[name] === '')
  if (missing.length === needed.length) {
    throw new PullAuthError(
      'PLAN_MISSING',
      'Neither the input plan nor secret, registry, username, password and probe are given.',
      EMPTY_HINT,
    )
  }
  if (missing.length > 0) throw usage(`Missing: ${missing.join(', ')}.`, EMPTY_HINT)
}

function refuseBeside(inputs: Inputs): void {
  const single = SINGLE.filter((name) => inputs[name] !== '')
  if (single.length > 0)
    throw usage(`The input plan does not go together with ${single.join(', ')}.`, 'Put everything into the plan file.')
}

export function usage(message: string, hint: string): PullAuthError {
  return new PullAuthError('USAGE', message, hint)
}
