/** Secrets Manager behind the `SecretStore` port. */

import { PullAuthError } from '../core/errors.ts'
import type {
  NewVersion,
  RotationRules,
  SecretArn,
  SecretDescription,
  SecretStore,
  StoredVersion,
  VersionId,
} from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { ask, type Meanings, says } from './failure.ts'
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  type RotationRulesType,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from './secrets-manager-api.ts'

/** Not adjustable (facts, Secrets Manager section 6). */
const MOST_BYTES = 65_536

export function createSecretStore(client: SecretsManagerClient): SecretStore {
  return {
    describe: (secret) => describe(client, secret),
    read: (secret, at) => read(client, secret, at),
    put: (secret, value) => put(client, secret, value),
    moveLabel: (secret, move) => moveLabel(client, secret, move),
    startRotation: (secret, version) => startRotation(client, secret, version),
  }
}

async function describe(client: SecretsManagerClient, secret: string): Promise<SecretDescription> {
  const asked = { action: 'secretsmanager:DescribeSecret', subject: secret }
  const answer = await ask(asked, () => client.send(new DescribeSecretCommand({ SecretId: secret })), {
    ...missing(secret),
  })
  // Unlike every other call, DescribeSecret answers for a secret that is scheduled for deletion.
  if (answer.DeletedDate !== undefined) throw deleted(secret)
  const labels = Object.entries(answer.VersionIdsToStages ?? {})
  return {
    arn: (answer.ARN ?? secret) as SecretArn,
    name: answer.Name ?? secret,
    versions: new Map(labels.map(([id, stages]) => [id as VersionId, stages])),
    // Missing, not false, on a secret that never had a rotation (facts 10.6).
    rotationEnabled: answer.RotationEnabled ?? false,
    rotationFunction: answer.RotationLambdaARN ?? null,
    rotationRules: rulesOf(answer.RotationRules),
  }
}

function rulesOf(rules: RotationRulesType | undefined): RotationRules | null {
  const scheduleExpression = rules?.ScheduleExpression ?? null
  const automaticallyAfterDays = rules?.AutomaticallyAfterDays ?? null
  if (scheduleExpression === null && automaticallyAfterDays === null) return null
  return { scheduleExpression, duration: rules?.Duration ?? null, automaticallyAfterDays }
}

async function read(
  client: SecretsManagerClient,
  secret: string,
  at: { version?: VersionId; label?: string },
): Promise<StoredVersion> {
  const { version } = at
  const label = at.label ?? (version === undefined ? 'AWSCURRENT' : undefined)
  const which = [label, version].filter((part) => part !== undefined).join(' ')
  const command = new GetSecretValueCommand({
    SecretId: secret,
    ...(version === undefined ? {} : { VersionId: version }),
    ...(label === undefined ? {} : { VersionStage: label }),
  })
  const send = async () => {
    try {
      return await client.send(command)
    } catch (thrown) {
      throw isNoVersion(thrown) ? noVersion(secret, which) : thrown
    }
  }
  const asked = { action: 'secretsmanager:GetSecretValue', subject: `${secret} (${which})` }
  const answer = await ask(asked, () => refuseDeleted(secret, send), {
    ...missing(secret),
    ...(version !== undefined && label !== undefined
      ? { InvalidRequestException: labelElsewhere(secret, label, version) }
      : {}),
  })
  if (answer.SecretString === undefined) throw binary(secret, which)
  return {
    versionId: (answer.VersionId ?? version ?? '') as VersionId,
    text: new Secret(answer.SecretString),
    createdAt: answer.CreatedDate?.getTime() ?? 0,
  }
}

/** One body, the same bytes at every attempt: a Put that took effect and is repeated changes nothing (facts 11.3). */
async function put(client: SecretsManagerClient, secret: SecretArn, value: NewVersion): Promise<void> {
  const bytes = Buffer.byteLength(value.text.reveal(), 'utf8')
  if (bytes > MOST_BYTES) {
    throw new PullAuthError(
      'CONFIG_TOO_LARGE',
      `The new value of ${secret} has ${bytes} bytes; Secrets Manager takes ${MOST_BYTES}.`,
      'Remove entries or comments from the stored config.',
    )
  }
  const command = new PutSecretValueCommand({
    SecretId: secret,
    ClientRequestToken: value.version,
    SecretString: value.text.reveal(),
    VersionStages: [value.label],
    ...(value.rotationToken === undefined ? {} : { RotationToken: value.rotationToken.reveal() }),
  })
  const asked = { action: 'secretsmanager:PutSecretValue', subject: `${secret} (version ${value.version})` }
  await ask(asked, () => refuseDeleted(secret, () => client.send(command)), {
    ...missing(secret),
    ResourceExistsException: [
      'VERSION_EXISTS',
      `Version ${value.version} of ${secret} already holds another value.`,
      'Another writer was first; its value stays, and nothing else was changed. Rotate: that makes a version of its own.',
    ],
  })
}

