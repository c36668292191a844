/** Run Command as facts ssm-fleet-reload.md sections 5 to 7 describe it, against the double. */

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type Fixture, start } from './fixture.ts'
import type { InstanceSeed, ScriptResult } from './instances.ts'
import type { AwsOptions } from './server.ts'

const DOCUMENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: {
    word: { type: 'String', default: 'hi', allowedPattern: '[a-z]+', maxChars: 5 },
    mode: { type: 'String', default: 'one', allowedValues: ['one', 'two'] },
  },
  mainSteps: [
    { action: 'aws:runShellScript', name: 'say', inputs: { runCommand: ['echo {{ word }}'], timeoutSeconds: '600' } },
  ],
})

const SEEN = { command: 0, counters: 0, invocations: 0 }

function id(number: number): string {
  return `i-${String(number).padStart(17, '0')}`
}

function fleetOf(count: number, seed: Partial<InstanceSeed> = {}): InstanceSeed[] {
  return Array.from({ length: count }, (_, number) => ({ id: id(number + 1), tags: { role: 'ecs' }, ...seed }))
}

/** What each instance does; those that are not named succeed. */
type Behaviour = Readonly<Record<string, Partial<ScriptResult> | Promise<Partial<ScriptResult>>>>

async function withFleet(
  context: TestContext,
  instances: InstanceSeed[],
  behaviour: Behaviour = {},
  more: Partial<AwsOptions> = {},
) {
  const ran: string[] = []
  const fixture = await start(context, {
    instances,
    visibility: SEEN,
    runner: {
      run: async ({ instanceId }) => {
        ran.push(instanceId)
        return { exitCode: 0, stdout: `from ${instanceId}`, stderr: '', ...(await behaviour[instanceId]) }
      },
    },
    ...more,
  })
  fixture.aws.ssm.publishDocument('Doc', DOCUMENT)
  return { ...fixture, ran }
}

const TAGGED = { DocumentName: 'Doc', Targets: [{ Key: 'tag:role', Values: ['ecs'] }] }

async function send({ ask }: Fixture, input: Record<string, unknown> = {}): Promise<string> {
  const answer = await ask('SendCommand', { ...TAGGED, ...input })
  assert.equal(answer.type, 'ok', answer.message)
  return (answer.body['Command'] as { CommandId: string }).CommandId
}

async function commandOf({ ask }: Fixture, CommandId: string): Promise<Record<string, unknown>> {
  const { body } = await ask('ListCommands', { CommandId })
  return (body['Commands'] as Record<string, unknown>[])[0] ?? {}
}

async function invocationsOf({ ask }: Fixture, input: Record<string, unknown>): Promise<Record<string, unknown>[]> {
  const { body } = await ask('ListCommandInvocations', input)
  return body['CommandInvocations'] as Record<string, unknown>[]
}

function counts(command: Record<string, unknown>): unknown[] {
  return ['StatusDetails', 'TargetCount', 'CompletedCount', 'ErrorCount', 'DeliveryTimedOutCount'].map(
    (name) => command[name],
  )
}

