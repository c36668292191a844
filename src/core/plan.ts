/** What the user asks for: one schema for all shells, validated in one place (design section 3). */

import { MARGIN, refuseUnsafe } from './cadence.ts'
import { PullAuthError } from './errors.ts'
import { type Fields, isObject, join, nearest, objectAt, readFields, refuseUnknown, tableSchema } from './fields.ts'
import { type ImageReference, parseImage } from './image.ts'
import { outputsSchema, type PlannedOutput, readOutputs } from './plan-outputs.ts'
import {
  type Canary,
  canarySchema,
  type Runbook,
  readCanary,
  readRunbook,
  readTargets,
  rolloutSeconds,
  runbookSchema,
  targetsSchema,
} from './plan-rollout.ts'
import type { FieldProblem, FieldTable, JsonValue, Provider, RotationClass, Targets } from './ports.ts'
import { readSchedule, type Schedule } from './schedule.ts'
import type { AuthFormat } from './stored-config.ts'

export interface Plan {
  /** Name or ARN of the stored config. */
  readonly secret: string
  readonly format: AuthFormat
  readonly registries: readonly PlannedRegistry[]
  /** null: the plan only rotates. */
  readonly fleet: FleetPlan | null
  readonly outputs: readonly PlannedOutput[]
  /** null: who asks for rotations, and when, is not the plan's business. */
  readonly rotation: Schedule | null
}

export interface PlannedRegistry {
  /** The registry key, as the plan spells it. */
  readonly key: string
  readonly provider: Provider
  readonly config: unknown
  /** Names of the secrets that the provider reads. */
  readonly secrets: readonly string[]
  /** Seconds asked of the provider; null = its default. */
  readonly ttl: number | null
  readonly probe: string
  /** `login-only` accepts a public probe: then the login is the proof. */
  readonly proof: 'pull' | 'login-only'
  /** `HOST` or `HOST:PORT` of a token realm of another site; null = none. */
  readonly realm: string | null
}

export interface FleetPlan {
  readonly targets: Targets
  /** null = nobody is reloaded before the others. */
  readonly canary: Canary | null
  /** null = Run Command is sent directly. */
  readonly runbook: Runbook | null
  /** Name of a CloudWatch alarm that stops the rollout; null = none. */
  readonly alarm: string | null
  /** Name or ARN of the ECS cluster whose container instances must all be targets; null = nobody compares. */
  readonly cluster: string | null
  /** A rollout that matches nobody is no failure. */
  readonly allowEmpty: boolean
  readonly document: string
  readonly mode: 'auth-only' | 'replace'
  readonly maxConcurrency: string
  readonly maxErrors: string
  /** Seconds that an instance may take to start, from the moment the rollout is sent. */
  readonly timeout: number
  /** Seconds over which restarts are spread on each wave. */
  readonly jitter: number
  /** Seconds that old credentials stay alive after the rollout has ended. */
  readonly drain: number
}

export type ProviderTable = ReadonlyMap<string, Provider>

const PLAN_NAMES = ['version', 'secret', 'format', 'registries', 'fleet', 'rotation', 'outputs']

const PLAN_FIELDS: FieldTable = {
  secret: { kind: 'secret', required: true, description: 'The stored config.', example: 'prod/ecs/agent-config' },
  format: {
    kind: 'choice',
    choices: ['dockercfg', 'docker'],
    description: 'ECS_ENGINE_AUTH_TYPE to write. Default dockercfg, which every reader of the file reads alike.',
  },
}

const REGISTRY_FIELDS: FieldTable = {
  provider: { kind: 'string', required: true, description: 'Where the credential comes from.', example: 'gitlab' },
  ttl: { kind: 'duration', description: 'Life to ask for. Default: the provider’s.', example: '6h' },
  probe: {
    kind: 'string',
    required: true,
    description: 'An image that the credential must be able to pull.',
    example: 'ghcr.io/acme/app:stable',
  },
  proof: {
    kind: 'choice',
    choices: ['pull', 'login-only'],
    description: 'What proves a credential. Default pull; login-only accepts a probe that anybody can pull.',
  },
  realm: {
    kind: 'string',
    description:
      'Host of the token server, where it is another site than the registry: the credential is sent there to prove it.',
    example: 'login.acme.net',
  },
  allowDowntime: {
    kind: 'boolean',
    description:
      'Accept a source that kills the old credential as it makes the new one: nothing pulls until the reload.',
  },
  allowSelfRotation: {
    kind: 'boolean',
    description: 'Accept a source whose root replaces itself: a lost answer locks everybody out.',
  },
}

