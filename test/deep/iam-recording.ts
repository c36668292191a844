/** Every actor does its work once, with the shipped bundles against the doubles: what each asked AWS for. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Actor } from '../../src/core/iam.ts'
import { type Plan, readUnjudgedPlan } from '../../src/core/plan.ts'
import { parsePlanText } from '../../src/plan-text.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { ROOT } from '../deploy/stack.ts'
import { startIam } from '../doubles/iam.ts'
import { actionStep } from '../e2e/action.ts'
import { cliCommand } from '../e2e/cli.ts'
import { FUNCTION_ARN, isForReact } from '../e2e/function-story.ts'
import { asJson, gitlabPlan, rotatedByGitlab } from '../e2e/plans.ts'
import { type LambdaFunction, startFunction } from '../e2e/runtime-api.ts'
import { ALLOWED, DOCUMENT, SECRET, type Stage, setStage, TAG } from '../e2e/stage.ts'
import { SETTINGS } from '../iam/plan.ts'
import { callsOf, type Where } from './iam-calls.ts'
import type { IamCall } from './iam-simulate.ts'

type Calls = Partial<Record<Actor, IamCall[]>>

export async function recordCalls(t: TestContext): Promise<{ plan: Plan; calls: Calls }> {
  const running = new Map<string, LambdaFunction>()
  const stage: Stage = await setStage(t, {
    config: rotatedByGitlab,
    invokeLambda: async (_, event) => {
      const { error } = (await running.get('rotate')?.invoke(event)) ?? { error: null }
      return error === null ? {} : { error: error.errorMessage }
    },
    onEvent: async (event) => {
      if (isForReact(event)) await running.get('react')?.invoke(event)
    },
  })
  stage.aws.ecs.register('prod', ...stage.instances.map(({ id }) => ({ instanceId: id })))
  stage.keep('prod/ecs/output', '{}')
  const text = `${gitlabPlan(stage).trimEnd()}
  cluster: prod
outputs:
  - { kind: repository-credentials, registry: '${stage.registry.host}', secret: prod/ecs/output }
`
  const file = stage.file('ecs-pull-auth.yaml', text)
  const calls: Calls = {}
  let from = 0
  const take = (actor: Actor, who: keyof Stage['identities']) => {
    calls[actor] = [...(calls[actor] ?? []), ...callsBy(stage, who, from)]
  }
  const act = async (actor: Actor, work: () => Promise<{ exitCode: number | null; stderr: string }>) => {
    from = stage.aws.requests.length
    const { exitCode, stderr, ...said } = await work()
    await stage.aws.idle()
    assert.equal(exitCode, 0, `${actor}: ${stderr} ${JSON.stringify(said).slice(0, 3000)}`)
    take(actor, 'operator')
    take('instance', 'node')
  }
  const person = (actor: Actor, ...argv: readonly string[]) =>
    act(actor, () => cliCommand(stage, [...argv, '--plan', file]))
  // The same run and attempt would resume the same version.
  const workflow = (actor: Actor, attempt: string) =>
    act(actor, () => actionStep(stage, { inputs: { plan: file }, env: { GITHUB_RUN_ATTEMPT: attempt } }))

  await person('operator-rotate-direct', 'rotate')
  await person('operator-rollback', 'rollback', '--yes')
  await person('operator-rotate-direct', 'rotate')
  await person('operator-reload', 'reload')
  await person('operator-status', 'status')
  await person('operator-retire', 'retire', '--yes')
  await workflow('workflow-direct', '1')

  for (const bundle of ['rotate', 'react'] as const) {
    // The double's react may not write outputs; here its policy is not the double's matter.
    const plan = bundle === 'react' ? (text.split('outputs:')[0] ?? '') : text
    running.set(bundle, await startFunction(t, { ...stage, bundle, env: { ...stage.env(bundle), PLAN: asJson(plan) } }))
  }
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  await person('operator-rotate', 'rotate')
  take('rotate-function', 'rotate')
  take('react-function', 'react')
  await workflow('workflow', '2')
  take('rotate-function', 'rotate')
  take('react-function', 'react')
  addUnrecorded(calls, stage)
  return { plan: readUnjudgedPlan(parsePlanText(text, file), file, PROVIDERS), calls }
}

/** A plan with a runbook, kept in a parameter: a person rolls out and looks, a workflow has it done, and so do the functions. */
export async function recordRunbookCalls(t: TestContext): Promise<{ plan: Plan; calls: Calls }> {
  const running = new Map<string, LambdaFunction>()
  const automation = ['Start', 'Get', 'Stop'].map((verb) => `ssm:${verb}AutomationExecution`)
  const also = [...automation, 'ssm:DescribeAutomationExecutions', 'ssm:GetParameter']
  const stage: Stage = await setStage(t, {
    config: rotatedByGitlab,
    operatorMay: [...ALLOWED.operator, ...also, 'ssm:GetDocument', 'iam:SimulatePrincipalPolicy'],
    functionsMay: also,
    invokeLambda: async (_, event) => {
      const { error } = (await running.get('rotate')?.invoke(event)) ?? { error: null }
      return error === null ? {} : { error: error.errorMessage }
    },
    onEvent: async (event) => {
      if (isForReact(event) || event['detail-type'].startsWith('EC2 Automation'))
        await running.get('react')?.invoke(event)
    },
  })
  stage.aws.ssm.automation.publish('ecs-pull-auth-rollout', readFileSync(join(ROOT, 'deploy/runbook.json'), 'utf8'))
  const role = `arn:aws:iam::${stage.aws.account}:role/ecs-pull-auth-rollout`
  const text = `${gitlabPlan(stage).trimEnd()}\n  canary: 1\n  alarm: checkout-errors\n  runbook: { role: '${role}' }\n`
  const file = stage.file('ecs-pull-auth.yaml', text)
  const run = async (actor: Actor, work: () => Promise<{ exitCode: number | null; stderr: string }>) => {
    const from = stage.aws.requests.length
    const { exitCode, stderr, ...said } = await work()
    await stage.aws.idle()
    assert.equal(exitCode, 0, `${actor}: ${stderr} ${JSON.stringify(said).slice(0, 3000)}`)
    return callsBy(stage, 'operator', from)
  }
  const person = (actor: Actor, ...argv: readonly string[]) =>
    run(actor, () => cliCommand(stage, [...argv, '--plan', file]))
  const calls: Calls = {
    'operator-rotate-direct': await person('operator-rotate-direct', 'rotate'),
    'operator-rollback': await person('operator-rollback', 'rollback', '--yes'),
  }
  await person('operator-rotate-direct', 'rotate')
  calls['operator-reload'] = await person('operator-reload', 'reload')
  calls['operator-status'] = await person('operator-status', 'status')
  const iam = await startIam({
    region: stage.aws.region,
    account: stage.aws.account,
    identities: Object.values(stage.identities),
    principals: { [`arn:aws:iam::${stage.aws.account}:role/operator`]: () => true },
  })
  t.after(() => iam.close())
  const places = { AWS_ENDPOINT_URL_STS: iam.url, AWS_ENDPOINT_URL_IAM: iam.url }
  const doctor = () => cliCommand(stage, ['doctor', '--plan', file], places)
  calls['operator-doctor'] = await run('operator-doctor', doctor)
  stage.aws.ssm.parameters.set('/prod/plan', asJson(text))
  for (const bundle of ['rotate', 'react'] as const) {
    const env = { ...stage.env(bundle), PLAN_PARAMETER: '/prod/plan' }
    running.set(bundle, await startFunction(t, { ...stage, bundle, env }))
  }
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  const from = stage.aws.requests.length
  calls.workflow = await run('workflow', () => actionStep(stage, { inputs: { plan: file } }))
  calls['rotate-function'] = callsBy(stage, 'rotate', from)
  calls['react-function'] = callsBy(stage, 'react', from)
  return { plan: readUnjudgedPlan(parsePlanText(text, file), file, PROVIDERS), calls }
}

