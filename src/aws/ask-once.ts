/** A call that the SDK must not repeat by itself. */

import type { SendCommandCommand, SendCommandCommandOutput, SSMClient } from '@aws-sdk/client-ssm'

/** Not an error that the SDK's retry knows, and it hides the one that is: no `cause`, which the retry would look into. */
class AskedOnce extends Error {
  override readonly name = 'AskedOnce'
  readonly inner: unknown

  constructor(inner: unknown) {
    super('The call was made once.')
    this.inner = inner
  }
}

/** Sends the command with one attempt, whatever `maxAttempts` the client has, and throws the first error as it was. */
export async function askOnce(client: SSMClient, command: SendCommandCommand): Promise<SendCommandCommandOutput> {
  command.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (thrown) {
        throw new AskedOnce(thrown)
      }
    },
    // Inside the SDK's retry, which is the first of this step.
    { step: 'finalizeRequest', priority: 'low', name: 'askedOnce' },
  )
  try {
    return await client.send(command)
  } catch (thrown) {
    throw thrown instanceof AskedOnce ? thrown.inner : thrown
  }
}