const FLEET_FIELDS: FieldTable = {
  cluster: {
    kind: 'string',
    description: 'Name or ARN of the ECS cluster whose container instances must all run the version.',
    example: 'prod',
  },
  allowEmpty: {
    kind: 'boolean',
    description: 'Accept a rollout that matches no instance, as of a fleet that is scaled to zero. Default false.',
  },
  alarm: {
    kind: 'string',
    description: 'Name of a CloudWatch alarm that stops a rollout.',
    example: 'prod-pull-errors',
  },
  document: { kind: 'string', description: 'Name of the SSM Command document. Default ecs-pull-auth-reload.' },
  mode: {
    kind: 'choice',
    choices: ['auth-only', 'replace'],
    description: 'Replace only the two auth lines of /etc/ecs/ecs.config (default), or the whole file.',
  },
  maxConcurrency: {
    kind: 'string',
    description: 'Instances at a time, as a number or 1-100 %. Default 10%.',
    example: '10%',
  },
  maxErrors: { kind: 'string', description: 'Failures after which no more instances start. Default 0.', example: '5%' },
  timeout: {
    kind: 'duration',
    description: 'How long the whole rollout may take, offline instances included, from 30s to 30d. Default 1h.',
  },
  jitter: {
    kind: 'duration',
    zero: true,
    description: 'Spread of the restarts within a wave, at most 15m; 0s for none. Default 30s.',
  },
  drain: {
    kind: 'duration',
    zero: true,
    description:
      'How long old credentials stay alive after the rollout has ended, at most 1d; 0s for not at all. Default 5m.',
  },
}

const ROTATION_FIELDS: FieldTable = {
  schedule: {
    kind: 'string',
    required: true,
    description:
      'When to rotate: rate or cron as Secrets Manager takes it, every 4 hours at most; or a faster rate for EventBridge Scheduler, every 15 minutes at most.',
    example: 'rate(4 hours)',
  },
  window: {
    kind: 'duration',
    description:
      'Rotation window of Secrets Manager in hours. Default 1h for a schedule in hours, to the end of the UTC day for one in days.',
    example: '1h',
  },
}

/**
 * A parsed YAML or JSON value as a plan. Throws PLAN_INVALID with every problem by field, or CADENCE_UNSAFE. `origin` is what messages call it: a file, a parameter, "the inputs".
 */
export function readPlan(value: unknown, origin: string, providers: ProviderTable): Plan {
  const plan = readUnjudgedPlan(value, origin, providers)
  refuseUnsafe(plan, origin)
  return plan
}

/** Without a judgement of its schedule: for those who show what is wrong with it. */
export function readUnjudgedPlan(value: unknown, origin: string, providers: ProviderTable): Plan {
  const problems: FieldProblem[] = []
  const raw = objectAt(value, '', problems)
  const plan = isObject(value) ? readParts(raw, providers, problems) : null
  if (plan === null || problems.length > 0) throw invalid(origin, problems)
  return plan
}

function readParts(raw: Fields, providers: ProviderTable, problems: FieldProblem[]): Plan {
  refuseUnknown(raw, PLAN_NAMES, '', problems)
  if (raw['version'] !== 1) problems.push({ field: 'version', problem: 'must be 1' })
  const { secret, format } = raw
  const head = readFields(PLAN_FIELDS, defined({ secret, format }), '', problems)
  return {
    secret: String(head['secret'] ?? ''),
    format: (head['format'] ?? 'dockercfg') as AuthFormat,
    registries: readRegistries(raw['registries'], providers, problems),
    fleet: raw['fleet'] === undefined ? null : readFleet(raw['fleet'], problems),
    outputs: readOutputs(raw['outputs'], Object.keys(isObject(raw['registries']) ? raw['registries'] : {}), problems),
    rotation: raw['rotation'] === undefined ? null : readRotation(raw['rotation'], problems),
  }
}