function callsBy(stage: Stage, who: keyof Stage['identities'], from: number): IamCall[] {
  const { name } = stage.identities[who]
  const own = stage.aws.requests.slice(from).filter(({ caller }) => caller === name)
  return own.flatMap((request) => callsOf(request, whereOf(stage)))
}

function whereOf({ aws, instances }: Stage): Where {
  return {
    account: aws.account,
    region: aws.region,
    kmsKey: SETTINGS.kmsKey ?? '',
    secretArn: (id) => aws.secrets.secret(id).arn,
    rotatedBy: (id) => aws.secrets.secret(id).rotation?.functionArn ?? null,
    instances: instances.map(({ id }) => ({ id, tags: TAG })),
  }
}

/** What a good day does not ask for, and what Lambda asks for in a function's name. */
function addUnrecorded(calls: Calls, stage: Stage): void {
  const any = (operation: string) => callsOf({ operation, input: {} }, whereOf(stage))
  const output = ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage'].flatMap(
    (operation) => callsOf({ operation, input: { SecretId: 'prod/ecs/output' } }, whereOf(stage)),
  )
  // Written by whoever promotes, or found as it should be: then it was only read here.
  for (const actor of WRITERS) calls[actor]?.push(...output)
  // Of a workflow and the event function, whoever comes first sends; the other one finds the command.
  const sends = ['DescribeDocument', 'SendCommand'].flatMap((operation) =>
    callsOf({ operation, input: { Name: DOCUMENT, DocumentName: DOCUMENT } }, whereOf(stage)),
  )
  for (const actor of ['workflow', 'react-function'] as const) calls[actor]?.push(...sends)
  // Where an instance does not answer.
  for (const actor of WATCHERS) calls[actor]?.push(...any('DescribeInstanceInformation'))
  // At an interruption.
  for (const actor of FOLLOWERS) calls[actor]?.push(...any('CancelCommand'))
  const { account, region } = stage.aws
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`
  for (const name of ['rotate', 'react'] as const) {
    const stream = arn('logs', `log-group:/aws/lambda/ecs-pull-auth-${name}:log-stream:1`)
    const log = ['CreateLogStream', 'PutLogEvents'].map((one) => ({
      action: `logs:${one}`,
      resource: stream,
      context: {},
    }))
    calls[`${name}-function`]?.push(...log)
  }
  for (const queue of ['current', 'ended']) {
    const names = ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes']
    const resource = arn('sqs', `ecs-pull-auth-${queue}`)
    calls['react-function']?.push(...names.map((one) => ({ action: `sqs:${one}`, resource, context: {} })))
  }
}

const FOLLOWERS: readonly Actor[] = ['workflow', 'workflow-direct', 'operator-reload', 'operator-rollback']
const WATCHERS: readonly Actor[] = [...FOLLOWERS, 'operator-status', 'operator-retire', 'react-function']
const WRITERS: readonly Actor[] = [
  ...FOLLOWERS,
  'operator-retire',
  'operator-rotate',
  'operator-rotate-direct',
  'react-function',
]
