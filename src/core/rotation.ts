/**
 * One rotation: create (mint, merge, put), test (read back, pull every probe), finish (three-way check, label move).
 * The Lambda calls the steps one by one under AWSPENDING; without a rotation function `rotateDirectly` does the same
 * under a private label. Fault rules: facts/secrets-manager-rotation.md section 11.
 */

import { warnOfCadence } from './cadence.ts'
import { type ErrorCode, isCode, PullAuthError } from './errors.ts'
import { measurePromotion, watchRoot } from './lifetimes.ts'
import { labelPrefix, mintLabel } from './mint-label.ts'
import { leastLife, type Plan, type PlannedRegistry, type ProviderTable } from './plan.ts'
import type {
  Clock,
  Found,
  JsonValue,
  Millis,
  Minted,
  MintRequest,
  ObjectStore,
  ProviderContext,
  PullVerifier,
  SecretArn,
  SecretDescription,
  SecretStore,
  StoredVersion,
  VersionId,
} from './ports.ts'
import { type Proven, proveAll } from './proof.ts'
import { Secret } from './secret.ts'
import type { State, StateEntry } from './state.ts'
import {
  mergeEntries,
  readStoredConfig,
  resolveImage,
  type StoredConfig,
  stateOf,
  unmanagedDigest,
} from './stored-config.ts'

export interface RotationPorts extends ProviderContext {
  readonly store: SecretStore
  readonly objects: ObjectStore
  readonly verify: PullVerifier
  readonly providers: ProviderTable
}

export interface Attempt {
  readonly plan: Plan
  readonly version: VersionId
  /** AWSPENDING for Secrets Manager's own rotation, STAGED_LABEL for ours. */
  readonly label: string
  readonly rotationToken?: Secret
  /** When this process will be stopped: nothing that must not be interrupted is begun shortly before. */
  readonly deadline?: Millis
}

export const CURRENT = 'AWSCURRENT'
export const PENDING = 'AWSPENDING'
/** It stays on its version until the next rotation of ours takes it: alone it says that this one was never promoted. */
export const STAGED_LABEL = 'ECSAUTH-STAGED'

/** A mint and its put take seconds; begun later than this before the deadline they could be cut in half. */
const LEAST_TIME_TO_MINT: Millis = 10_000

export type Created = 'minted' | 'reused' | 'already-current' | 'test-only' | 'unchanged'

/**
 * createSecret. Mints every planned registry in parallel, all or nothing, and puts the merged config under the label.
 * A repeat for the same version reuses what is there, unless it has become useless: then PENDING_STALE.
 */
export async function createVersion(cx: RotationPorts, attempt: Attempt): Promise<Created> {
  return await createFrom(cx, attempt, await describeOwned(cx, attempt))
}

async function createFrom(cx: RotationPorts, attempt: Attempt, secret: SecretDescription): Promise<Created> {
  if (currentOf(secret) === attempt.version) return 'already-current'
  const [before, pending] = await both(readCurrent(cx, secret), readOrNull(cx.store, secret.arn, attempt.version))
  if (pending !== null) return await judgeExisting(cx, attempt, secret.arn, pending, before)

  warnOfCadence(cx.journal, attempt.plan, secret)
  const config = readStoredConfig(before.text, secret.name)
  rehearseMerge(cx, attempt.plan, config, secret.name)
  leaveTimeToMint(cx.clock, attempt)
  const minted = await mintAll(cx, attempt, secret, stateOf(config))
  if (attempt.label === STAGED_LABEL && isUnchanged(attempt.plan, config, minted)) return 'unchanged'
  try {
    const remembered = await forgetTheGone(cx, attempt.plan, secret.name, stateOf(config))
    const state = nextState(remembered, attempt.plan, minted, cx.clock.now())
    const entries = minted.map(({ registry, credential }) => ({ registry: registry.key, ...credential }))
    const merged = mergeEntries(config, entries, { format: attempt.plan.format, state, name: secret.name })
    for (const note of merged.notes) cx.journal.info(note)
    await cx.store.put(secret.arn, {
      version: attempt.version,
      text: merged.text,
      label: attempt.label,
      ...(attempt.rotationToken === undefined ? {} : { rotationToken: attempt.rotationToken }),
    })
    return 'minted'
  } catch (error) {
    // Only these errors say that our text is not stored; after any other one it may be, and then revoking would kill it.
    if (isCode(error, 'VERSION_EXISTS', 'CONFIG_TOO_LARGE', 'CONFIG_UNWRITABLE')) await discard(cx, minted)
    if (!isCode(error, 'VERSION_EXISTS')) throw error
    cx.journal.measure?.('CasConflict', 1)
    const winner = await readWhenVisible(cx, secret.arn, attempt.version)
    return await judgeExisting(cx, attempt, secret.arn, winner, before)
  }
}

