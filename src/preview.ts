/** What a rotation would do, as plain data: from the plan alone, and from the secret's real schedule where it was asked. */

import { type Cadence, judgeCadence, lifeOf, type Proposal, proposeSchedule, type RealCadence } from './core/cadence.ts'
import { type Pace, paceOf } from './core/pace.ts'
import type { Plan, PlannedRegistry } from './core/plan.ts'
import type { RotationClass } from './core/ports.ts'

export interface Preview {
  /** No schedule lets a credential die, and the rollout ends in time where the number of instances is known. */
  readonly ok: boolean
  readonly secret: string
  readonly format: string
  readonly registries: readonly RegistryPreview[]
  readonly outputs: Plan['outputs']
  readonly fleet: Plan['fleet']
  /** null: the plan has no schedule. */
  readonly rotation: Cadence | null
  readonly proposal: Proposal
  /** null: the secret was not asked. */
  readonly live: RealCadence | null
  /** How many instances there are; null = nobody said, so that `pace` tells examples. */
  readonly instances: number | null
  readonly pace: readonly Pace[]
}

interface RegistryPreview {
  readonly registry: string
  readonly provider: string
  readonly class: RotationClass
  /** Seconds; null = does not expire, or nobody can know from the plan. */
  readonly life: number | null
  /** Names of the secrets that it is made from, never their values. */
  readonly secrets: readonly string[]
  /** Who the source believes us to be, where no secret is kept for it. */
  readonly identity: readonly string[]
  readonly probe: string
  readonly proof: 'pull' | 'login-only'
  /** Host that is sent the credential for the proof although it is of another site. */
  readonly realm: string | null
  readonly revoke: 'immediate' | 'by-expiry' | 'none'
}

const EXAMPLES = [10, 100, 1_000, 10_000]

/** Whatever the providers' own fields say stays out: only what this tool understands is shown. */
export function previewOf(plan: Plan, live: RealCadence | null, instances: number | null): Preview {
  const pace = (instances === null ? EXAMPLES : [instances]).flatMap((count) => paceOf(plan, count) ?? [])
  const rotation = plan.rotation === null ? null : judgeCadence(plan, plan.rotation)
  return {
    ok:
      rotation?.ok !== false &&
      (live?.finding ?? null) === null &&
      (instances === null || pace.every(({ verdict }) => verdict === 'fits')),
    secret: plan.secret,
    format: plan.format,
    registries: plan.registries.map(registryPreview),
    outputs: plan.outputs,
    fleet: plan.fleet,
    rotation,
    proposal: proposeSchedule(plan),
    live,
    instances,
    pace,
  }
}

function registryPreview(registry: PlannedRegistry): RegistryPreview {
  const { key, provider, secrets, probe, proof, realm } = registry
  const { rotation, revoke, identity } = provider.traits
  const life = lifeOf(registry)
  const proven = { probe, proof, realm }
  return { registry: key, provider: provider.kind, class: rotation, life, secrets, identity, ...proven, revoke }
}
