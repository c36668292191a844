/**
 * Every policy of `ecs-pull-auth iam` against an evaluator that others wrote: what the shipped bundles really asked for is
 * allowed, its neighbours are not, and nothing in a policy is there for nothing. Calls that no double takes (of Lambda for
 * the functions, of services that only a provider asks) are written down by hand.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Actor, type IamSettings, type Policy, policiesOf } from '../../src/core/iam.ts'
import type { Statement } from '../../src/core/iam-arn.ts'
import { type Plan, readUnjudgedPlan } from '../../src/core/plan.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { ACCOUNT, PLAN, REGION, SETTINGS } from '../iam/plan.ts'
import { HAND_WRITTEN } from './iam-hand-written.ts'
import { recordCalls, recordRunbookCalls } from './iam-recording.ts'
import { hasSimulator, type IamCall, isAllowed, requiredResources } from './iam-simulate.ts'
import { isMissing } from './software.ts'

test('what the bundles asked for is allowed, by nothing that could be left out', async (t) => {
  if (isMissing(t, { 'iam-simulate': hasSimulator() })) return
  const { plan, calls } = await recordCalls(t)
  const settings: IamSettings = { ...SETTINGS, planParameter: null, vpc: false, repository: null }
  await holds(policiesOf(plan, settings), calls)
})

test('so is what they asked for with a runbook, an alarm, a canary and the plan in a parameter', async (t) => {
  if (isMissing(t, { 'iam-simulate': hasSimulator() })) return
  const { plan, calls } = await recordRunbookCalls(t)
  const policies = policiesOf(plan, { ...SETTINGS, vpc: false, repository: null })
  for (const [actor, asked] of Object.entries(calls) as [Actor, IamCall[]][]) {
    assert.ok(asked.length > 3, actor)
    const { policy } = policies[actor] ?? assert.fail(actor)
    for (const call of unique(asked))
      assert.ok(await isAllowed(policy, call, ACCOUNT), `${actor} may not ${show(call)}`)
  }
  // Whoever comes first starts the run; the other one finds it.
  const both = [...(calls['react-function'] ?? []), ...(calls.workflow ?? [])]
  assert.ok(both.some(({ action }) => action === 'ssm:StartAutomationExecution'))
})

test('so is what a plan asks for that needs all there is', async (t) => {
  if (isMissing(t, { 'iam-simulate': hasSimulator() })) return
  await holds(policiesOf(PLAN, SETTINGS), HAND_WRITTEN)
})

test('every kind of resource that AWS checks for an action is in a statement of it', async (t) => {
  if (isMissing(t, { 'iam-simulate': hasSimulator() })) return
  let checked = 0
  for (const [actor, { policy }] of Object.entries(policiesOf(PLAN, SETTINGS))) {
    const actions = new Set(policy.Statement.flatMap(({ Action }) => Action))
    for (const action of actions) {
      const given = policy.Statement.filter(({ Action }) => Action.includes(action)).flatMap(({ Resource }) => Resource)
      for (const { name, pattern } of await requiredResources(action)) {
        checked++
        const found = given.some((arn) => arn === '*' || pattern.test(arn))
        assert.ok(found, `${actor}: ${action} names no ${name}, only ${given.join(', ')}`)
      }
    }
  }
  assert.ok(checked > 50, `${checked}`)
})

describe('a provider asks for what its calls need', () => {
  const cases: Readonly<Record<string, { entry: Readonly<Record<string, unknown>>; calls: readonly IamCall[] }>> = {
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com': {
      entry: { provider: 'ecr' },
      calls: [
        { action: 'ecr:GetAuthorizationToken', resource: '*', context: {} },
        ...['BatchGetImage', 'GetDownloadUrlForLayer', 'BatchCheckLayerAvailability'].map((name) => ({
          action: `ecr:${name}`,
          resource: 'arn:aws:ecr:eu-west-1:123456789012:repository/acme/app',
          context: {},
        })),
      ],
    },
    'public.ecr.aws': {
      entry: { provider: 'ecr-public' },
      calls: [
        { action: 'ecr-public:GetAuthorizationToken', resource: '*', context: {} },
        {
          action: 'sts:GetServiceBearerToken',
          resource: '*',
          context: { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' },
        },
      ],
    },
    'acme.azurecr.io': {
      entry: { provider: 'acr', tenant: 'acme.example', client: '0f8fad5b-d9cb-469f-a165-70867728950e' },
      calls: [
        {
          action: 'sts:GetWebIdentityToken',
          resource: '*',
          context: { 'sts:IdentityTokenAudience': ['api://AzureADTokenExchange'] },
        },
      ],
    },
  }
  for (const [key, { entry, calls }] of Object.entries(cases)) {
    test(String(entry['provider']), async (t) => {
      if (isMissing(t, { 'iam-simulate': hasSimulator() })) return
      const value = {
        version: 1,
        secret: 'prod/ecs/agent-config',
        registries: { [key]: { ...entry, probe: `${key}/acme/app:1` } },
      }
      const own = providerStatements(readUnjudgedPlan(value, 'of this test', PROVIDERS))
      await needsAll('rotate-function', { Version: '2012-10-17', Statement: own }, calls)
    })
  }
})

describe('an s3 output asks for the object alone, and for its key through S3 alone', () => {
  const bucket = `arn:aws:s3:::acme-${ACCOUNT}`
  const object = `${bucket}/ecs.config`
  const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const key = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`
  const uses = (context: IamCall['context'] = {}) =>
    [object, bucket].map((named) => ({
      action: 'kms:GenerateDataKey',
      resource: key,
      context: {
        'kms:ViaService': `s3.${REGION}.amazonaws.com`,
        'kms:EncryptionContext:aws:s3:arn': named,
        ...context,
      },
    }))
  const calls = [
    { action: 's3:GetObject', resource: object, context: {} },
    { action: 's3:PutObject', resource: object, context: {} },
    { action: 's3:ListBucket', resource: bucket, context: {} },
  ]
  const cases: readonly (readonly [string, string | null, readonly IamCall[]])[] = [
    ['without a key of its own', null, []],
    ['a key by its ARN', key, uses()],
    ['a key by its id', id, uses()],
    ['a key by its alias', 'alias/ecs', uses({ 'kms:ResourceAliases': ['alias/ecs'] })],
  ]
  for (const [what, kmsKey, used] of cases) {
    test(what, async (t) => {
      if (isMissing(t, { 'iam-simulate': hasSimulator() })) return
      const output = {
        kind: 's3',
        uri: `s3://acme-${ACCOUNT}/ecs.config`,
        ...(kmsKey === null ? {} : { kmsKey }),
      }
      const probe = 'registry.acme.com/acme/app:1'
      const registries = { 'registry.acme.com': { provider: 'static', credential: 'prod/pull', probe } }
      const value = { version: 1, secret: 'prod/ecs/agent-config', registries, outputs: [output] }
      const statements =
        policiesOf(readUnjudgedPlan(value, 'of this test', PROVIDERS), SETTINGS)['react-function']?.policy.Statement ??
        []
      const own = statements.filter(({ Sid }) => Sid.startsWith('OutputObject') || Sid === 'OutputBucket')
      await needsAll('react-function', { Version: '2012-10-17', Statement: own }, [...calls, ...used])
    })
  }
})

/** Those that another provider's plan has not. */
function providerStatements(plan: Plan): readonly Statement[] {
  const statements = policiesOf(plan, { ...SETTINGS, vpc: false })['rotate-function']?.policy.Statement ?? []
  return statements.filter(({ Sid }) => /^Provider|^IdentityTokens/.test(Sid))
}

