/** What a rollout asks of AWS: sending, watching, and the cluster that it is compared with. */

import { type Account, type Condition, iamArn, type Statement, serviceArn, unique } from './iam-arn.ts'
import type { FleetPlan } from './plan.ts'
import type { Runbook } from './plan-rollout.ts'

type Targets = FleetPlan['targets']

/** Who sends, or has a runbook send, and then judges. `follows`: until the end, so that an interruption can end it too. */
export function rolloutStatements(
  account: Account,
  fleet: FleetPlan | null,
  { follows }: { readonly follows: boolean },
): Statement[] {
  if (fleet === null) return []
  const { runbook } = fleet
  const cancels = follows && runbook === null ? [allow('CancelRollout', ['ssm:CancelCommand'], ['*'])] : []
  return [
    allow('Document', ['ssm:DescribeDocument'], described(account, fleet, follows)),
    ...(runbook === null ? sends(account, fleet) : starts(account, runbook, follows)),
    ...(fleet.alarm === null ? [] : [usesAlarm(account)]),
    watches(),
    ...cancels,
    ...cluster(account, fleet.cluster),
  ]
}

/** Who rotates and reloads in one go looks for the runbook too, before anything is rotated. */
function described(account: Account, { document, runbook }: FleetPlan, follows: boolean): readonly string[] {
  const names = [document, ...(follows && runbook !== null ? [runbook.name] : [])]
  return names.map((name) => documentArn(account, name))
}

/** The role that Automation assumes: it sends, watches, and looks and tells where the plan asks for that. */
export function runbookStatements(account: Account, fleet: FleetPlan | null): Statement[] {
  const runbook = fleet?.runbook ?? null
  if (fleet === null || runbook === null) return []
  return [
    ...sends(account, fleet),
    watches(),
    ...asks(account, runbook),
    ...(fleet.alarm === null ? [] : obeysAlarm(account)),
    ...goesElsewhere(account, runbook),
  ]
}

/**
 * Systems Manager looks at the alarm in a role of its own, which whoever first names an alarm makes: "the IAM principal that
 * runs the command must have permission for the iam:createServiceLinkedRole action" (User Guide, Running commands).
 */
function usesAlarm(account: Account): Statement {
  const service = 'ssm.amazonaws.com'
  const role = iamArn(account, `role/aws-service-role/${service}/AWSServiceRoleForAmazonSSM`)
  return allow('AlarmRole', ['iam:CreateServiceLinkedRole'], [role], {
    StringEquals: { 'iam:AWSServiceName': [service] },
  })
}

/**
 * A run looks and stops itself in its own role (User Guide, Configure Automation to monitor CloudWatch alarms). Of every
 * alarm, because a composite one cannot be seen with less (DescribeAlarms).
 */
function obeysAlarm(account: Account): Statement[] {
  return [
    allow('Alarm', ['cloudwatch:DescribeAlarms'], ['*']),
    allow('StopItself', ['ssm:StopAutomationExecution'], [serviceArn(account, 'ssm', 'automation-execution/*')]),
  ]
}

function asks(account: Account, { calendar, notify }: Runbook): Statement[] {
  const calendarArn = (name: string) =>
    name.startsWith('arn:') ? name : serviceArn(account, 'ssm', `document/${name}`)
  return [
    ...(calendar === null ? [] : [allow('Calendar', ['ssm:GetCalendarState'], [calendarArn(calendar)])]),
    ...(notify === null ? [] : [allow('AskForApproval', ['sns:Publish'], [notify])]),
  ]
}

/** A run in another account is one of the role there, which this one assumes. */
function goesElsewhere(account: Account, { locations }: Runbook): Statement[] {
  if (locations.length === 0) return []
  const roles = locations.flatMap(({ accounts, role }) =>
    accounts.map((id) => {
      const name = role ?? 'AWS-SystemsManager-AutomationExecutionRole'
      return iamArn(account, `role/${name}`, /^[0-9]{12}$/.test(id) ? id : '*')
    }),
  )
  const units = locations.some(({ accounts }) => accounts.some((id) => !/^[0-9]{12}$/.test(id)))
  return [
    allow('OtherAccounts', ['sts:AssumeRole'], unique(roles)),
    ...(units ? [allow('Organization', ['organizations:ListAccountsForParent'], ['*'])] : []),
  ]
}

