/**
 * Secrets, their values, limits and deletion: what is asked of moto and of the double, and where moto is known to lie.
 * `recorded` in a source names a test of LocalStack's suite whose answers were recorded from AWS.
 */

import { version } from '../aws/fixture.ts'
import { ask, type Case, lie } from './moto-contract.ts'
import {
  create,
  describe,
  get,
  labels,
  list,
  move,
  put,
  putUnder,
  remove,
  restore,
  SecretId,
  update,
} from './moto-secret-requests.ts'

const words = (length: number) => 'x'.repeat(length)

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