describe('SendCommand refuses', () => {
  const instance = { InstanceIds: [id(1)], Targets: undefined }
  const refused: [string, Record<string, unknown>, string][] = [
    ['a document that is not there', { DocumentName: 'Nope' }, 'InvalidDocument'],
    ['a document version that is not there', { DocumentVersion: '7' }, 'InvalidDocumentVersion'],
    [
      'a hash that is not the content s',
      { DocumentHash: 'a'.repeat(64), DocumentHashType: 'Sha256' },
      'InvalidDocument',
    ],
    ['a parameter that the document does not declare', { Parameters: { nope: ['x'] } }, 'InvalidParameters'],
    ['a value that misses the pattern anywhere', { Parameters: { word: ['hi; id'] } }, 'InvalidParameters'],
    ['a value that is not allowed', { Parameters: { mode: ['three'] } }, 'InvalidParameters'],
    ['a value that is too long', { Parameters: { word: ['longer'] } }, 'InvalidParameters'],
    ['two values for one', { Parameters: { word: ['a', 'b'] } }, 'InvalidParameters'],
    ['no target at all', { Targets: undefined }, 'ValidationException'],
    ['ids and tags together', { InstanceIds: [id(1)] }, 'ValidationException'],
    [
      'more than 5 target keys',
      { Targets: Array.from({ length: 6 }, (_, n) => ({ Key: `tag:${n}`, Values: ['x'] })) },
      'ValidationException',
    ],
    ['a target key of another kind', { Targets: [{ Key: 'role', Values: ['ecs'] }] }, 'ValidationException'],
    [
      'more than 50 ids',
      { ...instance, InstanceIds: Array.from({ length: 51 }, (_, n) => id(n)) },
      'ValidationException',
    ],
    ['an id twice', { ...instance, InstanceIds: [id(1), id(1)] }, 'DuplicateInstanceId'],
    ['an id that is not managed', { ...instance, InstanceIds: [id(1), id(9)] }, 'InvalidInstanceId'],
  ]
  for (const [what, input, type] of refused) {
    test(what, async (context) => {
      const fixture = await withFleet(context, fleetOf(2))
      assert.equal((await fixture.ask('SendCommand', { ...TAGGED, ...input })).type, type)
      await fixture.aws.idle()
      assert.deepEqual(fixture.ran, [])
    })
  }

  test('a required parameter that is missing, and an instance of another platform', async (context) => {
    const fixture = await withFleet(context, fleetOf(1, { platform: 'Windows' }))
    fixture.aws.ssm.publishDocument('Doc', DOCUMENT.replace('"default":"hi",', ''))
    assert.equal((await fixture.ask('SendCommand', TAGGED)).type, 'InvalidParameters')
    const input = { DocumentName: 'Doc', InstanceIds: [id(1)], Parameters: { word: ['hi'] } }
    assert.equal((await fixture.ask('SendCommand', input)).type, 'UnsupportedPlatformType')
  })
})

describe('targets', () => {
  const instances: InstanceSeed[] = [
    { id: id(1), tags: { role: 'ecs', ring: '1' } },
    { id: id(2), tags: { role: 'ecs', ring: '2' } },
    { id: id(3), tags: { role: 'web', ring: '1' }, groups: ['blue'] },
  ]
  const cases: [string, { Key: string; Values: string[] }[], number[]][] = [
    ['the values of a key are alternatives', [{ Key: 'tag:role', Values: ['ecs', 'web'] }], [1, 2, 3]],
    [
      'all keys must fit',
      [
        { Key: 'tag:role', Values: ['ecs'] },
        { Key: 'tag:ring', Values: ['1'] },
      ],
      [1],
    ],
    ['a tag key may be enough', [{ Key: 'tag-key', Values: ['ring'] }], [1, 2, 3]],
    ['ids may be targets, and unknown ones are none', [{ Key: 'InstanceIds', Values: [id(2), id(9)] }], [2]],
    ['a resource group is a target', [{ Key: 'resource-groups:Name', Values: ['blue'] }], [3]],
    ['a tag s value is matched as a whole', [{ Key: 'tag:role', Values: ['ec', 'ECS', ''] }], []],
  ]
  for (const [what, Targets, expected] of cases) {
    test(what, async (context) => {
      const fixture = await withFleet(context, instances)
      const CommandId = await send(fixture, { Targets })
      await fixture.aws.idle()
      assert.deepEqual(
        (await invocationsOf(fixture, { CommandId })).map(({ InstanceId }) => InstanceId),
        expected.map(id),
      )
    })
  }
})

