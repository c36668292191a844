/** The Secrets Manager adapter against the double: what it asks, what it answers, and what each refusal becomes. */

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { SecretArn, VersionId } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { clientsOf, type Fixture, start, TESTER, version } from './fixture.ts'
import type { AwsOptions } from './server.ts'

const [v1, v2, v3] = [version(1) as VersionId, version(2) as VersionId, version(3) as VersionId]
const NOWHERE = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:nope-AbCdEf' as SecretArn

async function withSecret(
  context: TestContext,
  options: Partial<AwsOptions> = {},
): Promise<Fixture & { arn: SecretArn }> {
  const fixture = await start(context, options)
  const { arn } = fixture.aws.secrets.create('s', 'S1', v1)
  return { ...fixture, arn: arn as SecretArn }
}

function staged(text: string, more: { rotationToken?: Secret; label?: string; version?: VersionId } = {}) {
  return { version: v2, text: new Secret(text), label: 'STAGED', ...more }
}

/** The error, after checks that hold for every one: a code, a message that names the subject, a hint, no secret. */
async function refusal(work: Promise<unknown>, code: ErrorCode, names: RegExp): Promise<PullAuthError> {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof PullAuthError, inspect(error))
  assert.equal(error.code, code, inspect(error))
  assert.match(error.message, names)
  assert.ok(error.hint.length > 10)
  assert.doesNotMatch(inspect(error, { depth: 9 }), /MARK/)
  return error
}

describe('describe', () => {
  test('finds a secret by name and by ARN, with the labels of its versions', async (context) => {
    const { store, arn } = await withSecret(context)
    await store.put(arn, staged('S2'))
    for (const id of ['s', arn]) {
      assert.deepEqual(await store.describe(id), {
        arn,
        name: 's',
        versions: new Map([
          [v1, ['AWSCURRENT']],
          [v2, ['STAGED']],
        ]),
        rotationEnabled: false,
        rotationFunction: null,
        rotationRules: null,
      })
    }
  })

  test('tells whether and with which function it is rotated', async (context) => {
    const { aws, store, ask } = await withSecret(context)
    aws.secrets.configureRotation('s', 'arn:aws:lambda:us-east-1:123456789012:function:f')
    const described = await store.describe('s')
    assert.deepEqual(
      [described.rotationEnabled, described.rotationFunction, described.rotationRules],
      [
        true,
        'arn:aws:lambda:us-east-1:123456789012:function:f',
        { scheduleExpression: 'rate(4 hours)', duration: null, automaticallyAfterDays: null },
      ],
    )
    await ask('CancelRotateSecret', { SecretId: 's' })
    assert.equal((await store.describe('s')).rotationEnabled, false)
  })

  test('a secret without a value has no versions', async (context) => {
    const { aws, store } = await start(context)
    aws.secrets.create('empty')
    assert.equal((await store.describe('empty')).versions.size, 0)
  })

  test('a secret that is missing, or scheduled for deletion, is SECRET_NOT_FOUND', async (context) => {
    const { store, ask } = await withSecret(context)
    await refusal(store.describe('nope'), 'SECRET_NOT_FOUND', /no secret nope/)
    await ask('DeleteSecret', { SecretId: 's' })
    await refusal(store.describe('s'), 'SECRET_NOT_FOUND', /s is scheduled for deletion/)
  })
})

