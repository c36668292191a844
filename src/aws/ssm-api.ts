/** The operations of Systems Manager that the product calls. The types are the SDK's; its code does not ship. */

import type {
  CancelCommandRequest,
  CancelCommandResult,
  DescribeAutomationExecutionsRequest,
  DescribeAutomationExecutionsResult,
  DescribeDocumentRequest,
  DescribeDocumentResult,
  DescribeInstanceInformationRequest,
  DescribeInstanceInformationResult,
  GetAutomationExecutionRequest,
  GetAutomationExecutionResult,
  GetDocumentRequest,
  GetDocumentResult,
  GetParameterRequest,
  GetParameterResult,
  ListCommandInvocationsRequest,
  ListCommandInvocationsResult,
  ListCommandsRequest,
  ListCommandsResult,
  SendCommandRequest,
  SendCommandResult,
  StartAutomationExecutionRequest,
  StartAutomationExecutionResult,
  StopAutomationExecutionRequest,
  StopAutomationExecutionResult,
} from '@aws-sdk/client-ssm'
import { AwsCommand } from './json-api.ts'

export type {
  AutomationExecution,
  Command,
  CommandFilter,
  CommandInvocation,
  DocumentDescription,
} from '@aws-sdk/client-ssm'
export type { AwsClient as SSMClient } from './json-api.ts'

export class CancelCommandCommand extends AwsCommand<CancelCommandRequest, CancelCommandResult> {
  readonly operation = 'CancelCommand'
}

export class DescribeAutomationExecutionsCommand extends AwsCommand<
  DescribeAutomationExecutionsRequest,
  DescribeAutomationExecutionsResult
> {
  readonly operation = 'DescribeAutomationExecutions'
}

export class DescribeDocumentCommand extends AwsCommand<DescribeDocumentRequest, DescribeDocumentResult> {
  readonly operation = 'DescribeDocument'
}

export class DescribeInstanceInformationCommand extends AwsCommand<
  DescribeInstanceInformationRequest,
  DescribeInstanceInformationResult
> {
  readonly operation = 'DescribeInstanceInformation'
}

export class GetAutomationExecutionCommand extends AwsCommand<
  GetAutomationExecutionRequest,
  GetAutomationExecutionResult
> {
  readonly operation = 'GetAutomationExecution'
}

export class GetDocumentCommand extends AwsCommand<GetDocumentRequest, GetDocumentResult> {
  readonly operation = 'GetDocument'
}

export class GetParameterCommand extends AwsCommand<GetParameterRequest, GetParameterResult> {
  readonly operation = 'GetParameter'
}

export class ListCommandInvocationsCommand extends AwsCommand<
  ListCommandInvocationsRequest,
  ListCommandInvocationsResult
> {
  readonly operation = 'ListCommandInvocations'
}

export class ListCommandsCommand extends AwsCommand<ListCommandsRequest, ListCommandsResult> {
  readonly operation = 'ListCommands'
}

export class SendCommandCommand extends AwsCommand<SendCommandRequest, SendCommandResult> {
  readonly operation = 'SendCommand'
}

export class StartAutomationExecutionCommand extends AwsCommand<
  StartAutomationExecutionRequest,
  StartAutomationExecutionResult
> {
  readonly operation = 'StartAutomationExecution'
}

export class StopAutomationExecutionCommand extends AwsCommand<
  StopAutomationExecutionRequest,
  StopAutomationExecutionResult
> {
  readonly operation = 'StopAutomationExecution'
}