describe('rate control (section 5)', () => {
  /** Lets `count` scripts start, then looks; nothing else can run meanwhile. */
  async function startedTogether(context: TestContext, instances: number, MaxConcurrency?: string): Promise<number> {
    const gate = Promise.withResolvers<Partial<ScriptResult>>()
    const behaviour = Object.fromEntries(fleetOf(instances).map((seed) => [seed.id, gate.promise]))
    const fixture = await withFleet(context, fleetOf(instances), behaviour)
    const CommandId = await send(fixture, MaxConcurrency === undefined ? {} : { MaxConcurrency })
    // Two more requests give every script that may start the time to do so.
    const running = (await invocationsOf(fixture, { CommandId, Filters: [{ key: 'Status', value: 'InProgress' }] }))
      .length
    assert.equal(fixture.ran.length, running)
    gate.resolve({})
    await fixture.aws.idle()
    assert.equal(fixture.ran.length, instances)
    return running
  }

  test('a number is a number, 50 by default', async (context) => {
    assert.equal(await startedTogether(context, 5, '2'), 2)
    assert.equal(await startedTogether(context, 60), 50)
  })

  test('a percentage rounds down, to one at least', async (context) => {
    assert.equal(await startedTogether(context, 19, '10%'), 1)
    assert.equal(await startedTogether(context, 5, '50%'), 2)
    assert.equal(await startedTogether(context, 3, '1%'), 1)
  })

  test('by default the first error stops sending, and the rest is Terminated', async (context) => {
    const fixture = await withFleet(context, fleetOf(4), { [id(2)]: { exitCode: 13 } })
    const CommandId = await send(fixture, { MaxConcurrency: '1' })
    await fixture.aws.idle()
    assert.deepEqual(fixture.ran, [id(1), id(2)])
    assert.deepEqual(
      (await invocationsOf(fixture, { CommandId })).map(({ StatusDetails }) => StatusDetails),
      ['Success', 'Failed', 'Terminated', 'Terminated'],
    )
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Failed', 4, 4, 1, 0])
  })

  test('more errors than MaxErrors stop it, as many do not; a percentage rounds down', async (context) => {
    const failing = { [id(1)]: { exitCode: 1 }, [id(2)]: { exitCode: 1 } }
    for (const [MaxErrors, ran, details] of [
      ['2', 5, 'Incomplete'],
      ['1', 2, 'Failed'],
      ['39%', 2, 'Failed'],
      ['40%', 5, 'Incomplete'],
    ] as const) {
      const fixture = await withFleet(context, fleetOf(5), failing)
      const CommandId = await send(fixture, { MaxConcurrency: '1', MaxErrors })
      await fixture.aws.idle()
      assert.deepEqual(
        [fixture.ran.length, (await commandOf(fixture, CommandId))['StatusDetails']],
        [ran, details],
        MaxErrors,
      )
    }
  })

  test('more invocations than the account may have pending are RateExceeded, and nothing runs (section 8)', async (context) => {
    const fixture = await withFleet(context, fleetOf(3), {}, { pendingInvocations: 2 })
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    const command = await commandOf(fixture, CommandId)
    assert.deepEqual([command['Status'], command['StatusDetails'], fixture.ran], ['Failed', 'Rate Exceeded', []])
  })
})

describe('statuses (section 6)', () => {
  test('an empty fleet is accepted, and ends as a "Success" whose details are NoInstancesInTag', async (context) => {
    const fixture = await withFleet(context, [])
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    const command = await commandOf(fixture, CommandId)
    assert.deepEqual([command['Status'], ...counts(command)], ['Success', 'NoInstancesInTag', 0, 0, 0, 0])
  })

  test('a script that runs too long is Execution Timed Out and an error', async (context) => {
    const fixture = await withFleet(context, fleetOf(1), { [id(1)]: { exitCode: -1, timedOut: true } })
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    const command = await commandOf(fixture, CommandId)
    assert.deepEqual([command['Status'], ...counts(command)], ['Failed', 'Failed', 1, 1, 1, 0])
    const [invocation] = await invocationsOf(fixture, { CommandId })
    assert.deepEqual([invocation?.['Status'], invocation?.['StatusDetails']], ['TimedOut', 'Execution Timed Out'])
  })

  test('four undeliverable instances and one success are a success', async (context) => {
    const fixture = await withFleet(context, [
      ...fleetOf(4, { delivery: 'undeliverable' }),
      { id: id(5), tags: { role: 'ecs' } },
    ])
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Success', 5, 5, 0, 0])
  })

  test('a forbidden instance is an AccessDenied invocation, not an error of the call (section 12)', async (context) => {
    const fixture = await withFleet(context, fleetOf(1, { delivery: 'denied' }))
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Access Denied', 1, 1, 0, 0])
  })

  test('an instance that the document cannot run on is an Invalid Platform', async (context) => {
    const fixture = await withFleet(context, fleetOf(1, { platform: 'Windows' }))
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    assert.equal((await invocationsOf(fixture, { CommandId }))[0]?.['StatusDetails'], 'Invalid Platform')
  })
})

