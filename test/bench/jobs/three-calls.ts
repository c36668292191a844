/** Three calls by our client, in a bundle that holds the whole Action. */

import * as core from '@actions/core'
import { runAction } from '../../../src/action/run.ts'
import { createClients } from '../../../src/aws/clients.ts'
import { GetSecretValueCommand, PutSecretValueCommand } from '../../../src/aws/secrets-manager-api.ts'
import { SendCommandCommand } from '../../../src/aws/ssm-api.ts'
import { connect } from '../../../src/wiring.ts'
import { PUT, SECRET, SEND } from './order.ts'

connect(process.env)
if (core.getInput('never') !== '') void runAction({} as Parameters<typeof runAction>[0])
const { secrets, ssm } = createClients({ userAgent: [['bench', '1']], proxyEnv: process.env })

async function main(): Promise<void> {
  await secrets.send(new GetSecretValueCommand({ SecretId: SECRET }))
  await secrets.send(new PutSecretValueCommand(PUT))
  await ssm.send(new SendCommandCommand(SEND))
  core.setOutput('done', true)
  secrets.destroy()
  process.exitCode = 0
}

void main()
