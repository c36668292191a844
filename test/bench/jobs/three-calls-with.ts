/** The three calls, by clients of ours. */

import type { Clients } from '../../../src/aws/clients.ts'
import { GetSecretValueCommand, PutSecretValueCommand } from '../../../src/aws/secrets-manager-api.ts'
import { SendCommandCommand } from '../../../src/aws/ssm-api.ts'
import { PUT, SECRET, SEND } from './order.ts'

export async function threeCalls(
  { secrets, ssm }: Clients,
  setOutput: (name: string, value: boolean) => void,
): Promise<void> {
  await secrets.send(new GetSecretValueCommand({ SecretId: SECRET }))
  await secrets.send(new PutSecretValueCommand(PUT))
  await ssm.send(new SendCommandCommand(SEND))
  setOutput('done', true)
  secrets.destroy()
  process.exitCode = 0
}
