/**
 * Secrets, versions and labels: what is asked of moto and of the double, and where moto is known to lie.
 * `recorded` in a source names a test of LocalStack's suite whose answers were recorded from AWS.
 */

import { version } from '../aws/fixture.ts'
import type { Json } from '../aws/wire.ts'
import { ask, type Case, lie, type Step, type View } from './moto-contract.ts'

export const SecretId = 's'

const words = (length: number) => 'x'.repeat(length)

// ── Words for requests ───────────────────────────────────────────────────────────────────────────────────────────────

export function create(id = 1, more: Json = {}): Step {
  return ask('CreateSecret', { Name: SecretId, ClientRequestToken: version(id), SecretString: `S${id}`, ...more })
}

export function put(id: number, labels?: readonly string[], text = `S${id}`): Step {
  return ask('PutSecretValue', putInput(version(id), labels, text), { of: inOrder })
}

function putInput(token: string, labels?: readonly string[], text = 'S2'): Json {
  const stages = labels === undefined ? {} : { VersionStages: labels }
  return { SecretId, ClientRequestToken: token, SecretString: text, ...stages }
}

function putUnder(token: string): Step {
  return ask('PutSecretValue', putInput(token))
}

/** Labels sorted: their order is a case of its own. */
function inOrder(answer: Json): Json {
  return { ...answer, VersionStages: [...((answer['VersionStages'] ?? []) as string[])].sort() }
}

function update(id: number, text = `S${id}`): Step {
  return ask('UpdateSecret', { SecretId, ClientRequestToken: version(id), SecretString: text })
}

export function get(at: { version?: number; label?: string } = {}, view: View = {}): Step {
  const id = at.version === undefined ? {} : { VersionId: version(at.version) }
  const label = at.label === undefined ? {} : { VersionStage: at.label }
  return ask('GetSecretValue', { SecretId, ...id, ...label }, { of: inOrder, ...view })
}

export function move(label: string, { from, to }: { from?: number; to?: number }): Step {
  return ask('UpdateSecretVersionStage', {
    SecretId,
    VersionStage: label,
    ...(from === undefined ? {} : { RemoveFromVersionId: version(from) }),
    ...(to === undefined ? {} : { MoveToVersionId: version(to) }),
  })
}

/** Labels by version, of the versions that have any; without an order. */
export const labels: Step = ask('DescribeSecret', { SecretId }, { of: labelsOf })

function labelsOf(answer: Json): Json {
  const stages = Object.entries((answer['VersionIdsToStages'] ?? {}) as Record<string, string[]>)
  return Object.fromEntries(
    stages.filter(([, labels]) => labels.length > 0).map(([id, labels]) => [id, [...labels].sort()]),
  )
}

const describe: Step = ask('DescribeSecret', { SecretId })

function list(more: Json = {}): Step {
  return ask('ListSecretVersionIds', { SecretId, ...more }, { of: listedOf })
}

function listedOf(answer: Json): Json {
  const versions = answer['Versions'] as { VersionId: string; VersionStages?: string[] }[]
  return Object.fromEntries(versions.map(({ VersionId, VersionStages = [] }) => [VersionId, VersionStages]))
}

export function remove(more: Json = {}): Step {
  return ask('DeleteSecret', { SecretId, ...more })
}

const restore: Step = ask('RestoreSecret', { SecretId })

