/** The front of the doubles: what a request must look like, who may ask what, and what is remembered of it. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { virtualClock } from '../doubles/virtual-clock.ts'
import { start, TESTER, version } from './fixture.ts'
import { startAws } from './server.ts'

describe('a request is refused as AWS refuses it', () => {
  test('without a signature', async (context) => {
    const { ask } = await start(context)
    const answer = await ask('DescribeSecret', { SecretId: 'a' }, { authorization: null })
    assert.deepEqual([answer.status, answer.type], [400, 'MissingAuthenticationTokenException'])
  })

  test('with an Authorization header of another kind', async (context) => {
    const { ask } = await start(context)
    const answer = await ask('DescribeSecret', { SecretId: 'a' }, { authorization: 'Bearer abc' })
    assert.equal(answer.type, 'IncompleteSignatureException')
  })

  test('signed with a wrong secret key', async (context) => {
    const { ask } = await start(context)
    const answer = await ask('DescribeSecret', { SecretId: 'a' }, { secretAccessKey: 'wrong' })
    assert.equal(answer.type, 'InvalidSignatureException')
  })

  test('signed with an access key that nobody has', async (context) => {
    const { ask } = await start(context)
    const answer = await ask('DescribeSecret', { SecretId: 'a' }, { accessKeyId: 'AKIANOBODY' })
    assert.equal(answer.type, 'UnrecognizedClientException')
  })

  test('signed for another Region or another service', async (context) => {
    const { ask } = await start(context)
    for (const change of [{ region: 'eu-west-1' }, { service: 'ssm' }]) {
      const answer = await ask('DescribeSecret', { SecretId: 'a' }, change)
      assert.equal(answer.type, 'InvalidSignatureException', JSON.stringify(change))
    }
  })

  test('with an x-amz header that is not signed', async (context) => {
    const { ask } = await start(context)
    const answer = await ask('DescribeSecret', { SecretId: 'a' }, { signedHeaders: ['host', 'x-amz-date'] })
    assert.match(answer.message, /'x-amz-target' must be a 'SignedHeader'/)
  })

  test('with temporary credentials but no token, or another token', async (context) => {
    const { ask } = await start(context, { identities: [{ ...TESTER, sessionToken: 'right' }] })
    assert.equal((await ask('DescribeSecret', { SecretId: 'a' })).type, 'UnrecognizedClientException')
    assert.equal(
      (await ask('DescribeSecret', { SecretId: 'a' }, { sessionToken: 'wrong' })).type,
      'UnrecognizedClientException',
    )
    assert.equal(
      (await ask('DescribeSecret', { SecretId: 'a' }, { sessionToken: 'right' })).type,
      'ResourceNotFoundException',
    )
  })

  test('for an operation or a service that is not there', async (context) => {
    const { ask } = await start(context)
    for (const target of ['secretsmanager.Nope', 'DynamoDB.GetItem', 'SendCommand', '']) {
      assert.equal((await ask('DescribeSecret', {}, { target })).type, 'UnknownOperationException', target)
    }
  })

  test('with a body or a content type that is not awsJson1.1', async (context) => {
    const { ask } = await start(context)
    for (const body of ['', '[]', '"a"', '{', 'null']) {
      assert.equal((await ask('DescribeSecret', {}, { body })).type, 'SerializationException', body)
    }
    const answer = await ask('DescribeSecret', { SecretId: 'a' }, { contentType: 'application/json' })
    assert.equal(answer.type, 'SerializationException')
  })

  test('with a member that does not exist, also deep inside', async (context) => {
    const { ask } = await start(context)
    const unknown = await ask('DescribeSecret', { SecretId: 'a', secretId: 'a' })
    assert.deepEqual([unknown.type, unknown.message], ['SerializationException', 'Unknown member secretId'])
    // The filters of Run Command are spelled in lower case; those of other calls are not.
    const filters = [{ Key: 'Status', Value: 'Success' }]
    const deep = await ask('ListCommands', { Filters: filters })
    assert.equal(deep.type, 'ValidationException')
    const both = await ask('ListCommands', { Filters: [{ key: 'Status', value: 'Success', Key: 'Status' }] })
    assert.equal(both.message, 'Unknown member filters.1.member.Key')
  })

  test('with a missing member, a wrong type, a wrong length or a wrong pattern', async (context) => {
    const { ask } = await start(context)
    const wrong: [string, Record<string, unknown>, string][] = [
      ['DescribeSecret', {}, 'ValidationException'],
      ['DescribeSecret', { SecretId: null }, 'ValidationException'],
      ['DescribeSecret', { SecretId: 1 }, 'SerializationException'],
      ['DescribeSecret', { SecretId: '' }, 'ValidationException'],
      ['GetSecretValue', { SecretId: 'a', VersionId: 'short' }, 'ValidationException'],
      ['PutSecretValue', { SecretId: 'a', VersionStages: [] }, 'ValidationException'],
      ['PutSecretValue', { SecretId: 'a', RotationToken: 'not a token, and not 36 characters' }, 'ValidationException'],
      ['SendCommand', { DocumentName: 'Doc', TimeoutSeconds: 29 }, 'ValidationException'],
      ['SendCommand', { DocumentName: 'Doc', TimeoutSeconds: '30' }, 'SerializationException'],
      ['SendCommand', { DocumentName: 'Doc', MaxConcurrency: '0' }, 'ValidationException'],
      ['SendCommand', { DocumentName: 'Doc', MaxErrors: '101%' }, 'ValidationException'],
      ['SendCommand', { DocumentName: 'Doc', Comment: 'x'.repeat(101) }, 'ValidationException'],
      ['SendCommand', { DocumentName: 'Doc', Parameters: { a: 'not a list' } }, 'SerializationException'],
    ]
    for (const [operation, input, type] of wrong) {
      assert.equal((await ask(operation, input)).type, type, `${operation} ${JSON.stringify(input)}`)
    }
  })

  test('without quoting the value, which may be a secret', async (context) => {
    const { ask, aws } = await start(context)
    aws.secrets.create('a', 'value')
    const SecretString = 'MARK'.repeat(20_000)
    const answer = await ask('PutSecretValue', { SecretId: 'a', ClientRequestToken: version(1), SecretString })
    assert.equal(answer.type, 'ValidationException')
    assert.doesNotMatch(JSON.stringify(answer.body), /MARK/)
  })
})

describe('identities', () => {
  const reader = { name: 'reader', accessKeyId: 'AKIAREADER', actions: ['secretsmanager:DescribeSecret', 'ssm:*'] }

  test('an identity does what its actions allow, and nothing else', async (context) => {
    const { aws, ask } = await start(context, { identities: [reader] })
    aws.secrets.create('a', 'value')
    const as = { accessKeyId: reader.accessKeyId }
    assert.equal((await ask('DescribeSecret', { SecretId: 'a' }, as)).type, 'ok')
    assert.equal((await ask('ListCommands', {}, as)).type, 'ok')
    const denied = await ask('GetSecretValue', { SecretId: 'a' }, as)
    assert.deepEqual([denied.status, denied.type], [400, 'AccessDeniedException'])
    assert.match(
      denied.message,
      /^User: reader is not authorized to perform: secretsmanager:GetSecretValue on resource: a/,
    )
  })

  test('without identities everybody may do everything, but must sign', async (context) => {
    const { aws, ask } = await start(context, { identities: null })
    aws.secrets.create('a', 'value')
    assert.equal(
      (await ask('DescribeSecret', { SecretId: 'a' }, { accessKeyId: 'ANY', secretAccessKey: 'any' })).type,
      'ok',
    )
    assert.equal(
      (await ask('DescribeSecret', { SecretId: 'a' }, { authorization: null })).type,
      'MissingAuthenticationTokenException',
    )
  })
})

test('requests are remembered in order with what became of them, secrets redacted', async (context) => {
  const { aws, ask } = await start(context)
  aws.secrets.create('a', 'value')
  const put = { SecretId: 'a', ClientRequestToken: version(1), SecretString: 'MARK', VersionStages: ['STAGED'] }
  await ask('PutSecretValue', put)
  await ask('PutSecretValue', { ...put, SecretString: 'MARK2', RotationToken: version(2) })
  await ask('DescribeSecret', { SecretId: 'nope' })
  assert.deepEqual(
    aws.requests.map(({ operation, input, outcome }) => ({ operation, input, outcome })),
    [
      { operation: 'PutSecretValue', input: { ...put, SecretString: '[secret]' }, outcome: 'ok' },
      {
        operation: 'PutSecretValue',
        input: { ...put, SecretString: '[secret]', RotationToken: '[secret]' },
        outcome: 'ResourceExistsException',
      },
      { operation: 'DescribeSecret', input: { SecretId: 'nope' }, outcome: 'ResourceNotFoundException' },
    ],
  )
  assert.doesNotMatch(JSON.stringify(aws.requests), /MARK/)
})

test('what a callback throws is thrown by close, not swallowed', async () => {
  const aws = await startAws({
    clock: virtualClock(),
    onEvent: () => {
      throw new Error('a defect of the handler')
    },
  })
  aws.secrets.create('a', 'value')
  await aws.idle()
  await assert.rejects(aws.close(), (error: AggregateError) => /defect/.test(String(error.errors[0])))
})
