/** A whole world for the stories, in memory: Secrets Manager's label machine, a token source, a registry and a fleet. */

import type { AwsClient } from '../../src/aws/json-api.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import type { JobPorts } from '../../src/core/job.ts'
import type { Plan } from '../../src/core/plan.ts'
import type {
  Command,
  Fleet,
  Invocation,
  Journal,
  JsonValue,
  Millis,
  Proof,
  Provider,
  VersionId,
} from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { readStoredConfig, resolveImage } from '../../src/core/stored-config.ts'
import { SecretsManagerDouble } from '../aws/secrets-manager.ts'
import { World } from '../aws/world.ts'
import { type InProcessClient, inProcessClient } from '../doubles/in-process.ts'
import { noAutomation, noCluster, noIdentity, noObjects } from '../doubles/no-identity.ts'
import { type VirtualClock, virtualClock } from '../doubles/virtual-clock.ts'

export interface Token {
  readonly id: number
  readonly label: string
  readonly password: string
  readonly expiresAt: Millis
  revoked: boolean
}

export interface Node {
  readonly id: string
  /** What its agent has loaded. */
  text: string
  version: string
  /** Makes the next reload fail on this node. */
  broken: boolean
  /** Terminated while it was being waited for: Run Command gives it up, and Systems Manager does not know it any more. */
  gone: boolean
}

export interface TestWorld {
  readonly clock: VirtualClock
  readonly secrets: SecretsManagerDouble
  readonly client: InProcessClient
  readonly ports: JobPorts
  readonly plan: Plan
  readonly tokens: Token[]
  readonly nodes: Node[]
  readonly notes: string[]
  /** What the registry says instead of the truth. */
  proof: ((image: string) => Proof | null) | null
  /** What the token source throws instead of minting, before or after the token exists. */
  mintFault: (() => { after: boolean; error: Error } | null) | null
  revokeFault: (() => Error | null) | null
  current(): { version: VersionId; text: string }
  /** Whether the credential in a text pulls the probe. */
  pulls(text: string): boolean
}

export const SECRET = 'prod/ecs/agent-config'
export const PROBE = 'registry.acme.com/team/app:stable'
export const FIRST_VERSION = '00000000-0000-4000-8000-000000000001'
export const FIRST_TEXT = 'ECS_CLUSTER=prod\n# kept as it is\nECS_RESERVED_MEMORY=256\n'

export function startWorld(options: { ttl?: number; text?: string; nodes?: number } = {}): TestWorld {
  const clock = virtualClock()
  const double = new World({ clock, region: 'eu-west-1', account: '111122223333' })
  const secrets = new SecretsManagerDouble(double, {})
  const stored = secrets.create(SECRET, options.text ?? FIRST_TEXT, FIRST_VERSION)
  const client = inProcessClient(secrets.operations())
  const notes: string[] = []
  const tokens: Token[] = []
  const nodes = Array.from({ length: options.nodes ?? 3 }, (_, index): Node => {
    const text = options.text ?? FIRST_TEXT
    return { id: `i-${String(index).padStart(17, '0')}`, text, version: FIRST_VERSION, broken: false, gone: false }
  })
  const journal: Journal = {
    mask: () => undefined,
    phase: (title) => notes.push(title),
    info: (message) => notes.push(message),
    warn: (message) => notes.push(message),
  }
  const world: TestWorld = {
    clock,
    secrets,
    client,
    tokens,
    nodes,
    notes,
    proof: null,
    mintFault: null,
    revokeFault: null,
    plan: planFor(() => world, options.ttl ?? 6 * 3600),
    ports: {
      store: createSecretStore(client as unknown as AwsClient),
      fleet: fleetOf(() => world),
      cluster: noCluster,
      automation: noAutomation,
      http: { send: async () => ({ kind: 'unreachable', reason: 'no network in this test' }) },
      clock,
      journal,
      verify: async (image, { password }) => world.proof?.(image) ?? verdict(world, password.reveal()),
      providers: new Map(),
      readSecret: async () => new Secret(''),
      objects: noObjects,
      ...noIdentity,
    },
    current: () => {
      const version = stored.versions.holder('AWSCURRENT') as VersionId
      return { version, text: stored.text('AWSCURRENT') ?? '' }
    },
    pulls: (text) => {
      const { credential } = resolveImage(readStoredConfig(new Secret(text), 'test'), PROBE)
      return credential !== null && verdict(world, credential.password.reveal()).verdict === 'pull-ok'
    },
  }
  const providers = new Map(world.plan.registries.map(({ provider }) => [provider.kind, provider]))
  return Object.assign(world, { ports: { ...world.ports, providers } })
}

function isLive(world: TestWorld, token: Token): boolean {
  return !token.revoked && token.expiresAt > world.clock.now()
}

function verdict(world: TestWorld, password: string): Proof {
  const token = world.tokens.find((candidate) => candidate.password === password)
  const live = token !== undefined && isLive(world, token)
  return live ? { verdict: 'pull-ok', detail: 'pulled' } : { verdict: 'rejected', detail: 'login answered 401' }
}

export function liveTokens(world: TestWorld): readonly Token[] {
  return world.tokens.filter((token) => isLive(world, token))
}

