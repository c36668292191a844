/** What the plan of test/iam/plan.ts makes each actor ask for, by hand: also of services for which there is no double. */

import type { Actor } from '../../src/core/iam.ts'
import { ACCOUNT, REGION, SECRET, SETTINGS } from '../iam/plan.ts'
import { callsOf, type Where } from './iam-calls.ts'
import type { IamCall } from './iam-simulate.ts'

const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`
const ROTATE = arn('lambda', 'function:ecs-pull-auth-rotate')

const where: Where = {
  account: ACCOUNT,
  region: REGION,
  kmsKey: SETTINGS.kmsKey ?? '',
  secretArn: (id) => (id.startsWith('arn:') ? id : arn('secretsmanager', `secret:${id}-AbCdEf`)),
  rotatedBy: (id) => (id === SECRET ? ROTATE : null),
  instances: [{ id: 'i-0a11c0ffee0000001', tags: { 'ecs-pull-auth': 'prod' } }],
}

const on = (SecretId: string, ...operations: readonly string[]): readonly IamCall[] =>
  operations.flatMap((operation) => callsOf({ operation, input: { SecretId } }, where))

const call = (action: string, resource = '*', context: IamCall['context'] = {}): IamCall => ({
  action,
  resource,
  context,
})

const reads = on(SECRET, 'DescribeSecret', 'GetSecretValue')
const writes = on(SECRET, 'PutSecretValue', 'UpdateSecretVersionStage')
const root = on('prod/gitlab/root', 'GetSecretValue')
const outputs = on(
  'prod/ecs/cloudsmith',
  'DescribeSecret',
  'GetSecretValue',
  'PutSecretValue',
  'UpdateSecretVersionStage',
)
const identity = call('sts:GetWebIdentityToken', '*', { 'sts:IdentityTokenAudience': ['https://api.cloudsmith.io'] })

const sends = callsOf({ operation: 'SendCommand', input: { DocumentName: 'ecs-pull-auth-reload' } }, where)
const watches = ['ListCommands', 'ListCommandInvocations', 'DescribeInstanceInformation'].map((name) =>
  call(`ssm:${name}`),
)
const cluster = arn('ecs', 'cluster/prod')
const covers = [
  call('ecs:ListContainerInstances', cluster),
  call('ecs:DescribeContainerInstances', arn('ecs', 'container-instance/prod/0a1b2c'), { 'ecs:cluster': cluster }),
]
const runs = arn('ssm', 'automation-execution/0f8fad5b-d9cb-469f-a165-70867728950e')
const rollouts = [
  call('ssm:DescribeDocument', arn('ssm', 'document/ecs-pull-auth-reload')),
  ...[
    'document/ecs-pull-auth-rollout',
    'automation-execution/0a1b',
    'automation-definition/ecs-pull-auth-rollout:1',
  ].map((resource) => call('ssm:StartAutomationExecution', arn('ssm', resource))),
  call('ssm:GetAutomationExecution', runs),
  call('ssm:DescribeAutomationExecutions'),
  call('iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/ecs-pull-auth-rollout`, {
    'iam:PassedToService': 'ssm.amazonaws.com',
  }),
  call(
    'iam:CreateServiceLinkedRole',
    `arn:aws:iam::${ACCOUNT}:role/aws-service-role/ssm.amazonaws.com/AWSServiceRoleForAmazonSSM`,
    { 'iam:AWSServiceName': 'ssm.amazonaws.com' },
  ),
  ...watches,
  ...covers,
]
const stops = call('ssm:StopAutomationExecution', runs)
/** Of whoever looks for the runbook before, and may end its run. */
const follows = [call('ssm:DescribeDocument', arn('ssm', 'document/ecs-pull-auth-rollout')), stops]

/** Lambda's own calls with a function's role: its log, its network, its queues. */
function asFunction(name: string, queues: readonly string[]): readonly IamCall[] {
  const stream = arn('logs', `log-group:/aws/lambda/ecs-pull-auth-${name}:log-stream:2026/11/24/[$LATEST]0a1b`)
  const network = ['Create', 'Delete'].map((verb) => `ec2:${verb}NetworkInterface`)
  return [
    call('ssm:GetParameter', arn('ssm', 'parameter/prod/plan')),
    call('logs:CreateLogStream', stream),
    call('logs:PutLogEvents', stream),
    call(network[0] ?? '', arn('ec2', 'network-interface/*')),
    call(network[1] ?? '', arn('ec2', 'network-interface/eni-0a')),
    ...['AssignPrivateIpAddresses', 'UnassignPrivateIpAddresses'].map((one) =>
      call(`ec2:${one}`, arn('ec2', 'network-interface/eni-0a')),
    ),
    ...['DescribeNetworkInterfaces', 'DescribeSubnets'].map((one) => call(`ec2:${one}`)),
    ...queues.flatMap((queue) =>
      ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].map((one) =>
        call(`sqs:${one}`, arn('sqs', `ecs-pull-auth-${queue}`)),
      ),
    ),
  ]
}

const asks = on(SECRET, 'RotateSecret')

export const HAND_WRITTEN: Readonly<Partial<Record<Actor, readonly IamCall[]>>> = {
  'rotate-function': [...reads, ...writes, ...root, identity, ...asFunction('rotate', [])],
  'react-function': [...reads, ...rollouts, ...outputs, ...root, ...asFunction('react', ['current', 'ended'])],
  workflow: [...reads, ...asks, ...rollouts, ...follows, ...outputs, ...root],
  'workflow-direct': [...reads, ...writes, ...root, ...rollouts, ...follows, ...outputs],
  'operator-status': [
    ...reads,
    ...watches,
    ...covers,
    call('ssm:GetAutomationExecution', runs),
    call('ssm:DescribeAutomationExecutions'),
  ],
  'operator-rotate': [...reads, ...asks, ...outputs],
  'operator-rotate-direct': [...reads, ...writes, ...root, identity, ...outputs],
  'operator-reload': [...reads, ...rollouts, ...follows, ...outputs, ...root],
  'operator-retire': [...reads, ...watches, ...covers, ...outputs, ...root],
  'operator-rollback': [...reads, ...writes, ...rollouts, ...follows, ...outputs, ...root],
  'operator-doctor': [
    ...reads,
    ...watches,
    ...covers,
    ...root,
    ...on('prod/ecs/cloudsmith', 'DescribeSecret'),
    call('ssm:DescribeDocument', arn('ssm', 'document/ecs-pull-auth-reload')),
    ...['reload', 'rollout'].map((name) => call('ssm:GetDocument', arn('ssm', `document/ecs-pull-auth-${name}`))),
    call('iam:SimulatePrincipalPolicy', `arn:aws:iam::${ACCOUNT}:role/operator`),
    call('iam:SimulatePrincipalPolicy', `arn:aws:iam::${ACCOUNT}:user/ada`),
  ],
  approver: [call('ssm:GetAutomationExecution', runs), call('ssm:SendAutomationSignal', runs)],
  instance: callsOf({ operation: 'GetSecretValue', input: { SecretId: SECRET, VersionStage: 'AWSCURRENT' } }, where),
  runbook: [
    ...sends,
    ...watches,
    call('ssm:GetCalendarState', arn('ssm', 'document/freeze')),
    call('sns:Publish', arn('sns', 'AutomationApproval')),
    call('cloudwatch:DescribeAlarms'),
    stops,
  ],
  scheduler: [...asks, call('sqs:SendMessage', arn('sqs', 'ecs-pull-auth-schedule-dead'))],
}