/** None of the three knows resources. The last one tells an instance that has left from one that is offline. */
function watches(): Statement {
  const names = ['ListCommands', 'ListCommandInvocations', 'DescribeInstanceInformation']
  return allow(
    'Rollouts',
    names.map((name) => `ssm:${name}`),
    ['*'],
  )
}

/** Document and instances are checked each for itself; an instance that is forbidden is an AccessDenied invocation. */
function sends(account: Account, { document, targets }: FleetPlan): Statement[] {
  const instances = (targets['InstanceIds'] ?? ['*']).flatMap((id) => instanceArns(account, id))
  const groups = Object.keys(targets).some((key) => key.startsWith('resource-groups:'))
  return [
    allow('SendDocument', ['ssm:SendCommand'], [documentArn(account, document)]),
    allow('SendToFleet', ['ssm:SendCommand'], unique(instances), tagCondition(targets)),
    ...(groups ? [allow('FleetGroup', ['resource-groups:ListGroupResources', 'tag:GetResources'], ['*'])] : []),
  ]
}

/** Container instances outside EC2 (ECS Anywhere) are Systems Manager's own resources. */
function instanceArns(account: Account, id: string): readonly string[] {
  const ec2 = serviceArn(account, 'ec2', `instance/${id}`)
  const external = serviceArn(account, 'ssm', `managed-instance/${id}`)
  if (id === '*') return [ec2, external]
  return [id.startsWith('mi-') ? external : ec2]
}

/** The same as the targets say: every key, any of its values. A resource group has no condition key: then any instance. */
function tagCondition(targets: Targets): Condition | undefined {
  const tags = Object.entries(targets).filter(([key]) => key.startsWith('tag:'))
  const names = targets['tag-key'] ?? []
  const equals = Object.fromEntries(tags.map(([key, values]) => [`ssm:resourceTag/${key.slice(4)}`, values]))
  const condition = {
    ...(tags.length === 0 ? {} : { StringEquals: equals }),
    // Of several names any may be there, which one condition cannot say: with one it can.
    ...(names.length !== 1 ? {} : { Null: { [`ssm:resourceTag/${names[0]}`]: ['false'] } }),
  }
  return Object.keys(condition).length === 0 ? undefined : condition
}

/** A run knows its runbook only once it is there, so it is followed by any id. */
function starts(account: Account, { name, role }: Runbook, follows: boolean): Statement[] {
  const id = name.replace(/^arn:.*\//, '')
  const runs = serviceArn(account, 'ssm', 'automation-execution/*')
  // The service authorization reference wants the first two, and knows the third still.
  const started = [documentArn(account, name), runs, serviceArn(account, 'ssm', `automation-definition/${id}:*`)]
  const followed = ['ssm:GetAutomationExecution', ...(follows ? ['ssm:StopAutomationExecution'] : [])]
  const passed = { StringEquals: { 'iam:PassedToService': ['ssm.amazonaws.com'] } }
  return [
    allow('StartRunbook', ['ssm:StartAutomationExecution'], started),
    allow('Runs', followed, [runs]),
    allow('FindRuns', ['ssm:DescribeAutomationExecutions'], ['*']),
    allow('PassRunbookRole', ['iam:PassRole'], [role], passed),
  ]
}

function cluster(account: Account, cluster: string | null): Statement[] {
  if (cluster === null) return []
  const arn = cluster.startsWith('arn:') ? cluster : serviceArn(account, 'ecs', `cluster/${cluster}`)
  const instances = arn.replace(':cluster/', ':container-instance/')
  return [
    allow('Cluster', ['ecs:ListContainerInstances'], [arn]),
    allow('ClusterInstances', ['ecs:DescribeContainerInstances'], [`${instances}/*`], {
      ArnEquals: { 'ecs:cluster': [arn] },
    }),
  ]
}

/** AWS's own documents have no account in their ARN. */
export function documentArn(account: Account, name: string): string {
  if (name.startsWith('arn:')) return name
  return name.startsWith('AWS-')
    ? serviceArn({ ...account, account: '' }, 'ssm', `document/${name}`)
    : serviceArn(account, 'ssm', `document/${name}`)
}

function allow(Sid: string, Action: readonly string[], Resource: readonly string[], Condition?: Condition): Statement {
  return { Sid, Effect: 'Allow', Action, Resource, ...(Condition === undefined ? {} : { Condition }) }
}