describe('an instance that is offline', () => {
  test('is waited for until the command expires, then it is Delivery Timed Out and no error', async (context) => {
    const fixture = await withFleet(context, [...fleetOf(1), { id: id(2), tags: { role: 'ecs' }, online: false }])
    const CommandId = await send(fixture, { TimeoutSeconds: 60 })
    await fixture.aws.idle()
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['InProgress', 2, 1, 0, 0])
    // The time to start it and the document's own 600 s.
    fixture.clock.advance(659_999)
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['InProgress', 2, 1, 0, 0])
    fixture.clock.advance(1)
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Incomplete', 2, 2, 0, 1])
    const [invocation] = await invocationsOf(fixture, { CommandId, InstanceId: id(2) })
    assert.deepEqual([invocation?.['Status'], invocation?.['StatusDetails']], ['TimedOut', 'Delivery Timed Out'])
  })

  test('runs it when it connects in time, and not later', async (context) => {
    for (const [seconds, details] of [
      [60, 'Success'],
      [61, 'Pending'],
    ] as const) {
      const fixture = await withFleet(context, fleetOf(1, { online: false }))
      const CommandId = await send(fixture, { TimeoutSeconds: 60 })
      await fixture.aws.idle()
      fixture.clock.advance(seconds * 1000)
      fixture.aws.ssm.register({ id: id(1), online: true })
      await fixture.aws.idle()
      assert.equal((await commandOf(fixture, CommandId))['StatusDetails'], details, `${seconds} s`)
    }
  })

  test('that runs beyond the expiry may have applied it, but counts as Delivery Timed Out (section 13)', async (context) => {
    const gate = Promise.withResolvers<Partial<ScriptResult>>()
    const fixture = await withFleet(context, fleetOf(1), { [id(1)]: gate.promise })
    const CommandId = await send(fixture, { TimeoutSeconds: 60 })
    await commandOf(fixture, CommandId)
    fixture.clock.advance(700_000)
    gate.resolve({})
    await fixture.aws.idle()
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Delivery Timed Out', 1, 1, 0, 1])
    assert.deepEqual(fixture.ran, [id(1)])
  })
})

describe('CancelCommand', () => {
  test('cancels what waits and kills what runs', async (context) => {
    const killed = Promise.withResolvers<void>()
    const fixture = await withFleet(
      context,
      fleetOf(2),
      {},
      {
        runner: {
          run: async ({ signal }) => {
            await new Promise((resolve) => signal.addEventListener('abort', resolve))
            await killed.promise
            return { exitCode: 137, stdout: 'so far', stderr: '' }
          },
        },
      },
    )
    const CommandId = await send(fixture, { MaxConcurrency: '1' })
    await commandOf(fixture, CommandId)
    assert.equal((await fixture.ask('CancelCommand', { CommandId })).type, 'ok')
    assert.equal((await commandOf(fixture, CommandId))['StatusDetails'], 'Cancelling')
    killed.resolve()
    await fixture.aws.idle()
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Cancelled', 2, 2, 0, 0])
  })

  test('refuses a command that is not there and changes nothing of one that has ended', async (context) => {
    const fixture = await withFleet(context, fleetOf(1))
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    assert.equal((await fixture.ask('CancelCommand', { CommandId })).type, 'ok')
    assert.equal((await commandOf(fixture, CommandId))['StatusDetails'], 'Success')
    assert.equal((await fixture.ask('CancelCommand', { CommandId: '0'.repeat(36) })).type, 'InvalidCommandId')
  })
})

