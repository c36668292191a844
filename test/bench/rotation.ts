/**
 * A clean rotation, step by step: every request that it makes, and which of them wait for one another. Everything is what
 * ships but the network (round-trips.ts). It is the third one of its secret: from then on there are earlier tokens to forget.
 */

import { createRotateHandler } from '../../lambda/rotate-handler.ts'
import { createFleet } from '../../src/aws/fleet.ts'
import type { AwsClient } from '../../src/aws/json-api.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import type { JobPorts } from '../../src/core/job.ts'
import { type Plan, readPlan } from '../../src/core/plan.ts'
import type { Http, Journal, VersionId } from '../../src/core/ports.ts'
import { rotateDirectly } from '../../src/core/rotation.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { secretReader } from '../../src/wiring.ts'
import { SecretsManagerDouble } from '../aws/secrets-manager.ts'
import type { RotationEvent } from '../aws/stored-secret.ts'
import { World } from '../aws/world.ts'
import { createGitlab } from '../doubles/gitlab.ts'
import { inProcessClient } from '../doubles/in-process.ts'
import { noAutomation, noCluster, noIdentity, noObjects } from '../doubles/no-identity.ts'
import { asHeard, asPlain } from '../doubles/plain-http.ts'
import { createRegistry } from '../doubles/registry.ts'
import { RoundTrips } from '../doubles/round-trips.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'

export interface Step {
  readonly step: string
  /** The requests of each round trip: AWS operations, or method and what is asked of a source or registry. */
  readonly trips: readonly (readonly string[])[]
}

const SECRET = 'bench/agent-config'
const ROOT = 'bench/gitlab/root'
const TOKEN = 'root-of-the-bench'
const GITLAB = '127.0.0.1:8080'
const MOST_ENTRIES = 50
const FUNCTION = 'arn:aws:lambda:eu-west-1:111122223333:function:ecs-pull-auth-rotate'

/** An AWS operation has no space in its name. */
export function awsCalls({ trips }: Step): readonly string[] {
  return trips.flat().filter((request) => !request.includes(' '))
}

/** By Secrets Manager and the function. `entries`: registries, whose tokens one GitLab makes. */
export async function rotationByTheFunction(entries: number): Promise<readonly Step[]> {
  const steps: Step[] = []
  const handle = async (event: RotationEvent) => {
    const from = network.trips.length
    await handler(event, { getRemainingTimeInMillis: () => 60_000 })
    steps.push({ step: event.Step, trips: network.trips.slice(from) })
    return {}
  }
  const { network, clock, plan, ports, secrets, idle } = startBench(entries, handle)
  const handler = createRotateHandler({ clock, plan: async () => plan, wire: ports, log: () => undefined })
  secrets.configureRotation(SECRET, FUNCTION)
  for (const version of [1, 2, 3].map(versionOf)) {
    steps.length = 0
    const asked = { SecretId: SECRET, ClientRequestToken: version }
    await secrets.operations()['RotateSecret']?.run(asked, { stale: false, caller: 'the schedule' })
    await idle()
    if (secrets.secret(SECRET).versions.holder('AWSCURRENT') !== version) throw new Error(`${version} is not current`)
  }
  return steps
}

/** By the Action or the CLI, for a secret without a function. Its parts are what it tells to be under way. */
export async function rotationByItself(entries: number): Promise<readonly Step[]> {
  const { network, plan, ports } = startBench(entries)
  const steps: { step: string; from: number }[] = []
  const journal = { ...SILENT, phase: (step: string) => steps.push({ step, from: network.trips.length }) }
  for (const version of [1, 2, 3].map(versionOf)) {
    steps.length = 0
    journal.phase('Look')
    const { changed } = await rotateDirectly(ports(journal), plan, version)
    if (!changed) throw new Error(`${version} is not current`)
  }
  return steps.map(({ step, from }, at) => ({ step, trips: network.trips.slice(from, steps[at + 1]?.from) }))
}

const SILENT: Journal = { mask: () => undefined, phase: () => undefined, info: () => undefined, warn: () => undefined }

function versionOf(number: number): VersionId {
  return `00000000-0000-4000-8000-00000000000${number}` as VersionId
}

type InvokeLambda = (event: RotationEvent) => Promise<object>

function startBench(entries: number, handle: InvokeLambda = async () => ({})) {
  const clock = virtualClock()
  const world = new World({ clock, region: 'eu-west-1', account: '111122223333' })
  const secrets = new SecretsManagerDouble(world, { invokeLambda: (_, event) => handle(event) })
  secrets.create(SECRET, 'ECS_CLUSTER=prod\n')
  secrets.create(ROOT, TOKEN)
  const network = new RoundTrips()
  const aws = inProcessClient(secrets.operations())
  const client = {
    send: (command: { readonly input: object }) =>
      network.make(command.constructor.name.replace(/Command$/, ''), () => aws.send(command)),
  }
  const store = createSecretStore(client as unknown as AwsClient)
  const http = registriesAndSource(network, clock.now)
  const ports = (journal: Journal): JobPorts => ({
    store,
    http,
    clock,
    journal,
    verify: createPullVerifier(http, clock),
    providers: PROVIDERS,
    readSecret: secretReader(store, clock),
    objects: noObjects,
    cluster: noCluster,
    automation: noAutomation,
    fleet: createFleet(client as unknown as AwsClient),
    ...noIdentity,
  })
  return { clock, secrets, network, plan: planFor(entries), ports, idle: () => world.idle() }
}

/** Every host is a registry of the same tokens, but the one that makes them. */
function registriesAndSource(network: RoundTrips, now: () => number): Http {
  const groups = Object.fromEntries(Array.from({ length: MOST_ENTRIES }, (_, at) => [at + 1, groupOf(at)]))
  const all = Object.values(groups)
  const gitlab = createGitlab({ access: [{ token: TOKEN, scopes: ['api'], sees: all, manages: all }], groups, now })
  const registry = createRegistry({ tokens: gitlab.tokens, images: all.map((group) => `${group}/app:stable`), now })
  return {
    send: (request) => {
      const asked = asPlain(request)
      const source = asked.headers['host'] === GITLAB
      const what = source ? 'GitLab' : asked.path.startsWith('/token') ? 'token' : 'manifest'
      return network.make(`${asked.method} ${what}`, () => asHeard((source ? gitlab : registry).answer(asked)))
    },
  }
}

/** Each entry has a group of its own, so that no list of tokens is long. */
function groupOf(at: number): string {
  return `group-${at}`
}

function planFor(entries: number): Plan {
  const source = { provider: 'gitlab', url: `http://${GITLAB}`, root: ROOT, ttl: '6h' }
  const registries = Array.from({ length: entries }, (_, at) => {
    const key = `127.0.0.1:${5_000 + at}`
    return [key, { ...source, group: groupOf(at), probe: `${key}/${groupOf(at)}/app:stable` }] as const
  })
  const plan = { version: 1, secret: SECRET, registries: Object.fromEntries(registries) }
  return readPlan(plan, 'of the bench', PROVIDERS)
}
