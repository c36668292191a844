/** A call that must not be repeated: it has no idempotency token, and a lost answer leaves open what it has done. */

import type { AwsClient, AwsCommand } from './json-api.ts'

/** One attempt, whose error is thrown as it is. */
export async function askOnce<Output extends object>(
  client: AwsClient,
  command: AwsCommand<object, Output>,
): Promise<Output> {
  return await client.send(command, { attempts: 1 })
}