/**
 * testSecret. Reads the version back, resolves each probe as the agent would and really pulls it. A credential that is
 * rejected for good releases the label, so that the next rotation is not stuck on a version that cannot change.
 * Throws PROBE_* and ROTATION_ABANDONED.
 */
export async function testVersion(cx: RotationPorts, attempt: Attempt): Promise<readonly Proven[]> {
  const arn = attempt.plan.secret as SecretArn
  const staged = await readLabelled(cx, arn, attempt)
  const config = readStoredConfig(staged.text, attempt.plan.secret)
  const timeLeft = attempt.deadline === undefined ? null : attempt.deadline - cx.clock.now()
  try {
    return await proveAll(cx, attempt.plan, config, timeLeft)
  } catch (error) {
    if (isCode(error, 'PROBE_REJECTED')) return await testRejected(cx, attempt, staged, error)
    throw error
  }
}

/**
 * finishSecret. Promotes the version by compare-and-swap if its credentials still have life, the label is still there and
 * nobody edited anything else meanwhile. Success when it already is current, however that came about.
 */
export async function finishVersion(cx: RotationPorts, attempt: Attempt): Promise<void> {
  for (const last of [false, true]) {
    const secret = await describeOwned(cx, attempt)
    const current = currentOf(secret)
    if (current === attempt.version) return
    const entries = await checkPromotable(cx, attempt, secret)
    try {
      await cx.store.moveLabel(secret.arn, {
        label: CURRENT,
        to: attempt.version,
        ...(current === null ? {} : { from: current }),
      })
      return measurePromotion(cx, entries)
    } catch (error) {
      if (!isCode(error, 'LABEL_MOVED', 'AWS_UNAVAILABLE')) throw error
      // The answer may have been lost after the move: whoever has the label now decides (facts 11.5).
      if (await becameCurrent(cx, secret.arn, attempt.version)) return measurePromotion(cx, entries)
      if (isCode(error, 'LABEL_MOVED')) cx.journal.measure?.('CasConflict', 1)
      if (last) throw error
    }
  }
}

export interface RotationReport {
  readonly secret: SecretArn
  readonly version: VersionId
  readonly changed: boolean
  readonly registries: readonly Proven[]
}

/** The three steps by ourselves, for a secret without a rotation function. Refuses to interfere with a running rotation. */
export async function rotateDirectly(cx: RotationPorts, plan: Plan, version: VersionId): Promise<RotationReport> {
  const secret = await cx.store.describe(plan.secret)
  refuseRunning(secret, version)
  const attempt: Attempt = { plan: { ...plan, secret: secret.arn }, version, label: STAGED_LABEL }
  cx.journal.phase('Mint and merge')
  const created = await createFrom(cx, attempt, secret)
  if (created === 'unchanged') {
    const current = await readCurrent(cx, secret)
    cx.journal.phase('Prove')
    const registries = await proveAll(cx, attempt.plan, readStoredConfig(current.text, secret.name), null)
    return { secret: secret.arn, version: current.versionId, changed: false, registries }
  }
  try {
    cx.journal.phase('Prove')
    const registries = await testVersion(cx, attempt)
    cx.journal.phase('Promote')
    await finishVersion(cx, attempt)
    return { secret: secret.arn, version, changed: created !== 'already-current', registries }
  } catch (error) {
    tellUnused(cx, plan, version, error)
    throw error
  }
}

/** A version that will not become current leaves living credentials behind: whoever reads the failure should know. */
function tellUnused(cx: RotationPorts, plan: Plan, version: VersionId, error: unknown): void {
  const minted = plan.registries.flatMap(({ key, provider }) => (provider.revoke === undefined ? [] : [key]))
  if (minted.length === 0 || !isCode(error, ...NOT_PROMOTED)) return
  cx.journal.warn(
    `Version ${version} was not promoted. What was minted for it (${minted.join(', ')}) is unused, and alive until it expires or a retire finds it, an hour after it was made.`,
  )
}

