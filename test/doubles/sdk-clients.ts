/** The SDK's own clients, with the limits and retries that ours have: what ours are held against. */

import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SSMClient } from '@aws-sdk/client-ssm'

export interface SdkClients {
  readonly secrets: SecretsManagerClient
  readonly ssm: SSMClient
}

export interface SdkOptions {
  /** Default, as of all others: what the SDK finds. */
  readonly region?: string
  readonly endpoint?: string
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

export function sdkClients(options: SdkOptions): SdkClients {
  const config = {
    maxAttempts: 3,
    retryMode: 'standard',
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
    ...options,
  }
  return { secrets: new SecretsManagerClient(config), ssm: new SSMClient(config) }
}
