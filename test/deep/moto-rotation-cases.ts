/** RotateSecret and CancelRotateSecret: what is asked of moto and of the double, and where moto is known to lie. */

import { version } from '../aws/fixture.ts'
import type { Json } from '../aws/wire.ts'
import { ask, type Case, happens, lie, type Step, type View } from './moto-contract.ts'
import { create, get, labels, move, put, remove, SecretId } from './moto-secret-requests.ts'
import { FUNCTION } from './moto-server.ts'

const ABSENT = FUNCTION.replace(/rotate$/, 'absent')
const DAILY = { RotationLambdaARN: FUNCTION, RotationRules: { AutomaticallyAfterDays: 1 } }

function rotate(id: number, more: Json = DAILY, view: View = {}): Step {
  return ask('RotateSecret', { SecretId, ClientRequestToken: version(id), ...more }, view)
}

const cancel: Step = ask('CancelRotateSecret', { SecretId })

const description: Step = ask('DescribeSecret', { SecretId })

/** A rotation's configuration as DescribeSecret shows it, without the labels. */
const configuration: Step = ask('DescribeSecret', { SecretId }, { of: rotationOf })

function rotationOf({ RotationEnabled, RotationLambdaARN, RotationRules }: Json): Json {
  return { RotationEnabled, RotationLambdaARN, RotationRules }
}

const versionsWithValue: Step = ask('ListSecretVersionIds', { SecretId }, { of: countOf })

function countOf({ Versions }: Json): Json {
  return { count: (Versions as readonly unknown[]).length }
}

const functionEnds: Step = happens('the function ends', (system) => system.settle())

/** What a rotation function does, and nothing that it must not do. */
const functionWorks: readonly Step[] = [put(2, ['AWSPENDING']), move('AWSCURRENT', { from: 1, to: 2 }), functionEnds]

