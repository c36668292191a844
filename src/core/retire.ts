/**
 * Revokes what the last rollout made unnecessary. Only after every target that is still there runs the current version
 * and a drain time has passed; from what the versions themselves remember, not from today's plan; resumable, because
 * revoking twice is harmless.
 */

import { asPullAuthError, isCode, PullAuthError } from './errors.ts'
import { sleepUnless } from './follow.ts'
import { labelPrefix, readMintLabel } from './mint-label.ts'
import { writeOutputs } from './outputs.ts'
import { refuseOvertaken } from './overtaken.ts'
import type { Plan } from './plan.ts'
import type { Millis, Revocation, SecretArn, SecretDescription, VersionId } from './ports.ts'
import type { RolloutPorts } from './rollout.ts'
import { type RolloutReport, rolloutProblem } from './rollout-report.ts'
import { CURRENT, currentOf, providerContext, type RotationPorts, STAGED_LABEL } from './rotation.ts'
import type { StateEntry } from './state.ts'
import { readStoredConfig, resolveImage, type StoredConfig, stateOf } from './stored-config.ts'

export interface RetireReport {
  readonly secret: SecretArn
  readonly version: VersionId
  readonly retired: readonly { readonly registry: string; readonly provider: string; readonly outcome: Revocation }[]
  /** Still alive: the revocation failed. Try again; an alarm, never a reason to fail a rotation. */
  readonly failed: readonly Unrevoked[]
}

interface Unrevoked {
  readonly registry: string
  readonly provider: string
  readonly reason: string
  readonly hint: string
}

/** A token without a version is an orphan only when its mint cannot be on its way to the store any more. */
const ORPHAN_AGE: Millis = 60 * 60_000

type RetirePorts = RotationPorts & Pick<RolloutPorts, 'fleet' | 'interrupt'>

/**
 * Throws RETIRE_NOT_YET when the rollout does not prove that no instance needs an older credential, and, unless it is to
 * wait, when there is something to revoke before `fleet.drain` is over; ROLLOUT_INCOMPLETE when an instance took another
 * version since.
 */
export async function retire(
  cx: RetirePorts,
  plan: Plan,
  rollout: RolloutReport,
  { wait }: { wait: boolean },
): Promise<RetireReport> {
  const found = await findUnnecessary(cx, plan, rollout)
  const left = found.drained - cx.clock.now()
  if (found.credentials.length === 0 || left <= 0) return await revokeAll(cx, plan, rollout, found)
  if (!wait) throw draining(plan, found.drained, left)
  cx.journal.info(
    `Every instance runs the version. Old credentials stay alive until ${new Date(found.drained).toISOString()}, for pulls ` +
      'that are under way (fleet.drain). This may be interrupted: the next retire revokes them.',
  )
  if (!(await sleepUnless(cx.clock, left, cx.interrupt?.signal())))
    throw draining(plan, found.drained, found.drained - cx.clock.now())
  // Somebody may have moved the label back meanwhile: what was unnecessary then may be needed now.
  return await revokeAll(cx, plan, rollout, await findUnnecessary(cx, plan, rollout))
}

interface Unnecessary {
  readonly secret: SecretArn
  readonly version: VersionId
  readonly credentials: readonly Revocable[]
  /** From when on they may be revoked. */
  readonly drained: Millis
  /** Where the labels were when this was found out. */
  readonly labels: string
}

/** Throws RETIRE_NOT_YET. */
async function findUnnecessary(cx: RotationPorts, plan: Plan, rollout: RolloutReport): Promise<Unnecessary> {
  const secret = await cx.store.describe(plan.secret)
  const current = currentOf(secret)
  if (plan.fleet === null || current === null)
    throw notYet(plan, 'the plan has no fleet, so nothing proves what it runs')
  if (current !== rollout.version)
    throw notYet(plan, `the rollout was for version ${rollout.version}, but ${current} is current`)
  if (rolloutProblem(rollout, plan.fleet) !== null)
    throw notYet(plan, `${rollout.onVersion} of ${rollout.targets} instances run ${current}`)

  // What an output still holds is in use.
  await writeOutputs(cx, plan, current)
  const versions = await readLabelledVersions(cx, secret)
  const orphans = await findOrphans(cx, plan, secret, versions)
  return {
    secret: secret.arn,
    version: current,
    credentials: [...unnecessary(versions), ...orphans],
    drained: rollout.endedBy + plan.fleet.drain * 1000,
    labels: labelsOf(secret),
  }
}