function readRegistries(
  value: unknown,
  providers: ProviderTable,
  problems: FieldProblem[],
): readonly PlannedRegistry[] {
  const entries = Object.entries(objectAt(value, 'registries', problems))
  if (value !== undefined && entries.length === 0) {
    problems.push({ field: 'registries', problem: 'must name at least one registry key' })
  }
  const planned = entries.map(([key, entry]) => readRegistry(key, entry, providers, problems))
  const seen = new Map<string, string>()
  for (const [key] of entries) {
    const normal = key.replace(/^https?:\/\//, '').replace(/\/$/, '')
    const twin = seen.get(normal)
    if (twin !== undefined)
      problems.push({ field: join('registries', key), problem: `is the same registry as ${twin}` })
    seen.set(normal, key)
  }
  return planned.filter((entry) => entry !== null)
}

function readRegistry(
  key: string,
  value: unknown,
  providers: ProviderTable,
  problems: FieldProblem[],
): PlannedRegistry | null {
  const path = join('registries', key)
  const before = problems.length
  const keyProblem = registryKeyProblem(key)
  if (keyProblem !== null) problems.push({ field: path, problem: keyProblem })
  const raw = objectAt(value, path, problems)
  if (!isObject(value)) return null
  const kind = raw['provider']
  const provider = typeof kind === 'string' ? providers.get(kind) : undefined
  if (provider === undefined) {
    problems.push({ field: join(path, 'provider'), problem: providerProblem(kind, providers) })
    return null
  }
  const fields = readFields({ ...REGISTRY_FIELDS, ...provider.options }, raw, path, problems)
  if (problems.length > before) return null
  const probe = String(fields['probe'])
  const image = parseImage(probe)
  const mismatch = image === null ? 'is not an image reference' : probeProblem(key, image)
  if (mismatch !== null) problems.push({ field: join(path, 'probe'), problem: mismatch })
  const ttl = (fields['ttl'] ?? null) as number | null
  const ttlWrong = ttlProblem(ttl, provider)
  if (ttlWrong !== null) problems.push({ field: join(path, 'ttl'), problem: ttlWrong })
  const realm = (fields['realm'] ?? null) as string | null
  if (realm !== null && !REALM.test(realm))
    problems.push({ field: join(path, 'realm'), problem: 'must be a host in lower case, with a port if it has one' })
  const config = provider.parse(fields, key)
  if (isProblems(config)) problems.push(...config.map(({ field, problem }) => ({ field: join(path, field), problem })))
  const declared = isProblems(config) ? undefined : provider.declared?.(config)
  const danger = dangerOf(provider, declared?.rotation ?? provider.traits.rotation, fields)
  if (danger !== null) problems.push({ field: path, problem: danger })
  const proof = fields['proof'] === 'login-only' ? 'login-only' : 'pull'
  const secrets = [...secretsOf(provider, fields), ...(declared?.secrets ?? [])]
  return { key, provider, config, secrets, ttl, probe, proof, realm }
}

const REALM = /^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::[1-9][0-9]{0,4})?$/

function secretsOf({ options }: Provider, fields: Fields): readonly string[] {
  const names = Object.keys(options).filter((name) => options[name]?.kind === 'secret')
  return names.flatMap((name) => (typeof fields[name] === 'string' ? [fields[name]] : []))
}

function isProblems(value: unknown): value is readonly FieldProblem[] {
  return Array.isArray(value)
}

function providerProblem(kind: unknown, providers: ProviderTable): string {
  const known = [...providers.keys()]
  if (typeof kind !== 'string') return `is missing; it is one of ${known.join(', ')}`
  const near = nearest(kind, known)
  return `is not a provider that this version knows; ${near === null ? `known: ${known.join(', ')}` : `did you mean ${near}?`}`
}

/** Docker Hub has exactly one key that the ECS agent looks up (facts/ecs-agent.md section 4, rule 4). */
const HUB_KEY = 'https://index.docker.io/v1/'
const HUB_HOSTS = ['docker.io', 'index.docker.io', 'registry-1.docker.io']

