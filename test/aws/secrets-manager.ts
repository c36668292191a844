/** A strict Secrets Manager: every rule is one that facts secrets-manager-rotation.md records; texts marked there with [R] are exact. */

import { SecretRotation } from './secret-rotation.ts'
import { shapes } from './secret-shapes.ts'
import { CURRENT, noLabel, noVersion, type SecretValue, type SecretVersion, type Snapshot } from './secret-versions.ts'
import { type RotationSetup, StoredSecret } from './stored-secret.ts'
import { AwsRefusal, type Json, type Of, type Operations, operation, timestamp } from './wire.ts'
import { arnSuffix, type World } from './world.ts'

/** After a change; AWS names five minutes for ListSecrets and no bound for one secret (section 6). */
const LONGEST_STALE = 300_000

export class SecretsManagerDouble {
  readonly #secrets = new Map<string, StoredSecret>()
  readonly #world: World
  readonly #rotation: SecretRotation

  constructor(world: World, rotation: RotationSetup) {
    this.#world = world
    this.#rotation = new SecretRotation(world, rotation)
  }

  // ── Direct access for tests and the demo ───────────────────────────────────────────────────────────────────────────

  /** A secret as somebody made it long ago, without a request. */
  create(name: string, value?: string, version = this.#world.newId()): StoredSecret {
    const secret = this.#add(name)
    if (value !== undefined) this.#store(secret, { id: version, value: { text: value } }, [CURRENT])
    return secret
  }

  /** Turns rotation on without starting one, as a stack would long ago. */
  configureRotation(id: string, functionArn: string, rules: Json = { ScheduleExpression: 'rate(4 hours)' }): void {
    this.#find(id).rotation = { functionArn, rules, lastRotatedAt: undefined, enabled: true }
  }

  /** By name or ARN; throws what AWS answers when there is none. */
  secret(id: string): StoredSecret {
    return this.#find(id)
  }

  // ── The API ────────────────────────────────────────────────────────────────────────────────────────────────────────

