/**
 * Back to the credentials of the previous version: judge, ask, stage, prove, move the label. Only managed credentials go
 * back; what else somebody has edited since stays. Going back twice is going back once, so that a rollback that was
 * killed can simply be run again.
 */

import { isCode, PullAuthError } from './errors.ts'
import { leastLife, type Plan, type PlannedRegistry } from './plan.ts'
import type { Millis, SecretArn, SecretDescription, VersionId } from './ports.ts'
import { type Proven, proveAll } from './proof.ts'
import {
  becameCurrent,
  CURRENT,
  currentOf,
  labelHolder,
  type RotationPorts,
  readWhenVisible,
  refuseRunning,
  STAGED_LABEL,
} from './rotation.ts'
import type { State, StateEntry } from './state.ts'
import {
  mergeEntries,
  readStoredConfig,
  resolveImage,
  type StoredConfig,
  stateOf,
  unmanagedDigest,
} from './stored-config.ts'
import { versionIdFrom } from './version-id.ts'

/** What somebody is asked to agree to. */
export interface RollbackProposal {
  readonly secret: SecretArn
  readonly from: VersionId
  /** The version whose credentials come back. */
  readonly to: VersionId
  readonly registries: readonly string[]
}

export interface Rollback {
  readonly secret: SecretArn
  readonly from: VersionId
  /** The version that is current now. */
  readonly version: VersionId
  /**
   * `moved`: AWSCURRENT is on the previous version again. `merged`: a new version has its credentials, today's other
   * lines, and remembers what it replaces. `already`: an earlier run had done it.
   */
  readonly how: 'moved' | 'merged' | 'already'
  readonly registries: readonly Proven[]
}

/**
 * `agree` is asked before anything changes; null = it was not agreed. Throws ROLLBACK_REFUSED when there is nothing to
 * go back to, ROTATION_RUNNING, CREDENTIAL_EXPIRING, PROBE_* and, when another writer was first, LABEL_MOVED.
 */
export async function rollBack(
  cx: RotationPorts,
  plan: Plan,
  agree: (proposal: RollbackProposal) => Promise<boolean>,
): Promise<Rollback | null> {
  cx.journal.phase('Roll back')
  const secret = await cx.store.describe(plan.secret)
  refuseRunning(secret, null)
  const [current, previous] = await readBoth(cx, secret)
  const differing = differingEntries(plan, current, previous)
  if (differing.some(({ key }) => ageOf(previous, key) > ageOf(current, key))) {
    cx.journal.info(`Version ${current.id} is older than AWSPREVIOUS: it has been rolled back to already.`)
    const registries = await proveAll(cx, plan, current.config, null)
    return { secret: secret.arn, from: previous.id, version: current.id, how: 'already', registries }
  }
  if (differing.length === 0) throw nothingToGoBackTo(secret, 'holds the same managed credentials')
  refuseDying(cx, plan, previous, differing)
  const registries = differing.map(({ key }) => key)
  if (!(await agree({ secret: secret.arn, from: current.id, to: previous.id, registries }))) return null

  const target = await stage(cx, plan, secret, { current, previous, differing })
  await proveAll(cx, plan, target.config, null)
  await moveCurrent(cx, secret.arn, current.id, target.id)
  return {
    secret: secret.arn,
    from: current.id,
    version: target.id,
    how: target.id === previous.id ? 'moved' : 'merged',
    registries: await proveOnceMore(cx, plan, secret.arn, { from: current.id, target }),
  }
}

interface Version {
  readonly id: VersionId
  readonly createdAt: Millis
  readonly config: StoredConfig
  readonly state: State
}

async function readBoth(cx: RotationPorts, secret: SecretDescription): Promise<readonly [Version, Version]> {
  const [current, previous] = [currentOf(secret), labelHolder(secret, 'AWSPREVIOUS')]
  if (current === null || previous === null || current === previous)
    throw nothingToGoBackTo(secret, 'does not exist: no version has the label')
  return await Promise.all([readVersion(cx, secret, current), readVersion(cx, secret, previous)])
}

async function readVersion(cx: RotationPorts, { arn, name }: SecretDescription, id: VersionId): Promise<Version> {
  const { text, createdAt } = await readWhenVisible(cx, arn, id)
  const config = readStoredConfig(text, name)
  return { id, createdAt, config, state: stateOf(config) ?? { entries: [], superseded: [] } }
}

// ── Judging ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Planned registries for which the previous version has another credential; one that it does not have stays as it is. */
function differingEntries(plan: Plan, current: Version, previous: Version): readonly PlannedRegistry[] {
  return plan.registries.filter(({ probe }) => {
    const [now, then] = [resolveImage(current.config, probe), resolveImage(previous.config, probe)]
    if (then.credential === null || then.ambiguous) return false
    return (
      now.credential?.username !== then.credential.username || !now.credential.password.equals(then.credential.password)
    )
  })
}

function entryOf({ state }: Version, registry: string): StateEntry | undefined {
  return state.entries.find((entry) => entry.registry === registry)
}

/** Since when the credential is there; of one that was written by hand, since when its version is. */
function ageOf(version: Version, registry: string): Millis {
  return entryOf(version, registry)?.issuedAt ?? version.createdAt
}