// ── Cases ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export const SECRET_CASES: readonly Case[] = [
  {
    name: 'a secret and its first version',
    steps: [
      create(1, { Description: 'made here' }),
      describe,
      get(),
      get({ version: 1 }),
      get({ label: 'AWSCURRENT' }),
      get({ version: 1, label: 'AWSCURRENT' }),
      ask('DescribeSecret', { SecretId: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:s' }),
    ],
  },
  {
    name: 'a secret without a value, until its first version',
    steps: [
      ask('CreateSecret', { Name: SecretId }),
      describe,
      get({}, { refusal: 'with message' }),
      lie(get({ label: 'AWSPENDING' }, { refusal: 'with message' }), {
        moto: "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        service:
          "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
        source: '12.3; recorded: get_secret_value_errors',
        why: 'a label that no version has is a secret that is not there',
      }),
      put(1, ['MINE']),
      labels,
    ],
  },
  {
    name: 'a binary value',
    steps: [
      create(),
      ask('PutSecretValue', { SecretId, ClientRequestToken: version(2), SecretBinary: Buffer.from([0, 1, 255]) }),
      get({ label: 'AWSCURRENT' }),
    ],
  },
  { name: 'a name that is taken', steps: [create(), create(2)] },
  { name: 'a creation that is repeated', steps: [create(), create()] },
  {
    name: 'a name that no secret may have',
    steps: [
      lie(create(1, { Name: 'a b' }), {
        moto: 'ok',
        service: 'ValidationException',
        source: 'recorded: invalid_secret_name',
        why: 'it checks no names',
      }),
    ],
  },
  {
    name: 'text and bytes at once',
    steps: [
      lie(create(1, { SecretBinary: Buffer.from('S1') }), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.2',
        why: 'it stores both',
      }),
    ],
  },
  {
    name: 'a put without a value',
    steps: [create(), ask('PutSecretValue', { SecretId, ClientRequestToken: version(2) })],
  },
  { name: 'a value of 65,536 bytes', steps: [create(), put(2, undefined, words(65_536))] },
  {
    name: 'a value of 65,537 bytes',
    steps: [
      create(),
      lie(put(2, undefined, words(65_537)), {
        moto: 'ok',
        service: 'ValidationException',
        source: '12.2; 6',
        why: 'it has no limit',
      }),
    ],
  },
  {
    name: 'a value whose bytes are more than its characters',
    steps: [
      create(),
      lie(put(2, undefined, 'é'.repeat(32_769)), {
        moto: 'ok',
        service: 'ValidationException',
        source: '12.2; 6',
        why: 'it has no limit',
      }),
    ],
  },
  {
    name: 'tokens of the shortest and the longest length',
    steps: [create(), putUnder(words(32)), putUnder(words(64))],
  },
  {
    name: 'a token that is too short',
    steps: [
      create(),
      lie(putUnder(words(31)), {
        moto: 'InvalidParameterException',
        service: 'ValidationException',
        source: '[M] ClientRequestTokenType; its class [?]',
        why: 'it counts by itself; the service checks a length of its model before anything else',
      }),
    ],
  },
  {
    name: 'a token that is too long',
    steps: [
      create(),
      lie(putUnder(words(65)), {
        moto: 'InvalidParameterException',
        service: 'ValidationException',
        source: '[M] ClientRequestTokenType; its class [?]',
        why: 'it counts by itself; the service checks a length of its model before anything else',
      }),
    ],
  },
  { name: 'a label of 256 characters', steps: [create(), put(2, [words(256)])] },
  {
    name: 'a label of 257 characters',
    steps: [
      create(),
      lie(put(2, [words(257)]), {
        moto: 'ok',
        service: 'ValidationException',
        source: '12.2; [M] SecretVersionStageType',
        why: 'it checks no labels',
      }),
    ],
  },
  {
    name: 'an empty list of labels',
    steps: [
      create(),
      lie(put(2, []), {
        moto: 'ok',
        service: 'ValidationException',
        source: '12.2; [M] SecretVersionStagesType',
        why: 'it checks no labels',
      }),
    ],
  },
  {
    name: '20 labels and no more',
    steps: [
      create(),
      put(
        2,
        Array.from({ length: 19 }, (_, at) => `L${at}`),
      ),
      lie(put(3, ['ONE-MORE']), {
        moto: 'ok',
        service: 'LimitExceededException',
        source: '12.2; 6',
        why: 'it has no limit',
      }),
    ],
  },
  {
    name: '100 versions and no more',
    steps: [
      create(),
      ...Array.from({ length: 99 }, (_, at) => put(at + 2)),
      lie(put(101), { moto: 'ok', service: 'LimitExceededException', source: '12.2; 6', why: 'it has no limit' }),
    ],
  },
  {
    name: 'reads of what is not there',
    steps: [
      get({}, { refusal: 'with message' }),
      describe,
      create(),
      get({ version: 2 }, { refusal: 'with message' }),
      get({ version: 2, label: 'AWSCURRENT' }, { refusal: 'with message' }),
      lie(get({ label: 'AWSPENDING' }, { refusal: 'with message' }), {
        moto: "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        service:
          "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
        source: '12.3; recorded: get_secret_value_errors',
        why: 'a label that no version has is a secret that is not there',
      }),
      put(2, ['MINE']),
      get({ version: 1, label: 'MINE' }, { refusal: 'with message' }),
    ],
  },
  {
    name: 'the HTTP status of a refusal',
    steps: [
      lie(get({}, { refusal: 'with status' }), {
        moto: 'ResourceNotFoundException, status 404',
        service: 'ResourceNotFoundException, status 400',
        source: '12.3; recorded: secret_not_found',
        why: 'its errors have a status of their own',
      }),
      create(),
      lie(get({ version: 1, label: 'MINE' }, { refusal: 'with status' }), {
        moto: 'InvalidRequestException, status 404',
        service: 'InvalidRequestException, status 400',
        source: '12.3; recorded: get_secret_value_errors',
        why: 'its errors have a status of their own',
      }),
      create(2, {}),
    ],
  },
  {
    name: 'AWSCURRENT follows a put, and AWSPREVIOUS follows it',
    steps: [create(), put(2), labels, put(3), labels, get({ label: 'AWSPREVIOUS' })],
  },
  {
    name: 'a put with other labels leaves AWSCURRENT alone',
    steps: [create(), put(2, ['A', 'B']), labels, put(3, ['B', 'C']), labels, get({ label: 'AWSCURRENT' })],
  },
  {
    name: 'the order of labels',
    steps: [
      create(),
      lie(ask('PutSecretValue', putInput(version(2), ['B', 'A'])), {
        moto: { VersionStages: ['B', 'A'] },
        service: { VersionStages: ['A', 'B'] },
        source: '12.3; recorded: put_secret_value_with_version_stages',
        why: 'it keeps the order of the request',
      }),
      lie(ask('GetSecretValue', { SecretId, VersionId: version(2) }), {
        moto: { VersionStages: ['B', 'A'] },
        service: { VersionStages: ['A', 'B'] },
        source: '12.3; recorded: put_secret_value_with_version_stages',
        why: 'it keeps the order of the request',
      }),
    ],
  },
  {
    name: 'versions without a label',
    steps: [
      create(),
      put(2),
      put(3),
      lie(describe, {
        moto: { VersionIdsToStages: { v1: [], v2: ['AWSPREVIOUS'], v3: ['AWSCURRENT'] } },
        service: { VersionIdsToStages: { v2: ['AWSPREVIOUS'], v3: ['AWSCURRENT'] } },
        source: '12.2; recorded: update_secret_description',
        why: 'it describes every version',
      }),
    ],
  },
  {
    name: 'a put that is repeated',
    steps: [create(), put(2, ['AWSPENDING']), put(2, ['AWSPENDING']), labels, put(3), put(3), labels],
  },
  {
    name: 'other bytes under the token of a current version',
    steps: [create(), put(2), put(2, undefined, 'other'), get({ version: 2 })],
  },
  {
    name: 'other bytes under the token of a pending version',
    steps: [
      create(),
      put(2, ['AWSPENDING']),
      lie(put(2, ['AWSPENDING'], 'other'), {
        moto: 'ok',
        service: 'ResourceExistsException',
        source: '12.1 case 1; 3',
        why: 'it takes every pending version for an empty placeholder',
      }),
      lie(get({ version: 2 }), {
        moto: { SecretString: 'other' },
        service: { SecretString: 'S2' },
        source: '12.1 case 1',
        why: 'and has overwritten it',
      }),
    ],
  },
  {
    name: 'an update',
    steps: [create(), update(2), labels, ask('UpdateSecret', { SecretId, Description: 'other' }), labels],
  },
  {
    name: 'an update with a token that is in use',
    steps: [
      create(),
      put(2),
      lie(update(2), {
        moto: 'ok',
        service: 'ResourceExistsException',
        source: '3, table',
        why: 'it treats an update like a put',
      }),
    ],
  },
  { name: 'an update with a token that is in use for other bytes', steps: [create(), put(2), update(2, 'other')] },
  {
    name: 'AWSCURRENT is moved from where it is',
    steps: [
      create(),
      put(2, ['AWSPENDING']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      labels,
      get({ label: 'AWSCURRENT' }),
      get({ label: 'AWSPREVIOUS' }),
    ],
  },
  {
    name: 'AWSCURRENT is moved back',
    steps: [
      create(),
      put(2, ['MINE']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      move('AWSCURRENT', { from: 2, to: 1 }),
      labels,
    ],
  },
  {
    name: 'a read without version and label after AWSCURRENT was moved',
    steps: [
      create(),
      put(2, ['AWSPENDING']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      lie(get(), {
        moto: { VersionId: 'v1', SecretString: 'S1', VersionStages: ['AWSPREVIOUS'] },
        service: { VersionId: 'v2', SecretString: 'S2', VersionStages: ['AWSCURRENT', 'AWSPENDING'] },
        source: '12.1 case 2',
        why: 'a move does not change what it reads by default',
      }),
    ],
  },
  {
    name: 'a put of AWSCURRENT after AWSCURRENT was moved',
    steps: [
      create(),
      put(2, ['MINE']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      put(3),
      lie(labels, {
        moto: { v1: ['AWSPREVIOUS'], v2: ['AWSCURRENT', 'MINE'] },
        service: { v2: ['AWSPREVIOUS', 'MINE'] },
        source: '12.1 case 3',
        why: 'it takes AWSCURRENT from what it reads by default, not from where it is',
      }),
      lie(get({ label: 'AWSCURRENT' }), {
        moto: { VersionId: 'v2', SecretString: 'S2', VersionStages: ['AWSCURRENT', 'MINE'] },
        service: { VersionId: 'v3', SecretString: 'S3', VersionStages: ['AWSCURRENT'] },
        source: '12.1 case 3',
        why: 'of two current versions it reads the older one',
      }),
    ],
  },
  {
    name: 'AWSCURRENT is moved without saying from where',
    steps: [create(), put(2, ['MINE']), move('AWSCURRENT', { to: 2 }), labels],
  },
  {
    name: 'AWSCURRENT is moved from where it is not',
    steps: [
      create(),
      put(2, ['MINE']),
      move('AWSCURRENT', { from: 2, to: 2 }),
      move('AWSCURRENT', { from: 3, to: 2 }),
      labels,
    ],
  },
  {
    name: 'a move that is repeated',
    steps: [
      create(),
      put(2, ['MINE']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      move('AWSCURRENT', { from: 1, to: 2 }),
      labels,
    ],
  },
  {
    name: 'AWSCURRENT is moved to a version that does not exist',
    steps: [
      create(),
      lie(move('AWSCURRENT', { from: 1, to: 2 }), {
        moto: 'InvalidParameterException',
        service: 'ResourceNotFoundException',
        source: '3; its class [?]',
        why: 'it has one class for all that is wrong with a move',
      }),
      lie(labels, {
        moto: {},
        service: { v1: ['AWSCURRENT'] },
        source: '12.1 case 8',
        why: 'it takes the label away before it looks where to',
      }),
    ],
  },
  {
    name: 'AWSCURRENT is taken away',
    steps: [
      create(),
      lie(move('AWSCURRENT', { from: 1 }), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.1 case 9; its class [?]',
        why: 'it knows no secret that must have AWSCURRENT',
      }),
      lie(labels, {
        moto: { v1: ['AWSPREVIOUS'] },
        service: { v1: ['AWSCURRENT'] },
        source: '12.1 case 9',
        why: 'it knows no secret that must have AWSCURRENT',
      }),
    ],
  },
  {
    name: 'AWSCURRENT is moved to where it is',
    steps: [
      create(),
      put(2),
      move('AWSCURRENT', { from: 2, to: 2 }),
      lie(labels, {
        moto: {},
        service: { v1: ['AWSPREVIOUS'] },
        source: '12.1 case 11',
        why: 'AWSPREVIOUS moves to the version that AWSCURRENT left, which is the same one, and is wiped',
      }),
    ],
  },
  {
    name: 'a label of our own is attached, moved and taken away',
    steps: [
      create(),
      put(2),
      move('MINE', { to: 1 }),
      labels,
      move('MINE', { from: 1, to: 2 }),
      labels,
      move('MINE', { from: 2 }),
      labels,
      move('MINE', { from: 2 }),
    ],
  },
  {
    name: 'a label of our own is moved without saying from where',
    steps: [
      create(),
      put(2),
      move('MINE', { to: 1 }),
      lie(move('MINE', { to: 2 }), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.1 case 10; 3',
        why: 'it compares only when AWSCURRENT is moved',
      }),
      lie(labels, {
        moto: { v2: ['AWSCURRENT', 'MINE'] },
        service: { v2: ['AWSCURRENT'] },
        source: '12.1 case 10',
        why: 'two versions have the label',
      }),
    ],
  },
  {
    name: 'AWSPENDING is moved without saying from where',
    steps: [
      create(),
      put(2, ['AWSPENDING']),
      put(3, ['MINE']),
      lie(move('AWSPENDING', { to: 3 }), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.1 case 10; 3',
        why: 'it compares only when AWSCURRENT is moved',
      }),
      lie(labels, {
        moto: { v3: ['AWSPENDING', 'MINE'] },
        service: { v3: ['MINE'] },
        source: '12.1 case 10',
        why: 'two versions have the label',
      }),
    ],
  },
  {
    name: 'a label is attached to the version that has it',
    steps: [
      create(),
      put(2, ['MINE']),
      move('MINE', { to: 2 }),
      lie(labels, {
        moto: { v2: ['MINE', 'MINE'] },
        service: { v2: ['MINE'] },
        source: '12.1 case 10',
        why: 'it keeps labels in a list',
      }),
    ],
  },
  {
    name: 'a move of nothing',
    steps: [
      create(),
      lie(move('MINE', {}), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.2; its class [?]',
        why: 'it has nothing to do',
      }),
    ],
  },
  {
    name: 'AWSPENDING is left on the current version, until a put',
    steps: [create(), put(2, ['AWSPENDING']), move('AWSCURRENT', { from: 1, to: 2 }), put(3, ['AWSPENDING']), labels],
  },
  {
    name: 'AWSPENDING is left on the current version, until a put of AWSCURRENT',
    steps: [create(), put(2, ['AWSCURRENT', 'AWSPENDING']), labels, put(3, ['AWSCURRENT']), labels],
  },
  {
    name: 'the list of versions, with and without deprecated ones',
    steps: [
      create(),
      put(2),
      put(3),
      lie(list(), {
        moto: { v1: [] },
        service: {},
        source: '12.3; recorded: deprecated_secret_version_stage',
        why: 'it lists every version',
      }),
      list({ IncludeDeprecated: true }),
    ],
  },
  {
    name: 'the members of a list of versions',
    steps: [
      create(),
      lie(ask('ListSecretVersionIds', { SecretId }), {
        moto: {
          ARN: 's',
          NextToken: '',
          Versions: [
            { CreatedDate: '(time)', LastAccessedDate: '(time)', VersionId: 'v1', VersionStages: ['AWSCURRENT'] },
          ],
        },
        service: {
          ARN: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:s',
          Versions: [
            {
              CreatedDate: '(time)',
              KmsKeyIds: ['DefaultEncryptionKey'],
              VersionId: 'v1',
              VersionStages: ['AWSCURRENT'],
            },
          ],
        },
        source: '12.3; recorded: non_versioning_version_stages_replacement',
        why: 'it answers with the name for the ARN, and nobody has read this version',
      }),
    ],
  },
  {
    name: 'a list of versions in pages',
    steps: [
      create(),
      put(2),
      lie(list({ MaxResults: 1 }), {
        moto: { v2: ['AWSCURRENT'] },
        service: {},
        source: '[M] ListSecretVersionIds',
        why: 'it has one page',
      }),
    ],
  },
  {
    name: 'a secret that is deleted and restored',
    steps: [
      create(),
      remove({ RecoveryWindowInDays: 7 }),
      describe,
      get(),
      lie(get({}, { refusal: 'with message' }), {
        moto:
          'InvalidRequestException: An error occurred (InvalidRequestException) when calling the GetSecretValue operation: ' +
          "You tried to                 perform the operation on a secret that's currently marked deleted.",
        service:
          "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.",
        source: '12.3; recorded: tag_untag_resource_on_deleted_secret',
        why: 'it has copied the line that a client prints',
      }),
      remove(),
      restore,
      describe,
      get(),
      restore,
    ],
  },
  {
    name: 'a put to a deleted secret',
    steps: [
      create(),
      remove(),
      lie(put(2), { moto: 'ok', service: 'InvalidRequestException', source: '12.1 case 17', why: 'it does not look' }),
    ],
  },
  { name: 'an update of a deleted secret', steps: [create(), remove(), update(2)] },
  {
    name: 'a move in a deleted secret',
    steps: [
      create(),
      put(2),
      remove(),
      lie(move('AWSCURRENT', { from: 2, to: 1 }), {
        moto: 'ok',
        service: 'InvalidRequestException',
        source: '12.1 case 17',
        why: 'it does not look',
      }),
    ],
  },
  {
    name: 'the name of a deleted secret',
    steps: [
      create(),
      remove(),
      lie(create(2), {
        moto: 'ResourceExistsException',
        service: 'InvalidRequestException',
        source: 'recorded: exp_raised_on_creation_of_secret_scheduled_for_deletion',
        why: 'it does not look whether the secret is deleted',
      }),
    ],
  },
  {
    name: 'a secret that is deleted at once',
    steps: [create(), remove({ ForceDeleteWithoutRecovery: true }), get(), create(2), labels],
  },
  {
    name: 'a deleted secret that is deleted at once',
    steps: [create(), remove(), remove({ ForceDeleteWithoutRecovery: true }), get()],
  },
  {
    name: 'a secret that was never there is deleted',
    steps: [remove(), remove({ ForceDeleteWithoutRecovery: true })],
  },
  {
    name: 'a deletion in contradiction',
    steps: [create(), remove({ ForceDeleteWithoutRecovery: true, RecoveryWindowInDays: 7 })],
  },
  { name: 'a recovery window that is too short', steps: [create(), remove({ RecoveryWindowInDays: 6 })] },
]