export const ROTATION_CASES: readonly Case[] = [
  {
    name: 'a first rotation, from its placeholder to the function’s move',
    steps: [
      create(),
      rotate(2),
      labels,
      configuration,
      get({ version: 2 }),
      get({ label: 'AWSPENDING' }, { refusal: 'with message' }),
      get({ version: 2, label: 'AWSPENDING' }),
      get({ label: 'AWSCURRENT' }),
      lie(versionsWithValue, {
        moto: { count: 2 },
        service: { count: 1 },
        source: '[M] ListSecretVersionIds',
        why: 'it lists placeholders',
      }),
      put(2, ['AWSPENDING']),
      put(2, ['AWSPENDING']),
      get({ version: 2, label: 'AWSPENDING' }),
      move('AWSCURRENT', { from: 1, to: 2 }),
      labels,
    ],
  },
  {
    name: 'the description of a rotated secret',
    steps: [
      create(),
      rotate(2),
      lie(description, {
        moto: { LastRotatedDate: '(time)' },
        service: {},
        source: '[M] LastRotatedDate',
        why: 'for it a rotation has ended when it begins',
      }),
      put(2, ['AWSPENDING']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      move('AWSPENDING', { from: 2 }),
      functionEnds,
      description,
    ],
  },
  {
    name: 'a put with the token of no rotation',
    steps: [
      create(),
      rotate(2),
      lie(put(2, ['AWSPENDING'], 'S2', { RotationToken: 'x'.repeat(36) }), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.2; 1; its class [?]',
        why: 'it ignores the token',
      }),
    ],
  },
  {
    name: 'the text for a placeholder by its version',
    steps: [
      create(),
      rotate(2),
      lie(get({ version: 2 }, { refusal: 'with message' }), {
        moto: "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
        service: "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: v2",
        source: '12.3; recorded: secret_version_not_found',
        why: 'it names the label that it reads by default',
      }),
    ],
  },
  {
    name: 'a read without version and label in a rotation',
    steps: [
      create(),
      rotate(2),
      lie(get(), {
        moto: 'ResourceNotFoundException',
        service: 'ok',
        source: '12.1 case 7',
        why: 'what it reads by default is the placeholder',
      }),
    ],
  },
  {
    name: 'AWSPENDING after a rotation',
    steps: [
      create(),
      rotate(2),
      ...functionWorks,
      lie(labels, {
        moto: { v2: ['AWSCURRENT', 'AWSPENDING'] },
        service: { v2: ['AWSCURRENT'] },
        source: '12.1 case 6; recorded: rotate_secret_with_lambda_success',
        why: 'nothing goes on after the function',
      }),
    ],
  },
  {
    name: 'the next rotation',
    steps: [
      create(),
      rotate(2),
      ...functionWorks,
      lie(rotate(3), {
        moto: 'InvalidRequestException',
        service: 'ok',
        source: '12.1 cases 5 and 6',
        why: 'AWSPENDING is still there, and it refuses exactly where it must not',
      }),
      lie(labels, {
        moto: { v2: ['AWSCURRENT', 'AWSPENDING'] },
        service: { v2: ['AWSCURRENT'], v3: ['AWSPENDING'] },
        source: '12.1 cases 5 and 6',
        why: 'it has refused',
      }),
    ],
  },
  {
    name: 'the next rotation after AWSPENDING was taken away',
    steps: [
      create(),
      rotate(2),
      put(2, ['AWSPENDING']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      move('AWSPENDING', { from: 2 }),
      functionEnds,
      rotate(3),
      labels,
      put(3, ['AWSPENDING']),
      move('AWSCURRENT', { from: 2, to: 3 }),
      get({ label: 'AWSCURRENT' }),
      get({ label: 'AWSPREVIOUS' }),
    ],
  },
  { name: 'a rotation that is asked for twice', steps: [create(), rotate(2), rotate(2), labels] },
  {
    name: 'a rotation that is asked for again when its version has a value',
    steps: [
      create(),
      rotate(2),
      put(2, ['AWSPENDING']),
      rotate(2),
      lie(get({ version: 2 }), {
        moto: 'ResourceNotFoundException',
        service: 'ok',
        source: '3, table',
        why: 'it makes the placeholder again, over the value',
      }),
    ],
  },
  {
    name: 'a rotation while another one runs',
    steps: [
      create(),
      rotate(2),
      put(2, ['AWSPENDING']),
      lie(rotate(3), {
        moto: 'ok',
        service: 'InvalidRequestException',
        source: '12.1 case 4; 4',
        why: 'it looks for AWSPENDING on the current version only',
      }),
      lie(labels, {
        moto: { v3: ['AWSPENDING'] },
        service: { v2: ['AWSPENDING'] },
        source: '12.1 case 4',
        why: 'and has taken the label away',
      }),
    ],
  },
  {
    name: 'a rotation after AWSPENDING was put on another version by hand',
    steps: [
      create(),
      put(2, ['AWSPENDING']),
      lie(rotate(3), {
        moto: 'ok',
        service: 'InvalidRequestException',
        source: '12.1 case 4; 4',
        why: 'it looks for AWSPENDING on the current version only',
      }),
      lie(labels, {
        moto: { v3: ['AWSPENDING'] },
        service: { v2: ['AWSPENDING'] },
        source: '12.1 case 4',
        why: 'and has taken the label away',
      }),
    ],
  },
  {
    name: 'a rotation while AWSPENDING is on the current version',
    steps: [
      create(),
      put(2, ['AWSCURRENT', 'AWSPENDING']),
      lie(rotate(3), {
        moto: 'InvalidRequestException',
        service: 'ok',
        source: '12.1 case 5; [M] RotateSecret',
        why: 'it refuses exactly where it must not',
      }),
      lie(labels, {
        moto: { v2: ['AWSCURRENT', 'AWSPENDING'] },
        service: { v2: ['AWSCURRENT'], v3: ['AWSPENDING'] },
        source: '12.1 case 5',
        why: 'it has refused',
      }),
    ],
  },
  {
    name: 'another version during a rotation',
    steps: [
      create(),
      rotate(2),
      put(3),
      lie(labels, {
        moto: { v1: ['AWSCURRENT'], v2: ['AWSPREVIOUS'] },
        service: { v1: ['AWSPREVIOUS'] },
        source: '12.1 cases 7 and 12; 4',
        why: 'no rotation is abandoned, and the labels move from the placeholder',
      }),
    ],
  },
  {
    name: 'a stuck rotation, and the next one after AWSPENDING was taken away',
    steps: [create(), rotate(2), functionEnds, labels, move('AWSPENDING', { from: 2 }), rotate(3), labels],
  },
  {
    name: 'a function that does not exist',
    steps: [
      create(),
      lie(rotate(2, { ...DAILY, RotationLambdaARN: ABSENT }, { refusal: 'with message' }), {
        moto: `ResourceNotFoundException: Resource not found for ARN '${ABSENT}'.`,
        service:
          'AccessDeniedException: Secrets Manager cannot invoke the specified Lambda function. ' +
          'Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.',
        source: '12.1 cases 13 and 14; recorded: rotate_secret_invalid_lambda_arn',
        why: 'it tells what Lambda told',
      }),
      lie(labels, {
        moto: { v2: ['AWSPENDING'] },
        service: {},
        source: '12.1 case 13',
        why: 'it makes the placeholder before it looks for the function',
      }),
      lie(configuration, {
        moto: { RotationEnabled: true, RotationLambdaARN: ABSENT, RotationRules: { AutomaticallyAfterDays: 1 } },
        service: {},
        source: '12.1 case 13',
        why: 'it stores the configuration before it looks for the function',
      }),
    ],
  },
  {
    name: 'a rotation without a function',
    steps: [
      create(),
      lie(rotate(2, {}, { refusal: 'with message' }), {
        moto: 'ok',
        service: 'InvalidRequestException: No Lambda rotation function ARN is associated with this secret.',
        source: '12.1 case 16; recorded: first_rotate_secret_with_missing_lambda_arn',
        why: 'it needs none',
      }),
      lie(labels, {
        moto: { v1: ['AWSPREVIOUS'], v2: ['AWSCURRENT'] },
        service: { v1: ['AWSCURRENT'] },
        source: '12.1 case 16',
        why: 'without a function it promotes the placeholder',
      }),
      lie(get({ label: 'AWSCURRENT' }), {
        moto: 'ResourceNotFoundException',
        service: 'ok',
        source: '12.1 case 16',
        why: 'the placeholder is empty',
      }),
    ],
  },
  {
    name: 'a rotation with the stored configuration',
    steps: [
      create(),
      rotate(2),
      put(2, ['AWSPENDING']),
      move('AWSCURRENT', { from: 1, to: 2 }),
      move('AWSPENDING', { from: 2 }),
      functionEnds,
      rotate(3, {}),
      lie(labels, {
        moto: { v2: ['AWSPREVIOUS'], v3: ['AWSCURRENT'] },
        service: { v1: ['AWSPREVIOUS'], v2: ['AWSCURRENT'], v3: ['AWSPENDING'] },
        source: '12.1 case 16; recorded: rotate_secret_multiple_times_with_lambda_success',
        why: 'it forgets the function, and without one promotes the placeholder',
      }),
      lie(configuration, {
        moto: { RotationLambdaARN: '' },
        service: { RotationLambdaARN: FUNCTION },
        source: '12.1 case 16',
        why: 'it forgets the function',
      }),
    ],
  },
  {
    name: 'a test of the configuration',
    steps: [
      create(),
      lie(rotate(2, { ...DAILY, RotateImmediately: false }), {
        moto: { VersionId: 'v1' },
        service: { VersionId: 'v2' },
        source: '12.1 case 19',
        why: 'it answers with what it reads by default',
      }),
      labels,
      get({ version: 2 }),
      functionEnds,
      lie(labels, {
        moto: { v2: ['AWSPENDING'] },
        service: {},
        source: '12.1 case 19; 4',
        why: 'nothing goes on after the function',
      }),
      get({ label: 'AWSCURRENT' }),
    ],
  },
  {
    name: 'a schedule',
    steps: [
      create(),
      rotate(2, {
        RotationLambdaARN: FUNCTION,
        RotationRules: { ScheduleExpression: 'rate(4 hours)', Duration: '1h' },
      }),
      lie(configuration, {
        moto: { RotationEnabled: false, RotationRules: { AutomaticallyAfterDays: 0 } },
        service: { RotationEnabled: true, RotationRules: { ScheduleExpression: 'rate(4 hours)', Duration: '1h' } },
        source: '12.2',
        why: 'it knows days only',
      }),
    ],
  },
  {
    name: 'a schedule that is too fast',
    steps: [
      create(),
      lie(rotate(2, { RotationLambdaARN: FUNCTION, RotationRules: { ScheduleExpression: 'rate(3 hours)' } }), {
        moto: 'ok',
        service: 'InvalidParameterException',
        source: '12.2; 5',
        why: 'it ignores the expression',
      }),
      lie(labels, { moto: { v2: ['AWSPENDING'] }, service: {}, source: '12.2', why: 'and rotates' }),
    ],
  },
  {
    name: 'two schedules at once',
    steps: [
      create(),
      lie(
        rotate(2, {
          RotationLambdaARN: FUNCTION,
          RotationRules: { ScheduleExpression: 'rate(1 day)', AutomaticallyAfterDays: 1 },
        }),
        { moto: 'ok', service: 'InvalidParameterException', source: '12.2; 5', why: 'it ignores the expression' },
      ),
      lie(labels, { moto: { v2: ['AWSPENDING'] }, service: {}, source: '12.2', why: 'and rotates' }),
    ],
  },
  {
    name: 'a schedule that no secret may have',
    steps: [
      create(),
      lie(rotate(2, { RotationLambdaARN: FUNCTION, RotationRules: { AutomaticallyAfterDays: 1001 } }), {
        moto: 'InvalidParameterException',
        service: 'ValidationException',
        source: '[M] AutomaticallyRotateAfterDaysType; its class [?]',
        why: 'it counts by itself; the service checks a bound of its model before anything else',
      }),
      labels,
    ],
  },
  {
    name: 'a rotation that is cancelled',
    steps: [create(), rotate(2), cancel, labels, configuration, get({ label: 'AWSCURRENT' })],
  },
  { name: 'a rotation that never was is cancelled', steps: [create(), cancel] },
  { name: 'a deleted secret', steps: [create(), remove(), rotate(2), cancel] },
  { name: 'a secret that is not there', steps: [rotate(2), cancel] },
]
