/** `iam`: what each actor of a plan must be allowed, as JSON that IAM takes. Asks nobody. */

import { partitionOf } from '../aws/partitions.ts'
import { PullAuthError } from '../core/errors.ts'
import { ACTORS, type Actor, type IamSettings, policiesOf } from '../core/iam.ts'
import type { Repository } from '../core/iam-trust.ts'
import { type Plan, readUnjudgedPlan } from '../core/plan.ts'
import { stackParameters, stackProblem } from '../core/stack-parameters.ts'
import { PROVIDERS } from '../registries/table.ts'
import type { CliCommand, CommandContext, CommandResult } from './command.ts'
import { PLAN_HELP, PLAN_OPTION, readPlanFile } from './plan-commands.ts'

/** Of a parameter's value, in CloudFormation. */
const LONGEST_PARAMETER = 4_096

const TEXT = { type: 'string' } as const

export const iam: CliCommand = {
  summary: 'Print what each actor must be allowed for this plan: policies and trust, as JSON.',
  usage: '--plan FILE --account ID [--actor NAME]',
  options: {
    ...PLAN_OPTION,
    account: TEXT,
    partition: TEXT,
    name: TEXT,
    'kms-key': TEXT,
    'plan-parameter': TEXT,
    vpc: { type: 'boolean' },
    repository: TEXT,
    'repository-ids': TEXT,
    context: TEXT,
    actor: TEXT,
    parameters: { type: 'boolean' },
  },
  optionHelp: {
    ...PLAN_HELP,
    account: 'the account of everything; default: that of the stored config’s ARN',
    partition: 'aws, aws-cn, aws-us-gov …; default: the Region’s',
    name: 'what the names of functions and queues begin with; default ecs-pull-auth',
    'kms-key': 'ARN of the customer key of the plan’s secrets',
    'plan-parameter': 'the SSM parameter that holds the plan of the functions',
    vpc: 'the functions run in a VPC',
    repository: 'OWNER/NAME whose workflow rotates',
    'repository-ids': 'OWNER-ID/REPOSITORY-ID, as gh api repos/OWNER/NAME has them in owner.id and id',
    context: 'what the workflow’s subject ends with; default ref:refs/heads/main',
    actor: 'only the policy document of one of them',
    parameters: 'instead, the parameters of the stack (deploy/template.yaml) that follow from the plan',
  },
  values: { actor: ACTORS },
  least: 0,
  most: 0,
  run: async (cx) => {
    const { value, path } = readPlanFile(cx)
    const plan = readUnjudgedPlan(value, path, PROVIDERS)
    const settings = settingsOf(cx, plan)
    if (cx.options['parameters'] === true) return parametersResult(plan, settings, value)
    const actors = policiesOf(plan, settings)
    const wanted = textOf(cx, 'actor')
    const json = wanted === null ? actors : actors[wanted as Actor]?.policy
    if (json === undefined) throw usage(`The plan has no actor ${wanted}.`, `It has ${Object.keys(actors).join(', ')}.`)
    return { exit: 0, json, text: JSON.stringify(json, null, 2) }
  },
}

function parametersResult(plan: Plan, settings: IamSettings, value: unknown): CommandResult {
  const json = parameterList(plan, settings, value)
  return { exit: 0, json, text: JSON.stringify(json, null, 2) }
}

/** As `aws cloudformation deploy --parameter-overrides file://…` takes them. Throws USAGE for a plan that the stack cannot carry out. */
export function parameterList(plan: Plan, settings: IamSettings, value: unknown) {
  const problem = stackProblem(plan, settings, settings.name)
  if (problem !== null)
    throw usage(
      `The stack cannot carry out this plan: ${problem}.`,
      'Change the plan, or deploy with policies of your own: docs/deploy.md.',
    )
  const { kmsKey, planParameter, repository } = settings
  const text = JSON.stringify(value)
  if (planParameter === null && text.length > LONGEST_PARAMETER)
    throw usage(
      `The plan has ${text.length} characters as JSON, more than a parameter of a stack takes.`,
      'Keep it in an SSM parameter of its own: --plan-parameter /ecs-pull-auth/plan',
    )
  const given = {
    Name: settings.name,
    ...stackParameters(plan, settings, text),
    ...(planParameter === null ? {} : { Plan: '', PlanParameterName: planParameter }),
    ...(kmsKey === null ? {} : { KmsKeyArn: kmsKey }),
    ...(repository === null
      ? {}
      : {
          GithubRepository: repository.name,
          GithubOwnerId: repository.ownerId,
          GithubRepositoryId: repository.repositoryId,
          GithubContext: repository.context,
        }),
  }
  return Object.entries(given).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }))
}

function textOf({ options }: CommandContext, name: string): string | null {
  const value = options[name]
  return typeof value === 'string' && value !== '' ? value : null
}

function settingsOf(cx: CommandContext, plan: Plan): IamSettings {
  const [, inArn, regionInArn, accountInArn] =
    /^arn:([a-z-]+):secretsmanager:([a-z0-9-]+):([0-9]{12}):/.exec(plan.secret) ?? []
  const { env } = cx.terminal
  const region = textOf(cx, 'region') ?? regionInArn ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? ''
  if (!/^[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}$/.test(region))
    throw usage('No Region is known for the policies.', 'Name it: --region eu-central-1')
  const account = textOf(cx, 'account') ?? accountInArn ?? ''
  if (!/^[0-9]{12}$/.test(account))
    throw usage('No account is known for the policies.', 'Name its twelve digits: --account 111122223333')
  const { name: partition, domain } = partitionOf(region)
  return {
    account,
    region,
    domain,
    partition: textOf(cx, 'partition') ?? inArn ?? partition,
    name: textOf(cx, 'name') ?? 'ecs-pull-auth',
    kmsKey: keyOf(textOf(cx, 'kms-key')),
    planParameter: textOf(cx, 'plan-parameter'),
    vpc: cx.options['vpc'] === true,
    repository: repositoryOf(cx),
  }
}

function keyOf(key: string | null): string | null {
  if (key === null || /^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key\/.+$/.test(key)) return key
  throw usage(
    'The key must be named by its ARN.',
    'An alias is no resource that a policy can name: arn:aws:kms:…:key/…',
  )
}

function repositoryOf(cx: CommandContext): Repository | null {
  const [name, ids] = [textOf(cx, 'repository'), textOf(cx, 'repository-ids')]
  if (name === null && ids === null) return null
  const [, ownerId, repositoryId] = /^([0-9]{1,20})\/([0-9]{1,20})$/.exec(ids ?? '') ?? []
  if (ownerId !== undefined && repositoryId !== undefined && /^[\w.-]+\/[\w.-]+$/.test(name ?? '')) {
    return { name: name ?? '', ownerId, repositoryId, context: textOf(cx, 'context') ?? 'ref:refs/heads/main' }
  }
  throw usage(
    'A workflow is trusted by its repository’s name and ids together.',
    'Without the ids whoever takes over a freed name would be trusted: --repository acme/infrastructure --repository-ids 1234/5678',
  )
}

function usage(message: string, hint: string): PullAuthError {
  return new PullAuthError('USAGE', message, hint)
}