async function holds(
  policies: ReturnType<typeof policiesOf>,
  calls: Readonly<Partial<Record<Actor, readonly IamCall[]>>>,
): Promise<void> {
  const missing = Object.keys(calls).filter((actor) => policies[actor as Actor] === undefined)
  assert.deepEqual(missing, [], 'calls of actors that have no policy')
  for (const [actor, { policy }] of Object.entries(policies) as [Actor, { policy: Policy }][]) {
    if (calls[actor] !== undefined) await needsAll(actor, policy, unique(calls[actor]))
  }
}

/** Everything is allowed; without any action of any statement something is not; and what lies next to it is not. */
async function needsAll(actor: string, policy: Policy, calls: readonly IamCall[]): Promise<void> {
  for (const call of calls) assert.ok(await isAllowed(policy, call, ACCOUNT), `${actor} may not ${show(call)}`)
  for (const [index, statement] of policy.Statement.entries()) {
    for (const action of statement.Action) {
      const Statement = policy.Statement.flatMap((one, at) => (at === index ? without(one, action) : [one]))
      const broken = await firstDenied({ ...policy, Statement }, calls)
      assert.ok(broken !== null, `${actor}: nothing needs ${action} of ${statement.Sid}`)
      for (const neighbour of neighboursOf(statement, broken))
        assert.equal(
          await isAllowed(policy, neighbour, ACCOUNT),
          false,
          `${actor}: ${statement.Sid} lets ${show(neighbour)}`,
        )
      assert.ok(neighboursOf(statement, broken).length > 0, `${actor}: ${statement.Sid} has no neighbour`)
    }
  }
}

