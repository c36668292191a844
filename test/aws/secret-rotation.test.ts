/** RotateSecret as facts secrets-manager-rotation.md sections 1, 2, 4 and 5 describe it, against the double. */

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type Fixture, start, version } from './fixture.ts'
import type { AwsOptions } from './server.ts'
import type { RotationEvent } from './stored-secret.ts'

const [v1, v2, v3] = [version(1), version(2), version(3)]
const FUNCTION = 'arn:aws:lambda:us-east-1:123456789012:function:rotate'

/** A rotation function that does its steps over the API, unless a test has something else in mind for one. */
interface Lambda {
  readonly events: RotationEvent[]
  readonly on: Partial<Record<RotationEvent['Step'], (event: RotationEvent) => Promise<{ error?: string }>>>
}

async function rotated(context: TestContext, options: Partial<AwsOptions> = {}): Promise<Fixture & { lambda: Lambda }> {
  const lambda: Lambda = { events: [], on: {} }
  const fixture: Fixture = await start(context, {
    invokeLambda: async (_, event) => {
      lambda.events.push(event)
      return (await lambda.on[event.Step]?.(event)) ?? (await step(fixture, event))
    },
    ...options,
  })
  fixture.aws.secrets.create('s', 'S1', v1)
  fixture.aws.secrets.configureRotation('s', FUNCTION)
  return { ...fixture, lambda }
}

async function step({ ask }: Fixture, event: RotationEvent): Promise<{ error?: string }> {
  const { Step, SecretId, ClientRequestToken, RotationToken } = event
  if (Step === 'createSecret') {
    const SecretString = `minted for ${ClientRequestToken}`
    await ask('PutSecretValue', {
      SecretId,
      ClientRequestToken,
      RotationToken,
      SecretString,
      VersionStages: ['AWSPENDING'],
    })
  }
  if (Step === 'finishSecret') {
    const { body } = await ask('DescribeSecret', { SecretId })
    const labels = Object.entries(body['VersionIdsToStages'] as Record<string, string[]>)
    const RemoveFromVersionId = labels.find(([, on]) => on.includes('AWSCURRENT'))?.[0]
    const move = { SecretId, VersionStage: 'AWSCURRENT', RemoveFromVersionId, MoveToVersionId: ClientRequestToken }
    await ask('UpdateSecretVersionStage', move)
  }
  return {}
}

function rotate({ ask }: Fixture, token: string, more: Record<string, unknown> = {}) {
  return ask('RotateSecret', { SecretId: 's', ClientRequestToken: token, ...more })
}

function serviceEvents({ events }: Fixture): readonly unknown[] {
  return events.flatMap(({ detail }) => (detail['eventName'] === undefined ? [] : [detail['eventName']]))
}