const NOT_PROMOTED: readonly ErrorCode[] = [
  'PROBE_REJECTED',
  'PROBE_DENIED',
  'PROBE_MISSING',
  'PROBE_PUBLIC',
  'PROBE_UNKNOWN',
  'PENDING_STALE',
  'ROTATION_ABANDONED',
  'LABEL_MOVED',
  'CONFIG_CHANGED',
]

/** How long a requested rotation may take before we stop waiting, and how often we look. */
const ROTATION_PATIENCE: Millis = 15 * 60_000
const LOOK_AGAIN: Millis = 3_000

/** Asks for the rotation that is configured on the secret, or joins the one that runs, and waits until it is current. */
export async function requestRotation(cx: RotationPorts, plan: Plan, wanted: VersionId): Promise<VersionId> {
  const secret = await cx.store.describe(plan.secret)
  const version = currentOf(secret) === wanted ? wanted : await startOrJoin(cx, secret.arn, wanted)
  if (version !== wanted) cx.journal.info(`A rotation to version ${version} is under way; waiting for it.`)
  await waitUntilCurrent(cx, secret.arn, version)
  return version
}

/**
 * Asked also when a rotation seems to be under way: one that Secrets Manager has given up looks the same, and being asked
 * is what has it tried again (facts section 4).
 */
async function startOrJoin(cx: RotationPorts, arn: SecretArn, wanted: VersionId): Promise<VersionId> {
  for (let refusals = 0; ; refusals++) {
    try {
      await cx.store.startRotation(arn, wanted)
      return wanted
    } catch (error) {
      if (!isCode(error, 'ROTATION_RUNNING')) throw error
      const running = runningRotation(await cx.store.describe(arn))
      if (running !== null) return running
      // It has ended in this moment, or this answer is older than the refusal.
      if (refusals === 3) throw error
      await cx.clock.sleep(LOOK_AGAIN)
    }
  }
}

async function waitUntilCurrent(cx: RotationPorts, arn: SecretArn, version: VersionId): Promise<void> {
  const until = cx.clock.now() + ROTATION_PATIENCE
  let missing = 0
  while (cx.clock.now() < until) {
    const secret = await cx.store.describe(arn)
    if (currentOf(secret) === version) return
    // A version without its label was given up; a few looks in a row rule out a stale answer.
    missing = runningRotation(secret) === version ? 0 : missing + 1
    if (missing >= 5) throw abandoned(arn, version)
    await cx.clock.sleep(LOOK_AGAIN)
  }
  throw new PullAuthError(
    'ROTATION_TIMEOUT',
    `Version ${version} of ${arn} did not become current within ${ROTATION_PATIENCE / 60_000} minutes.`,
    'Read the log of the rotation function: it says which step failed. Secrets Manager keeps retrying by itself.',
  )
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export function labelHolder(secret: SecretDescription, label: string): VersionId | null {
  for (const [version, labels] of secret.versions) if (labels.includes(label)) return version
  return null
}

export function currentOf(secret: SecretDescription): VersionId | null {
  return labelHolder(secret, CURRENT)
}

/** The version of a rotation that has begun and not ended: AWSPENDING anywhere but on the current version. */
function runningRotation(secret: SecretDescription): VersionId | null {
  const pending = labelHolder(secret, PENDING)
  return pending === currentOf(secret) ? null : pending
}

/** `version`: a rotation to this one may run; null = none may. Throws ROTATION_RUNNING. */
export function refuseRunning(secret: SecretDescription, version: VersionId | null): void {
  const running = runningRotation(secret)
  if (running === null || running === version) return
  throw new PullAuthError(
    'ROTATION_RUNNING',
    `A rotation of ${secret.arn} to version ${running} is under way or was left unfinished.`,
    'Wait for it. If nothing rotates this secret any more, release it: aws secretsmanager update-secret-version-stage ' +
      `--secret-id ${secret.arn} --version-stage AWSPENDING --remove-from-version-id ${running}`,
  )
}

/** Describes until the attempt's label is visible on its version; ROTATION_ABANDONED when it is not (facts 11.1). */
async function describeOwned(cx: RotationPorts, attempt: Attempt): Promise<SecretDescription> {
  for (let look = 0; ; look++) {
    const secret = await cx.store.describe(attempt.plan.secret)
    if (attempt.label !== PENDING || currentOf(secret) === attempt.version) return secret
    if (!secret.rotationEnabled) throw disabled(secret)
    if (secret.versions.get(attempt.version)?.includes(PENDING)) return secret
    if (look === 3) throw abandoned(secret.arn, attempt.version)
    await cx.clock.sleep(500 * 2 ** look)
  }
}

/** Two reads at once. Neither is left under way, and of two errors it is always the first one's that is told. */
async function both<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  await Promise.allSettled([one, other])
  return [await one, await other]
}

