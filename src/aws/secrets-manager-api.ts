/** The operations of Secrets Manager that the product calls. The types are the SDK's; its code does not ship. */

import type {
  DescribeSecretRequest,
  DescribeSecretResponse,
  GetSecretValueRequest,
  GetSecretValueResponse,
  PutSecretValueRequest,
  PutSecretValueResponse,
  RotateSecretRequest,
  RotateSecretResponse,
  UpdateSecretVersionStageRequest,
  UpdateSecretVersionStageResponse,
} from '@aws-sdk/client-secrets-manager'
import { AwsCommand } from './json-api.ts'

export type { RotationRulesType } from '@aws-sdk/client-secrets-manager'
export type { AwsClient as SecretsManagerClient } from './json-api.ts'

export class DescribeSecretCommand extends AwsCommand<DescribeSecretRequest, DescribeSecretResponse> {
  readonly operation = 'DescribeSecret'
}

export class GetSecretValueCommand extends AwsCommand<GetSecretValueRequest, GetSecretValueResponse> {
  readonly operation = 'GetSecretValue'
}

export class PutSecretValueCommand extends AwsCommand<PutSecretValueRequest, PutSecretValueResponse> {
  readonly operation = 'PutSecretValue'
}

export class RotateSecretCommand extends AwsCommand<RotateSecretRequest, RotateSecretResponse> {
  readonly operation = 'RotateSecret'
}

export class UpdateSecretVersionStageCommand extends AwsCommand<
  UpdateSecretVersionStageRequest,
  UpdateSecretVersionStageResponse
> {
  readonly operation = 'UpdateSecretVersionStage'
}