  operations(): Operations {
    const secretValue = ['SecretString', 'SecretBinary']
    return {
      CreateSecret: operation(shapes.create, (input) => this.#create(input), secretValue),
      DescribeSecret: operation(shapes.describe, (input, { stale }) =>
        this.#describe(this.#find(input.SecretId), stale),
      ),
      GetSecretValue: operation(shapes.get, (input, { stale }) => this.#get(input, stale)),
      PutSecretValue: operation(shapes.put, (input) => this.#put(input), [...secretValue, 'RotationToken']),
      UpdateSecret: operation(shapes.update, (input) => this.#update(input), secretValue),
      UpdateSecretVersionStage: operation(shapes.move, (input) => this.#move(input)),
      ListSecretVersionIds: operation(shapes.listVersions, (input) => this.#listVersions(input)),
      DeleteSecret: operation(shapes.delete, (input) => this.#delete(input)),
      RestoreSecret: operation(shapes.describe, (input) => this.#restore(input)),
      ...this.#rotation.operations((id) => this.#usable(id)),
    }
  }

  #create(input: Of<typeof shapes.create>): Json {
    // Recorded: test_no_client_request_token, test_invalid_secret_name, test_secret_exists, and the one on deletion.
    const token = demandToken(input.ClientRequestToken)
    if (!/^[A-Za-z0-9/_+=.@!-]+$/.test(input.Name)) {
      throw new AwsRefusal(
        'ValidationException',
        'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      )
    }
    const old = this.#secrets.get(input.Name)
    if (old?.deletedAt !== undefined) {
      throw refused("You can't create this secret because a secret with this name is already scheduled for deletion.")
    }
    const value = givenValue(input)
    if (old !== undefined) return this.#createAgain(old, token, value)
    const secret = this.#add(input.Name, input.Description)
    if (value === null) return nameOf(secret)
    this.#store(secret, { id: token, value }, [CURRENT])
    return { ...nameOf(secret), VersionId: token }
  }

  /** A repeat of the request that made the secret is ignored (API reference, ClientRequestToken). */
  #createAgain(secret: StoredSecret, token: string, value: SecretValue | null): Json {
    const known = secret.versions.get(token)?.value
    if (known == null || value === null) {
      throw new AwsRefusal(
        'ResourceExistsException',
        `The operation failed because the secret ${secret.name} already exists.`,
      )
    }
    if (!sameValue(known, value)) throw inUse(token, secret)
    return { ...nameOf(secret), VersionId: token }
  }

  #snapshot(secret: StoredSecret, stale: boolean): Snapshot {
    return secret.versions.view(stale && this.#world.clock.now() - secret.changedAt < LONGEST_STALE)
  }

  #describe(secret: StoredSecret, stale: boolean): Json {
    const snapshot = this.#snapshot(secret, stale)
    // Versions without a label are not in the map (recorded in all DescribeSecret snapshots).
    const labelled = [...snapshot.versions.keys()].flatMap((id): [string, readonly string[]][] => {
      const labels = secret.versions.labelsOf(id, snapshot)
      return labels.length === 0 ? [] : [[id, labels]]
    })
    return {
      ...nameOf(secret),
      ...(secret.description === undefined ? {} : { Description: secret.description }),
      CreatedDate: timestamp(secret.createdAt),
      LastChangedDate: timestamp(secret.changedAt),
      ...(secret.deletedAt === undefined ? {} : { DeletedDate: timestamp(secret.deletedAt) }),
      ...this.#rotation.describe(secret),
      ...(labelled.length === 0 ? {} : { VersionIdsToStages: Object.fromEntries(labelled) }),
    }
  }

  #get(input: Of<typeof shapes.get>, stale: boolean): Json {
    const secret = this.#usable(input.SecretId)
    const snapshot = this.#snapshot(secret, stale)
    const { VersionId, VersionStage } = input
    const label = VersionStage ?? (VersionId === undefined ? CURRENT : undefined)
    const id = VersionId ?? snapshot.labels.get(label ?? CURRENT)
    if (id === undefined) throw noLabel(label ?? CURRENT)
    const version = snapshot.versions.get(id)
    if (version === undefined) throw noVersion(id)
    if (label !== undefined && snapshot.labels.get(label) !== id) {
      // Recorded: test_get_secret_value_errors.
      throw refused('You provided a VersionStage that is not associated to the provided VersionId.')
    }
    if (version.value === null) throw label === undefined ? noVersion(id) : noLabel(label)
    const { value } = version
    return {
      ...nameOf(secret),
      VersionId: id,
      ...('text' in value ? { SecretString: value.text } : { SecretBinary: value.binary }),
      VersionStages: secret.versions.labelsOf(id, snapshot),
      CreatedDate: timestamp(version.createdAt),
    }
  }

  #put(input: Of<typeof shapes.put>): Json {
    const secret = this.#usable(input.SecretId)
    const id = demandToken(input.ClientRequestToken)
    const value = givenValue(input)
    // Class and text as in LocalStack and moto, who agree.
    if (value === null) throw refused('You must provide either SecretString or SecretBinary.')
    const known = secret.versions.get(id)
    if (known?.value != null) {
      if (!sameValue(known.value, value)) throw inUse(id, secret)
      return this.#written(secret, id)
    }
    const byLambda = this.#rotation.checkWriter(secret, id, input.RotationToken)
    const labels = input.VersionStages ?? [CURRENT]
    const first = secret.versions.holder(CURRENT) === undefined && known === undefined
    this.#rotation.abandonFor(secret, id)
    this.#store(secret, { id, value, byLambda }, first ? [...labels, CURRENT] : labels)
    return this.#written(secret, id)
  }

  #written(secret: StoredSecret, id: string): Json {
    return { ...nameOf(secret), VersionId: id, VersionStages: secret.versions.labelsOf(id) }
  }

  /** With a value, an existing token is always an error (section 3, table); without, only the description changes. */
  #update(input: Of<typeof shapes.update>): Json {
    const secret = this.#usable(input.SecretId)
    const id = demandToken(input.ClientRequestToken)
    const value = givenValue(input)
    if (value !== null && secret.versions.get(id) !== undefined) throw inUse(id, secret)
    if (input.Description !== undefined) secret.description = input.Description
    if (value === null) return nameOf(secret)
    this.#rotation.abandonFor(secret, id)
    this.#store(secret, { id, value }, [CURRENT])
    return { ...nameOf(secret), VersionId: id }
  }

  #move(input: Of<typeof shapes.move>): Json {
    const secret = this.#usable(input.SecretId)
    secret.versions.move(input.VersionStage, input.RemoveFromVersionId, input.MoveToVersionId)
    secret.changedAt = this.#world.clock.now()
    return nameOf(secret)
  }

  #listVersions(input: Of<typeof shapes.listVersions>): Json {
    const secret = this.#find(input.SecretId)
    const all = [...secret.versions.view().versions.values()].flatMap((version) => {
      const labels = secret.versions.labelsOf(version.id)
      if (version.value === null || (labels.length === 0 && input.IncludeDeprecated !== true)) return []
      const entry = {
        VersionId: version.id,
        CreatedDate: timestamp(version.createdAt),
        KmsKeyIds: ['DefaultEncryptionKey'],
      }
      return [labels.length === 0 ? entry : { ...entry, VersionStages: labels }]
    })
    const from = input.NextToken === undefined ? 0 : Number(input.NextToken)
    if (!Number.isInteger(from) || from < 0)
      throw new AwsRefusal('InvalidNextTokenException', 'The NextToken value is invalid.')
    const to = from + (input.MaxResults ?? 100)
    return {
      ...nameOf(secret),
      Versions: all.slice(from, to),
      ...(to < all.length ? { NextToken: String(to) } : {}),
    }
  }

