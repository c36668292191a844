/** The clients of the two services, with the timeouts and retries that an SDK leaves open. */

import { setTimeout } from 'node:timers/promises'
import { createIdentitySource } from './credentials.ts'
import { createEndpoints } from './endpoints.ts'
import { ask } from './failure.ts'
import { type AwsClient, createJsonClient, type Wire } from './json-api.ts'
import { ServerClock } from './server-clock.ts'
import { createTransport } from './transport.ts'
import { traceHeaders, userAgentHeader } from './user-agent.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface ClientOptions {
  /** Default: what the environment, the shared config files or the instance say. */
  readonly region?: string
  /** Name and version pairs for the user agent, so that CloudTrail tells who called. */
  readonly userAgent: [string, string][]
  /** HTTPS_PROXY, NO_PROXY and their kin; Node 24 follows them for AWS calls, older ones ignore them. */
  readonly proxyEnv?: Environment
  /** PEM certificates to trust besides Node's own. */
  readonly ca?: readonly string[]
  /** For the demo and tests, which must reach their own doubles and nothing else, whatever the environment says. */
  readonly only?: {
    readonly endpoint: string
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
  /** For tests, which do not wait. */
  sleep?(milliseconds: number): Promise<void>
  now?(): number
}

export interface Clients {
  readonly secrets: AwsClient
  readonly ssm: AwsClient
}

/**
 * Three attempts are safe for every call but SendCommand, which `createFleet` asks once: reads change nothing, a Put
 * replays the same version and bytes, a rotation replays the same version id. A label move that is repeated after a lost
 * answer fails as LABEL_MOVED, which means "done, or somebody else was first"; the core then describes the secret and
 * sees which. Asking it only once would leave the same question open, and fail on every throttle and every reset before
 * the change.
 */
export function createClients(options: ClientOptions): Clients {
  const { only, proxyEnv = {} } = options
  const endpoints = createEndpoints({ region: options.region, ...(only === undefined ? {} : { only: only.endpoint }) })
  const transport = createTransport(proxyEnv, options.ca)
  const { region } = endpoints
  const wire: Wire = {
    endpoints,
    transport,
    region,
    credentials: only === undefined ? createIdentitySource({ region, agent: transport.agent }) : async () => only,
    clock: new ServerClock(options.now ?? Date.now),
    headers: () => ({ 'user-agent': userAgentHeader(options.userAgent, proxyEnv), ...traceHeaders(proxyEnv) }),
    sleep: options.sleep ?? ((milliseconds) => setTimeout(milliseconds)),
  }
  return { secrets: createJsonClient('secretsmanager', wire), ssm: createJsonClient('ssm', wire) }
}

/** The Region that calls go to. Throws AWS_CREDENTIALS when none is configured. */
export async function callerRegion(clients: Clients): Promise<string> {
  return await ask({ action: 'ssm:any call', subject: 'AWS' }, () => clients.ssm.config.region())
}