function refuseDying(cx: RotationPorts, plan: Plan, previous: Version, differing: readonly PlannedRegistry[]): void {
  const least = leastLife(plan)
  for (const { key } of differing) {
    const expiresAt = entryOf(previous, key)?.expiresAt ?? null
    if (expiresAt === null || expiresAt - cx.clock.now() >= least * 1000) continue
    throw new PullAuthError(
      'CREDENTIAL_EXPIRING',
      `The previous credential for ${key} ends at ${new Date(expiresAt).toISOString()}, sooner than a rollout may take (${Math.ceil(least / 60)} min).`,
      'Nothing was changed. Rotate instead: a new credential is made beside the current one.',
    )
  }
}

// ── Staging ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Versions {
  readonly current: Version
  readonly previous: Version
  readonly differing: readonly PlannedRegistry[]
}

/** The previous version itself, where nothing is lost by it; else a new one, whose id is the same at every attempt. */
async function stage(cx: RotationPorts, plan: Plan, secret: SecretDescription, versions: Versions): Promise<Version> {
  const { current, previous, differing } = versions
  if (isLossless(plan, versions)) return previous
  const entries = differing.flatMap(({ key, probe }) => {
    const { credential } = resolveImage(previous.config, probe)
    return credential === null ? [] : [{ registry: key, ...credential }]
  })
  const state = stateAfter(versions)
  const { text, notes } = mergeEntries(current.config, entries, { format: plan.format, state, name: secret.name })
  for (const note of notes) cx.journal.info(note)
  const what = [plan.format, ...differing.flatMap(({ key, probe, provider }) => [key, probe, provider.kind])]
  const version = versionIdFrom('rollback', secret.arn, current.id, previous.id, ...what)
  await cx.store.put(secret.arn, { version, text, label: STAGED_LABEL })
  return await readVersion(cx, secret, version)
}

/**
 * Nobody edited anything else since, and there is nothing to revoke of what goes: only the version that replaces a
 * credential remembers it for longer than AWSPREVIOUS does.
 */
function isLossless(plan: Plan, { current, previous }: Versions): boolean {
  const managed = plan.registries.map(({ key }) => key)
  const known = new Set([...previous.state.entries, ...previous.state.superseded].map(keyOf))
  const remembered = [...current.state.entries, ...current.state.superseded]
  return (
    plan.registries.every(({ probe }) => resolveImage(previous.config, probe).credential !== null) &&
    unmanagedDigest(current.config, managed) === unmanagedDigest(previous.config, managed) &&
    remembered.every((entry) => entry.handle === null || known.has(keyOf(entry)))
  )
}

/** What comes back is in use and never revoked for it; what goes is superseded, and retired after the rollout. */
function stateAfter({ current, previous, differing }: Versions): State {
  const back = differing.map(
    ({ key, provider }): StateEntry =>
      entryOf(previous, key) ?? {
        registry: key,
        provider: provider.kind,
        issuedAt: previous.createdAt,
        expiresAt: null,
        handle: null,
      },
  )
  const goes = new Set(differing.map(({ key }) => key))
  const entries = [...back, ...current.state.entries.filter(({ registry }) => !goes.has(registry))]
  const inUse = new Set(entries.map(keyOf))
  const replaced = current.state.entries.filter(({ registry }) => goes.has(registry))
  const superseded = [...replaced, ...current.state.superseded, ...previous.state.superseded]
  const unique = new Map(superseded.map((entry) => [keyOf(entry), entry]))
  return { entries, superseded: [...unique.values()].filter((e) => e.handle !== null && !inUse.has(keyOf(e))) }
}

function keyOf({ provider, handle }: StateEntry): string {
  return `${provider} ${JSON.stringify(handle)}`
}

// ── Moving ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** By compare-and-swap from the version that was judged; who else moved it meanwhile decides. */
async function moveCurrent(cx: RotationPorts, arn: SecretArn, from: VersionId, to: VersionId): Promise<void> {
  for (const last of [false, true]) {
    try {
      await cx.store.moveLabel(arn, { label: CURRENT, from, to })
      return
    } catch (error) {
      if (!isCode(error, 'LABEL_MOVED', 'AWS_UNAVAILABLE')) throw error
      // The answer may have been lost after the move.
      if (await becameCurrent(cx, arn, to)) return
      if (last || isCode(error, 'LABEL_MOVED')) throw error
    }
  }
}

/** A retire that had begun before the label moved may have revoked it: then the version that instances run comes back. */
async function proveOnceMore(
  cx: RotationPorts,
  plan: Plan,
  arn: SecretArn,
  { from, target }: { from: VersionId; target: Version },
): Promise<readonly Proven[]> {
  try {
    return await proveAll(cx, plan, target.config, null)
  } catch (error) {
    if (!isCode(error, 'PROBE_REJECTED', 'PROBE_DENIED')) throw error
    cx.journal.warn(`The credential was taken away in the same moment; version ${from} becomes current again.`)
    await moveCurrent(cx, arn, target.id, from)
    throw error
  }
}

function nothingToGoBackTo({ arn }: SecretDescription, why: string): PullAuthError {
  return new PullAuthError(
    'ROLLBACK_REFUSED',
    `There is nothing to roll ${arn} back to: its AWSPREVIOUS ${why}.`,
    'Rotate to get new credentials. Lines that are not managed never go back: edit the stored config.',
  )
}
