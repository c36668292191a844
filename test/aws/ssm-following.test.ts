/** A command under way and after: statuses, offline instances, cancelling, lists, output, events (facts ssm-fleet-reload.md sections 6 and 7). */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { start } from './fixture.ts'
import type { ScriptResult } from './instances.ts'
import { commandOf, counts, DOCUMENT, fleetOf, id, invocationsOf, send, withFleet } from './ssm-fixture.ts'

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

  test('a stale read sees nothing at all, at any time', async (context) => {
    const fixture = await withFleet(context, fleetOf(1))
    const CommandId = await send(fixture)
    await fixture.aws.idle()
    fixture.aws.faults.add({ match: () => true, kind: 'stale', times: 2 })
    assert.deepEqual([await commandOf(fixture, CommandId), await invocationsOf(fixture, { CommandId })], [{}, []])
    assert.equal((await commandOf(fixture, CommandId))['StatusDetails'], 'Success')
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