async function readCurrent(cx: RotationPorts, secret: SecretDescription): Promise<StoredVersion> {
  const version = currentOf(secret)
  if (version === null) {
    throw new PullAuthError(
      'CONFIG_EMPTY',
      `The secret ${secret.arn} has no current value.`,
      'Store the ecs.config in it first.',
    )
  }
  return await readWhenVisible(cx, secret.arn, version)
}

async function readOrNull(store: SecretStore, arn: SecretArn, version: VersionId): Promise<StoredVersion | null> {
  try {
    return await store.read(arn, { version })
  } catch (error) {
    // A placeholder, or a value not visible yet: the put decides, since a version is immutable (facts 11.1).
    if (isCode(error, 'VERSION_NOT_FOUND')) return null
    throw error
  }
}

/** Secrets Manager is eventually consistent: a version that Describe names may not be readable for a moment. */
export async function readWhenVisible(cx: RotationPorts, arn: SecretArn, version: VersionId): Promise<StoredVersion> {
  for (let look = 0; ; look++) {
    const found = await readOrNull(cx.store, arn, version)
    if (found !== null) return found
    if (look === 4) {
      const hint = 'Secrets Manager shows it late, or somebody removed it. Run again.'
      throw new PullAuthError('VERSION_NOT_FOUND', `Version ${version} of ${arn} has no value.`, hint)
    }
    await cx.clock.sleep(300 * 2 ** look)
  }
}

async function readLabelled(cx: RotationPorts, arn: SecretArn, attempt: Attempt): Promise<StoredVersion> {
  for (let look = 0; ; look++) {
    try {
      return await cx.store.read(arn, { version: attempt.version, label: attempt.label })
    } catch (error) {
      if (isCode(error, 'LABEL_MOVED') && look >= 1) {
        // Promoted already: its label may be gone, the value still proves.
        const secret = await cx.store.describe(arn)
        if (currentOf(secret) === attempt.version) return await readWhenVisible(cx, arn, attempt.version)
        throw abandoned(arn, attempt.version)
      }
      if (!isCode(error, 'VERSION_NOT_FOUND', 'LABEL_MOVED') || look === 4) throw error
      await cx.clock.sleep(300 * 2 ** look)
    }
  }
}

export async function becameCurrent(cx: RotationPorts, arn: SecretArn, version: VersionId): Promise<boolean> {
  for (let look = 0; look < 3; look++) {
    if (currentOf(await cx.store.describe(arn)) === version) return true
    await cx.clock.sleep(500 * 2 ** look)
  }
  return false
}

// ── Judging a version ────────────────────────────────────────────────────────────────────────────────────────────────

async function judgeExisting(
  cx: RotationPorts,
  attempt: Attempt,
  arn: SecretArn,
  pending: StoredVersion,
  before: StoredVersion,
): Promise<Created> {
  // RotateImmediately=false makes a pending copy of the current value, to be tested only (facts section 4).
  if (pending.text.equals(before.text)) return 'test-only'
  const state = stateOf(readStoredConfig(pending.text, arn))
  const reason = uselessBecause(attempt.plan, state, cx.clock.now())
  if (reason === null) return 'reused'
  return await releaseAndFail(cx, attempt, arn, reason)
}

/** Why a version made earlier cannot be promoted any more, or null. */
function uselessBecause(plan: Plan, state: State | null, now: Millis): string | null {
  const entries = new Map((state?.entries ?? []).map((entry) => [entry.registry, entry]))
  for (const registry of plan.registries) {
    const entry = entries.get(registry.key)
    if (entry === undefined) return `it was made for a plan without ${registry.key}`
    if (entry.provider !== registry.provider.kind) return `its ${registry.key} came from provider ${entry.provider}`
    if (!hasLife(entry.expiresAt, plan, now)) return `its credential for ${registry.key} has too little life left`
  }
  return null
}

