/** Who signs AWS calls: the keys of the environment, else what the SDK's own chain of credential providers finds. */

import type { Agent } from 'node:https'
import { environmentIdentity, type IdentitySource } from './environment-credentials.ts'
import { isTransient } from './failure.ts'

export interface Caller {
  region(): Promise<string>
  /** The connections of the chain's own calls to STS, SSO and sign-in: as ours, through the proxy. */
  readonly agent: Agent
}

/**
 * The chain is loaded when it is needed only. It is a file of its own beside the bundles (see build.mjs), larger than
 * all the rest: where a workflow, a container or a function has its keys in the environment, nobody waits for it.
 */
export function createIdentitySource(caller: Caller): IdentitySource {
  let chain: Promise<IdentitySource> | undefined
  return async (options) => {
    const keys = environmentIdentity()
    if (keys !== null) return keys
    chain ??= loadChain(caller)
    try {
      return await (await chain)(options)
    } catch (thrown) {
      throw aboutCredentials(thrown)
    }
  }
}

/**
 * Whatever class STS or the file system gives it, what the chain fails with is about the credentials: an AccessDenied of
 * AssumeRole says nothing of the call that was to be signed. Texts stay behind; they may quote what a program printed.
 */
function aboutCredentials(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || isTransient(thrown)) return thrown
  const { name, code } = thrown as NodeJS.ErrnoException
  const reason = name === 'Error' ? code : name
  const own = name === 'CredentialsProviderError' || reason === undefined ? {} : { reason }
  return Object.assign(new Error('There are no credentials.'), { name: 'CredentialsProviderError', ...own })
}

async function loadChain({ region, agent }: Caller): Promise<IdentitySource> {
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
  const requestHandler = {
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
    throwOnRequestTimeout: true,
    httpsAgent: agent,
  }
  // STS takes the Region of a profile, else this one. A web identity of a profile looks here only, SSO at `clientConfig`
  // only; the options of a handler do for both, although the type asks for a handler.
  const callerClientConfig = { region, requestHandler } as unknown as { region: Caller['region'] }
  const provide = defaultProvider({ clientConfig: { requestHandler } })
  return (options) => provide({ ...options, callerClientConfig })
}
