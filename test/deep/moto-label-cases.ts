/** Labels of versions: puts, updates, moves. What is asked of moto and of the double, and where moto is known to lie. */

import { version } from '../aws/fixture.ts'
import { ask, type Case, lie } from './moto-contract.ts'
import { create, describe, get, labels, move, put, putInput, SecretId, update } from './moto-secret-requests.ts'

export const LABEL_CASES: readonly Case[] = [
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
]
