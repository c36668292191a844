/** The permissions that a recorded request asks for, as the service authorization reference has them. */

import type { RecordedRequest } from '../aws/server.ts'
import type { IamCall } from './iam-simulate.ts'

export interface Where {
  readonly account: string
  readonly region: string
  readonly kmsKey: string
  /** Full ARN of a secret by its name or ARN. */
  secretArn(id: string): string
  /** ARN of the function that rotates it; null = none. */
  rotatedBy(id: string): string | null
  /** Instances that a command was sent to, with their tags. */
  readonly instances: readonly { readonly id: string; readonly tags: Readonly<Record<string, string>> }[]
}

export function callsOf(
  { operation, input }: Pick<RecordedRequest, 'operation' | 'input'>,
  where: Where,
): readonly IamCall[] {
  const { account, region } = where
  const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${account}:${resource}`
  const call = (action: string, resource = '*', context: IamCall['context'] = {}): IamCall => ({
    action,
    resource,
    context,
  })
  switch (operation) {
    case 'DescribeSecret':
    case 'GetSecretValue':
    case 'PutSecretValue':
    case 'UpdateSecretVersionStage':
    case 'RotateSecret':
      return secretCalls(operation, input, where)
    case 'SendCommand':
      return [
        call('ssm:SendCommand', arn('ssm', `document/${input['DocumentName']}`)),
        ...where.instances.map(({ id, tags }) =>
          call(
            'ssm:SendCommand',
            arn('ec2', `instance/${id}`),
            Object.fromEntries(Object.entries(tags).map(([name, value]) => [`ssm:resourceTag/${name}`, value])),
          ),
        ),
      ]
    case 'GetParameter':
      return [call('ssm:GetParameter', arn('ssm', `parameter${input['Name']}`))]
    case 'StartAutomationExecution':
      return startCalls(input, { ...where, arn })
    case 'GetAutomationExecution':
    case 'StopAutomationExecution':
      return [call(`ssm:${operation}`, arn('ssm', `automation-execution/${input['AutomationExecutionId']}`))]
    case 'DescribeAutomationExecutions':
      return [call(`ssm:${operation}`)]
    case 'DescribeDocument':
    case 'GetDocument':
      return [call(`ssm:${operation}`, arn('ssm', `document/${input['Name']}`))]
    case 'ListCommands':
    case 'ListCommandInvocations':
    case 'DescribeInstanceInformation':
    case 'CancelCommand':
      return [call(`ssm:${operation}`)]
    case 'ListContainerInstances':
      return [call('ecs:ListContainerInstances', arn('ecs', `cluster/${input['cluster']}`))]
    case 'DescribeContainerInstances': {
      const cluster = arn('ecs', `cluster/${input['cluster']}`)
      const instances = input['containerInstances'] as readonly string[]
      return instances.map((instance) => call('ecs:DescribeContainerInstances', instance, { 'ecs:cluster': cluster }))
    }
    default:
      throw new Error(`No permission is known for ${operation}.`)
  }
}

/** Whoever starts a run passes its role on, and has the role made in which Systems Manager looks at an alarm. */
function startCalls(
  input: RecordedRequest['input'],
  { account, arn }: Where & { arn(service: string, resource: string): string },
): readonly IamCall[] {
  const service = 'ssm.amazonaws.com'
  const { AutomationAssumeRole: [role = ''] = [] } = input['Parameters'] as { AutomationAssumeRole?: string[] }
  const alarm = {
    action: 'iam:CreateServiceLinkedRole',
    resource: `arn:aws:iam::${account}:role/aws-service-role/${service}/AWSServiceRoleForAmazonSSM`,
    context: { 'iam:AWSServiceName': service },
  }
  return [
    ...[
      `document/${input['DocumentName']}`,
      'automation-execution/0f8fad5b-d9cb-469f-a165-70867728950e',
      `automation-definition/${input['DocumentName']}:$DEFAULT`,
    ].map((resource) => ({ action: 'ssm:StartAutomationExecution', resource: arn('ssm', resource), context: {} })),
    { action: 'iam:PassRole', resource: role, context: { 'iam:PassedToService': service } },
    ...(input['AlarmConfiguration'] === undefined ? [] : [alarm]),
  ]
}

function secretCalls(operation: string, input: RecordedRequest['input'], where: Where): readonly IamCall[] {
  const id = String(input['SecretId'])
  const resource = where.secretArn(id)
  const fn = where.rotatedBy(id)
  const stage = operation === 'GetSecretValue' ? input['VersionStage'] : undefined
  const context = {
    ...(fn === null ? {} : { 'secretsmanager:resource/AllowRotationLambdaArn': fn }),
    ...(typeof stage === 'string' ? { 'secretsmanager:VersionStage': stage } : {}),
  }
  // A put that is repeated decrypts what is there to compare it (facts, Secrets Manager section 3).
  const uses =
    operation === 'GetSecretValue' ? ['Decrypt'] : operation === 'PutSecretValue' ? ['GenerateDataKey', 'Decrypt'] : []
  const key = {
    'kms:ViaService': `secretsmanager.${where.region}.amazonaws.com`,
    'kms:EncryptionContext:SecretARN': resource,
  }
  return [
    { action: `secretsmanager:${operation}`, resource, context },
    ...uses.map((use) => ({ action: `kms:${use}`, resource: where.kmsKey, context: key })),
    // "lambda:InvokeFunction on the function" (API reference, RotateSecret).
    ...(operation === 'RotateSecret' && fn !== null
      ? [{ action: 'lambda:InvokeFunction', resource: fn, context: {} }]
      : []),
  ]
}