function hasLife(expiresAt: Millis | null, plan: Plan, now: Millis): boolean {
  return expiresAt === null || expiresAt - now >= leastLife(plan) * 1000
}

/** A version is immutable: the only cure for a useless pending one is to let go of its label (facts 10, fault 1). */
async function releaseAndFail(cx: RotationPorts, attempt: Attempt, arn: SecretArn, reason: string): Promise<never> {
  await release(cx, attempt, arn)
  throw new PullAuthError(
    'PENDING_STALE',
    `Version ${attempt.version} of ${arn} cannot be promoted: ${reason}.`,
    'Its label was removed. The next rotation makes a fresh version; start one now with RotateSecret if it is urgent.',
  )
}

async function release(cx: RotationPorts, attempt: Attempt, arn: SecretArn): Promise<void> {
  try {
    await cx.store.moveLabel(arn, { label: attempt.label, from: attempt.version })
  } catch (error) {
    if (!isCode(error, 'LABEL_MOVED')) throw error
  }
}

async function testRejected(
  cx: RotationPorts,
  attempt: Attempt,
  staged: StoredVersion,
  rejection: PullAuthError,
): Promise<readonly Proven[]> {
  const secret = await cx.store.describe(attempt.plan.secret)
  if (currentOf(secret) === attempt.version) throw rejection
  const current = await readCurrent(cx, secret)
  if (current.text.equals(staged.text)) return await rehearse(cx, attempt, secret, current)
  await release(cx, attempt, secret.arn)
  throw rejection
}

/** Test-only with a current credential that has died of age: what counts is whether a new one could be minted and pulls. */
async function rehearse(
  cx: RotationPorts,
  attempt: Attempt,
  secret: SecretDescription,
  current: StoredVersion,
): Promise<readonly Proven[]> {
  const config = readStoredConfig(current.text, secret.name)
  const minted = await mintAll(cx, attempt, secret, stateOf(config))
  try {
    const entries = minted.map(({ registry, credential }) => ({ registry: registry.key, ...credential }))
    const options = { format: attempt.plan.format, state: null, name: secret.name }
    const merged = readStoredConfig(mergeEntries(config, entries, options).text, secret.name)
    return await proveAll(cx, attempt.plan, merged, null)
  } finally {
    await discard(cx, minted)
  }
}

/** Returns what would become current. */
async function checkPromotable(
  cx: RotationPorts,
  attempt: Attempt,
  secret: SecretDescription,
): Promise<readonly StateEntry[]> {
  const [staged, current] = await both(readLabelled(cx, secret.arn, attempt), readCurrent(cx, secret))
  const next = readStoredConfig(staged.text, secret.name)
  const reason = uselessBecause(attempt.plan, stateOf(next), cx.clock.now())
  if (reason !== null && !staged.text.equals(current.text)) await releaseAndFail(cx, attempt, secret.arn, reason)
  const managed = attempt.plan.registries.map(({ key }) => key)
  const now = readStoredConfig(current.text, secret.name)
  if (unmanagedDigest(now, managed) === unmanagedDigest(next, managed)) return stateOf(next)?.entries ?? []
  await release(cx, attempt, secret.arn)
  cx.journal.measure?.('CasConflict', 1)
  throw new PullAuthError(
    'CONFIG_CHANGED',
    `Somebody changed ${secret.arn} while version ${attempt.version} was being made; their change was kept, ours was not.`,
    'Rotate again: the next version starts from the changed config.',
  )
}

// ── Minting ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface MintedEntry {
  readonly registry: PlannedRegistry
  readonly credential: Minted
}

/** All registries at once; when one fails, what the others minted was never stored and is revoked again. */
async function mintAll(
  cx: RotationPorts,
  attempt: Attempt,
  secret: SecretDescription,
  before: State | null,
): Promise<readonly MintedEntry[]> {
  const label = mintLabel(secret.name, attempt.version, cx.clock.now())
  const results = await Promise.allSettled(
    attempt.plan.registries.map((registry) =>
      mintOne(cx, attempt.plan, registry, { label, ttl: registry.ttl, inUse: handlesInUse(before, registry) }),
    ),
  )
  const minted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = results.find((result) => result.status === 'rejected')
  const dying = minted.find(({ credential }) => !hasLife(credential.expiresAt, attempt.plan, cx.clock.now()))
  if (failed === undefined && dying === undefined) return minted
  await discard(cx, minted)
  throw failed === undefined ? expiring(dying?.registry.key ?? '', leastLife(attempt.plan)) : failed.reason
}