function without(statement: Statement, action: string): readonly Statement[] {
  const Action = statement.Action.filter((one) => one !== action)
  return Action.length === 0 ? [] : [{ ...statement, Action }]
}

async function firstDenied(policy: Policy, calls: readonly IamCall[]): Promise<IamCall | null> {
  for (const call of calls) if (!(await isAllowed(policy, call, ACCOUNT))) return call
  return null
}

/** Another resource of the same kind, each condition not fulfilled; or, where neither is there, another action of the service. */
function neighboursOf({ Resource, Condition = {} }: Statement, call: IamCall): readonly IamCall[] {
  const keys = Object.values(Condition).flatMap((operator) => Object.keys(operator))
  const elsewhere = keys
    .filter((key) => call.context[key] !== undefined)
    .map((key) => ({ ...call, context: { ...call.context, [key]: otherValue(call.context[key]) } }))
  const without = keys.map((key) => ({
    ...call,
    context: Object.fromEntries(Object.entries(call.context).filter(([name]) => name !== key)),
  }))
  const others = Resource.includes('*') ? [] : [{ ...call, resource: otherResource(call.resource) }]
  const all = [...elsewhere, ...without, ...others]
  if (all.length > 0) return all
  const [service = ''] = call.action.split(':')
  const other = OTHER_ACTIONS[service]
  if (other === undefined) throw new Error(`Name an action of ${service} that changes something.`)
  return [{ action: other[0], resource: other[1], context: {} }]
}

function otherValue(value: string | string[] | undefined): string | string[] {
  return Array.isArray(value) ? ['other'] : `${value}x`
}

/** The same, of another account; an object or bucket has none, so it gets another name. */
function otherResource(arn: string): string {
  return arn.includes(`:${ACCOUNT}:`)
    ? arn.replace(`:${ACCOUNT}:`, ':999988887777:')
    : arn.replace(/\d{12}/, '999988887777')
}

const OTHER_ACTIONS: Readonly<Record<string, readonly [string, string]>> = {
  ssm: ['ssm:DeleteDocument', `arn:aws:ssm:${REGION}:${ACCOUNT}:document/ecs-pull-auth-reload`],
  ec2: ['ec2:TerminateInstances', `arn:aws:ec2:${REGION}:${ACCOUNT}:instance/i-0a11c0ffee0000001`],
  ecr: ['ecr:DeleteRepository', 'arn:aws:ecr:eu-west-1:123456789012:repository/acme/app'],
  'ecr-public': ['ecr-public:DeleteRepository', `arn:aws:ecr-public::${ACCOUNT}:repository/acme`],
  cloudwatch: ['cloudwatch:DeleteAlarms', `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:checkout-errors`],
  sts: ['sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/admin`],
}

function unique(calls: readonly IamCall[]): readonly IamCall[] {
  return [...new Map(calls.map((call) => [JSON.stringify(call), call])).values()]
}

function show({ action, resource, context }: IamCall): string {
  return `${action} ${resource} ${JSON.stringify(context)}`
}
