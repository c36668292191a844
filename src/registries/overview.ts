/** The traits of every provider in words, for docs/registries.md and `ecs-pull-auth providers` alike. Code in backquotes. */

import { proposeSchedule } from '../core/cadence.ts'
import type { Plan } from '../core/plan.ts'
import type { Provider, ProviderTraits, RotationClass } from '../core/ports.ts'
import { durationText } from '../core/schedule.ts'

export interface ProviderOverview {
  readonly provider: string
  readonly summary: string
  /** How it proves who asks, and the fields that a plan must have. */
  readonly needs: string
  readonly lifetime: string
  readonly overlap: string
  readonly revoke: string
  /** Whether it works without a root credential that is stored somewhere. */
  readonly rootless: 'yes' | 'by choice' | 'no'
  /** One with which credentials outlive a rollout of an hour, where there is one. */
  readonly schedule: string
  readonly evidence: string
}

const IDENTITIES: Readonly<Record<ProviderTraits['identity'][number], string>> = {
  'github-oidc': 'GitHub’s ID token',
  'aws-sigv4': 'the AWS role’s signature',
  'aws-oidc': 'the AWS role’s web identity token',
  'stored-root': 'a root in a secret',
  none: 'the credential itself in a secret',
}

const OVERLAPS: Readonly<Record<RotationClass, string>> = {
  exchange: 'any number side by side',
  'create-delete': 'new beside old',
  'two-slot': 'two slots in turn',
  destructive: 'none: needs `allowDowntime`',
  'self-rotating': 'none: needs `allowSelfRotation`',
  static: 'as you make them',
}

const REVOKES: Readonly<Record<ProviderTraits['revoke'], string>> = {
  immediate: 'at once',
  'by-expiry': 'by expiry',
  none: 'by hand',
}

export function overviewOf(provider: Provider): ProviderOverview {
  const { kind, summary, traits, options } = provider
  const declared = provider.declared !== undefined
  const required = Object.keys(options).filter((name) => options[name]?.required)
  const fields = required.length === 0 ? '' : `; ${required.map((name) => `\`${name}\``).join(', ')}`
  return {
    provider: kind,
    summary,
    needs: `${traits.identity.map((one) => IDENTITIES[one]).join(', or ')}${fields}`,
    lifetime: declared ? 'what the answer says' : lifetimeOf(traits),
    overlap: declared ? 'as its `class` says' : OVERLAPS[traits.rotation],
    revoke: declared ? 'at once, or by expiry' : REVOKES[traits.revoke],
    rootless: rootlessOf(traits),
    schedule: declared ? 'that of a provider with such a life' : scheduleOf(provider),
    evidence: traits.evidence,
  }
}

function rootlessOf({ identity }: ProviderTraits): ProviderOverview['rootless'] {
  const stored = identity.filter((one) => one === 'stored-root' || one === 'none')
  if (stored.length === 0) return 'yes'
  return stored.length < identity.length ? 'by choice' : 'no'
}

function lifetimeOf({ rotation, ttl: { min, max, default: usual, granularity } }: ProviderTraits): string {
  if (rotation === 'static') return 'as it was made for'
  if (granularity === 'none') return 'until it is replaced'
  if (min !== null && min === max) return `always ${durationText(min)}`
  const bounds = [
    granularity === 'day' ? 'in whole days' : '',
    min !== null && granularity !== 'day' ? `at least ${durationText(min)}` : '',
    max !== null && max <= LONG ? `at most ${durationText(max)}` : '',
  ].filter((text) => text !== '')
  return [`\`ttl\`, else ${usual === null ? 'no end' : durationText(usual)}`, ...bounds].join(', ')
}

const DAY = 86_400
/** Longer limits are no limits. */
const LONG = 1000 * DAY
/** What the table counts with where nothing ends unless it is asked to. */
const PROPOSED_TTL = 7 * DAY

/** `fleet.timeout` in minutes, from the default down to what a small fleet needs. */
const ROLLOUTS = [60, 30, 15, 5] as const

function scheduleOf(provider: Provider): string {
  const { rotation, ttl } = provider.traits
  if (rotation === 'static') return 'any: it notices what you have changed'
  if (ttl.granularity === 'none') return 'any: nothing expires'
  const asked = ttl.default === null ? Math.min(PROPOSED_TTL, ttl.max ?? PROPOSED_TTL) : null
  for (const minutes of ROLLOUTS) {
    const proposal = proposeSchedule(planWith(provider, asked, minutes))
    if (proposal.kind !== 'schedule') continue
    const { expression, by } = proposal.cadence.schedule
    return [
      `\`${expression}\``,
      by === 'eventbridge-scheduler' ? ' of EventBridge Scheduler' : '',
      asked === null ? '' : ` with \`ttl: ${asked / DAY}d\``,
      minutes === ROLLOUTS[0] ? '' : ` with \`fleet.timeout: ${minutes}m\``,
      proposal.cadence.registries.every(({ survivesMiss }) => survivesMiss) ? '' : '; no run may be missed',
    ].join('')
  }
  return 'none that an agent could follow: use `repositoryCredentials`'
}

function planWith(provider: Provider, ttl: number | null, minutes: number): Plan {
  const registry = {
    key: 'example',
    provider,
    config: null,
    secrets: [],
    ttl,
    probe: '',
    proof: 'pull',
    realm: null,
  } as const
  const limits = { maxConcurrency: '10%', maxErrors: '0', timeout: minutes * 60, jitter: 30, drain: 300 }
  const scope = { targets: {}, cluster: null, allowEmpty: false, canary: null, runbook: null, alarm: null } as const
  const fleet = { ...scope, document: '', mode: 'auth-only', ...limits } as const
  return { secret: '', format: 'dockercfg', registries: [registry], fleet, outputs: [], rotation: null }
}