function labelsOf({ versions }: SecretDescription): string {
  return JSON.stringify([...versions].map(([version, labels]) => [version, [...labels].sort()]).sort())
}

async function revokeAll(
  cx: RetirePorts,
  plan: Plan,
  rollout: RolloutReport,
  found: Unnecessary,
): Promise<RetireReport> {
  if (plan.fleet !== null && found.credentials.length > 0) {
    await refuseOvertaken(cx, plan.fleet, rollout)
    // This process may have slept since it looked, long enough for a whole rotation: a token that was not there would
    // look like an orphan, and a version that became current again like an old one.
    if (labelsOf(await cx.store.describe(plan.secret)) !== found.labels)
      throw notYet(plan, 'its labels have moved since they were read')
  }
  const results = await Promise.all(found.credentials.map((credential) => revokeOne(cx, plan, credential)))
  return {
    secret: found.secret,
    version: found.version,
    retired: results.flatMap((result) => ('outcome' in result ? [result] : [])),
    failed: results.flatMap((result) => ('reason' in result ? [result] : [])),
  }
}

interface Labelled {
  readonly labels: readonly string[]
  readonly config: StoredConfig
}

/** Every version that still has a label, with its config: what they name must be known before anything is revoked. */
async function readLabelledVersions(cx: RotationPorts, secret: SecretDescription): Promise<readonly Labelled[]> {
  const labelled = [...secret.versions].filter(([, labels]) => labels.length > 0)
  const read = labelled.map(async ([version, labels]) => {
    const config = await readConfig(cx, secret, version, labels)
    return config === null ? [] : [{ labels, config }]
  })
  return (await Promise.all(read)).flat()
}

async function readConfig(
  cx: RotationPorts,
  secret: SecretDescription,
  version: VersionId,
  labels: readonly string[],
): Promise<StoredConfig | null> {
  try {
    return readStoredConfig((await cx.store.read(secret.arn, { version })).text, secret.name)
  } catch (error) {
    const empty = isCode(error, 'VERSION_NOT_FOUND', 'CONFIG_EMPTY', 'CONFIG_NOT_ECS', 'CONFIG_AUTH_UNREADABLE')
    // A rotation's placeholder, or somebody's text that is no config: it names no credential of ours.
    if (empty && !labels.includes(CURRENT)) return null
    throw error
  }
}

/**
 * What AWSPREVIOUS named, or an earlier version that it superseded, and what no version in use or on its way names. A
 * hand-made current version has no state line and may still hold the very credential that AWSPREVIOUS names: it stays.
 */
function unnecessary(versions: readonly Labelled[]): readonly StateEntry[] {
  const current = versions.find(({ labels }) => labels.includes(CURRENT))
  if (current === undefined) return []
  const previous = versions.filter(({ labels }) => isPast(labels))
  const named = previous.flatMap(({ config }) =>
    entriesOf(config).map((entry) => ({ entry, held: sameCredential(config, current.config, entry.registry) })),
  )
  const replaced = named.flatMap(({ entry, held }) => (held ? [] : [entry]))
  const held = named.flatMap(({ entry, held }) => (held ? [entry] : []))
  const superseded = [current, ...previous].flatMap(({ config }) => stateOf(config)?.superseded ?? [])
  // What is only staged and superseded was current once: what is on its way names new credentials, which nothing supersedes.
  const inUse = versions
    .filter((version) => !previous.includes(version) && !isStaged(version.labels))
    .flatMap(({ config }) => entriesOf(config))
  const needed = new Set([...inUse, ...held].map(keyOf))
  const candidates = [...superseded, ...replaced].filter((entry) => entry.handle !== null && !needed.has(keyOf(entry)))
  return [...new Map(candidates.map((entry) => [keyOf(entry), entry])).values()]
}

/** Our private label stays on a version that was promoted; somebody else's label is a reason to keep what it names. */
function isPast(labels: readonly string[]): boolean {
  return labels.includes('AWSPREVIOUS') && labels.every((label) => label === 'AWSPREVIOUS' || label === STAGED_LABEL)
}

/** No label but our private one: on its way to AWSCURRENT, or left by a run that ended before it got there. */
function isStaged(labels: readonly string[] = []): boolean {
  return labels.every((label) => label === STAGED_LABEL)
}