describe('a rotation', () => {
  test('answers at once, then invokes the four steps in order with ARN, version and token (sections 1 and 2)', async (context) => {
    const fixture = await rotated(context)
    const answer = await rotate(fixture, v2)
    assert.deepEqual([answer.type, answer.body['VersionId']], ['ok', v2])
    await fixture.aws.idle()
    const { events } = fixture.lambda
    assert.deepEqual(
      events.map(({ Step }) => Step),
      ['createSecret', 'setSecret', 'testSecret', 'finishSecret'],
    )
    const { arn } = fixture.aws.secrets.secret('s')
    assert.ok(events.every(({ SecretId, ClientRequestToken }) => SecretId === arn && ClientRequestToken === v2))
    assert.match(events[0]?.RotationToken ?? '', /^[a-zA-Z0-9-]{36,256}$/)
  })

  test('ends with AWSCURRENT alone on the new version (recorded: rotate_secret_with_lambda_success)', async (context) => {
    const fixture = await rotated(context)
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSPREVIOUS'], [v2]: ['AWSCURRENT'] })
    const { body } = await fixture.ask('DescribeSecret', { SecretId: 's' })
    assert.deepEqual([body['RotationEnabled'], body['RotationLambdaARN']], [true, FUNCTION])
    assert.ok('LastRotatedDate' in body)
    assert.deepEqual(serviceEvents(fixture), ['RotationStarted', 'RotationSucceeded'])
  })

  test('runs again with the stored configuration (recorded: rotate_secret_multiple_times_with_lambda_success)', async (context) => {
    const fixture = await rotated(context)
    for (const token of [v2, v3]) {
      assert.equal((await rotate(fixture, token)).type, 'ok')
      await fixture.aws.idle()
    }
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v2]: ['AWSPREVIOUS'], [v3]: ['AWSCURRENT'] })
  })

  test('begins with a placeholder: AWSPENDING without a value (section 2)', async (context) => {
    const fixture = await rotated(context)
    const seen: unknown[] = []
    fixture.lambda.on.createSecret = async ({ SecretId, ClientRequestToken }) => {
      const pending = { SecretId, VersionId: ClientRequestToken, VersionStage: 'AWSPENDING' }
      seen.push(fixture.aws.secrets.secret('s').labels()[v2], (await fixture.ask('GetSecretValue', pending)).message)
      const promote = { SecretId, VersionStage: 'AWSCURRENT', RemoveFromVersionId: v1, MoveToVersionId: v2 }
      seen.push((await fixture.ask('UpdateSecretVersionStage', promote)).type)
      return { error: 'enough' }
    }
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(seen.slice(0, 3), [
      ['AWSPENDING'],
      "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
      'InvalidRequestException',
    ])
  })

  test('is tried again as a whole, from createSecret and under the same version (section 4)', async (context) => {
    const fixture = await rotated(context)
    let failures = 2
    fixture.lambda.on.testSecret = async () => (failures-- > 0 ? { error: 'the registry is down' } : {})
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(
      fixture.lambda.events.map(({ Step }) => Step),
      [1, 2]
        .flatMap(() => ['createSecret', 'setSecret', 'testSecret'])
        .concat('createSecret', 'setSecret', 'testSecret', 'finishSecret'),
    )
    assert.deepEqual(serviceEvents(fixture), [
      'RotationStarted',
      'RotationFailed',
      'RotationFailed',
      'RotationSucceeded',
    ])
    const failed = fixture.events.find(({ detail }) => detail['eventName'] === 'RotationFailed')
    assert.equal(failed?.detail['errorMessage'], `Error when executing lambda ${FUNCTION} during testSecret step`)
  })

  test('that fails for good leaves AWSPENDING, and the next one is refused and tries it again (section 4)', async (context) => {
    const fixture = await rotated(context)
    fixture.lambda.on.testSecret = async () => ({ error: 'no' })
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'], [v2]: ['AWSPENDING'] })
    delete fixture.lambda.on.testSecret
    const refused = await rotate(fixture, v3)
    assert.deepEqual(
      [refused.type, refused.message],
      ['InvalidRequestException', "A previous rotation isn't complete. That rotation will be reattempted."],
    )
    await fixture.aws.idle()
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSPREVIOUS'], [v2]: ['AWSCURRENT'] })
  })

  test('is freed by taking AWSPENDING off by hand, which is AWS own cure (section 4)', async (context) => {
    const fixture = await rotated(context)
    fixture.lambda.on.createSecret = async () => ({ error: 'no' })
    await rotate(fixture, v2)
    await fixture.aws.idle()
    delete fixture.lambda.on.createSecret
    const cure = { SecretId: 's', VersionStage: 'AWSPENDING', RemoveFromVersionId: v2 }
    assert.equal((await fixture.ask('UpdateSecretVersionStage', cure)).type, 'ok')
    assert.equal((await rotate(fixture, v3)).type, 'ok')
    await fixture.aws.idle()
    assert.equal(fixture.aws.secrets.secret('s').versions.holder('AWSCURRENT'), v3)
  })

  test('is started once by one token, also when it is asked again (API reference)', async (context) => {
    const fixture = await rotated(context)
    const [first, again] = await Promise.all([rotate(fixture, v2), rotate(fixture, v2)])
    assert.deepEqual([first.type, again.type], ['ok', 'ok'])
    await fixture.aws.idle()
    assert.equal((await rotate(fixture, v2)).type, 'ok')
    await fixture.aws.idle()
    assert.equal(fixture.lambda.events.length, 4)
  })

  test('that does not promote its version has failed', async (context) => {
    const fixture = await rotated(context, { rotation: { attempts: 1 } })
    fixture.lambda.on.finishSecret = async () => ({})
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(serviceEvents(fixture), ['RotationStarted', 'RotationFailed'])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels()[v2], ['AWSPENDING'])
  })
})