/** What earlier versions remember of this entry: the current handle first. Of these nothing is known to be revoked. */
function handlesInUse(state: State | null, { key, provider }: PlannedRegistry): readonly JsonValue[] {
  return [...(state?.entries ?? []), ...(state?.superseded ?? [])]
    .filter((entry) => entry.registry === key && entry.provider === provider.kind && entry.handle !== null)
    .map(({ handle }) => handle)
}

async function mintOne(
  cx: RotationPorts,
  plan: Plan,
  registry: PlannedRegistry,
  request: MintRequest,
): Promise<MintedEntry> {
  const { provider, config, key } = registry
  const credential = await provider.mint(providerContext(cx), config, request)
  const expiresAt = credential.expiresAt
  const life = expiresAt === null ? 'without an expiry that is known' : `until ${new Date(expiresAt).toISOString()}`
  cx.journal.info(
    `${key}: ${provider.traits.rotation === 'static' ? 'read' : 'minted'} by ${provider.kind}, ${life}.`,
    {
      registry: key,
      provider: provider.kind,
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      leastLifeSeconds: leastLife(plan),
    },
  )
  await watchRoot(providerContext(cx), registry)
  return { registry, credential }
}

/** What a provider may touch, and no more. */
export function providerContext(cx: ProviderContext): ProviderContext {
  const { http, clock, journal } = cx
  return {
    http,
    clock,
    journal,
    readSecret: (name) => cx.readSecret(name),
    identityToken: (audience, only) => cx.identityToken(audience, only),
    signAws: (request) => cx.signAws(request),
  }
}

/** Revokes what this process minted and knows to be stored nowhere. Best effort: it expires, and `retire` finds it by label. */
async function discard(cx: RotationPorts, minted: readonly MintedEntry[]): Promise<void> {
  await Promise.all(
    minted.map(async ({ registry, credential }) => {
      if (credential.handle === null || registry.provider.revoke === undefined) return
      try {
        await registry.provider.revoke(providerContext(cx), credential.handle, [registry.config])
      } catch {
        cx.journal.warn(
          `${registry.key}: a credential that was minted and not used could not be revoked; retire finds it by its label.`,
        )
      }
    }),
  )
}

/** Longer than any handle of ours: what does not fit must be refused before anything is minted, not after. */
const STAND_IN_HANDLE = 'x'.repeat(256)

/** Merges stand-ins as long as today's credentials, so that what cannot be written is refused before anything is minted. */
function rehearseMerge({ clock }: RotationPorts, plan: Plan, config: StoredConfig, name: string): void {
  const now = clock.now()
  const standIns = plan.registries.map((registry) => {
    const length = resolveImage(config, registry.probe).credential?.password.length ?? 64
    const password = new Secret('x'.repeat(Math.max(1, length)))
    const credential = { username: 'rehearsal', password, issuedAt: now, expiresAt: now, handle: STAND_IN_HANDLE }
    return { registry, credential }
  })
  const entries = standIns.map(({ registry, credential }) => ({ registry: registry.key, ...credential }))
  mergeEntries(config, entries, { format: plan.format, state: nextState(stateOf(config), plan, standIns, now), name })
}

function leaveTimeToMint(clock: Clock, attempt: Attempt): void {
  if (attempt.deadline === undefined || attempt.deadline - clock.now() >= LEAST_TIME_TO_MINT) return
  throw new PullAuthError(
    'ROTATION_TIMEOUT',
    `Too little time is left to mint for version ${attempt.version}: a process stopped half-way would leave an orphan.`,
    'Give the rotation function a longer timeout (60 s or more). Secrets Manager retries by itself.',
  )
}

/** Nothing to rotate: every credential is one that was read, not made, and the stored config already has it. */
function isUnchanged(plan: Plan, config: StoredConfig, minted: readonly MintedEntry[]): boolean {
  return minted.every(({ registry, credential }) => {
    if (credential.handle !== null || registry.provider.traits.rotation !== 'static') return false
    const stored = resolveImage(config, registry.probe)
    return (
      !stored.ambiguous &&
      stored.credential?.username === credential.username &&
      stored.credential.password.equals(credential.password) &&
      uselessBecause(plan, stateOf(config), 0) === null
    )
  })
}