function planFor(world: () => TestWorld, ttl: number): Plan {
  return {
    secret: SECRET,
    format: 'dockercfg',
    registries: [
      {
        key: 'registry.acme.com',
        provider: tokenSource(world),
        config: {},
        secrets: [],
        ttl,
        probe: PROBE,
        realm: null,
        proof: 'pull',
      },
    ],
    outputs: [],
    fleet: {
      targets: { 'tag:ecs-pull-auth': ['prod'] },
      document: 'ecs-pull-auth-reload',
      mode: 'auth-only',
      maxConcurrency: '50%',
      maxErrors: '0',
      timeout: 3600,
      jitter: 0,
      drain: 300,
      cluster: null,
      allowEmpty: false,
      canary: null,
      runbook: null,
      alarm: null,
    },
    rotation: null,
  }
}

/** Class create-delete: every mint is a token more, and each can be revoked by its id. */
function tokenSource(world: () => TestWorld): Provider {
  return {
    kind: 'source',
    summary: 'Tokens of this test.',
    traits: {
      rotation: 'create-delete',
      ttl: { min: null, max: null, default: 3600, granularity: 'second' },
      revoke: 'immediate',
      identity: ['none'],
      hosts: ['action', 'lambda', 'cli'],
      evidence: 'this test',
    },
    options: {},
    parse: () => ({}),
    mint: async (cx, _config, { label, ttl }) => {
      const fault = world().mintFault?.() ?? null
      if (fault?.after === false) throw fault.error
      const id = world().tokens.length + 1
      const issuedAt = cx.clock.now()
      const token: Token = {
        id,
        label,
        password: `token-${id}-of-this-test`,
        expiresAt: issuedAt + (ttl ?? 3600) * 1000,
        revoked: false,
      }
      world().tokens.push(token)
      if (fault !== null) throw fault.error
      return {
        username: 'puller',
        password: new Secret(token.password),
        issuedAt,
        expiresAt: token.expiresAt,
        handle: { id },
      }
    },
    find: async (_cx, _config, prefix) =>
      liveTokens(world())
        .filter(({ label }) => label.startsWith(prefix))
        .map(({ label, id }) => ({ label, handle: { id } })),
    revoke: async (_cx, handle: JsonValue) => {
      const fault = world().revokeFault?.() ?? null
      if (fault !== null) throw fault
      const token = world().tokens.find(({ id }) => id === (handle as { id: number }).id)
      if (token === undefined || !isLive(world(), token)) return 'already-gone'
      token.revoked = true
      return 'revoked'
    },
  }
}

/** Run Command as far as a story sees it: each node loads what is current when its turn comes. */
function fleetOf(world: () => TestWorld): Fleet {
  const commands: { command: Command; invocations: Invocation[] }[] = []
  return {
    document: async (name) => ({ name, version: '1', hash: 'a'.repeat(64), active: true }),
    send: async (order) => {
      const { clock } = world()
      const chosen = order.targets['InstanceIds']
      const nodes = world().nodes.filter(({ id }) => chosen?.includes(id) ?? true)
      const { version, text } = world().current()
      const now = clock.now()
      const invocations = nodes.map((node): Invocation => {
        const { id: instanceId, broken, gone } = node
        if (gone) return { instanceId, status: 'DeliveryTimedOut', output: '', finishedAt: null }
        const said = broken ? 'result=rolled-back version=- reason=unhealthy' : `result=applied version=${version}`
        if (!broken) Object.assign(node, { text, version })
        const output = `ecs-pull-auth ${said} agent=1.105.1 seconds=1`
        return { instanceId, status: broken ? 'Failed' : 'Success', output, finishedAt: now }
      })
      const count = (wanted: string) => invocations.filter(({ status }) => status === wanted).length
      const [errors, deliveryTimedOut] = [count('Failed'), count('DeliveryTimedOut')]
      const incomplete = deliveryTimedOut > 0 ? 'Incomplete' : 'Success'
      const status = nodes.length === 0 ? 'NoInstancesInTag' : errors > 0 ? 'Failed' : incomplete
      const id = `command-${commands.length + 1}`
      const { comment, document, parameters } = order
      const command: Command = {
        id,
        status,
        comment,
        document: document.name,
        parameters,
        targets: nodes.length,
        completed: nodes.length,
        errors,
        deliveryTimedOut,
        requestedAt: now,
        expiresAt: now + 3_600_000,
      }
      commands.unshift({ command, invocations })
      return id
    },
    recent: async (document) =>
      commands.map(({ command }) => command).filter((command) => command.document === document),
    command: async (id) => commands.find(({ command }) => command.id === id)?.command ?? null,
    invocations: async function* (id, status) {
      const found = commands.find(({ command }) => command.id === id)?.invocations ?? []
      yield* found.filter((invocation) => status === undefined || invocation.status === status)
    },
    targets: async function* (id) {
      for (const { instanceId } of commands.find(({ command }) => command.id === id)?.invocations ?? [])
        yield instanceId
    },
    connected: async (_targets, most) =>
      world()
        .nodes.map(({ id }) => id)
        .slice(0, most),
    known: async (ids) => new Set(ids.filter((id) => world().nodes.some((node) => node.id === id && !node.gone))),
    cancel: async () => undefined,
  }
}