describe('a new version during a rotation', () => {
  test('abandons it: AWSPENDING goes, RotationAbandoned is sent, no step follows (section 4)', async (context) => {
    const fixture = await rotated(context)
    fixture.lambda.on.setSecret = async () => {
      const put = { SecretId: 's', ClientRequestToken: v3, SecretString: 'by hand' }
      assert.equal((await fixture.ask('PutSecretValue', put)).type, 'ok')
      return {}
    }
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSPREVIOUS'], [v3]: ['AWSCURRENT'] })
    assert.deepEqual(serviceEvents(fixture), ['RotationStarted', 'RotationAbandoned'])
    assert.equal(fixture.lambda.events.at(-1)?.Step, 'setSecret')
  })

  test('under a label of its own does so too (the facts do not know; the worse is assumed)', async (context) => {
    const fixture = await rotated(context)
    fixture.lambda.on.createSecret = async () => {
      const put = { SecretId: 's', ClientRequestToken: v3, SecretString: 'staged', VersionStages: ['ECSAUTH-STAGED'] }
      await fixture.ask('PutSecretValue', put)
      return {}
    }
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'], [v3]: ['ECSAUTH-STAGED'] })
  })
})

describe('the rotation token', () => {
  test('is needed for the pending version to count as the function s own (section 1)', async (context) => {
    const fixture = await rotated(context, { rotation: { attempts: 1 } })
    fixture.lambda.on.createSecret = async ({ SecretId, ClientRequestToken }) => {
      const put = { SecretId, ClientRequestToken, SecretString: 'x', VersionStages: ['AWSPENDING'] }
      assert.equal((await fixture.ask('PutSecretValue', put)).type, 'ok')
      return {}
    }
    await rotate(fixture, v2)
    await fixture.aws.idle()
    const failed = fixture.events.find(({ detail }) => detail['eventName'] === 'RotationFailed')
    assert.match(
      String(failed?.detail['errorMessage']),
      new RegExp(
        `^Pending secret version ${v2} for Secret arn:.* was not created by Lambda ${FUNCTION}\\. Remove the AWSPENDING`,
      ),
    )
  })

  test('of another rotation is refused', async (context) => {
    const { ask } = await rotated(context)
    const put = {
      SecretId: 's',
      ClientRequestToken: v2,
      SecretString: 'x',
      VersionStages: ['AWSPENDING'],
      RotationToken: v3,
    }
    assert.equal((await ask('PutSecretValue', put)).type, 'InvalidParameterException')
  })

  test('is not needed where the function has its own role', async (context) => {
    const fixture = await rotated(context, { rotation: { requireRotationToken: false } })
    fixture.lambda.on.createSecret = async ({ SecretId, ClientRequestToken }) => {
      await fixture.ask('PutSecretValue', {
        SecretId,
        ClientRequestToken,
        SecretString: 'x',
        VersionStages: ['AWSPENDING'],
      })
      return {}
    }
    await rotate(fixture, v2)
    await fixture.aws.idle()
    assert.equal(fixture.aws.secrets.secret('s').text('AWSCURRENT'), 'x')
  })
})

describe('RotateImmediately=false', () => {
  test('invokes testSecret only, on a pending version with the current value, and removes it (section 4)', async (context) => {
    const fixture = await rotated(context)
    let seen: unknown
    fixture.lambda.on.testSecret = async ({ SecretId, ClientRequestToken }) => {
      const pending = { SecretId, VersionId: ClientRequestToken, VersionStage: 'AWSPENDING' }
      seen = (await fixture.ask('GetSecretValue', pending)).body['SecretString']
      return {}
    }
    await rotate(fixture, v2, { RotateImmediately: false })
    await fixture.aws.idle()
    assert.equal(seen, 'S1')
    assert.deepEqual(
      fixture.lambda.events.map(({ Step }) => Step),
      ['testSecret'],
    )
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'] })
    assert.equal(fixture.aws.secrets.secret('s').versions.get(v2), undefined)
    assert.deepEqual(serviceEvents(fixture), ['TestRotationStarted', 'TestRotationSucceeded'])
  })

  test('reports a failing test and still removes the version', async (context) => {
    const fixture = await rotated(context)
    fixture.lambda.on.testSecret = async () => ({ error: 'no' })
    await rotate(fixture, v2, { RotateImmediately: false })
    await fixture.aws.idle()
    assert.deepEqual(serviceEvents(fixture), ['TestRotationStarted', 'TestRotationFailed'])
    assert.deepEqual(fixture.aws.secrets.secret('s').labels(), { [v1]: ['AWSCURRENT'] })
  })
})

