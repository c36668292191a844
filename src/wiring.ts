/** The one place where adapters meet the core. */

import { setTimeout } from 'node:timers/promises'
import { createAutomation } from './aws/automation.ts'
import { caBundle } from './aws/ca-bundle.ts'
import { createClients } from './aws/clients.ts'
import { createCluster } from './aws/cluster.ts'
import { createFleet } from './aws/fleet.ts'
import { createInspector } from './aws/inspector.ts'
import { createObjectStore } from './aws/object-store.ts'
import { readParameter } from './aws/parameter.ts'
import { createSecretStore } from './aws/secret-store.ts'
import { createAwsSigner } from './aws/sign.ts'
import type { Inspector } from './core/doctor-ports.ts'
import { PullAuthError } from './core/errors.ts'
import type { JobPorts } from './core/job.ts'
import type {
  Automation,
  Clock,
  Cluster,
  Fleet,
  Http,
  Journal,
  Millis,
  ObjectStore,
  ProviderContext,
  PullVerifier,
  SecretStore,
} from './core/ports.ts'
import type { Secret } from './core/secret.ts'
import { createHttp } from './http.ts'
import { createIdentity } from './identity.ts'
import { PROVIDERS } from './registries/table.ts'
import { createPullVerifier } from './registries/verify.ts'
import { VERSION } from './version.ts'

/** Names a credential that came with this run and is stored nowhere; no secret name can begin with it. */
export const GIVEN = 'input:'

type Environment = Readonly<Record<string, string | undefined>>

/** Clients and connections: made once per process. */
export interface Adapters extends Pick<ProviderContext, 'identityToken' | 'signAws'> {
  readonly store: SecretStore
  readonly objects: ObjectStore
  readonly fleet: Fleet
  readonly automation: Automation
  readonly cluster: Cluster
  readonly http: Http
  readonly verify: PullVerifier
  /** An SSM parameter's text. */
  readParameter(name: string): Promise<string>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, signal === undefined ? {} : { signal })
  },
}

export function connect(env: Environment, region?: string): Adapters {
  const userAgent = userAgentOf(env)
  const ca = caBundle(env)
  const clients = createClients({ userAgent, proxyEnv: env, ca, ...(region === undefined ? {} : { region }) })
  const http = createHttp({ proxyEnv: env, ca, userAgent: userAgent.map((pair) => pair.join('/')).join(' ') })
  const signAws = createAwsSigner(clients.ssm, env)
  const objects = createObjectStore({ http, signAws })
  return {
    objects,
    signAws,
    identityToken: createIdentity({ http, env, signAws }),
    store: createSecretStore(clients.secrets),
    fleet: createFleet(clients.ssm),
    automation: createAutomation(clients.ssm),
    cluster: createCluster({ http, clock: systemClock, signAws }),
    http,
    verify: createPullVerifier(http, systemClock),
    readParameter: (name) => readParameter(clients.ssm, name),
  }
}

/** What `doctor` asks with; apart, because nothing else needs it. */
export function connectInspector(env: Environment, region?: string): Inspector {
  const userAgent = userAgentOf(env)
  const ca = caBundle(env)
  const clients = createClients({ userAgent, proxyEnv: env, ca, ...(region === undefined ? {} : { region }) })
  const http = createHttp({ proxyEnv: env, ca, userAgent: userAgent.map((pair) => pair.join('/')).join(' ') })
  return createInspector({ clients, http, signAws: createAwsSigner(clients.ssm, env) })
}

/** The core's ports for one run. `given`: credentials that came with this run, by their GIVEN name. */
export function wire(adapters: Adapters, journal: Journal, given?: ReadonlyMap<string, Secret>): JobPorts {
  const { store, objects, fleet, automation, cluster, http, verify, identityToken, signAws } = adapters
  const readKept = secretReader(store, systemClock)
  return {
    store,
    objects,
    fleet,
    automation,
    cluster,
    http,
    verify,
    identityToken,
    signAws,
    journal,
    clock: systemClock,
    providers: PROVIDERS,
    readSecret: (name) => (name.startsWith(GIVEN) ? readGiven(name, given) : readKept(name)),
  }
}

async function readGiven(name: string, given?: ReadonlyMap<string, Secret>): Promise<Secret> {
  const credential = given?.get(name)
  if (credential !== undefined) return credential
  throw new PullAuthError(
    'CREDENTIAL_INVALID',
    `No credential ${name} came with this run.`,
    'Pass username and password.',
  )
}

/** Long enough for one mint with its searches, short enough that a root that is exchanged meanwhile is noticed. */
const KEEP_SECRET: Millis = 60_000

/** Credential secrets, each asked for once a minute: one rotation of many registries may share one root. */
export function secretReader(store: SecretStore, clock: Clock): (name: string) => Promise<Secret> {
  const kept = new Map<string, { readonly until: Millis; readonly text: Promise<Secret> }>()
  return (name) => {
    const known = kept.get(name)
    if (known !== undefined && clock.now() < known.until) return known.text
    const text = store.read(name, { label: 'AWSCURRENT' }).then((version) => version.text)
    kept.set(name, { until: clock.now() + KEEP_SECRET, text })
    text.catch(() => kept.delete(name))
    return text
  }
}

/** CloudTrail shows which tool and which workflow run made a call. */
function userAgentOf(env: Environment): [string, string][] {
  const agent: [string, string][] = [['ecs-pull-auth', VERSION]]
  const run = env['GITHUB_RUN_ID']
  if (run !== undefined && /^[0-9]{1,20}$/.test(run)) agent.push(['md/run-id', run])
  return agent
}
