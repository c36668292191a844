/** The demo's world on loopback: Secrets Manager, Run Command, a GitLab, its registry, three instances in a folder. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import reloadDocument from '../../../deploy/document.json' with { type: 'json' }
import { type AwsDouble, startAws } from '../../../test/aws/server.ts'
import { type GitlabDouble, startGitlab } from '../../../test/doubles/gitlab.ts'
import { type Instance, runnerOn, startInstance } from '../../../test/doubles/instance.ts'
import { noAutomation, noCluster, noIdentity, noObjects } from '../../../test/doubles/no-identity.ts'
import { type RegistryDouble, startRegistry } from '../../../test/doubles/registry.ts'
import { createTokenStore } from '../../../test/doubles/tokens.ts'
import { createClients } from '../../aws/clients.ts'
import { createFleet } from '../../aws/fleet.ts'
import { createSecretStore } from '../../aws/secret-store.ts'
import type { JobPorts } from '../../core/job.ts'
import { mintLabel } from '../../core/mint-label.ts'
import { type Plan, readPlan } from '../../core/plan.ts'
import type { Journal, Millis } from '../../core/ports.ts'
import { nextState, providerContext } from '../../core/rotation.ts'
import { Secret } from '../../core/secret.ts'
import { mergeEntries, readStoredConfig } from '../../core/stored-config.ts'
import { randomVersionId } from '../../core/version-id.ts'
import { createHttp } from '../../http.ts'
import { PROVIDERS } from '../../registries/table.ts'
import { createPullVerifier } from '../../registries/verify.ts'
import { VERSION } from '../../version.ts'
import { systemClock, wire } from '../../wiring.ts'

export interface Stage {
  readonly plan: Plan
  readonly ports: JobPorts
  readonly aws: AwsDouble
  readonly gitlab: GitlabDouble
  readonly registry: RegistryDouble
  readonly instances: readonly Instance[]
  readonly folder: string
  close(): Promise<void>
}

export const SECRET = 'demo/ecs/agent-config'
const ROOT_SECRET = 'demo/gitlab/root'
const REGION = 'eu-central-1'
const REPOSITORY = 'acme/app'
/** Signs requests to the doubles; it opens nothing. */
const CALLER = { accessKeyId: 'AKIAECSPULLAUTHDEMO0', secretAccessKey: 'not-a-secret-of-anybody' }

/** What a person would have written before the tool came. */
const CONFIG = `# made by the platform team
ECS_CLUSTER=demo
ECS_RESERVED_MEMORY=256
ECS_IMAGE_PULL_BEHAVIOR=always
ECS_ENGINE_AUTH_TYPE=dockercfg
ECS_ENGINE_AUTH_DATA={"mirror.acme.example":{"auth":"bWlycm9yOmtlcHQtYXMtaXQtaXM="}}
`

/** Everything listens on loopback ports that the system picks; nothing outside is ever asked. */
export async function setStage(journal: Journal, stopped: AbortSignal): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-demo-'))
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const closer of closers.reverse()) await closer().catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const stage = await build(journal, stopped, folder, closers)
    return { ...stage, folder, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function build(
  journal: Journal,
  stopped: AbortSignal,
  folder: string,
  closers: (() => Promise<void>)[],
): Promise<Omit<Stage, 'folder' | 'close'>> {
  const tokens = createTokenStore()
  const root = `glpat-${randomVersionId()}`
  const registry = await startRegistry({ tokens, images: [`${REPOSITORY}:stable`, 'acme/vault:stable'] })
  closers.push(() => registry.close())
  const access = [{ token: root, scopes: ['api' as const], sees: ['acme'], manages: ['acme'] }]
  const gitlab = await startGitlab({ tokens, access })
  closers.push(() => gitlab.close())

  const ids = ['i-0a11c0ffee0000001', 'i-0a11c0ffee0000002', 'i-0a11c0ffee0000003']
  const instances: Instance[] = []
  const aws = await startAws({
    clock: systemClock,
    region: REGION,
    account: '111122223333',
    instances: ids.map((id) => ({ id, tags: { 'ecs-pull-auth': 'demo' } })),
    runner: { run: (job) => runnerOn(instances).run(job) },
  })
  closers.push(() => aws.close())
  aws.ssm.publishDocument('ecs-pull-auth-reload', JSON.stringify(reloadDocument))
  aws.secrets.create(ROOT_SECRET, root)

  const plan = readPlan(planFor(registry.host, gitlab.url, REPOSITORY), 'of the demo', PROVIDERS)
  const ports = connectTo(aws, journal, stopped)
  const { text, version } = await firstConfig(ports, plan)
  aws.secrets.create(SECRET, text, version)
  for (const id of ids) {
    const instance = await startInstance({
      id,
      folder: join(folder, id),
      secretsEndpoint: aws.endpoint,
      credentials: {
        accessKeyId: CALLER.accessKeyId,
        secretAccessKey: new Secret(CALLER.secretAccessKey),
        sessionToken: new Secret('session-token-of-the-demo'),
      },
      config: text,
    })
    instances.push(instance)
    closers.push(() => instance.close())
  }
  return { plan, ports, aws, gitlab, registry, instances }
}

/** The plan as a user would write it. */
export function planFor(host: string, gitlabUrl: string, repository: string): unknown {
  return {
    version: 1,
    secret: SECRET,
    registries: {
      [host]: {
        provider: 'gitlab',
        url: gitlabUrl,
        group: 'acme',
        root: ROOT_SECRET,
        ttl: '12h',
        probe: `${host}/${repository}:stable`,
      },
    },
    fleet: { targets: { 'tag:ecs-pull-auth': ['demo'] }, maxConcurrency: '2', jitter: '1s', drain: '0s' },
  }
}

function connectTo(aws: AwsDouble, journal: Journal, stopped: AbortSignal): JobPorts {
  const clients = createClients({
    region: REGION,
    userAgent: [['ecs-pull-auth', VERSION]],
    only: { endpoint: aws.endpoint, ...CALLER },
  })
  const http = createHttp({ userAgent: `ecs-pull-auth/${VERSION}` })
  const adapters = {
    store: createSecretStore(clients.secrets),
    fleet: createFleet(clients.ssm),
    http,
    verify: createPullVerifier(http, systemClock),
    readParameter: async () => '',
    objects: noObjects,
    cluster: noCluster,
    automation: noAutomation,
    ...noIdentity,
  }
  // The doubles are gone after Ctrl-C, and a rollout would go on asking for them until its time is over.
  const clock = { ...systemClock, sleep: (ms: Millis) => systemClock.sleep(ms, stopped) }
  return { ...wire(adapters, journal), clock }
}

/** The stored config as an earlier rotation left it, with a credential that the instances already pull with. */
async function firstConfig(ports: JobPorts, plan: Plan): Promise<{ text: string; version: string }> {
  const version = randomVersionId()
  const config = readStoredConfig(new Secret(CONFIG), SECRET)
  const minted = await Promise.all(
    plan.registries.map(async (registry) => {
      const label = mintLabel(SECRET, version, ports.clock.now())
      return {
        registry,
        credential: await registry.provider.mint(providerContext(ports), registry.config, {
          label,
          ttl: registry.ttl,
          inUse: [],
        }),
      }
    }),
  )
  const entries = minted.map(({ registry, credential }) => ({ registry: registry.key, ...credential }))
  const state = nextState(null, plan, minted, ports.clock.now())
  return { text: mergeEntries(config, entries, { format: plan.format, state, name: SECRET }).text.reveal(), version }
}