  #delete(input: Of<typeof shapes.delete>): Json {
    const { SecretId, RecoveryWindowInDays: days } = input
    const now = this.#world.clock.now()
    if (input.ForceDeleteWithoutRecovery === true) {
      if (days !== undefined) {
        throw invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
      }
      return { ...this.#forget(SecretId), DeletionDate: timestamp(now) }
    }
    // The API model has no bounds for it: the service checks.
    if (days !== undefined && (days < 7 || days > 30)) {
      throw invalid('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).')
    }
    const secret = this.#find(SecretId)
    if (secret.deletedAt !== undefined) throw markedForDeletion()
    secret.deletedAt = now
    return { ...nameOf(secret), DeletionDate: timestamp(now + (days ?? 30) * 86_400_000) }
  }

  /** Recorded: test_delete_non_existent_secret_returns_as_if_secret_exists. */
  #forget(id: string): Json {
    const secret = this.#lookUp(id)
    if (secret === undefined) return { ARN: this.#arnOf(id), Name: id }
    this.#secrets.delete(secret.name)
    return nameOf(secret)
  }

  #restore(input: Of<typeof shapes.describe>): Json {
    const secret = this.#find(input.SecretId)
    secret.deletedAt = undefined
    return nameOf(secret)
  }

  // ── State ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #add(name: string, description?: string): StoredSecret {
    const made = { arn: this.#arnOf(name), name, description, now: this.#world.clock.now() }
    const secret = new StoredSecret(made, (label, version) => this.#announce(secret, label, version))
    this.#secrets.set(name, secret)
    return secret
  }

  #arnOf(name: string): string {
    return this.#world.arn('secretsmanager', `secret:${name}-${arnSuffix(name)}`)
  }

  #store(
    secret: StoredSecret,
    version: { id: string; value: SecretValue; byLambda?: boolean },
    labels: readonly string[],
  ): void {
    const now = this.#world.clock.now()
    const stored: SecretVersion = {
      id: version.id,
      value: version.value,
      createdAt: now,
      withRotationToken: version.byLambda ?? false,
    }
    secret.versions.store(stored, labels)
    secret.changedAt = now
  }

  /** Native event: every label that moves to a new version, except AWSPENDING and AWSPREVIOUS (section 7.1). */
  #announce(secret: StoredSecret, label: string, version: string): void {
    if (label === 'AWSPENDING' || label === 'AWSPREVIOUS') return
    this.#world.emit({
      type: 'Secret Label Updated',
      source: 'aws.secretsmanager',
      resources: [secret.arn],
      detail: { name: secret.name, labelUpdated: label, versionId: version },
    })
  }

  #find(id: string): StoredSecret {
    const found = this.#lookUp(id)
    if (found === undefined) {
      throw new AwsRefusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    }
    return found
  }

  /** Name, ARN, or ARN without its suffix; the last not when it looks like a whole ARN (recorded: test_create_and_update_secret). */
  #lookUp(id: string): StoredSecret | undefined {
    const byName = this.#secrets.get(id)
    if (byName !== undefined) return byName
    const whole = /-[A-Za-z0-9]{6}$/.test(id)
    return [...this.#secrets.values()].find(({ arn }) => arn === id || (!whole && arn.slice(0, -7) === id))
  }

  #usable(id: string): StoredSecret {
    const secret = this.#find(id)
    if (secret.deletedAt !== undefined) throw markedForDeletion()
    return secret
  }
}

function nameOf(secret: StoredSecret): Json {
  return { ARN: secret.arn, Name: secret.name }
}

function givenValue(input: { readonly SecretString?: string; readonly SecretBinary?: string }): SecretValue | null {
  const { SecretString, SecretBinary } = input
  if (SecretString !== undefined && SecretBinary !== undefined) {
    throw invalid("You can't specify both a binary secret value and a string secret value in the same secret.")
  }
  if (SecretString !== undefined) return { text: SecretString }
  return SecretBinary === undefined ? null : { binary: SecretBinary }
}

function sameValue(a: SecretValue, b: SecretValue): boolean {
  return 'text' in a ? 'text' in b && a.text === b.text : 'binary' in b && a.binary === b.binary
}

/** Recorded: test_no_client_request_token. SDKs fill it in; raw HTTP must give it. */
function demandToken(token: string | undefined): string {
  if (token === undefined) throw refused('You must provide a ClientRequestToken value. We recommend a UUID-type value.')
  return token
}

/** Text as in LocalStack and moto, who copied it. */
function inUse(id: string, secret: StoredSecret): AwsRefusal {
  return new AwsRefusal(
    'ResourceExistsException',
    `You can't use ClientRequestToken ${id} because that value is already in use for a version of secret ${secret.arn}.`,
  )
}

/** Recorded: test_tag_untag_resource_on_deleted_secret. */
function markedForDeletion(): AwsRefusal {
  return refused("You can't perform this operation on the secret because it was marked for deletion.")
}

function refused(message: string): AwsRefusal {
  return new AwsRefusal('InvalidRequestException', message)
}

function invalid(message: string): AwsRefusal {
  return new AwsRefusal('InvalidParameterException', message)
}