describe('read', () => {
  test('reads by version, by label, by both, and AWSCURRENT when told neither', async (context) => {
    const { store, arn, aws } = await withSecret(context)
    await store.put(arn, staged('S2'))
    const read = async (at: { version?: VersionId; label?: string }) => {
      const { versionId, text } = await store.read('s', at)
      return [versionId, text.reveal()]
    }
    assert.deepEqual(await read({}), [v1, 'S1'])
    assert.deepEqual(await read({ label: 'STAGED' }), [v2, 'S2'])
    assert.deepEqual(await read({ version: v2 }), [v2, 'S2'])
    assert.deepEqual(await read({ version: v2, label: 'STAGED' }), [v2, 'S2'])
    // Never without a version or a label: what AWS then takes is another service's bug away from AWSCURRENT.
    const asked = aws.requests.filter(({ operation }) => operation === 'GetSecretValue').map(({ input }) => input)
    assert.deepEqual(asked[0], { SecretId: 's', VersionStage: 'AWSCURRENT' })
  })

  test('a version or label without a value is VERSION_NOT_FOUND, a missing secret is not', async (context) => {
    const { store, aws } = await withSecret(context, { invokeLambda: async () => ({ error: 'never' }) })
    await refusal(store.read('s', { version: v3 }), 'VERSION_NOT_FOUND', new RegExp(`s has no value at ${v3}`))
    await refusal(store.read('s', { label: 'AWSPENDING' }), 'VERSION_NOT_FOUND', /s has no value at AWSPENDING/)
    await refusal(store.read('nope', { label: 'AWSPENDING' }), 'SECRET_NOT_FOUND', /no secret nope/)
    // The placeholder of a rotation: the label is there, the value is not.
    aws.secrets.configureRotation('s', 'f')
    await store.startRotation(
      NOWHERE.replace('nope-AbCdEf', aws.secrets.secret('s').arn.split(':')[6] ?? '') as SecretArn,
      v3,
    )
    await refusal(store.read('s', { version: v3, label: 'AWSPENDING' }), 'VERSION_NOT_FOUND', /AWSPENDING/)
  })

  test('a label that is on another version is LABEL_MOVED', async (context) => {
    const { store } = await withSecret(context)
    await refusal(
      store.read('s', { version: v1, label: 'AWSPENDING' }),
      'LABEL_MOVED',
      /AWSPENDING of s is not on version/,
    )
  })

  test('a binary secret is refused in plain words', async (context) => {
    const { aws, store, ask } = await start(context)
    aws.secrets.create('b')
    await ask('PutSecretValue', { SecretId: 'b', ClientRequestToken: v1, SecretBinary: 'TUFSSw==' })
    await refusal(store.read('b', {}), 'CONFIG_NOT_ECS', /b \(AWSCURRENT\) holds SecretBinary/)
  })

  test('a secret scheduled for deletion is SECRET_NOT_FOUND', async (context) => {
    const { store, ask } = await withSecret(context)
    await ask('DeleteSecret', { SecretId: 's' })
    await refusal(store.read('s', { version: v1, label: 'AWSCURRENT' }), 'SECRET_NOT_FOUND', /scheduled for deletion/)
  })

  test('a stale answer shows as a version that is not there yet', async (context) => {
    const { aws, store, arn } = await withSecret(context)
    await store.put(arn, staged('S2'))
    aws.faults.add({ match: () => true, kind: 'stale' })
    await refusal(store.read('s', { version: v2 }), 'VERSION_NOT_FOUND', /no value/)
    assert.equal((await store.read('s', { version: v2 })).text.reveal(), 'S2')
  })
})

