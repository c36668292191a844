/** Faults between the SDK, as the product sets it up, and the doubles. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isCode } from '../../src/core/errors.ts'
import type { SecretArn, VersionId } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { type Fixture, start, version } from './fixture.ts'

const [v1, v2] = [version(1) as VersionId, version(2) as VersionId]

function outcomes({ aws }: Fixture): readonly string[] {
  return aws.requests.map(({ operation, outcome }) => `${operation} ${outcome}`)
}

async function withSecret(context: Parameters<typeof start>[0]): Promise<Fixture & { arn: SecretArn }> {
  const fixture = await start(context)
  const { arn } = fixture.aws.secrets.create('s', 'S1', v1)
  return { ...fixture, arn: arn as SecretArn }
}

const always = () => true

describe('a read is tried three times', { concurrency: true }, () => {
  for (const kind of ['throttle', '500', '503html', 'reset-before', 'lost'] as const) {
    test(`and gets over two of ${kind}`, async (context) => {
      const fixture = await withSecret(context)
      fixture.aws.faults.add({ match: always, kind, times: 2 })
      assert.equal((await fixture.store.describe('s')).name, 's')
      const asked =
        kind === 'lost'
          ? 'lost'
          : kind === 'throttle'
            ? 'ThrottlingException'
            : kind === '500'
              ? 'InternalServiceError'
              : kind
      assert.deepEqual(outcomes(fixture), [`DescribeSecret ${asked}`, `DescribeSecret ${asked}`, 'DescribeSecret ok'])
    })
  }

  const failing = [
    ['throttle', 'AWS_THROTTLED'],
    ['500', 'AWS_UNAVAILABLE'],
    ['503html', 'AWS_UNAVAILABLE'],
    ['reset-before', 'AWS_UNAVAILABLE'],
  ] as const
  for (const [kind, code] of failing) {
    test(`and gives up after three of ${kind} with ${code}`, async (context) => {
      const fixture = await withSecret(context)
      const fault = fixture.aws.faults.add({ match: always, kind, times: 9 })
      await assert.rejects(
        fixture.store.describe('s'),
        (error) => isCode(error, code) && /DescribeSecret of s/.test(error.message),
      )
      assert.equal(fault.struck, 3)
    })
  }

  test('but a refusal is not tried again', async (context) => {
    const fixture = await withSecret(context)
    const fault = fixture.aws.faults.add({ match: always, kind: 'denied', times: 9 })
    await assert.rejects(fixture.store.describe('s'), (error) => isCode(error, 'ACCESS_DENIED'))
    assert.equal(fault.struck, 1)
  })
})

describe('a lost answer', { concurrency: true }, () => {
  test('of a Put is repeated with the same bytes and makes no second version', async (context) => {
    const fixture = await withSecret(context)
    fixture.aws.faults.add({ match: (operation) => operation === 'PutSecretValue', kind: 'lost' })
    await fixture.store.put(fixture.arn, { version: v2, text: new Secret('S2'), label: 'STAGED' })
    assert.deepEqual(outcomes(fixture), ['PutSecretValue lost', 'PutSecretValue ok'])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'], [v2]: ['STAGED'] })
  })

  test('of a label move comes back as LABEL_MOVED, and the label has moved', async (context) => {
    const fixture = await withSecret(context)
    await fixture.store.put(fixture.arn, { version: v2, text: new Secret('S2'), label: 'STAGED' })
    fixture.aws.faults.add({ match: (operation) => operation === 'UpdateSecretVersionStage', kind: 'lost' })
    const move = fixture.store.moveLabel(fixture.arn, { label: 'AWSCURRENT', from: v1, to: v2 })
    await assert.rejects(move, (error) => isCode(error, 'LABEL_MOVED'))
    assert.equal(fixture.aws.secrets.secret('s').versions.holder('AWSCURRENT'), v2)
  })

  test('of SendCommand is AWS_UNAVAILABLE and sends one command only', async (context) => {
    const fixture = await withSecret(context)
    const content = {
      schemaVersion: '2.2',
      mainSteps: [{ action: 'aws:runShellScript', name: 'run', inputs: { runCommand: [':'] } }],
    }
    fixture.aws.ssm.publishDocument('Doc', JSON.stringify(content))
    const document = await fixture.fleet.document('Doc')
    assert.ok(document !== null)
    const order = {
      document,
      targets: { 'tag:a': ['b'] },
      parameters: {},
      maxConcurrency: '1',
      maxErrors: '0',
      timeoutSeconds: 60,
      comment: 'mine',
      alarm: null,
    }
    for (const kind of ['lost', 'reset-before', '500', 'throttle'] as const) {
      fixture.aws.faults.add({ match: (operation) => operation === 'SendCommand', kind })
      const code = kind === 'throttle' ? 'AWS_THROTTLED' : 'AWS_UNAVAILABLE'
      await assert.rejects(fixture.fleet.send(order), (error) => isCode(error, code), kind)
    }
    assert.deepEqual(
      outcomes(fixture).filter((outcome) => outcome.startsWith('SendCommand')),
      [
        'SendCommand lost',
        'SendCommand reset-before',
        'SendCommand InternalServerError',
        'SendCommand ThrottlingException',
      ],
    )
    assert.equal(fixture.aws.ssm.rollouts().length, 1)
  })
})

describe('a fault', { concurrency: true }, () => {
  test('strikes only what matches, as often as it says, after as many as it says', async (context) => {
    const { aws, ask } = await withSecret(context)
    const fault = aws.faults.add({
      match: (operation, { SecretId }) => operation === 'GetSecretValue' && SecretId === 's',
      kind: 'error',
      type: 'DecryptionFailure',
      message: 'no key',
      after: 1,
      times: 2,
    })
    const asked: string[] = []
    for (let call = 0; call < 4; call += 1) asked.push((await ask('GetSecretValue', { SecretId: 's' })).type)
    asked.push((await ask('DescribeSecret', { SecretId: 's' })).type)
    assert.deepEqual(asked, ['ok', 'DecryptionFailure', 'DecryptionFailure', 'ok', 'ok'])
    assert.equal(fault.struck, 2)
  })

  test('can be taken back', async (context) => {
    const { aws, ask } = await withSecret(context)
    aws.faults.add({ match: always, kind: 'throttle', times: 9 }).remove()
    aws.faults.add({ match: always, kind: 'throttle', times: 9 })
    aws.faults.clear()
    assert.equal((await ask('DescribeSecret', { SecretId: 's' })).type, 'ok')
  })

  test('stale reads see the state before the last change (section 6 of the facts)', async (context) => {
    const { aws, ask } = await withSecret(context)
    await ask('PutSecretValue', { SecretId: 's', ClientRequestToken: v2, SecretString: 'S2' })
    aws.faults.add({ match: always, kind: 'stale', times: 2 })
    const described = (await ask('DescribeSecret', { SecretId: 's' })).body['VersionIdsToStages']
    assert.deepEqual(described, { [v1]: ['AWSCURRENT'] })
    assert.equal((await ask('GetSecretValue', { SecretId: 's', VersionId: v2 })).type, 'ResourceNotFoundException')
    assert.equal((await ask('GetSecretValue', { SecretId: 's', VersionId: v2 })).type, 'ok')
  })

  test('before lets somebody else be first', async (context) => {
    const { aws, ask } = await withSecret(context)
    aws.faults.add({
      match: (operation, { VersionStages }) => operation === 'PutSecretValue' && VersionStages === undefined,
      kind: 'before',
      run: async () => {
        await ask('PutSecretValue', {
          SecretId: 's',
          ClientRequestToken: v2,
          SecretString: 'theirs',
          VersionStages: ['THEIRS'],
        })
      },
    })
    const answer = await ask('PutSecretValue', { SecretId: 's', ClientRequestToken: v2, SecretString: 'ours' })
    assert.equal(answer.type, 'ResourceExistsException')
  })

  test('delay waits on the double s clock', async (context) => {
    const { aws, ask, clock } = await withSecret(context)
    aws.faults.add({ match: always, kind: 'delay', ms: 4_000 })
    const before = clock.now()
    assert.equal((await ask('DescribeSecret', { SecretId: 's' })).type, 'ok')
    assert.equal(clock.now() - before, 4_000)
  })

  test('hang holds the answer back until the double closes', async (context) => {
    const { aws, ask } = await withSecret(context)
    aws.faults.add({ match: always, kind: 'hang' })
    const asked = ask('DescribeSecret', { SecretId: 's' })
    aws.faults.add({ match: (operation) => operation === 'GetSecretValue', kind: 'before', run: () => aws.close() })
    await Promise.all([assert.rejects(asked), assert.rejects(ask('GetSecretValue', { SecretId: 's' }))])
  })
})
