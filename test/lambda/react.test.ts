import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReactHandler } from '../../lambda/react-handler.ts'
import type { FleetPlan } from '../../src/core/plan.ts'
import type { Automation, Execution, VersionId } from '../../src/core/ports.ts'
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

/** The plan with a canary, or a runbook. */
function withFleet(world: TestWorld, change: Partial<FleetPlan>): void {
  const { fleet } = world.plan
  assert.ok(fleet)
  Object.assign(world, { plan: { ...world.plan, fleet: { ...fleet, ...change } } })
}

const sentBy = async (world: TestWorld) => (await world.ports.fleet.recent('ecs-pull-auth-reload', 0)).length

test('a canary that is green lets the rest begin, once, and only the rest retires', async () => {
  const world = startWorld()
  withFleet(world, { canary: 1 })
  const { handler } = handlerOf(world)
  for (const version of [SECOND, THIRD]) {
    await rotateDirectly(world.ports, world.plan, version)
    await handler(labelUpdated(world))
    await handler(labelUpdated(world))
    const canary = version === SECOND ? 'command-1' : 'command-3'
    await handler(commandEnded(canary))
    await handler(commandEnded(canary))
    assert.equal(await sentBy(world), version === SECOND ? 2 : 4)
  }
  world.clock.advance(DRAIN)
  await handler(commandEnded('command-3'))
  assert.equal(liveTokens(world).length, 2)
  await handler(commandEnded('command-4'))
  assert.equal(liveTokens(world).length, 1)
  assert.ok(world.nodes.every(({ version }) => version === THIRD))
})

test('a canary that is not green ends it there: a warning, no other restart, nothing revoked', async () => {
  const world = startWorld()
  withFleet(world, { canary: 1 })
  const { handler, lines } = handlerOf(world)
  const [canary] = world.nodes
  assert.ok(canary)
  canary.broken = true
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  assert.deepEqual(await handler(commandEnded('command-1')), { batchItemFailures: [] })
  await handler(labelUpdated(world))
  assert.equal(await sentBy(world), 1)
  assert.ok(lines.some((line) => JSON.parse(line).code === 'ROLLOUT_INCOMPLETE'))
  assert.ok(world.nodes.every(({ version }) => version !== SECOND))
})

test('the end of a canary that a newer version has overtaken begins nothing', async () => {
  const world = startWorld()
  withFleet(world, { canary: 1 })
  const { handler } = handlerOf(world)
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  await rotateDirectly(world.ports, world.plan, THIRD)
  await handler(commandEnded('command-1'))
  assert.equal(await sentBy(world), 1)
})

const RUNBOOK = {
  name: 'ecs-pull-auth-rollout',
  role: 'arn:aws:iam::111122223333:role/rollout',
  approvers: [],
  notify: null,
  calendar: null,
  locations: [],
}

function runEnded(id: string, status = 'Success'): unknown {
  const detail = { ExecutionId: id, Definition: RUNBOOK.name, DefinitionVersion: 1, Status: status }
  return {
    'detail-type': 'EC2 Automation Execution Status-change Notification',
    source: 'aws.ssm',
    resources: [],
    detail,
  }
}

/** Automation in memory: a run sends its command at once, or was not approved. */
function runbooksOf(world: TestWorld, sends = true): { started: () => number } {
  const runs = new Map<string, Execution>()
  const automation: Automation = {
    exists: async () => true,
    start: async ({ token, parameters }) => {
      if (runs.has(token)) return token
      const flat = Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, values.join(',')]))
      const { versionId = '', secretArn = '' } = flat
      if (sends) {
        const document = { name: 'ecs-pull-auth-reload', version: '1', hash: 'a'.repeat(64), active: true }
        const order = { document, targets: {}, maxConcurrency: '1', maxErrors: '0', timeoutSeconds: 60, alarm: null }
        const comment = `ecs-pull-auth ${versionId}`
        await world.ports.fleet.send({ ...order, comment, parameters: { versionId, secretArn } })
      }
      const status = sends ? 'Success' : 'Rejected'
      runs.set(token, {
        id: token,
        status,
        ended: true,
        startedAt: null,
        parameters: flat,
        steps: [{ name: sends ? 'reload' : 'approve', status }],
      })
      return token
    },
    recent: async () => [...runs.keys()].reverse(),
    execution: async (id) => runs.get(id) ?? null,
    stop: async () => undefined,
  }
  Object.assign(world, { ports: { ...world.ports, automation } })
  return { started: () => runs.size }
}

test('a runbook is started once for a version, and its end is judged and retires', async () => {
  const world = startWorld()
  withFleet(world, { runbook: RUNBOOK })
  const { started } = runbooksOf(world)
  const { handler, lines } = handlerOf(world)
  for (const version of [SECOND, THIRD]) {
    await rotateDirectly(world.ports, world.plan, version)
    await handler(labelUpdated(world))
    await handler(labelUpdated(world))
  }
  assert.equal(started(), 2)
  world.clock.advance(DRAIN)
  // The commands of its steps end too, and are no business of ours.
  await handler(commandEnded('command-2'))
  assert.equal(liveTokens(world).length, 2)
  const [id = ''] = await world.ports.automation.recent('', 0)
  await handler(runEnded(id))
  assert.equal(liveTokens(world).length, 1)
  assert.ok(lines.some((line) => line.includes('Every instance runs the version.')))
})

test('a runbook that was not approved is a result, not a failure of the function', async () => {
  const world = startWorld()
  withFleet(world, { runbook: RUNBOOK })
  runbooksOf(world, false)
  const { handler, lines } = handlerOf(world)
  await rotateDirectly(world.ports, world.plan, SECOND)
  await handler(labelUpdated(world))
  const [id = ''] = await world.ports.automation.recent('', 0)
  assert.deepEqual(await handler(runEnded(id, 'Rejected')), { batchItemFailures: [] })
  const told = lines.map((line) => JSON.parse(line)).find(({ code }) => code === 'RUNBOOK_ENDED')
  assert.match(told.message, /ended Rejected at its step approve \(Rejected\), before it reloaded anything/)
})

test('the run of another runbook, one that goes on, and one that is not listed yet', async () => {
  const world = startWorld()
  const { handler, lines } = handlerOf(world)
  await handler(runEnded('run-1'))
  assert.ok(lines.some((line) => line.includes('A run of another runbook.')))
  withFleet(world, { runbook: RUNBOOK })
  runbooksOf(world)
  const { handler: again } = handlerOf(world)
  assert.deepEqual(await again(runEnded('run-1', 'InProgress')), { batchItemFailures: [] })
  await assert.rejects(again(runEnded('run-1')), /^PullAuthError: COMMAND_UNCONFIRMED: Automation run-1/)
})