describe('just after sending (section 7.2)', () => {
  test('the command is not listed, then its counters are 0, then it tells what is', async (context) => {
    const fixture = await withFleet(context, fleetOf(2), {}, { visibility: {} })
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    assert.deepEqual(await commandOf(fixture, CommandId), {})
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Pending', 0, 0, 0, 0])
    assert.deepEqual(counts(await commandOf(fixture, CommandId)), ['Success', 2, 2, 0, 0])
  })

  test('invocations are an empty list, or do not exist', async (context) => {
    const fixture = await withFleet(context, fleetOf(1), {}, { visibility: { invocations: 2 } })
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    assert.deepEqual(await invocationsOf(fixture, { CommandId }), [])
    const get = { CommandId, InstanceId: id(1) }
    assert.equal((await fixture.ask('GetCommandInvocation', get)).type, 'InvocationDoesNotExist')
    assert.equal((await fixture.ask('GetCommandInvocation', get)).body['StatusDetails'], 'Success')
    assert.equal((await invocationsOf(fixture, { CommandId })).length, 1)
  })
})

describe('lists', () => {
  test('hold 50 and go on with a token (section 7.1)', async (context) => {
    const fixture = await withFleet(context, fleetOf(120))
    const CommandId = await send(fixture, { MaxConcurrency: '100%' })
    await fixture.aws.idle()
    const sizes: number[] = []
    const seen = new Set<unknown>()
    for (let NextToken: unknown; sizes.length === 0 || NextToken !== undefined; ) {
      const { body } = await fixture.ask('ListCommandInvocations', {
        CommandId,
        ...(NextToken === undefined ? {} : { NextToken }),
      })
      const page = body['CommandInvocations'] as { InstanceId: string }[]
      sizes.push(page.length)
      for (const { InstanceId } of page) seen.add(InstanceId)
      NextToken = body['NextToken']
    }
    assert.deepEqual([sizes, seen.size], [[50, 50, 20], 120])
    assert.equal(
      (await fixture.ask('ListCommandInvocations', { CommandId, MaxResults: 51 })).type,
      'ValidationException',
    )
    assert.equal((await fixture.ask('ListCommandInvocations', { CommandId, NextToken: 'x' })).type, 'InvalidNextToken')
  })

  test('of commands are newest first and filtered by document, time and status', async (context) => {
    const fixture = await withFleet(context, fleetOf(1))
    fixture.aws.ssm.publishDocument('Other', DOCUMENT)
    const first = await send(fixture)
    fixture.clock.advance(60_000)
    const second = await send(fixture)
    await send(fixture, { DocumentName: 'Other' })
    await fixture.aws.idle()
    const list = async (...filters: [string, string][]) => {
      const Filters = filters.map(([key, value]) => ({ key, value }))
      const { type, body } = await fixture.ask('ListCommands', { Filters })
      return type === 'ok' ? (body['Commands'] as { CommandId: string }[]).map(({ CommandId }) => CommandId) : type
    }
    assert.deepEqual(await list(['DocumentName', 'Doc']), [second, first])
    assert.deepEqual(await list(['DocumentName', 'Doc'], ['InvokedAfter', '2026-11-24T00:01:00Z']), [second])
    assert.deepEqual(await list(['DocumentName', 'Doc'], ['Status', 'Failed']), [])
    assert.equal(await list(['InvokedAfter', '2026-11-24']), 'ValidationException')
    assert.equal(await list(['Status', 'Undeliverable']), 'ValidationException')
    assert.equal(await list(['Nope', 'x']), 'ValidationException')
  })

  test('of invocations take the short status and the details, written without spaces', async (context) => {
    const fixture = await withFleet(context, fleetOf(2), { [id(1)]: { exitCode: -1, timedOut: true } })
    const CommandId = await send(fixture, { MaxErrors: '100%' })
    await fixture.aws.idle()
    const found = async (value: string) =>
      (await invocationsOf(fixture, { CommandId, Filters: [{ key: 'Status', value }] }))?.map(
        ({ InstanceId }) => InstanceId,
      )
    assert.deepEqual(await found('ExecutionTimedOut'), [id(1)])
    assert.deepEqual(await found('TimedOut'), [id(1)])
    assert.deepEqual(await found('Success'), [id(2)])
    assert.equal(await found('Execution Timed Out'), undefined)
    assert.equal(await found('Incomplete'), undefined)
  })
})

