import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReactHandler } from '../../lambda/react-handler.ts'
import type { VersionId } from '../../src/core/ports.ts'
import { rotateDirectly } from '../../src/core/rotation.ts'
import { liveTokens, SECRET, startWorld, type TestWorld } from '../core/rotation-world.ts'

const SECOND = '00000000-0000-4000-8000-000000000002' as VersionId
const THIRD = '00000000-0000-4000-8000-000000000003' as VersionId

function handlerOf(world: TestWorld) {
  const lines: string[] = []
  const { clock, plan, ports } = world
  const handler = createReactHandler({
    clock,
    plan: async () => plan,
    wire: (journal) => ({ ...ports, journal }),
    log: (line) => lines.push(line),
  })
  return { handler, lines }
}

function labelUpdated(world: TestWorld): unknown {
  const { arn } = world.secrets.secret(SECRET)
  const detail = { name: SECRET, labelUpdated: 'AWSCURRENT', versionId: world.current().version }
  return { 'detail-type': 'Secret Label Updated', source: 'aws.secretsmanager', resources: [arn], detail }
}

function commandEnded(id: string, time?: string): unknown {
  const detail = { 'command-id': id, 'document-name': 'ecs-pull-auth-reload', status: 'Success' }
  return { 'detail-type': 'EC2 Command Status-change Notification', source: 'aws.ssm', time, resources: [], detail }
}

const DRAIN = 300_000

test('the end of a rollout that a newer version has overtaken is no failure, and revokes nothing', async () => {
  const world = startWorld()
  const { handler } = handlerOf(world)
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  await rotateDirectly(world.ports, world.plan, THIRD)
  assert.deepEqual(await handler(commandEnded('command-1')), { batchItemFailures: [] })
  assert.equal(liveTokens(world).length, 2)
  await handler(labelUpdated(world))
  world.clock.advance(DRAIN)
  await handler(commandEnded('command-2'))
  assert.equal(liveTokens(world).length, 1)
  assert.ok(world.nodes.every(({ text }) => world.pulls(text)))
})

test('a failed revocation asks the queue for the event again', async () => {
  const world = startWorld()
  const { handler } = handlerOf(world)
  for (const version of [SECOND, THIRD]) {
    await rotateDirectly(world.ports, world.plan, version)
    await handler(labelUpdated(world))
  }
  world.clock.advance(DRAIN)
  world.revokeFault = () => new Error('the source is down')
  const body = JSON.stringify(commandEnded('command-2'))
  const failed = await handler({ Records: [{ messageId: 'message-1', body }] })
  assert.deepEqual(failed, { batchItemFailures: [{ itemIdentifier: 'message-1' }] })
  world.revokeFault = null
  assert.deepEqual(await handler({ Records: [{ messageId: 'message-1', body }] }), { batchItemFailures: [] })
  assert.equal(liveTokens(world).length, 1)
})

test('a command that is not listed yet asks for the event again', async () => {
  const world = startWorld()
  const { handler } = handlerOf(world)
  await assert.rejects(handler(commandEnded('command-9')), /^PullAuthError: COMMAND_UNCONFIRMED: /)
})

test('a command that is listed, but not as ended yet, asks for the event again instead of judging it', async () => {
  const world = startWorld()
  const { handler } = handlerOf(world)
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  const { command } = world.ports.fleet
  Object.assign(world.ports.fleet, {
    command: async (id: string) => ({ ...(await command(id)), status: 'Pending', targets: 0, completed: 0 }),
  })
  await assert.rejects(handler(commandEnded('command-1')), /^PullAuthError: COMMAND_UNCONFIRMED: /)
  Object.assign(world.ports.fleet, { command })
  await handler(commandEnded('command-1'))
})

/** Two rotations, both rolled out: the second one has something to revoke, once the drain is over. */
async function rolledOutTwice(): Promise<TestWorld & ReturnType<typeof handlerOf>> {
  const world = startWorld()
  const handlers = handlerOf(world)
  for (const version of [SECOND, THIRD]) {
    await rotateDirectly(world.ports, world.plan, version)
    await handlers.handler(labelUpdated(world))
  }
  return Object.assign(world, handlers)
}

test('an end that is told before the drain is over goes back to the queue, without an alarm, until it is over', async () => {
  const world = await rolledOutTwice()
  const body = JSON.stringify(commandEnded('command-2', new Date(world.clock.now()).toISOString()))
  const deliver = () => world.handler({ Records: [{ messageId: 'message-1', body }] })
  const again = { batchItemFailures: [{ itemIdentifier: 'message-1' }] }
  assert.deepEqual(await deliver(), again)
  world.clock.advance(DRAIN - 1)
  assert.deepEqual(await deliver(), again)
  const told = world.lines.map((line) => JSON.parse(line)).filter(({ code }) => code === 'RETIRE_NOT_YET')
  assert.deepEqual(
    told.map(({ level }) => level),
    ['info', 'info'],
  )
  assert.equal(liveTokens(world).length, 2)
  world.clock.advance(1)
  assert.deepEqual(await deliver(), { batchItemFailures: [] })
  assert.equal(liveTokens(world).length, 1)
})

test('the time of the event counts as the end, so a late delivery need not wait', async () => {
  const world = await rolledOutTwice()
  const time = new Date(world.clock.now() + 60_000).toISOString()
  world.clock.advance(DRAIN + 59_000)
  await assert.rejects(
    world.handler(commandEnded('command-2', time)),
    /^PullAuthError: RETIRE_NOT_YET: .* 1 s from now/,
  )
  world.clock.advance(1_000)
  await world.handler(commandEnded('command-2', time))
  assert.equal(liveTokens(world).length, 1)
})

test('an end with nothing to revoke is done at once', async () => {
  const world = startWorld()
  const { handler } = handlerOf(world)
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  assert.deepEqual(await handler(commandEnded('command-1', 'no time at all')), { batchItemFailures: [] })
})
