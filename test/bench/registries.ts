/**
 * Mints and proves many registries of one plan, against one of them alone: everything that can be asked at once must be, so
 * that the time is that of the slowest, and memory must not grow with the plan. Prints; a test never asserts a time.
 */

import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import type { AwsClient } from '../../src/aws/json-api.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { readPlan } from '../../src/core/plan.ts'
import type { Journal, VersionId } from '../../src/core/ports.ts'
import { type RotationPorts, rotateDirectly } from '../../src/core/rotation.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { systemClock } from '../../src/wiring.ts'
import { SecretsManagerDouble } from '../aws/secrets-manager.ts'
import { World } from '../aws/world.ts'
import { inProcessClient } from '../doubles/in-process.ts'
import { noIdentity, noObjects } from '../doubles/no-identity.ts'

interface Slow {
  readonly gitlab: string
  readonly hosts: readonly string[]
}

const SECRET = 'bench/agent-config'
const quiet: Journal = { mask() {}, phase() {}, info() {}, warn() {} }

/** Milliseconds of one whole rotation over these registries: minted, merged, proven, promoted. */
async function rotation({ gitlab }: Slow, hosts: readonly string[]): Promise<number> {
  const world = new World({ clock: systemClock, region: 'eu-west-1', account: '111122223333' })
  const secrets = new SecretsManagerDouble(world, {})
  secrets.create(SECRET, 'ECS_CLUSTER=prod\n', crypto.randomUUID())
  const http = createHttp()
  const entries = hosts.map((host) => {
    const entry = {
      provider: 'gitlab',
      url: gitlab,
      group: 'acme',
      root: 'root',
      ttl: '6h',
      probe: `${host}/acme/app:stable`,
    }
    return [host, entry] as const
  })
  const plan = readPlan(
    { version: 1, secret: SECRET, registries: Object.fromEntries(entries) },
    'of the bench',
    PROVIDERS,
  )
  const ports: RotationPorts = {
    store: createSecretStore(inProcessClient(secrets.operations()) as unknown as AwsClient),
    http,
    clock: systemClock,
    journal: quiet,
    verify: createPullVerifier(http, systemClock),
    providers: PROVIDERS,
    readSecret: async () => new Secret('root-of-the-bench'),
    objects: noObjects,
    ...noIdentity,
  }
  const start = performance.now()
  const { registries } = await rotateDirectly(ports, plan, crypto.randomUUID() as VersionId)
  const time = performance.now() - start
  if (registries.length !== hosts.length) throw new Error(`only ${registries.length} registries were proven`)
  return time
}

/** MB. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS / 1024
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    registries: { type: 'string', default: '50' },
    delay: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
  },
})
const child = fork(new URL('slow-registries.ts', import.meta.url), [values.registries, values.delay])
const slow = await new Promise<Slow>((told, failed) => {
  child.once('message', (message) => told(message as Slow))
  child.once('exit', () => failed(new Error('the slow registries ended')))
})
await rotation(slow, slow.hosts.slice(0, 1)) // everything is compiled now
const peakWithOne = peakMemory()
const rounds = Number(values.rounds)
const singles: number[] = []
const wholes: number[] = []
for (let round = 0; round < rounds; round++) {
  for (const host of slow.hosts.slice(0, 3)) singles.push(await rotation(slow, [host]))
  wholes.push(await rotation(slow, slow.hosts))
}
child.kill()
const [single, whole] = [Math.max(...singles), median(wholes)]
const peak = peakMemory()
const result = {
  registries: slow.hosts.length,
  delay: Number(values.delay),
  rounds,
  single,
  whole,
  ratio: whole / single,
  peakWithOne,
  peak,
}
if (values.json) console.log(JSON.stringify({ node: process.version, ...result }))
else {
  console.log(`Node ${process.version}, every answer takes ${result.delay} ms, ${rounds} rounds`)
  console.log(`slowest single registry  ${single.toFixed(0)} ms`)
  console.log(`${result.registries} registries at once    ${whole.toFixed(0)} ms (median)`)
  console.log(`ratio                    ${result.ratio.toFixed(2)}× (goal: at most 1.50×)`)
  console.log(
    `peak memory              ${peak.toFixed(0)} MB (goal: under 150 MB; ${peakWithOne.toFixed(0)} MB with one registry)`,
  )
}
