/** What somebody lacks of the permissions that a plan asks for: by calls that were made, else by IAM's own simulation. */

import type { Check } from './doctor.ts'
import type { Caller, Inspector, Simulation } from './doctor-ports.ts'
import { PullAuthError } from './errors.ts'
import { type Actor, type IamSettings, policiesOf } from './iam.ts'
import type { Condition, Statement } from './iam-arn.ts'
import type { Plan } from './plan.ts'
import type { SecretArn } from './ports.ts'

export interface PermissionWish {
  /** Whose permissions; null = those of a person that does everything by hand. */
  readonly actor: Actor | null
  /** ARN of the role or user; null = the caller. */
  readonly principal: string | null
  readonly kmsKey: string | null
}

interface Ports {
  readonly inspector: Inspector
  /** Actions that were called here, and whether they were allowed. */
  readonly tried: ReadonlyMap<string, boolean>
}

interface Known {
  readonly caller: Caller
  /** ARN of the stored config; null = not known. */
  readonly arn: SecretArn | null
  readonly rotatedByFunction: boolean
}

/** One line for each action. */
export async function permissionChecks(
  ports: Ports,
  plan: Plan,
  wish: PermissionWish,
  known: Known,
): Promise<readonly Check[]> {
  const settings: IamSettings = {
    ...known.caller,
    name: 'ecs-pull-auth',
    kmsKey: wish.kmsKey,
    planParameter: null,
    vpc: false,
    repository: null,
  }
  const policies = policiesOf(known.arn === null ? plan : { ...plan, secret: known.arn }, settings)
  const actors = wish.actor === null ? byHand(known) : [wish.actor]
  if (wish.actor !== null && policies[wish.actor] === undefined) throw noActor(wish.actor, Object.keys(policies))
  const asked = actors.flatMap((actor) =>
    (policies[actor]?.policy.Statement ?? []).map((statement) => ({ actor, statement })),
  )
  const actions = [...new Set(asked.flatMap(({ statement }) => statement.Action))]
  const principal = wish.principal ?? principalOf(known.caller.arn)
  const judge = judgeWith(ports, principal, wish.principal === null)
  const checks: Check[] = []
  for (const action of actions) {
    const needs = asked.filter(({ statement }) => statement.Action.includes(action))
    checks.push(
      await judge(
        action,
        needs.map(({ statement }) => statement),
        needs[0]?.actor ?? 'operator-status',
      ),
    )
  }
  return checks
}

function byHand({ rotatedByFunction }: Known): readonly Actor[] {
  const rotates = rotatedByFunction ? 'operator-rotate' : 'operator-rotate-direct'
  return ['operator-status', rotates, 'operator-reload', 'operator-retire', 'operator-rollback']
}

function noActor(actor: string, has: readonly string[]): PullAuthError {
  return new PullAuthError('USAGE', `The plan has no actor ${actor}.`, `It has ${has.join(', ')}.`)
}

/** The role behind a session. Its path is not in the session's ARN, so a role with one must be named. null = neither role nor user. */
function principalOf(arn: string): string | null {
  const [, partition, account, role] = /^arn:([a-z-]+):sts::([0-9]{12}):assumed-role\/([^/]+)\//.exec(arn) ?? []
  if (role !== undefined) return `arn:${partition}:iam::${account}:role/${role}`
  return /^arn:[a-z-]+:iam::[0-9]{12}:user\//.test(arn) ? arn : null
}

type Judge = (action: string, statements: readonly Statement[], actor: Actor) => Promise<Check>

/** `own`: the caller's, so that what was called here needs no simulation. A simulation that is refused is asked for once. */
function judgeWith({ inspector, tried }: Ports, principal: string | null, own: boolean): Judge {
  let refused: string | null = principal === null ? 'The caller is neither a role nor a user.' : null
  return async (action, statements, actor) => {
    const check = `may ${action}`
    const remedy = `Allow it: ecs-pull-auth iam --actor ${actor} prints the policy.`
    const called = own ? tried.get(action) : undefined
    if (called !== undefined)
      return called
        ? { check, ok: true, detail: 'called', remedy: null }
        : { check, ok: false, detail: 'AWS refused the call.', remedy }
    const denied: string[] = []
    for (const { resource, context } of questionsOf(statements)) {
      if (refused !== null || principal === null) break
      const answer = await ask(inspector, { principal, action, resource, context })
      if (typeof answer === 'string') refused = answer
      else if (!answer) denied.push(resource)
    }
    if (denied.length > 0) return { check, ok: false, detail: `${principal} lacks it on ${denied.join(', ')}.`, remedy }
    if (refused === null) return { check, ok: true, detail: 'by simulation of the policies', remedy: null }
    const compare = `Compare the policies with ecs-pull-auth iam --actor ${actor}, or allow iam:SimulatePrincipalPolicy here; a role with a path needs --principal.`
    return { check, ok: null, detail: refused, remedy: compare }
  }
}

async function ask(inspector: Inspector, simulation: Simulation): Promise<boolean | string> {
  try {
    return await inspector.simulate(simulation)
  } catch (error) {
    if (!(error instanceof PullAuthError)) throw error
    return error.message
  }
}

function questionsOf(statements: readonly Statement[]): readonly Pick<Simulation, 'resource' | 'context'>[] {
  return statements.flatMap(({ Resource, Condition }) => {
    const context = contextOf(Condition)
    return Resource.map((resource) => ({ resource: example(resource), context }))
  })
}

/** One resource that a pattern of ours matches: a policy that allows less than ours is told by it, one that allows more is not. */
function example(resource: string): string {
  if (resource === '*') return resource
  return resource
    .replace(/:instance\/\*$/, ':instance/i-00000000000000000')
    .replace(/:managed-instance\/\*$/, ':managed-instance/mi-00000000000000000')
    .replaceAll('??????', 'AbCdEf')
    .replaceAll('*', 'example')
}

/** The values with which a condition of ours holds. */
function contextOf(condition: Condition | undefined): Simulation['context'] {
  const pairs = Object.entries(condition ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(
      ([key, values]) => [key, operator === 'Null' ? ['example'] : [example(values[0] ?? '')]] as const,
    ),
  )
  return Object.fromEntries(pairs)
}
