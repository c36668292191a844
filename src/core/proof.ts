/** Proves every credential of a stored config by pulling its probe, as the ECS agent would resolve it. */

import { type ErrorCode, PullAuthError } from './errors.ts'
import type { Plan, PlannedRegistry } from './plan.ts'
import type { Clock, Credential, Journal, Millis, Proof, PullVerifier, Verdict } from './ports.ts'
import { resolveImage, type StoredConfig, stateOf } from './stored-config.ts'

export interface Proven {
  readonly registry: string
  readonly image: string
  readonly verdict: Verdict
  readonly detail: string
  /** null = does not expire, or unknown. */
  readonly expiresAt: Millis | null
}

interface ProofPorts {
  readonly verify: PullVerifier
  readonly clock: Clock
  readonly journal: Journal
}

/**
 * All probes in parallel. Throws the first failure in the order of the plan; other failures are told to the journal.
 * `timeLeft`: no retry that would not end in time; null = no deadline.
 */
export async function proveAll(
  cx: ProofPorts,
  plan: Plan,
  config: StoredConfig,
  timeLeft: Millis | null,
): Promise<readonly Proven[]> {
  const until = timeLeft === null ? Number.POSITIVE_INFINITY : cx.clock.now() + timeLeft
  const proven = await Promise.all(plan.registries.map((registry) => proveOne(cx, registry, config, until)))
  const failures = proven.flatMap(({ registry, proof }) => failureOf(registry, proof) ?? [])
  for (const failure of failures.slice(1)) cx.journal.warn(failure.message, { code: failure.code })
  if (failures[0] !== undefined) throw failures[0]
  const lifetimes = new Map(stateOf(config)?.entries.map(({ registry, expiresAt }) => [registry, expiresAt]))
  return proven.map(({ registry, proof }) => ({
    registry: registry.key,
    image: registry.probe,
    ...proof,
    expiresAt: lifetimes.get(registry.key) ?? null,
  }))
}

/** Waits before another look: for an unclear answer, and once for a refusal, which a token made a second ago may get. */
const UNKNOWN_WAITS: readonly Millis[] = [1_000, 3_000]
const FRESH_WAIT: Millis = 3_000
const FRESH: Millis = 60_000
/** A registry that asks for more is not waited for: the next run is sooner. */
const LONGEST_WAIT: Millis = 90_000

async function proveOne(
  cx: ProofPorts,
  registry: PlannedRegistry,
  config: StoredConfig,
  until: Millis,
): Promise<{ registry: PlannedRegistry; proof: Proof }> {
  const credential = credentialFor(registry, config)
  const issuedAt = stateOf(config)?.entries.find((entry) => entry.registry === registry.key)?.issuedAt ?? 0
  const fresh = registry.provider.traits.rotation !== 'static' && cx.clock.now() - issuedAt < FRESH
  const unknownWaits = [...UNKNOWN_WAITS]
  const refusedWaits = fresh ? [FRESH_WAIT] : []
  for (;;) {
    const proof = await cx.verify(registry.probe, credential, registry.realm)
    const waits = proof.verdict === 'unknown' ? unknownWaits : isRefusal(proof.verdict) ? refusedWaits : []
    const [planned, asked] = [waits.shift(), proof.retryAfter ?? 0]
    // Asked again any sooner, it would only count against us.
    const wait = Math.max(planned ?? 0, asked)
    if (planned === undefined || asked > LONGEST_WAIT || cx.clock.now() + wait + planned > until) {
      cx.journal.info(`${registry.key}: ${registry.probe} ${proof.verdict}.`, { ...proof, registry: registry.key })
      return { registry, proof }
    }
    await cx.clock.sleep(wait)
  }
}

function isRefusal(verdict: Verdict): boolean {
  return verdict === 'rejected' || verdict === 'login-ok-pull-denied'
}

/** The credential that the agent itself would use for the probe: a merge that the agent reads otherwise is caught here. */
function credentialFor(registry: PlannedRegistry, config: StoredConfig): Credential {
  const { credential, ambiguous, key, reason } = resolveImage(config, registry.probe)
  if (credential !== null && !ambiguous) return credential
  throw new PullAuthError(
    'CONFIG_AUTH_UNREADABLE',
    ambiguous
      ? `The ECS agent would pick one of several entries at random for ${registry.probe}.`
      : `The ECS agent would pull ${registry.probe} without a credential${key === null ? '' : ` although ${key} is there`}: ${reason}`,
    'Run ecs-pull-auth lint on the stored config; a bare-host key removes the choice.',
  )
}

const FAILURES: Readonly<Record<Exclude<Verdict, 'pull-ok'>, readonly [ErrorCode, string, string]>> = {
  rejected: [
    'PROBE_REJECTED',
    'the registry rejects the credential',
    'Check that the token is alive and for this registry.',
  ],
  'login-ok-pull-denied': [
    'PROBE_DENIED',
    'the credential logs in but may not pull it',
    'Grant the token read access to this repository; a login alone proves nothing.',
  ],
  'accepted-but-public': [
    'PROBE_PUBLIC',
    'anybody can pull it, so pulling it proves nothing',
    'Name a private image as the probe, or set proof: login-only for this registry.',
  ],
  'public-login-unknown': [
    'PROBE_PUBLIC',
    'anybody can pull it and the registry tells nothing about the login',
    'Name a private image as the probe.',
  ],
  'tag-missing': ['PROBE_MISSING', 'the registry has no such tag or digest', 'Name an image that exists and stays.'],
  unknown: [
    'PROBE_UNKNOWN',
    'the registry gave no clear answer',
    'Nothing was published. Run again when the registry answers.',
  ],
}

/** What is wrong with a proof, in words, and what to do; null = nothing. */
export function verdictProblem(
  verdict: Verdict,
  proof: PlannedRegistry['proof'],
): { what: string; hint: string } | null {
  if (isProven(verdict, proof)) return null
  const [, what, hint] = FAILURES[verdict]
  return { what, hint }
}

function isProven(verdict: Verdict, proof: PlannedRegistry['proof']): verdict is 'pull-ok' {
  return verdict === 'pull-ok' || (verdict === 'accepted-but-public' && proof === 'login-only')
}

function failureOf(registry: PlannedRegistry, proof: Proof): PullAuthError | null {
  if (isProven(proof.verdict, registry.proof)) return null
  const [code, what, hint] = FAILURES[proof.verdict]
  return new PullAuthError(code, `Probe ${registry.probe} of ${registry.key}: ${what} (${proof.detail}).`, hint)
}
