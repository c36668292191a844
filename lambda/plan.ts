/** The functions' plan: JSON in PLAN, or in the SSM parameter that PLAN_PARAMETER names. */

import { PullAuthError } from '../src/core/errors.ts'
import { type Plan, readPlan } from '../src/core/plan.ts'
import type { Clock, Millis } from '../src/core/ports.ts'
import { PROVIDERS } from '../src/registries/table.ts'

/** The four steps of one rotation see one plan, and a changed parameter counts from the next rotation on. */
const KEEP: Millis = 5 * 60_000

export type PlanSource = () => Promise<Plan>

export function createPlanSource(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  readParameter: (name: string) => Promise<string>,
): PlanSource {
  let kept: { plan: Plan; until: Millis } | null = null
  return async () => {
    if (kept !== null && clock.now() < kept.until) return kept.plan
    const { text, origin } = await planText(env, readParameter)
    const plan = readPlan(parseJsonPlan(text, origin), origin, PROVIDERS)
    kept = { plan, until: clock.now() + KEEP }
    return plan
  }
}

async function planText(
  env: Readonly<Record<string, string | undefined>>,
  readParameter: (name: string) => Promise<string>,
) {
  const inline = env['PLAN']
  if (inline !== undefined && inline !== '') return { text: inline, origin: 'in the variable PLAN' }
  const parameter = env['PLAN_PARAMETER']
  if (parameter !== undefined && parameter !== '')
    return { text: await readParameter(parameter), origin: `in the parameter ${parameter}` }
  throw new PullAuthError(
    'PLAN_MISSING',
    'Neither PLAN nor PLAN_PARAMETER is set.',
    'Set one of these environment variables of the function.',
  )
}

function parseJsonPlan(text: string, origin: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new PullAuthError(
      'PLAN_UNREADABLE',
      `The plan ${origin} is not JSON.`,
      'Store the plan as JSON; YAML is for files only.',
    )
  }
}