/** Errors are matched by class, not text (facts 3): whatever was wrong with the labels, they are not where they were. */
async function moveLabel(
  client: SecretsManagerClient,
  secret: SecretArn,
  move: { label: string; from?: VersionId; to?: VersionId },
): Promise<void> {
  const command = new UpdateSecretVersionStageCommand({
    SecretId: secret,
    VersionStage: move.label,
    ...(move.from === undefined ? {} : { RemoveFromVersionId: move.from }),
    ...(move.to === undefined ? {} : { MoveToVersionId: move.to }),
  })
  const moved = [
    'LABEL_MOVED',
    `${move.label} of ${secret} could not be moved from ${move.from ?? 'no version'} to ${move.to ?? 'no version'}: it is not there (any more).`,
    'Either this move had taken effect and its answer was lost, or another writer was first; describe the secret to see which.',
  ] as const
  const asked = { action: 'secretsmanager:UpdateSecretVersionStage', subject: `${secret} (${move.label})` }
  const send = async () => {
    try {
      await client.send(command)
    } catch (thrown) {
      throw isNoVersion(thrown) ? noVersion(secret, move.to ?? '') : thrown
    }
  }
  await ask(asked, () => refuseDeleted(secret, send), {
    ...missing(secret),
    InvalidParameterException: moved,
    InvalidRequestException: moved,
  })
}

async function startRotation(client: SecretsManagerClient, secret: SecretArn, version: VersionId): Promise<void> {
  const command = new RotateSecretCommand({ SecretId: secret, ClientRequestToken: version })
  const asked = { action: 'secretsmanager:RotateSecret', subject: secret }
  const send = async () => {
    try {
      await client.send(command)
    } catch (thrown) {
      if (says(thrown, 'InvalidRequestException', /rotation function/i)) throw notConfigured(secret)
      if (says(thrown, 'AccessDeniedException', /cannot invoke/i)) throw notInvocable(secret)
      throw thrown
    }
  }
  await ask(asked, () => refuseDeleted(secret, send), {
    ...missing(secret),
    InvalidRequestException: [
      'ROTATION_RUNNING',
      `Secrets Manager refused to rotate ${secret}: an earlier rotation is not complete.`,
      'It is tried again by itself; wait for it. If it stays, look at the log of the rotation function.',
    ],
  })
}

function missing(secret: string): Meanings {
  const message = `There is no secret ${secret} in this account and Region.`
  return {
    ResourceNotFoundException: [
      'SECRET_NOT_FOUND',
      message,
      'Check name, Region and account; across accounts use the full ARN.',
    ],
  }
}

async function refuseDeleted<T>(secret: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (thrown) {
    throw isDeleted(thrown) ? deleted(secret) : thrown
  }
}

/** One class for secret and version; the texts are recorded: "the specified secret." and "the specified secret value for …". */
function isNoVersion(thrown: unknown): boolean {
  return says(thrown, 'ResourceNotFoundException', /secret value/)
}

/** Recorded: "… because it was marked for deletion." */
function isDeleted(thrown: unknown): boolean {
  return says(thrown, 'InvalidRequestException', /deletion/)
}

function deleted(secret: string): PullAuthError {
  return new PullAuthError(
    'SECRET_NOT_FOUND',
    `${secret} is scheduled for deletion.`,
    `Restore it: aws secretsmanager restore-secret --secret-id ${secret}`,
  )
}

function labelElsewhere(secret: string, label: string, version: VersionId) {
  return [
    'LABEL_MOVED',
    `${label} of ${secret} is not on version ${version} (any more).`,
    'Another writer moved the label; describe the secret and decide again.',
  ] as const
}

function noVersion(secret: string, which: string): PullAuthError {
  return new PullAuthError(
    'VERSION_NOT_FOUND',
    `${secret} has no value at ${which} (yet).`,
    'A new version can take some seconds to be seen; a rotation that failed may have left an empty one.',
  )
}

function binary(secret: string, which: string): PullAuthError {
  return new PullAuthError(
    'CONFIG_NOT_ECS',
    `${secret} (${which}) holds SecretBinary, not text.`,
    'Store the ecs.config or the credential as SecretString: aws secretsmanager put-secret-value --secret-string file://ecs.config',
  )
}

function notConfigured(secret: string): PullAuthError {
  return new PullAuthError(
    'ROTATION_DISABLED',
    `${secret} has no rotation function.`,
    'Deploy the stack that configures it, or let the workflow rotate the secret itself.',
  )
}

function notInvocable(secret: string): PullAuthError {
  return new PullAuthError(
    'ACCESS_DENIED',
    `Secrets Manager may not invoke the rotation function of ${secret}.`,
    'Give the function a permission for principal secretsmanager.amazonaws.com (with source-account), and the caller lambda:InvokeFunction.',
  )
}
