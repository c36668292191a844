/** Three calls by our client, and nothing else of the Action in the bundle. */

import * as core from '@actions/core'
import { createClients } from '../../../src/aws/clients.ts'
import { threeCalls } from './three-calls-with.ts'

void threeCalls(createClients({ userAgent: [['bench', '1']], proxyEnv: process.env }), core.setOutput)
