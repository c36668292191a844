/** Pulls images with the credentials that the ECS agent would use for them, and says what that proves. Changes nothing. */

import { type AuthData, resolve } from './auth-data.ts'
import { agentHost, isPrivateEcr } from './image.ts'
import type { PlannedRegistry } from './plan.ts'
import type { Journal, PullVerifier, Verdict } from './ports.ts'
import { verdictProblem } from './proof.ts'

export interface Verified {
  /** The registry key whose credential was used; null = none, or a random one. */
  readonly registry: string | null
  readonly image: string
  readonly ok: boolean
  readonly verdict: Verdict | 'no-credential' | 'ambiguous'
  readonly detail: string
  /** null = nothing to do. */
  readonly remedy: string | null
}

export type Probe = Pick<PlannedRegistry, 'probe' | 'proof'>

/** All at once, each with one login and nothing repeated: registries ban those who try again and again. Never throws. */
export async function verifyImages(
  { verify, journal }: { readonly verify: PullVerifier; readonly journal: Journal },
  auth: AuthData,
  probes: readonly Probe[],
): Promise<readonly Verified[]> {
  return await Promise.all(
    probes.map(async ({ probe: image, proof }): Promise<Verified> => {
      const { key, credential, ambiguous, reason } = resolve(auth, image)
      if (credential === null || ambiguous) return withoutCredential(image, ambiguous, reason)
      journal.mask(credential.password, credential.username)
      const { verdict, detail } = await verify(image, credential)
      const problem = verdictProblem(verdict, proof)
      const common = { registry: key, image, ok: problem === null, verdict }
      if (problem === null) return { ...common, detail, remedy: null }
      return { ...common, detail: `${problem.what}: ${detail}`, remedy: REMEDIES[verdict] ?? problem.hint }
    }),
  )
}

/** Nothing was to be published here. */
const REMEDIES: Readonly<Partial<Record<Verdict, string>>> = { unknown: 'Run again when the registry answers.' }

function withoutCredential(image: string, ambiguous: boolean, reason: string): Verified {
  const verdict = ambiguous ? 'ambiguous' : 'no-credential'
  const common = { registry: null, image, ok: false, verdict } as const
  if (!isPrivateEcr(agentHost(image)))
    return { ...common, detail: reason, remedy: 'Run ecs-pull-auth explain for this image, and lint for the config.' }
  const detail = 'A private ECR registry: the agent pulls with the role of the instance or task and never looks here.'
  return { ...common, detail, remedy: 'Leave it out; give the role ecr:BatchGetImage instead.' }
}
