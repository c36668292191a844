/** `node test/bench/rollout.ts [--json]`, part of `npm run bench`: calls and peak memory of following one rollout, from one instance to 50,000. */

import { fork } from 'node:child_process'
import type { Millis } from '../../src/core/ports.ts'
import { startAws } from '../aws/server.ts'
import { applied } from '../core/fleet-world.ts'
import { CONTENT, kindOf, SCALE } from '../core/rollout-scale.ts'
import { SteppedClock } from './stepped-clock.ts'

interface Ended {
  readonly peak: number
  readonly targets: number
  readonly onVersion: number
  readonly stragglers: number
}

/** The promise of the issue, in MB. */
const MOST_MEMORY = 150
const MOST_CALLS = 60

async function measure(instances: number) {
  const clock = new SteppedClock()
  const begun = clock.now()
  const ids = Array.from({ length: instances }, (_, index) => `i-${index.toString(16).padStart(17, '0')}`)
  const aws = await startAws({
    clock,
    region: 'eu-west-1',
    instances: ids.map((id, index) => ({ id, tags: { 'ecs-pull-auth': 'prod' }, ...kindOf(index)?.seed })),
    runner: {
      run: async ({ instanceId }) => {
        await clock.sleep(30_000)
        return kindOf(Number.parseInt(instanceId.slice(2), 16))?.answer ?? applied
      },
    },
  })
  aws.ssm.publishDocument(SCALE.document, CONTENT)
  const ended = await follow(aws.endpoint, clock)
  const pages = aws.requests.filter(({ operation }) => operation === 'ListCommandInvocations').length
  const calls = aws.requests.length - pages
  const minutes = Math.round((clock.now() - begun) / 60_000)
  await aws.close()
  return { instances, minutes, calls, pages, ...ended }
}

function follow(endpoint: string, clock: SteppedClock): Promise<Ended> {
  const child = fork(new URL('rollout-follower.ts', import.meta.url), [endpoint])
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`The follower ended with ${code}.`)))
    child.on('message', (message: { sleep: Millis } | Ended) => {
      if ('peak' in message) return resolve(message)
      void clock.advance(message.sleep).then((now) => child.send({ now }))
    })
  })
}

const rows = []
for (const instances of [1, 100, 5_000, 50_000]) rows.push(await measure(instances))
if (process.argv.includes('--json')) console.log(JSON.stringify(rows))
else {
  console.table(
    rows.map(({ instances, minutes, calls, pages, peak, onVersion, stragglers }) => ({
      instances,
      'virtual minutes': minutes,
      calls,
      'problem pages': pages,
      'peak MB': peak,
      'on version': onVersion,
      stragglers,
    })),
  )
}
const bad = rows.filter(({ calls, peak }) => calls > MOST_CALLS || peak > MOST_MEMORY)
if (bad.length > 0) {
  console.error(
    `More than ${MOST_CALLS} calls or ${MOST_MEMORY} MB: ${bad.map(({ instances }) => instances).join(', ')} instances.`,
  )
  process.exitCode = 1
}