test('output is cut at 24,000 and 8,000 characters, and at 2,500 in lists (section 7.2)', async (context) => {
  const long = { stdout: 'o'.repeat(30_000), stderr: 'e'.repeat(30_000), exitCode: 13 }
  const fixture = await withFleet(context, fleetOf(1), { [id(1)]: long })
  const CommandId = await send(fixture)
  await fixture.aws.idle()
  const { body } = await fixture.ask('GetCommandInvocation', { CommandId, InstanceId: id(1) })
  assert.deepEqual(
    [body['ResponseCode'], String(body['StandardOutputContent']).length, String(body['StandardErrorContent']).length],
    [13, 24_000, 8_000],
  )
  assert.match(String(body['StandardErrorContent']), /failed to run commands: exit status 13$/)
  const plugins = async (Details: boolean) =>
    (await invocationsOf(fixture, { CommandId, Details }))[0]?.['CommandPlugins']
  const [plugin] = (await plugins(true)) as { Name: string; Output: string }[]
  assert.deepEqual([plugin?.Name, plugin?.Output.length], ['say', 2_500])
  assert.deepEqual(await plugins(false), [])
})

test('events tell of every change of a command and of its invocations (section 7.3)', async (context) => {
  const fixture = await withFleet(context, fleetOf(1))
  const CommandId = await send(fixture, { Parameters: { word: ['yes'] } })
  await fixture.aws.idle()
  assert.deepEqual(
    fixture.events.map((event) => [event['detail-type'], event.detail['status']]),
    [
      ['EC2 Command Invocation Status-change Notification', 'InProgress'],
      ['EC2 Command Status-change Notification', 'InProgress'],
      ['EC2 Command Invocation Status-change Notification', 'Success'],
      ['EC2 Command Status-change Notification', 'Success'],
    ],
  )
  assert.deepEqual(fixture.events.at(-1)?.detail, {
    'command-id': CommandId,
    'document-name': 'Doc',
    'expire-after': '2026-11-24T01:10:00.000Z',
    parameters: { word: ['yes'] },
    'requested-date-time': '2026-11-24T00:00:00.000Z',
    status: 'Success',
  })
})

test('instances are described with their state, in pages', async (context) => {
  const { ask } = await withFleet(context, [...fleetOf(6), { id: id(7), online: false, agentVersion: '3.2.0.0' }])
  const { body } = await ask('DescribeInstanceInformation', { MaxResults: 5 })
  assert.equal((body['InstanceInformationList'] as unknown[]).length, 5)
  const next = await ask('DescribeInstanceInformation', { MaxResults: 5, NextToken: body['NextToken'] })
  const last = (next.body['InstanceInformationList'] as Record<string, unknown>[]).at(-1)
  assert.deepEqual(
    [last?.['InstanceId'], last?.['PingStatus'], last?.['AgentVersion']],
    [id(7), 'ConnectionLost', '3.2.0.0'],
  )
  const online = await ask('DescribeInstanceInformation', { Filters: [{ Key: 'PingStatus', Values: ['Online'] }] })
  assert.equal((online.body['InstanceInformationList'] as unknown[]).length, 6)
})

test('parameters are found by name and ARN', async (context) => {
  const { aws, ask } = await start(context)
  aws.ssm.parameters.set('/acme/plan', '{}').set('plan', '[]')
  const arn = 'arn:aws:ssm:us-east-1:123456789012:parameter'
  for (const [Name, value] of [
    ['/acme/plan', '{}'],
    [`${arn}/acme/plan`, '{}'],
    ['plan', '[]'],
    [`${arn}/plan`, '[]'],
  ]) {
    const { body } = await ask('GetParameter', { Name, WithDecryption: true })
    assert.equal((body['Parameter'] as { Value: string }).Value, value, Name)
  }
  assert.equal((await ask('GetParameter', { Name: '/nope' })).type, 'ParameterNotFound')
})
