/** What is rotated and where it runs: the registries, the plan, the stored config as it is at first, the instances. */

import { type Plan, readPlan } from '../../src/core/plan.ts'
import type { JsonValue, Millis, VersionId } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { mergeEntries, readStoredConfig } from '../../src/core/stored-config.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { START } from './timeline.ts'
import { MARK } from './watch.ts'

export const SECRET = 'prod/ecs/agent-config'
export const ROOT = { name: 'prod/gitlab/root', token: `glpat-${MARK}-root` }
export const KEPT = { name: 'prod/kept/pull', username: 'keeper', password: `${MARK}-kept` }
export const GITLAB = '127.0.0.1:8080'
export const IMAGE = 'acme/app:stable'
export const DOCUMENT = 'ecs-pull-auth-reload'
export const RUNBOOK = 'ecs-pull-auth-rollout'
export const FIRST_VERSION = uuid('f', 1) as VersionId
const KEPT_KEY = '127.0.0.3:5000'
const HOUR: Millis = 3_600_000
const OWN = 'ECS_CLUSTER=prod\n# kept as it is\nECS_RESERVED_MEMORY=256\n'
const MIRROR =
  'ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"mirror.acme.example":{"auth":"bWlycm9yOmtlcHQ="}}\n'

/** The parameters of deploy/document.json; what the script does is in node.ts. */
export const CONTENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: {
    secretArn: { type: 'String', interpolationType: 'ENV_VAR', allowedPattern: '^arn:aws:secretsmanager:.+$' },
    versionId: { type: 'String', interpolationType: 'ENV_VAR', allowedPattern: '^(any|[A-Za-z0-9-]{32,64})$' },
    mode: { type: 'String', interpolationType: 'ENV_VAR', allowedValues: ['auth-only', 'replace'] },
    jitterSeconds: { type: 'String', interpolationType: 'ENV_VAR', allowedPattern: '^[0-9]+$' },
  },
  mainSteps: [
    { action: 'aws:runShellScript', name: 'reload', inputs: { runCommand: ['reload'], timeoutSeconds: '600' } },
  ],
})

type JsonObject = Readonly<Record<string, JsonValue>>

export interface Layout {
  readonly plan: Plan
  /** Registry keys whose tokens are minted; the first tokens have the ids 1, 2 and so on. */
  readonly minted: readonly string[]
  /** All registry keys of the plan; the last one's credential is kept by a person. */
  readonly managed: readonly string[]
  /** The life of a minted token. */
  readonly life: Millis
  /** The stored config as an earlier rotation left it at START. */
  readonly firstText: string
  readonly instances: readonly string[]
}

/** `fleet`: over the part of the plan. */
function layout(minted: readonly string[], instances: number, hours: number, fleet: JsonObject = {}): Layout {
  const life = hours * HOUR
  return {
    minted,
    managed: [...minted, KEPT_KEY],
    life,
    plan: planOf(minted, hours, fleet),
    firstText: firstText(minted, START + life),
    instances: Array.from({ length: instances }, (_, at) => `i-0a11c0ffee${String(at + 1).padStart(7, '0')}`),
  }
}

function planOf(minted: readonly string[], hours: number, more: JsonObject): Plan {
  const byGitlab = minted.map((key) => [
    key,
    {
      provider: 'gitlab',
      url: `http://${GITLAB}`,
      group: 'acme',
      root: ROOT.name,
      ttl: `${hours}h`,
      probe: `${key}/${IMAGE}`,
    },
  ])
  const kept = { provider: 'static', credential: KEPT.name, probe: `${KEPT_KEY}/${IMAGE}` }
  const fleet = {
    targets: { 'tag:ecs-pull-auth': ['prod'] },
    maxConcurrency: '2',
    jitter: '1s',
    timeout: '30m',
    ...more,
  }
  const registries = { ...Object.fromEntries(byGitlab), [KEPT_KEY]: kept }
  return readPlan({ version: 1, secret: SECRET, registries, fleet }, 'of the sweep', PROVIDERS)
}

function firstText(minted: readonly string[], expiresAt: Millis): string {
  const known = { issuedAt: START, expiresAt: null, handle: null }
  const entries = minted.map((registry, at) => {
    const handle = { api: `http://${GITLAB}/api/v4`, scope: 'groups/acme', id: at + 1, root: ROOT.name }
    return { ...known, registry, provider: 'gitlab', expiresAt, handle }
  })
  const credentials = minted.map((registry, at) => {
    const password = new Secret(tokenText(at + 1))
    return { registry, username: `gitlab+deploy-token-${at + 1}`, password }
  })
  const kept = { registry: KEPT_KEY, username: KEPT.username, password: new Secret(KEPT.password) }
  const state = { entries: [...entries, { ...known, registry: KEPT_KEY, provider: 'static' }], superseded: [] }
  const config = readStoredConfig(new Secret(OWN + MIRROR), SECRET)
  const options = { format: 'dockercfg' as const, state, name: SECRET }
  return mergeEntries(config, [...credentials, kept], options).text.reveal()
}

/** The text of the n-th deploy token. */
export function tokenText(n: number): string {
  return `gldt-${MARK}-${n}`
}

/** Ids in a row, whose first letters tell who made them. */
export function uuid(kind: string, n: number): string {
  return `${kind.repeat(8)}-0000-4000-8000-${String(n).padStart(12, '0')}`
}

const ROLE = 'arn:aws:iam::111122223333:role/ecs-pull-auth-rollout'
const REGISTRY = ['127.0.0.2:5000']

export const CANARY: Layout = layout(REGISTRY, 3, 12, { canary: 1 })
export const WITH_RUNBOOK: Layout = layout(REGISTRY, 3, 12, { canary: 1, runbook: { role: ROLE, name: RUNBOOK } })
export const SMALL: Layout = layout(REGISTRY, 3, 12)
export const LARGE: Layout = layout(['127.0.0.2:5000', '127.0.0.5:5000'], 20, 24)
