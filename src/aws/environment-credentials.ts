/** Stands in for the SDK's whole credential chain in the Lambda bundles (see build.mjs): there the role is always in AWS_*. */

interface Identity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** The name and shape that the SDK's clients import from `@aws-sdk/credential-provider-node`. */
export function defaultProvider(): () => Promise<Identity> {
  return async () => {
    const {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    } = process.env
    if (accessKeyId && secretAccessKey) {
      return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
    }
    // The class that the SDK's own providers throw is told by its name.
    throw Object.assign(new Error('There are no credentials in the environment.'), { name: 'CredentialsProviderError' })
  }
}
