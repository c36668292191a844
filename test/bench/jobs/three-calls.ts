/** Three calls by our client, in a bundle that holds the whole Action. */

import * as core from '@actions/core'
import { runAction } from '../../../src/action/run.ts'
import { createClients } from '../../../src/aws/clients.ts'
import { connect } from '../../../src/wiring.ts'
import { threeCalls } from './three-calls-with.ts'

connect(process.env)
if (core.getInput('never') !== '') void runAction({} as Parameters<typeof runAction>[0])
void threeCalls(createClients({ userAgent: [['bench', '1']], proxyEnv: process.env }), core.setOutput)