describe('put', () => {
  test('writes one version under one label, and hands the rotation token on', async (context) => {
    const { aws, store, arn } = await withSecret(context)
    await store.put(arn, staged('MARK'))
    await refusal(
      store.put(arn, { ...staged('MARK'), version: v3, rotationToken: new Secret(version(9)) }),
      'AWS_REFUSED',
      /InvalidParameterException/,
    )
    assert.deepEqual(
      aws.requests.map(({ input }) => input),
      [
        { SecretId: arn, ClientRequestToken: v2, SecretString: '[secret]', VersionStages: ['STAGED'] },
        {
          SecretId: arn,
          ClientRequestToken: v3,
          SecretString: '[secret]',
          VersionStages: ['STAGED'],
          RotationToken: '[secret]',
        },
      ],
    )
  })

  test('again with the same text does nothing, with another it is VERSION_EXISTS', async (context) => {
    const { store, arn, aws } = await withSecret(context)
    await store.put(arn, staged('S2'))
    await store.put(arn, staged('S2'))
    await refusal(store.put(arn, staged('MARK')), 'VERSION_EXISTS', new RegExp(v2))
    assert.equal(aws.secrets.secret('s').text(v2), 'S2')
  })

  test('more than 65,536 bytes are refused before they are sent', async (context) => {
    const { store, arn, aws } = await withSecret(context)
    await refusal(
      store.put(arn, staged(`MARK${'ä'.repeat(32_767)}`)),
      'CONFIG_TOO_LARGE',
      /65538 bytes; Secrets Manager takes 65536/,
    )
    assert.deepEqual(aws.requests, [])
  })

  test('a used-up quota is refused for good, although the SDK tries it three times', async (context) => {
    const { store, arn, aws } = await withSecret(context)
    const fault = aws.faults.add({ match: () => true, kind: 'limit', times: 9 })
    const error = await refusal(store.put(arn, staged('MARK')), 'AWS_REFUSED', /LimitExceededException/)
    assert.match(error.hint, /100 versions/)
    assert.equal(fault.struck, 3)
  })

  test('to a secret that is missing or scheduled for deletion is SECRET_NOT_FOUND', async (context) => {
    const { store, arn, ask } = await withSecret(context)
    await refusal(store.put(NOWHERE, staged('MARK')), 'SECRET_NOT_FOUND', /nope/)
    await ask('DeleteSecret', { SecretId: 's' })
    await refusal(store.put(arn, staged('MARK')), 'SECRET_NOT_FOUND', /deletion/)
  })
})

describe('moveLabel', () => {
  test('moves, attaches and removes', async (context) => {
    const { store, arn, aws } = await withSecret(context)
    await store.put(arn, staged('S2'))
    await store.moveLabel(arn, { label: 'AWSCURRENT', from: v1, to: v2 })
    await store.moveLabel(arn, { label: 'STAGED', from: v2 })
    await store.moveLabel(arn, { label: 'NEW', to: v1 })
    assert.deepEqual(aws.secrets.secret('s').labels(), { [v1]: ['AWSPREVIOUS', 'NEW'], [v2]: ['AWSCURRENT'] })
  })

  test('is LABEL_MOVED whatever was wrong with the labels', async (context) => {
    const { store, arn } = await withSecret(context)
    await store.put(arn, staged('S2'))
    for (const move of [
      { label: 'AWSCURRENT', from: v2, to: v2 },
      { label: 'AWSCURRENT', to: v2 },
      { label: 'STAGED', from: v1 },
    ]) {
      await refusal(store.moveLabel(arn, move), 'LABEL_MOVED', new RegExp(move.label))
    }
  })

  test('of a secret or to a version that is not there (any more) says so', async (context) => {
    const { store, arn, ask } = await withSecret(context)
    await refusal(store.moveLabel(arn, { label: 'A', to: v3 }), 'VERSION_NOT_FOUND', new RegExp(v3))
    await refusal(store.moveLabel(NOWHERE, { label: 'A', to: v1 }), 'SECRET_NOT_FOUND', /nope/)
    await ask('DeleteSecret', { SecretId: 's' })
    await refusal(store.moveLabel(arn, { label: 'A', to: v1 }), 'SECRET_NOT_FOUND', /deletion/)
  })
})

describe('startRotation', () => {
  test('starts under our version id; asked again with it nothing happens', async (context) => {
    let asked = 0
    const fixture = await withSecret(context, {
      invokeLambda: async () => {
        asked += 1
        return { error: 'no' }
      },
      rotation: { attempts: 1 },
    })
    fixture.aws.secrets.configureRotation('s', 'f')
    await fixture.store.startRotation(fixture.arn, v2)
    await fixture.store.startRotation(fixture.arn, v2)
    await fixture.aws.idle()
    assert.equal(asked, 1)
    assert.deepEqual((await fixture.store.describe('s')).versions.get(v2), ['AWSPENDING'])
  })

  test('is ROTATION_RUNNING while another one is not complete', async (context) => {
    const { store, arn, aws } = await withSecret(context, { invokeLambda: async () => ({ error: 'no' }) })
    aws.secrets.configureRotation('s', 'f')
    await store.startRotation(arn, v2)
    await aws.idle()
    await refusal(store.startRotation(arn, v3), 'ROTATION_RUNNING', /earlier rotation is not complete/)
  })

  test('is ROTATION_DISABLED without a function, and says who may not invoke it', async (context) => {
    const { store, arn, aws } = await withSecret(context, {
      invokeLambda: async () => ({}),
      rotation: { functions: [] },
    })
    await refusal(store.startRotation(arn, v2), 'ROTATION_DISABLED', /has no rotation function/)
    aws.secrets.configureRotation('s', 'f')
    const error = await refusal(store.startRotation(arn, v2), 'ACCESS_DENIED', /may not invoke the rotation function/)
    assert.match(error.hint, /secretsmanager\.amazonaws\.com/)
  })
})

