/**
 * Writes the credentials of the current version where nothing has to be reloaded: secrets that ECS reads at each task
 * start, secrets that ECR's pull-through cache reads, an object that instances fetch when they boot. After promotion, by
 * compare-and-swap, and never older than what is current.
 */

import { isCode, PullAuthError } from './errors.ts'
import type { Plan } from './plan.ts'
import type { PlannedOutput } from './plan-outputs.ts'
import type { Credential, Journal, ObjectStore, SecretArn, SecretStore, VersionId } from './ports.ts'
import { Secret } from './secret.ts'
import { readStoredConfig, resolveImage, type StoredConfig } from './stored-config.ts'
import { versionIdFrom } from './version-id.ts'

export interface OutputPorts {
  readonly store: SecretStore
  readonly objects: ObjectStore
  readonly journal: Journal
}

export interface OutputReport {
  readonly kind: PlannedOutput['kind']
  /** Secret name or ARN, or `s3://…`. */
  readonly target: string
  /** `overtaken`: a newer version is current, whose own run writes it. */
  readonly outcome: 'written' | 'unchanged' | 'overtaken'
}

const CURRENT = 'AWSCURRENT'
const STAGED = 'ECSAUTH-STAGED'

/** Tries every output; throws OUTPUT_FAILED with the names of those that failed. Repeating it is harmless. */
export async function writeOutputs(cx: OutputPorts, plan: Plan, version: VersionId): Promise<readonly OutputReport[]> {
  const reports: OutputReport[] = []
  const failures: PullAuthError[] = []
  for (const output of plan.outputs) {
    const target = targetOf(output)
    try {
      const outcome = await writeOne(cx, plan, version, output)
      cx.journal.info(`${target}: ${outcome}.`, { output: output.kind, target, outcome, version })
      reports.push({ kind: output.kind, target, outcome })
    } catch (error) {
      if (!(error instanceof PullAuthError)) throw error
      cx.journal.warn(`${target} could not be written: ${error.message}`, { code: error.code, target })
      failures.push(error)
    }
  }
  const [first] = failures
  if (first === undefined) return reports
  throw new PullAuthError(
    'OUTPUT_FAILED',
    `${failures.length} of ${plan.outputs.length} outputs of ${plan.secret} were not written; first: ${first.code}: ${first.message}`,
    `${first.hint} The stored config is current; what the outputs held before is kept alive until they are written.`,
    first,
  )
}

export function targetOf(output: PlannedOutput): string {
  return output.kind === 's3' ? `s3://${output.bucket}/${output.key}` : output.secret
}

const ATTEMPTS = 4

/** Looks at what is current before each attempt, so that a run that comes late never writes an old credential over a new one. */
async function writeOne(
  cx: OutputPorts,
  plan: Plan,
  version: VersionId,
  output: PlannedOutput,
): Promise<OutputReport['outcome']> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const secret = await cx.store.describe(plan.secret)
    if (!secret.versions.get(version)?.includes(CURRENT)) return 'overtaken'
    const { text } = await cx.store.read(secret.arn, { version })
    const outcome =
      output.kind === 's3'
        ? await writeObject(cx, output, text, version)
        : await writeSecret(cx, output, readStoredConfig(text, secret.name), { arn: secret.arn, version })
    if (outcome !== 'conflict') return outcome
  }
  throw new PullAuthError(
    'LABEL_MOVED',
    `${targetOf(output)} was changed by somebody else each time it was to be written.`,
    'Let one writer change it, and run again.',
  )
}

type Written = 'written' | 'unchanged' | 'conflict'

async function writeSecret(
  { store }: OutputPorts,
  output: Exclude<PlannedOutput, { kind: 's3' }>,
  config: StoredConfig,
  source: { readonly arn: SecretArn; readonly version: VersionId },
): Promise<Written> {
  const target = await store.describe(output.secret)
  if (target.rotationEnabled) throw rotated(output.secret)
  const current = holderOf(target.versions)
  const before = current === null ? null : (await store.read(target.arn, { version: current })).text
  const text = withCredential(before, output, credentialFor(config, output.registry))
  if (before?.equals(text)) return 'unchanged'
  const { kind, registry } = output
  const version = versionIdFrom('output', kind, registry, target.arn, source.arn, source.version, current ?? '')
  await store.put(target.arn, { version, text, label: STAGED })
  // The first value of a secret becomes current by itself.
  if (current === null) return 'written'
  try {
    await store.moveLabel(target.arn, { label: CURRENT, from: current, to: version })
    return 'written'
  } catch (error) {
    if (!isCode(error, 'LABEL_MOVED', 'AWS_UNAVAILABLE')) throw error
    return holderOf((await store.describe(target.arn)).versions) === version ? 'written' : 'conflict'
  }
}

function holderOf(versions: ReadonlyMap<VersionId, readonly string[]>): VersionId | null {
  for (const [version, labels] of versions) if (labels.includes(CURRENT)) return version
  return null
}

/** Members that somebody else keeps in the secret stay; only the two that hold the credential change. */
function withCredential(
  before: Secret | null,
  { kind, secret }: Exclude<PlannedOutput, { kind: 's3' }>,
  { username, password }: Credential,
): Secret {
  const kept = before === null ? {} : parseObject(before.reveal())
  if (kept === null) {
    throw new PullAuthError(
      'CREDENTIAL_INVALID',
      `Secret ${secret} holds something else than a JSON object, so it is not written to.`,
      'Name a secret that is meant for this output, or empty it to {}.',
    )
  }
  // facts/registries.md section 3.4: the names that ECR and ECS read.
  const name = kind === 'ecr-pull-through-cache' ? 'accessToken' : 'password'
  return new Secret(JSON.stringify({ ...kept, username, [name]: password.reveal() }))
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** What the ECS agent would use for an image of that registry. */
function credentialFor(config: StoredConfig, registry: string): Credential {
  const bare = registry.replace(/^https?:\/\//, '')
  const image = bare === 'index.docker.io/v1/' ? 'library/any' : `${bare.replace(/\/$/, '')}/any`
  const { credential } = resolveImage(config, image)
  if (credential !== null) return credential
  throw new PullAuthError(
    'CONFIG_AUTH_UNREADABLE',
    `The current stored config has no credential for ${registry}.`,
    'Rotate once, so that the entry is there.',
  )
}

async function writeObject(
  { objects }: OutputPorts,
  { bucket, key, kmsKey }: Extract<PlannedOutput, { kind: 's3' }>,
  text: Secret,
  version: VersionId,
): Promise<Written> {
  const before = await objects.head(bucket, key)
  if (before?.version === version) return 'unchanged'
  return await objects.put(bucket, key, { text, version, kmsKey, replaces: before?.etag ?? null })
}

function rotated(name: string): PullAuthError {
  return new PullAuthError(
    'AWS_REFUSED',
    `Secret ${name} is rotated by something else, so this plan does not write it.`,
    'Turn its own rotation off, or name another secret as the output.',
  )
}
