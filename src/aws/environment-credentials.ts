/**
 * Credentials in AWS_*. In the Lambda bundles this file stands in for the SDK's whole credential chain (see build.mjs):
 * there the role is always in the environment.
 */

export interface AwsIdentity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Asked before each request; `forceRefresh`: what it gave was refused as expired. */
export type IdentitySource = (options?: { readonly forceRefresh?: boolean }) => Promise<AwsIdentity>

/** null: the environment holds none, or names a profile, which the SDKs take first. */
export function environmentIdentity(): AwsIdentity | null {
  return process.env['AWS_PROFILE'] ? null : keysOf(process.env)
}

function keysOf(env: NodeJS.ProcessEnv): AwsIdentity | null {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env
  if (!accessKeyId || !secretAccessKey) return null
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}

/** The name and shape of the function that `@aws-sdk/credential-provider-node` exports. */
export function defaultProvider(): IdentitySource {
  return async () => {
    const identity = keysOf(process.env)
    if (identity !== null) return identity
    // The class that the SDK's own providers throw is told by its name.
    throw Object.assign(new Error('There are no credentials in the environment.'), { name: 'CredentialsProviderError' })
  }
}