describe('every call', () => {
  const calls: [string, (fixture: Awaited<ReturnType<typeof withSecret>>) => Promise<unknown>][] = [
    ['DescribeSecret', ({ store }) => store.describe('s')],
    ['GetSecretValue', ({ store }) => store.read('s', {})],
    ['PutSecretValue', ({ store, arn }) => store.put(arn, staged('MARK'))],
    ['UpdateSecretVersionStage', ({ store, arn }) => store.moveLabel(arn, { label: 'A', to: v1 })],
    ['RotateSecret', ({ store, arn }) => store.startRotation(arn, v2)],
  ]
  for (const [operation, call] of calls) {
    test(`names the action that is missing: ${operation}`, async (context) => {
      const fixture = await withSecret(context, { identities: [{ ...TESTER, actions: [] }] })
      const error = await refusal(call(fixture), 'ACCESS_DENIED', new RegExp(`lacks secretsmanager:${operation}\\.$`))
      assert.match(error.hint, new RegExp(`Allow secretsmanager:${operation}`))
    })
  }

  test('tells a KMS key that may not be used from an action that is missing', async (context) => {
    const { aws, store, arn } = await withSecret(context)
    aws.faults.add({
      match: () => true,
      kind: 'error',
      type: 'AccessDeniedException',
      message: 'Access to KMS is not allowed',
    })
    const error = await refusal(store.put(arn, staged('MARK')), 'ACCESS_DENIED', /KMS key/)
    assert.match(error.hint, /kms:Decrypt and kms:GenerateDataKey/)
    aws.faults.add({
      match: () => true,
      kind: 'error',
      type: 'DecryptionFailure',
      message: "Secrets Manager can't decrypt",
    })
    assert.match((await refusal(store.read('s', {}), 'AWS_REFUSED', /DecryptionFailure/)).hint, /KMS key of the secret/)
  })

  test('tells credentials that are wrong or expired', async (context) => {
    const { aws, store } = await withSecret(context)
    const wrong = createSecretStore(clientsOf(aws, { ...TESTER, secretAccessKey: 'MARK' }).secrets)
    await refusal(wrong.describe('s'), 'AWS_CREDENTIALS', /InvalidSignatureException/)
    const unknown = createSecretStore(clientsOf(aws, { ...TESTER, accessKeyId: 'AKIANOBODY' }).secrets)
    await refusal(unknown.describe('s'), 'AWS_CREDENTIALS', /UnrecognizedClientException/)
    aws.faults.add({
      match: () => true,
      kind: 'error',
      type: 'ExpiredTokenException',
      message: 'The security token is expired',
    })
    await refusal(store.describe('s'), 'AWS_CREDENTIALS', /ExpiredTokenException/)
  })

  test('keeps class, status and request id of what AWS said, and no text of it', async (context) => {
    const { aws, store, arn } = await withSecret(context)
    aws.faults.add({ match: () => true, kind: 'error', type: 'InvalidRequestException', message: 'MARK in the answer' })
    const error = await refusal(store.put(arn, staged('MARK')), 'AWS_REFUSED', /InvalidRequestException/)
    assert.match(String(error.cause), /^Error: InvalidRequestException, HTTP 400, [0-9a-f-]{36}$/)
  })
})