function entriesOf(config: StoredConfig): readonly StateEntry[] {
  return stateOf(config)?.entries ?? []
}

function sameCredential(one: StoredConfig, other: StoredConfig, registry: string): boolean {
  const image = imageUnder(registry)
  const [a, b] = [resolveImage(one, image).credential, resolveImage(other, image).credential]
  return a !== null && b !== null && a.username === b.username && a.password.equals(b.password)
}

/** Some image that the ECS agent would pull with this registry key. */
function imageUnder(registry: string): string {
  const key = registry.replace(/^https?:\/\//, '')
  return key === 'index.docker.io/v1/' ? 'library/any' : `${key.replace(/\/$/, '')}/any`
}

function keyOf({ provider, handle }: Pick<StateEntry, 'provider' | 'handle'>): string {
  return `${provider} ${JSON.stringify(handle)}`
}

type Revocable = Pick<StateEntry, 'registry' | 'provider' | 'handle'>

/** Old tokens with our label that no version names but one that was never promoted: left by a process that died on the way. */
async function findOrphans(
  cx: RotationPorts,
  plan: Plan,
  secret: SecretDescription,
  versions: readonly Labelled[],
): Promise<readonly Revocable[]> {
  const states = versions.flatMap(({ labels, config }) => (isStaged(labels) ? [] : (stateOf(config) ?? [])))
  const named = new Set(states.flatMap(({ entries, superseded }) => [...entries, ...superseded]).map(keyOf))
  const found = await Promise.all(
    plan.registries.map(async ({ key, provider, config }) => {
      const tokens = (await provider.find?.(providerContext(cx), config, labelPrefix(secret.name))) ?? []
      return tokens.flatMap(({ label, handle }): Revocable[] => {
        const made = readMintLabel(label, secret.name)
        const old =
          made !== null && cx.clock.now() - made.mintedAt >= ORPHAN_AGE && isStaged(secret.versions.get(made.version))
        return old ? [{ registry: key, provider: provider.kind, handle }] : []
      })
    }),
  )
  const unique = new Map(found.flat().map((entry) => [keyOf(entry), entry]))
  return [...unique.values()].filter((entry) => !named.has(keyOf(entry)))
}

async function revokeOne(
  cx: RotationPorts,
  plan: Plan,
  { registry, provider: kind, handle }: Revocable,
): Promise<{ registry: string; provider: string; outcome: Revocation } | Unrevoked> {
  const provider = cx.providers.get(kind)
  if (provider?.revoke === undefined) {
    const reason = `this version has no provider ${kind} that revokes`
    return { registry, provider: kind, reason, hint: 'Revoke it at the registry.' }
  }
  const planned = plan.registries.flatMap((entry) => (entry.provider.kind === kind ? [entry.config] : []))
  try {
    const outcome = await provider.revoke(providerContext(cx), handle, planned)
    cx.journal.info(`${registry}: an old credential of ${kind} is ${outcome}.`, { registry, provider: kind, outcome })
    return { registry, provider: kind, outcome }
  } catch (error) {
    const { code, message, hint } = asPullAuthError(error)
    const reason = `${code}: ${message}`
    const what = `${registry}: an old credential of ${kind} could not be revoked: ${reason} ${hint}`
    cx.journal.warn(what, { registry, provider: kind, code })
    return { registry, provider: kind, reason, hint }
  }
}

function notYet(plan: Plan, reason: string): PullAuthError {
  return new PullAuthError(
    'RETIRE_NOT_YET',
    `No old credential of ${plan.secret} was revoked: ${reason}.`,
    'Reload the fleet until every instance runs the current version, then retire again.',
  )
}

function draining(plan: Plan, until: Millis, left: Millis): PullAuthError {
  const time = new Date(until).toISOString()
  return new PullAuthError(
    'RETIRE_NOT_YET',
    `No old credential of ${plan.secret} was revoked: they stay alive until ${time}, ${Math.ceil(left / 1000)} s from now (fleet.drain).`,
    `Retire after ${time}; the next rollout does it too.`,
  )
}

/** How many this retire has made useless; those that were gone already do not count. */
export function retiredCount(report: RetireReport): number {
  return report.retired.filter(({ outcome }) => outcome === 'revoked').length
}