/**
 * A version is immutable, so it goes on naming credentials that were retired after it was made. Where the registry can
 * list its tokens, the next version forgets those that are gone; a list that fails forgets nothing.
 */
async function forgetTheGone(
  cx: RotationPorts,
  plan: Plan,
  secretName: string,
  state: State | null,
): Promise<State | null> {
  if (state === null || state.superseded.length === 0) return state
  const gone = await Promise.all(
    plan.registries.map(async ({ key, provider, config }) => {
      const mine = state.superseded.filter((entry) => entry.registry === key && entry.provider === provider.kind)
      if (mine.length === 0 || provider.find === undefined) return []
      try {
        const found = await provider.find(providerContext(cx), config, labelPrefix(secretName))
        return mine.filter(({ handle }) => isProvenGone(handle, found))
      } catch {
        return []
      }
    }),
  )
  const forgotten = new Set(gone.flat())
  return { ...state, superseded: state.superseded.filter((entry) => !forgotten.has(entry)) }
}

/**
 * A list proves something only about the place that it lists: a plan that has moved to another project of the same registry
 * does not see the tokens of the old one. A token of the same place differs from a listed one in its id alone.
 */
function isProvenGone(handle: JsonValue, found: readonly Found[]): boolean {
  const gone = found.every((token) => JSON.stringify(token.handle) !== JSON.stringify(handle))
  return gone && found.some((token) => differingMembers(token.handle, handle) === 1)
}

/** How many members of two flat objects differ; infinitely many for anything else. */
function differingMembers(one: JsonValue, other: JsonValue): number {
  const [a, b] = [membersOf(one), membersOf(other)]
  if (a === null || b === null) return Number.POSITIVE_INFINITY
  const names = new Set([...a.keys(), ...b.keys()])
  return [...names].filter((name) => a.get(name) !== b.get(name)).length
}

function membersOf(handle: JsonValue): ReadonlyMap<string, string> | null {
  if (typeof handle !== 'object' || handle === null || Array.isArray(handle)) return null
  return new Map(Object.entries(handle).map(([name, value]) => [name, JSON.stringify(value)]))
}

/** What the new version remembers: its own credentials, and which earlier ones it makes unnecessary. */
export function nextState(before: State | null, plan: Plan, minted: readonly MintedEntry[], now: Millis): State {
  const planned = new Set(plan.registries.map(({ key }) => key))
  const made = minted.map(
    ({ registry, credential }): StateEntry => ({
      registry: registry.key,
      provider: registry.provider.kind,
      issuedAt: credential.issuedAt,
      expiresAt: credential.expiresAt,
      handle: credential.handle,
    }),
  )
  // An entry that the plan dropped stays in the config and in use, so it is remembered, not retired.
  const kept = (before?.entries ?? []).filter(({ registry }) => !planned.has(registry))
  const entries = [...made, ...kept]
  const inUse = new Set(entries.map(({ handle }) => JSON.stringify(handle)))
  const replaced = (before?.entries ?? []).filter(({ registry }) => planned.has(registry))
  const superseded = [...replaced, ...(before?.superseded ?? [])].filter(
    ({ handle, expiresAt }) =>
      handle !== null && !inUse.has(JSON.stringify(handle)) && (expiresAt === null || expiresAt > now),
  )
  return { entries, superseded }
}

// ── Errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function disabled(secret: SecretDescription): PullAuthError {
  return new PullAuthError(
    'ROTATION_DISABLED',
    `Rotation is not enabled on ${secret.arn}.`,
    'Enable it (aws secretsmanager rotate-secret with a schedule), or it was cancelled on purpose and nothing is to do.',
  )
}

function abandoned(arn: string, version: VersionId): PullAuthError {
  return new PullAuthError(
    'ROTATION_ABANDONED',
    `Version ${version} of ${arn} is not pending any more: another writer or another rotation superseded it.`,
    'Nothing is lost. The next rotation starts afresh; let only one writer change this secret.',
  )
}

function expiring(registry: string, least: number): PullAuthError {
  return new PullAuthError(
    'CREDENTIAL_EXPIRING',
    `The credential for ${registry} has less than ${Math.ceil(least / 60)} minutes left, the time that a rollout may take.`,
    'Ask for a longer ttl, renew the credential at its registry, or lower fleet.timeout.',
  )
}
