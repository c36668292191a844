/** Entry of `dist/credential-chain.cjs`: the providers for keys that are not in the environment. */

export { defaultProvider } from '@aws-sdk/credential-provider-node'
