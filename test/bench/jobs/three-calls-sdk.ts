/** The same three calls by the SDK, with nothing else. */

import * as core from '@actions/core'
import { GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SendCommandCommand, SSMClient } from '@aws-sdk/client-ssm'
import { PUT, SECRET, SEND } from './order.ts'

const [secrets, ssm] = [new SecretsManagerClient(), new SSMClient()]

async function main(): Promise<void> {
  core.getInput('name')
  await secrets.send(new GetSecretValueCommand({ SecretId: SECRET }))
  await secrets.send(new PutSecretValueCommand(PUT))
  await ssm.send(new SendCommandCommand(SEND))
  core.setOutput('done', true)
  secrets.destroy()
  ssm.destroy()
}

void main()
