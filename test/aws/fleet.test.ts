/** The Run Command adapter against the double: what it asks, what it answers, and what each refusal becomes. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { createFleet } from '../../src/aws/fleet.ts'
import { readParameter } from '../../src/aws/parameter.ts'
import { type ErrorCode, isCode } from '../../src/core/errors.ts'
import type { CommandOrder, Fleet, Invocation, InvocationStatus } from '../../src/core/ports.ts'
import { clientsOf, type Fixture, start, TESTER } from './fixture.ts'
import type { InstanceSeed } from './instances.ts'
import type { AwsOptions } from './server.ts'

const CONTENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: { word: { type: 'String', default: 'hi' } },
  mainSteps: [
    { action: 'aws:runShellScript', name: 'say', inputs: { runCommand: ['echo {{ word }}'], timeoutSeconds: '60' } },
  ],
})

function id(number: number): string {
  return `i-${String(number).padStart(17, '0')}`
}

function fleetOf(count: number, seed: Partial<InstanceSeed> = {}): InstanceSeed[] {
  return Array.from({ length: count }, (_, number) => ({ id: id(number + 1), tags: { role: 'ecs' }, ...seed }))
}

async function withFleet(context: TestContext, options: Partial<AwsOptions> = {}) {
  const fixture = await start(context, {
    visibility: { command: 0, counters: 0, invocations: 0 },
    runner: { run: async ({ instanceId }) => ({ exitCode: 0, stdout: `applied on ${instanceId}\n`, stderr: '' }) },
    ...options,
  })
  fixture.aws.ssm.publishDocument('Doc', CONTENT)
  return fixture
}

async function orderFor(fleet: Fleet, change: Partial<CommandOrder> = {}): Promise<CommandOrder> {
  const document = await fleet.document('Doc')
  assert.ok(document !== null)
  return {
    document,
    targets: { 'tag:role': ['ecs'] },
    parameters: { word: 'yes' },
    maxConcurrency: '100%',
    maxErrors: '10%',
    timeoutSeconds: 120,
    comment: 'ecs-pull-auth 1',
    alarm: null,
    ...change,
  }
}

async function collect(invocations: AsyncIterable<Invocation>): Promise<readonly Invocation[]> {
  const all: Invocation[] = []
  for await (const invocation of invocations) all.push(invocation)
  return all
}

async function refused(work: Promise<unknown>, code: ErrorCode, names: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isCode(error, code), String(error))
    assert.match(error.message, names)
    assert.ok(error.hint.length > 10)
    return true
  })
}

describe('document', () => {
  test('is described with its version and hash, or is null', async (context) => {
    const { fleet } = await withFleet(context)
    const hash = createHash('sha256').update(CONTENT).digest('hex')
    assert.deepEqual(await fleet.document('Doc'), { name: 'Doc', version: '1', hash, active: true })
    assert.equal(await fleet.document('Nope'), null)
  })

  test('is not active while it is being created', async (context) => {
    const { fleet, ask } = await withFleet(context, { documentReads: 1 })
    await ask('CreateDocument', { Name: 'New', Content: CONTENT, DocumentType: 'Command' })
    assert.deepEqual([(await fleet.document('New'))?.active, (await fleet.document('New'))?.active], [false, true])
  })
})

describe('send', () => {
  test('says everything that the order says, and pins version and hash', async (context) => {
    const { aws, clock, fleet } = await withFleet(context, { instances: fleetOf(1) })
    const order = await orderFor(fleet, { targets: { 'tag:role': ['ecs', 'web'], InstanceIds: [id(1)] } })
    const commandId = await fleet.send(order)
    await aws.idle()
    assert.deepEqual(aws.requests.at(-1)?.input, {
      DocumentName: 'Doc',
      DocumentVersion: '1',
      DocumentHash: order.document.hash,
      DocumentHashType: 'Sha256',
      Targets: [
        { Key: 'tag:role', Values: ['ecs', 'web'] },
        { Key: 'InstanceIds', Values: [id(1)] },
      ],
      Parameters: { word: ['yes'] },
      MaxConcurrency: '100%',
      MaxErrors: '10%',
      TimeoutSeconds: 120,
      Comment: 'ecs-pull-auth 1',
    })
    assert.deepEqual(await fleet.command(commandId), {
      id: commandId,
      status: 'Success',
      comment: 'ecs-pull-auth 1',
      document: 'Doc',
      parameters: { word: 'yes' },
      targets: 1,
      completed: 1,
      errors: 0,
      deliveryTimedOut: 0,
      requestedAt: clock.now(),
      // Delivery and execution time together (section 5).
      expiresAt: clock.now() + (120 + 60) * 1000,
    })
  })

  test('is refused with a code that says whose fault it is', async (context) => {
    const { aws, fleet } = await withFleet(context, { instances: fleetOf(1) })
    const order = await orderFor(fleet)
    const other = { ...order.document, hash: 'a'.repeat(64) }
    await refused(fleet.send({ ...order, document: other }), 'DOCUMENT_MISSING', /document Doc version 1/)
    await refused(
      fleet.send({ ...order, document: { ...order.document, version: '7' } }),
      'DOCUMENT_MISSING',
      /version 7/,
    )
    await refused(fleet.send({ ...order, parameters: { nope: 'x' } }), 'COMMAND_REFUSED', /InvalidParameters/)
    await refused(fleet.send({ ...order, targets: { nope: ['x'] } }), 'COMMAND_REFUSED', /ValidationException/)
    await refused(fleet.send({ ...order, maxConcurrency: '0' }), 'COMMAND_REFUSED', /ValidationException/)
    assert.deepEqual(aws.ssm.rollouts(), [])
  })

  test('names the action that is missing', async (context) => {
    const { fleet } = await withFleet(context, { identities: [{ ...TESTER, actions: ['ssm:DescribeDocument'] }] })
    const order = await orderFor(fleet)
    await refused(fleet.send(order), 'ACCESS_DENIED', /lacks ssm:SendCommand/)
    await refused(fleet.command('0'.repeat(36)), 'ACCESS_DENIED', /lacks ssm:ListCommands/)
    await refused(collect(fleet.invocations('0'.repeat(36))), 'ACCESS_DENIED', /lacks ssm:ListCommandInvocations/)
    await refused(fleet.cancel('0'.repeat(36)), 'ACCESS_DENIED', /lacks ssm:CancelCommand/)
  })
})

describe('command', () => {
  test('is null while it cannot be seen, then counts from 0', async (context) => {
    const { aws, fleet } = await withFleet(context, { instances: fleetOf(1), visibility: {} })
    const commandId = await fleet.send(await orderFor(fleet))
    await aws.idle()
    assert.equal(await fleet.command(commandId), null)
    assert.deepEqual(
      [(await fleet.command(commandId))?.status, (await fleet.command(commandId))?.status],
      ['Pending', 'Success'],
    )
    assert.equal(await fleet.command('0'.repeat(36)), null)
  })

  const ends: [string, InstanceSeed[], Partial<AwsOptions>, string][] = [
    ['of an empty fleet is NoInstancesInTag, which the short status calls Success', [], {}, 'NoInstancesInTag'],
    ['over the account s limit is LimitExceeded', fleetOf(2), { pendingInvocations: 1 }, 'LimitExceeded'],
    ['on a forbidden instance is AccessDenied', fleetOf(1, { delivery: 'denied' }), {}, 'AccessDenied'],
  ]
  for (const [what, instances, options, status] of ends) {
    test(what, async (context) => {
      const { aws, fleet } = await withFleet(context, { instances, ...options })
      const commandId = await fleet.send(await orderFor(fleet))
      await aws.idle()
      assert.equal((await fleet.command(commandId))?.status, status)
    })
  }
})

describe('recent', () => {
  test('lists the commands of one document from a second on, newest first, over all pages', async (context) => {
    const { aws, clock, fleet } = await withFleet(context)
    aws.ssm.publishDocument('Other', CONTENT)
    const order = await orderFor(fleet)
    await fleet.send({ ...order, comment: 'too old' })
    clock.advance(10_900)
    const since = clock.now()
    for (let number = 1; number <= 60; number += 1) {
      await fleet.send({ ...order, comment: `number ${number}` })
      clock.advance(10)
    }
    await fleet.send({ ...order, document: { ...order.document, name: 'Other' } })
    const comments = (await fleet.recent('Doc', since)).map(({ comment }) => comment)
    assert.deepEqual(
      comments,
      Array.from({ length: 60 }, (_, index) => `number ${60 - index}`),
    )
  })
})

describe('invocations', () => {
  test('come over all pages, with what each node printed and when it finished', async (context) => {
    const { aws, clock, fleet } = await withFleet(context, { instances: fleetOf(101) })
    const commandId = await fleet.send(await orderFor(fleet))
    await aws.idle()
    const finishedAt = clock.now()
    clock.advance(60_000)
    const all = await collect(fleet.invocations(commandId))
    assert.equal(new Set(all.map(({ instanceId }) => instanceId)).size, 101)
    assert.deepEqual(all[100], {
      instanceId: id(101),
      status: 'Success',
      output: `applied on ${id(101)}\n`,
      finishedAt,
    })
  })

  test('that never ran have no finish', async (context) => {
    const { aws, clock, fleet } = await withFleet(context, { instances: fleetOf(1, { online: false }) })
    const commandId = await fleet.send(await orderFor(fleet))
    await aws.idle()
    clock.advance(181_000)
    const [only] = await collect(fleet.invocations(commandId))
    assert.deepEqual([only?.status, only?.finishedAt], ['DeliveryTimedOut', null])
  })

  test('appear under exactly one status each, as Status filters do not do', async (context) => {
    const codes: Record<string, number> = { [id(2)]: 13, [id(3)]: 137 }
    const { aws, clock, fleet } = await withFleet(context, {
      instances: [
        ...fleetOf(3),
        { id: id(4), tags: { role: 'ecs' }, online: false },
        { id: id(5), tags: { role: 'ecs' }, delivery: 'undeliverable' },
        { id: id(6), tags: { role: 'ecs' }, delivery: 'denied' },
        { id: id(7), tags: { role: 'ecs' }, platform: 'Windows' },
      ],
      runner: { run: async ({ instanceId }) => ({ exitCode: codes[instanceId] ?? 0, stdout: '', stderr: '' }) },
    })
    const commandId = await fleet.send(await orderFor(fleet, { maxErrors: '100%' }))
    await aws.idle()
    clock.advance(181_000)
    const expected: [InvocationStatus, string[]][] = [
      ['Success', [id(1)]],
      ['Failed', [id(2)]],
      ['ExecutionTimedOut', [id(3)]],
      ['DeliveryTimedOut', [id(4)]],
      ['Undeliverable', [id(5)]],
      ['AccessDenied', [id(6)]],
      ['InvalidPlatform', [id(7)]],
      ['TimedOut', []],
      ['Cancelled', []],
      ['Cancelling', []],
      ['Terminated', []],
    ]
    for (const [status, ids] of expected) {
      const found = await collect(fleet.invocations(commandId, status))
      assert.deepEqual(
        found.map(({ instanceId }) => instanceId),
        ids,
        status,
      )
    }
  })

  test('with an error that both streams tell of show both, cut at 2,500 characters', async (context) => {
    const { aws, fleet } = await withFleet(context, {
      instances: fleetOf(1),
      runner: { run: async () => ({ exitCode: 13, stdout: 'result=rolled-back\n', stderr: 'e'.repeat(9_000) }) },
    })
    const commandId = await fleet.send(await orderFor(fleet))
    await aws.idle()
    const [only] = await collect(fleet.invocations(commandId, 'Failed'))
    assert.equal(only?.output.length, 2_500)
    assert.match(only?.output ?? '', /^result=rolled-back\n/)
  })

  test('of a list that never ends are given up, not taken for all (section 7.2)', async (context) => {
    const { ssm } = clientsOf((await start(context)).aws)
    const fleet = createFleet(ssm)
    const tokens: string[] = []
    const endless = (CommandInvocations: unknown[]) => {
      tokens.length = 0
      ssm.send = (async () => {
        const NextToken = `page-${tokens.length}`
        tokens.push(NextToken)
        return { CommandInvocations, NextToken }
      }) as typeof ssm.send
    }
    endless([{ InstanceId: id(1), Status: 'Success' }])
    await refused(collect(fleet.invocations('c')), 'AWS_UNAVAILABLE', /did not end/)
    // Empty pages without end are a fault that is known of AWS: the list has ended.
    endless([])
    assert.deepEqual(await collect(fleet.invocations('c')), [])
    assert.equal(tokens.length, 20)
  })
})

describe('known', () => {
  test('tells those that Systems Manager has, connected or not, in calls of 50 ids', async (context) => {
    const instances = [...fleetOf(119), { id: id(120), online: false }]
    const { aws, fleet } = await withFleet(context, { instances })
    aws.ssm.deregister(id(60))
    const asked = Array.from({ length: 121 }, (_, number) => id(number + 1))
    const known = await fleet.known(asked)
    assert.deepEqual(
      asked.filter((one) => !known.has(one)),
      [id(60), id(121)],
    )
    const calls = aws.requests.filter(({ operation }) => operation === 'DescribeInstanceInformation')
    assert.deepEqual(
      calls.map(({ input }) => (input['Filters'] as { Values: unknown[] }[])[0]?.Values.length),
      [50, 50, 21],
    )
  })

  test('asks nothing for nobody', async (context) => {
    const { aws, fleet } = await withFleet(context)
    assert.equal((await fleet.known([])).size, 0)
    assert.deepEqual(aws.requests, [])
  })

  test('follows pages, and takes nobody for gone in a list that breaks off', async (context) => {
    const { ssm } = clientsOf((await start(context)).aws)
    const fleet = createFleet(ssm)
    const answer = (pages: readonly object[]) => {
      const left = [...pages]
      ssm.send = (async () => left.shift() ?? {}) as typeof ssm.send
    }
    const page = (number: number, NextToken?: string) => ({
      InstanceInformationList: [{ InstanceId: id(number) }],
      ...(NextToken === undefined ? {} : { NextToken }),
    })
    answer([page(1, 'a'), { InstanceInformationList: [], NextToken: 'b' }, page(2)])
    assert.deepEqual([...(await fleet.known([id(1), id(2)]))], [id(1), id(2)])
    answer([page(1, 'a'), page(2, 'a')])
    await refused(fleet.known([id(1), id(3)]), 'AWS_UNAVAILABLE', /did not end/)
  })

  test('names the action that is missing', async (context) => {
    const { fleet } = await withFleet(context, { identities: [{ ...TESTER, actions: ['ssm:DescribeDocument'] }] })
    await refused(fleet.known([id(1)]), 'ACCESS_DENIED', /lacks ssm:DescribeInstanceInformation/)
  })
})

test('cancel cancels', async (context) => {
  const { aws, fleet } = await withFleet(context, { instances: fleetOf(1, { online: false }) })
  const commandId = await fleet.send(await orderFor(fleet))
  await fleet.cancel(commandId)
  await aws.idle()
  assert.equal((await fleet.command(commandId))?.status, 'Cancelled')
})

test('readParameter reads a value, or is PLAN_MISSING', async (context) => {
  const fixture: Fixture = await start(context)
  fixture.aws.ssm.parameters.set('/acme/plan', '{"version":1}')
  const { ssm } = clientsOf(fixture.aws)
  assert.equal(await readParameter(ssm, '/acme/plan'), '{"version":1}')
  await refused(readParameter(ssm, '/acme/nope'), 'PLAN_MISSING', /\/acme\/nope/)
})

describe('connected', () => {
  test('tells the first instances by id that are online, and asks by tags alone', async (context) => {
    const seeds = fleetOf(120).reverse()
    const offline = { id: id(1), tags: { role: 'ecs' }, online: false }
    const { fleet, aws } = await withFleet(context, {
      instances: [...seeds.filter((seed) => seed.id !== id(1)), offline],
    })
    assert.deepEqual(await fleet.connected({ 'tag:role': ['ecs'] }, 2), [id(2), id(3)])
    const asked = aws.requests.filter(({ operation }) => operation === 'DescribeInstanceInformation')
    assert.deepEqual(
      asked.map(({ input }) => input['Filters']),
      Array(3).fill([{ Key: 'tag:role', Values: ['ecs'] }]),
    )
    assert.deepEqual(await fleet.connected({ 'tag:role': ['other'] }, 2), [])
    assert.deepEqual(await fleet.connected({ InstanceIds: [id(7), id(5), id(1)] }, 5), [id(5), id(7)])
  })

  test('reads ten pages of a large fleet, and more only where nobody is online', async (context) => {
    const { fleet, aws } = await withFleet(context, { instances: fleetOf(700) })
    assert.deepEqual(await fleet.connected({ 'tag:role': ['ecs'] }, 1), [id(1)])
    assert.equal(aws.requests.filter(({ operation }) => operation === 'DescribeInstanceInformation').length, 10)
  })
})

test('an alarm of the order goes along', async (context) => {
  const { fleet, aws } = await withFleet(context, { instances: fleetOf(1) })
  await fleet.send(await orderFor(fleet, { alarm: 'pull-errors' }))
  const sent = aws.requests.find(({ operation }) => operation === 'SendCommand')
  assert.deepEqual(sent?.input['AlarmConfiguration'], { Alarms: [{ Name: 'pull-errors' }] })
})
