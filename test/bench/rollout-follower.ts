/** Follows one rollout as the CLI does, over HTTP, in a process of its own; its parent has the double and the time. */

import { createAutomation } from '../../src/aws/automation.ts'
import { createClients } from '../../src/aws/clients.ts'
import { createFleet } from '../../src/aws/fleet.ts'
import type { Clock, Millis } from '../../src/core/ports.ts'
import { rollOut } from '../../src/core/rollout.ts'
import { DESCRIBED, VERSION, WANTED } from '../core/fleet-world.ts'
import { SCALE } from '../core/rollout-scale.ts'
import { noCluster } from '../doubles/no-identity.ts'

interface Told {
  readonly now: Millis
}

let now: Millis = Date.UTC(2026, 10, 24)

/** Asks the parent to let the time pass. */
const clock: Clock = {
  now: () => now,
  sleep: async (ms) => {
    const answer = new Promise<Told>((resolve) => process.once('message', (message) => resolve(message as Told)))
    process.send?.({ sleep: ms })
    now = (await answer).now
  },
}

const { ssm } = createClients({
  region: 'eu-west-1',
  userAgent: [['bench', '1']],
  only: { endpoint: process.argv[2] ?? '', accessKeyId: 'AKIABENCH', secretAccessKey: 'bench' },
})
const silent = () => undefined
const report = await rollOut(
  {
    fleet: createFleet(ssm),
    automation: createAutomation(ssm),
    store: { describe: async () => ({ ...DESCRIBED, versions: new Map([[VERSION, ['AWSCURRENT']]]) }) },
    cluster: noCluster,
    clock,
    journal: { mask: silent, phase: silent, info: silent, warn: silent },
  },
  SCALE,
  WANTED,
  { again: true },
)
const peak = Math.round(process.resourceUsage().maxRSS / 1024)
process.send?.({ peak, targets: report?.targets, onVersion: report?.onVersion, stragglers: report?.stragglers.length })
process.disconnect()
