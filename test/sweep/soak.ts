/**
 * `npm run soak -- [--json] [--rotations N] [--seed N]`: one world for weeks, with three registries and twenty instances
 * that pull all the time, while faults strike at random. Exit 1 when a pull fails, a promise is broken, or a credential
 * that nothing names lives at the end.
 */

import { parseArgs } from 'node:util'
import { randomFrom } from './explore.ts'
import { FAULTS, type Strikes } from './faults.ts'
import { LARGE } from './layout.ts'
import type { Violation } from './watch.ts'
import { SweepWorld } from './world.ts'

Error.stackTraceLimit = 0

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rotations: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
  },
})

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const PULL_EVERY = 10 * MINUTE
/** Of a hundred calls this many go wrong: about one in each rotation and its rollout. */
const FAULTY = 1

const began = performance.now()
const random = randomFrom(Number(values.seed))
let faults = 0
const strikes: Strikes = (_, sort) => {
  if (random() * 100 >= FAULTY) return null
  faults += 1
  const kinds = FAULTS[sort]
  return kinds[Math.floor(random() * kinds.length)] ?? null
}
const setup = { functions: true, attempts: 3, retryAfter: 5 * MINUTE, seed: Number(values.seed), tell: null }
const world = new SweepWorld({ ...setup, layout: LARGE, strikes })

let pulls = 0
let failedPulls = 0
const pullEverywhere = () => {
  for (const node of world.nodes) {
    for (const key of LARGE.managed) {
      pulls += 1
      if (!world.pulls(node, key)) failedPulls += 1
    }
  }
}
world.timeline.every(PULL_EVERY, pullEverywhere)

const rotations = Number(values.rotations)
const begin = world.timeline.now()
for (let rotation = 1; rotation <= rotations; rotation += 1) {
  world.timeline.advanceTo(begin + rotation * 4 * HOUR)
  // Now and then a workflow asks for the rotation before its time has come.
  if (random() < 0.2) void world.act()
  else world.rotateOnSchedule()
  await world.rest()
  pullEverywhere()
  if (rotation % 20 === 0)
    console.error(`${rotation} rotations, ${faults} faults, ${pulls} pulls, ${failedPulls} failed`)
}

world.disarm()
for (let clean = 1; clean <= 3; clean += 1) {
  world.timeline.advanceTo(world.timeline.now() + 4 * HOUR)
  world.rotateOnSchedule()
  await world.rest()
}
world.finish()

const isLeak = ({ promise }: Violation) => promise === 'leak'
const leaked = world.watch.violations.filter(isLeak).length
const broken = world.watch.violations.filter((violation) => !isLeak(violation))
for (const { promise, what } of broken) console.error(`broken ${promise}: ${what}`)
const seconds = Math.round((performance.now() - began) / 100) / 10
const result = { rotations, pulls, failedPulls, leaked, seconds }
if (!values.json)
  console.log(`${rotations} rotations: ${failedPulls} of ${pulls} pulls failed, ${leaked} credentials leaked`)
console.log(JSON.stringify(result))
process.exitCode = failedPulls === 0 && leaked === 0 && broken.length === 0 ? 0 : 1
