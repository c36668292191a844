/** The two SDK clients, with the timeouts and retries that the SDK leaves open. */

import { Agent } from 'node:https'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SSMClient } from '@aws-sdk/client-ssm'
import { ask } from './failure.ts'

export interface ClientOptions {
  /** Default: what the SDK finds in the environment or the shared config files. */
  readonly region?: string
  /** Name and version pairs for the user agent, so that CloudTrail tells who called. */
  readonly userAgent: [string, string][]
  /** HTTPS_PROXY, NO_PROXY and their kin; Node 24 follows them for AWS calls, older ones ignore them. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>
  /** For the demo and tests, which must reach their own doubles and nothing else, whatever the environment says. */
  readonly only?: { readonly endpoint: string; readonly accessKeyId: string; readonly secretAccessKey: string }
}

export interface Clients {
  readonly secrets: SecretsManagerClient
  readonly ssm: SSMClient
}

/**
 * The SDK by itself waits for a connection and an answer for ever (facts, Secrets Manager section 6). Three attempts
 * are safe for every call but SendCommand, which `createFleet` asks once: reads change nothing, a Put replays the same
 * version and bytes, a rotation replays the same version id. A label move that is repeated after a lost answer fails as
 * LABEL_MOVED, which means "done, or somebody else was first"; the core then describes the secret and sees which. Asking
 * it only once would leave the same question open, and fail on every throttle and every reset before the change.
 */
export function createClients(options: ClientOptions): Clients {
  const config = {
    maxAttempts: 3,
    retryMode: 'standard',
    customUserAgent: options.userAgent,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 5_000,
      throwOnRequestTimeout: true,
      ...proxyAgent(options.proxyEnv),
    },
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.only === undefined ? {} : { endpoint: options.only.endpoint, credentials: options.only }),
  }
  return { secrets: new SecretsManagerClient(config), ssm: new SSMClient(config) }
}

/** The Region that calls go to. Throws AWS_CREDENTIALS when none is configured. */
export async function callerRegion(clients: Clients): Promise<string> {
  return await ask({ action: 'ssm:any call', subject: 'AWS' }, () => clients.ssm.config.region())
}

function proxyAgent(env: ClientOptions['proxyEnv']): { httpsAgent?: Agent } {
  const proxy = env?.['HTTPS_PROXY'] ?? env?.['https_proxy']
  if (env === undefined || proxy === undefined || proxy === '') return {}
  return { httpsAgent: new Agent({ keepAlive: true, maxSockets: 50, proxyEnv: { ...env } }) }
}