function registryKeyProblem(key: string): string | null {
  if (!/^[\x21-\x7e]{1,255}$/.test(key) || /["\\]/.test(key))
    return 'must be printable ASCII without blanks, quotes or backslashes'
  const bare = key.replace(/^https?:\/\//, '')
  const host = bare.split('/')[0] ?? ''
  if (HUB_HOSTS.includes(host))
    return bare === 'index.docker.io/v1/' ? null : `is never looked up by the ECS agent; use ${HUB_KEY}`
  if (!/[.:]/.test(host) && host !== 'localhost')
    return 'does not begin with a registry host; the ECS agent takes such images for Docker Hub'
  return host === host.toLowerCase()
    ? null
    : 'must have its host in lower case: the ECS agent compares letter by letter'
}

function probeProblem(key: string, image: ImageReference): string | null {
  const bare = key.replace(/^https?:\/\//, '')
  const host = HUB_HOSTS.includes(bare.split('/')[0] ?? '') ? 'docker.io' : (bare.split('/')[0] ?? '')
  return image.host === host ? null : `is an image of ${image.host}, not of ${host}`
}

/** Two classes cannot keep the promises, so they must be asked for by name (facts/registries.md section 2, D and E). */
function dangerOf({ kind }: Provider, rotation: RotationClass, fields: Fields): string | null {
  switch (rotation) {
    case 'destructive':
      if (fields['allowDowntime'] === true) return null
      return `uses ${kind}, whose rotation kills the old credential at once: every instance fails to pull until it has reloaded. Choose a source that makes the new one beside the old one, or accept the outage with allowDowntime: true`
    case 'self-rotating':
      if (fields['allowSelfRotation'] === true) return null
      return `uses ${kind}, whose root credential replaces itself: one lost answer and nobody holds a living root any more. Choose another source, or accept the risk with allowSelfRotation: true`
    default:
      return null
  }
}

function ttlProblem(ttl: number | null, provider: Provider): string | null {
  if (ttl === null) return null
  const { min, max, granularity } = provider.traits.ttl
  if (provider.traits.rotation === 'static')
    return `is not for provider ${provider.kind}: its credentials live as long as they were made for`
  if (granularity === 'none')
    return `is not for provider ${provider.kind}: its credentials live until they are replaced`
  if (min !== null && ttl < min) return `is below the least that ${provider.kind} gives, ${min} s`
  if (max !== null && ttl > max) return `is above the most that ${provider.kind} gives, ${max} s`
  return granularity === 'day' && ttl % 86_400 !== 0 ? `must be whole days for ${provider.kind}` : null
}

function readFleet(value: unknown, problems: FieldProblem[]): FleetPlan {
  const raw = objectAt(value, 'fleet', problems)
  const { targets: wanted, canary: first, runbook, ...rest } = raw
  const fields = readFields(FLEET_FIELDS, rest, 'fleet', problems)
  const text = (name: string, fallback: string) => String(fields[name] ?? fallback)
  const targets = readTargets(wanted, 'fleet.targets', problems)
  const canary = first === undefined ? null : readCanary(first, targets, problems)
  const fleet: FleetPlan = {
    targets,
    canary,
    runbook: runbook === undefined ? null : readRunbook(runbook, canary, problems),
    alarm: (fields['alarm'] ?? null) as string | null,
    cluster: (fields['cluster'] ?? null) as string | null,
    allowEmpty: fields['allowEmpty'] === true,
    document: text('document', 'ecs-pull-auth-reload'),
    mode: fields['mode'] === 'replace' ? 'replace' : 'auth-only',
    maxConcurrency: text('maxConcurrency', '10%'),
    maxErrors: text('maxErrors', '0'),
    timeout: (fields['timeout'] ?? 3600) as number,
    jitter: (fields['jitter'] ?? 30) as number,
    drain: (fields['drain'] ?? 300) as number,
  }
  problems.push(...fleetProblems(fleet))
  return fleet
}

function readRotation(value: unknown, problems: FieldProblem[]): Schedule | null {
  const fields = readFields(ROTATION_FIELDS, objectAt(value, 'rotation', problems), 'rotation', problems)
  const { schedule: expression, window } = fields
  if (typeof expression !== 'string') return null
  const schedule = readSchedule(expression, typeof window === 'number' ? window : null)
  if (!('problem' in schedule)) return schedule
  problems.push({ ...schedule, field: join('rotation', schedule.field) })
  return null
}

/** Names as CreateCluster takes them, or an ARN. */
const CLUSTER = /^(?:arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster\/)?[A-Za-z0-9_-]{1,255}$/

/** AutomationParameterValue of the API model. */
const LONGEST_PARAMETER = 512

/** The bounds of SendCommand (facts/ssm-fleet-reload.md section 5) and of our own document. */
function fleetProblems(fleet: FleetPlan): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  const wrong = (field: string, problem: string) => problems.push({ field: `fleet.${field}`, problem })
  if (!/^(?:[1-9][0-9]{0,6}|(?:[1-9][0-9]?|100)%)$/.test(fleet.maxConcurrency)) {
    wrong('maxConcurrency', 'must be a number from 1 or a percentage from 1% to 100%')
  }
  if (!/^(?:[0-9]{1,7}|(?:[0-9]{1,2}|100)%)$/.test(fleet.maxErrors)) {
    wrong('maxErrors', 'must be a number from 0 or a percentage from 0% to 100%')
  }
  if (fleet.cluster !== null && !CLUSTER.test(fleet.cluster))
    wrong('cluster', 'must be the name or ARN of an ECS cluster')
  if (!/^[A-Za-z0-9_.:/-]{3,256}$/.test(fleet.document)) wrong('document', 'must be the name or ARN of an SSM document')
  if (fleet.timeout < 30 || fleet.timeout > 2_592_000) wrong('timeout', 'must be from 30s to 30d')
  if (fleet.jitter > 900) wrong('jitter', 'must be at most 15m')
  if (fleet.drain > 86_400) wrong('drain', 'must be at most 1d')
  for (const [key, values] of fleet.runbook === null ? [] : Object.entries(fleet.targets)) {
    if (JSON.stringify({ Key: key, Values: values }).length > LONGEST_PARAMETER)
      wrong(
        `targets.${key}`,
        `is longer than the ${LONGEST_PARAMETER} characters that Automation takes; use fewer values`,
      )
  }
  if (fleet.alarm !== null && fleet.alarm.length > 255) wrong('alarm', 'must be the name of a CloudWatch alarm')
  return problems
}

function invalid(origin: string, problems: readonly FieldProblem[]): PullAuthError {
  const texts = problems.map(({ field, problem }) => `${field === '' ? 'the plan' : field} ${problem}`)
  const count = texts.length === 1 ? 'a problem' : `${texts.length} problems`
  return new PullAuthError(
    'PLAN_INVALID',
    `The plan ${origin} has ${count}: ${texts.join('; ')}.`,
    'Correct the named fields; plan.schema.json describes all of them.',
  )
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** The plan's JSON Schema for editors, from the same tables that validate it. */
export function planSchema(providers: ProviderTable): JsonValue {
  const head = tableSchema(PLAN_FIELDS)
  const fleet = tableSchema(FLEET_FIELDS)
  const rotation = tableSchema(ROTATION_FIELDS)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'ecs-pull-auth plan',
    type: 'object',
    additionalProperties: false,
    required: ['version', 'registries', ...head.required],
    properties: {
      version: { const: 1, description: 'Of the plan’s format.' },
      ...head.properties,
      registries: {
        type: 'object',
        minProperties: 1,
        description: 'Managed entries by registry key; all other entries of the stored config are left alone.',
        additionalProperties: { oneOf: [...providers.values()].map(registrySchema) },
      },
      fleet: {
        type: 'object',
        description: 'The container instances to reload. Without it nothing is reloaded.',
        additionalProperties: false,
        required: ['targets'],
        properties: {
          targets: targetsSchema('SSM targets: every key must match an instance, any of its values may.'),
          canary: canarySchema(),
          ...fleet.properties,
          runbook: runbookSchema(),
        },
      },
      rotation: {
        type: 'object',
        description: 'When rotations are asked for. A schedule by which a credential would die is refused.',
        additionalProperties: false,
        ...rotation,
      },
      outputs: outputsSchema(),
    },
  }
}

function registrySchema(provider: Provider): JsonValue {
  const { provider: kind, ...common } = REGISTRY_FIELDS
  const table = tableSchema({ ...common, ...provider.options })
  return {
    type: 'object',
    additionalProperties: false,
    description: provider.summary,
    required: [...(kind?.required ? ['provider'] : []), ...table.required],
    properties: { provider: { const: provider.kind, description: kind?.description ?? '' }, ...table.properties },
  }
}

/** The least life, in seconds, that a credential must have left when it is published: a whole rollout and a margin. */
export function leastLife(plan: Plan): number {
  return rolloutSeconds(plan.fleet) + MARGIN
}
