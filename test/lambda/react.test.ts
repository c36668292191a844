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

function commandEnded(id: string): unknown {
  const detail = { 'command-id': id, 'document-name': 'ecs-pull-auth-reload', status: 'Success' }
  return { 'detail-type': 'EC2 Command Status-change Notification', source: 'aws.ssm', resources: [], detail }
}

test('the end of a rollout that a newer version has overtaken is no failure, and revokes nothing', async () => {
  const world = startWorld()
  const { handler } = handlerOf(world)
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  await rotateDirectly(world.ports, world.plan, THIRD)
  assert.deepEqual(await handler(commandEnded('command-1')), { batchItemFailures: [] })
  assert.equal(liveTokens(world).length, 2)
  await handler(labelUpdated(world))
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