describe('RotateSecret is refused', () => {
  test('without a token, in a class of its own (recorded: no_client_request_token[RotateSecret])', async (context) => {
    const { ask } = await rotated(context)
    const answer = await ask('RotateSecret', { SecretId: 's' })
    assert.deepEqual(
      [answer.type, answer.message],
      ['InvalidParameterException', 'You must provide a ClientRequestToken value. We recommend a UUID-type value.'],
    )
  })

  test('without a function, given or stored (recorded: first_rotate_secret_with_missing_lambda_arn)', async (context) => {
    const fixture = await start(context)
    fixture.aws.secrets.create('s', 'S1', v1)
    const answer = await rotate(fixture, v2)
    assert.deepEqual(
      [answer.type, answer.message],
      ['InvalidRequestException', 'No Lambda rotation function ARN is associated with this secret.'],
    )
  })

  test('with a function that Secrets Manager may not invoke; nothing stays behind (recorded: rotate_secret_invalid_lambda_arn)', async (context) => {
    const fixture = await rotated(context, { rotation: { functions: [FUNCTION] } })
    fixture.aws.secrets.create('t', 'T1', v1)
    const answer = await fixture.ask('RotateSecret', {
      SecretId: 't',
      ClientRequestToken: v2,
      RotationLambdaARN: `${FUNCTION}-2`,
    })
    assert.deepEqual([answer.status, answer.type], [400, 'AccessDeniedException'])
    assert.match(answer.message, /^Secrets Manager cannot invoke the specified Lambda function\./)
    assert.deepEqual(fixture.aws.secrets.secret('t').labels(), { [v1]: ['AWSCURRENT'] })
    assert.ok(!('RotationEnabled' in (await fixture.ask('DescribeSecret', { SecretId: 't' })).body))
  })

  test('with a schedule that is too short or given twice (section 5)', async (context) => {
    const fixture = await rotated(context)
    const wrong = [
      { ScheduleExpression: 'rate(3 hours)' },
      { ScheduleExpression: 'rate(1000 days)' },
      { ScheduleExpression: 'cron(30 4 * * ? *)' },
      { ScheduleExpression: 'rate(4 hours)', AutomaticallyAfterDays: 1 },
    ]
    for (const RotationRules of wrong) {
      const answer = await rotate(fixture, v2, { RotationRules })
      assert.equal(answer.type, 'InvalidParameterException', JSON.stringify(RotationRules))
    }
    assert.equal(
      (await rotate(fixture, v2, { RotationRules: { ScheduleExpression: 'cron(0 /4 * * ? *)' } })).type,
      'ok',
    )
  })
})

test('CancelRotateSecret turns rotation off and leaves the labels (section 4)', async (context) => {
  const fixture = await rotated(context)
  fixture.lambda.on.createSecret = async () => {
    await fixture.ask('CancelRotateSecret', { SecretId: 's' })
    return {}
  }
  await rotate(fixture, v2)
  await fixture.aws.idle()
  assert.equal(fixture.lambda.events.length, 1)
  const { body } = await fixture.ask('DescribeSecret', { SecretId: 's' })
  assert.deepEqual(
    [body['RotationEnabled'], body['VersionIdsToStages']],
    [false, { [v1]: ['AWSCURRENT'], [v2]: ['AWSPENDING'] }],
  )
})

test('CancelRotateSecret is refused for a secret that was never rotated (API reference)', async (context) => {
  const { aws, ask } = await start(context)
  aws.secrets.create('s', 'S1', v1)
  assert.equal((await ask('CancelRotateSecret', { SecretId: 's' })).type, 'InvalidRequestException')
})

test('the next rotation is told as long as rotation is on (recorded: rotate_secret_with_lambda_success)', async (context) => {
  const { aws, clock, ask } = await start(context)
  aws.secrets.create('s', 'S1', v1)
  aws.secrets.configureRotation('s', 'arn:aws:lambda:us-east-1:123456789012:function:f')
  const next = async () => (await ask('DescribeSecret', { SecretId: 's' })).body['NextRotationDate']
  assert.equal(await next(), clock.now() / 1000 + 4 * 3600)
  clock.advance(3_600_000)
  await ask('PutSecretValue', { SecretId: 's', ClientRequestToken: v2, SecretString: 'S2' })
  assert.equal(await next(), clock.now() / 1000 + 4 * 3600)
  await ask('CancelRotateSecret', { SecretId: 's' })
  assert.equal(await next(), undefined)
})
