/** The plans of these tests, and the stored config that an earlier rotation by one of them has left. */

import { load } from 'js-yaml'
import { mintLabel } from '../../src/core/mint-label.ts'
import { readPlan } from '../../src/core/plan.ts'
import type { Journal } from '../../src/core/ports.ts'
import { nextState } from '../../src/core/rotation.ts'
import { Secret } from '../../src/core/secret.ts'
import { mergeEntries, readStoredConfig } from '../../src/core/stored-config.ts'
import { randomVersionId } from '../../src/core/version-id.ts'
import { createHttp } from '../../src/http.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { systemClock } from '../../src/wiring.ts'
import { noIdentity } from '../doubles/no-identity.ts'
import { type ConfigParts, GITLAB_ROOT, KEPT, SECRET, storedConfig } from './stage.ts'

interface Places {
  readonly registry: { readonly host: string }
  readonly gitlab: { readonly url: string }
}

export const FLEET = `
fleet:
  targets: { "tag:ecs-pull-auth": [prod] }
  maxConcurrency: '3'
  drain: 0s`

/** `fleet`: YAML of that part, or an empty text. */
export function gitlabPlan({ registry, gitlab }: Places, fleet = FLEET): string {
  return `version: 1
secret: ${SECRET}
registries:
  '${registry.host}':
    provider: gitlab
    url: ${gitlab.url}
    group: acme
    root: ${GITLAB_ROOT}
    ttl: 12h
    probe: ${registry.host}/acme/app:stable
${fleet}
`
}

export function staticPlan({ registry }: Pick<Places, 'registry'>, fleet = FLEET, image = 'acme/app:stable'): string {
  return `version: 1
secret: ${SECRET}
registries:
  '${registry.host}':
    provider: static
    credential: ${KEPT}
    probe: ${registry.host}/${image}
${fleet}
`
}

/** With a deploy token that the product can revoke, because the config remembers it. */
export async function rotatedByGitlab({ host, first, gitlab, root }: ConfigParts): Promise<string> {
  const plan = readPlan(load(gitlabPlan({ registry: { host }, gitlab })), 'of an earlier rotation', PROVIDERS)
  const cx = {
    http: createHttp(),
    clock: systemClock,
    journal: SILENT,
    readSecret: async () => new Secret(root),
    ...noIdentity,
  }
  const now = systemClock.now()
  const label = mintLabel(SECRET, randomVersionId(), now)
  const minted = await Promise.all(
    plan.registries.map(async (registry) => ({
      registry,
      credential: await registry.provider.mint(cx, registry.config, { label, ttl: registry.ttl, inUse: [] }),
    })),
  )
  const before = readStoredConfig(new Secret(storedConfig({ host, first })), SECRET)
  const entries = minted.map(({ registry, credential }) => ({ registry: registry.key, ...credential }))
  const state = nextState(null, plan, minted, now)
  return mergeEntries(before, entries, { format: plan.format, state, name: SECRET }).text.reveal()
}

const SILENT: Journal = { mask: () => undefined, phase: () => undefined, info: () => undefined, warn: () => undefined }

/** The same plan as the functions take it. */
export function asJson(plan: string): string {
  return JSON.stringify(load(plan))
}
