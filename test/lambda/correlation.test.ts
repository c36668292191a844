/** One id from the rotation to the node: the secret version's. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNodeStatus } from '../../src/core/node-status.ts'
import type { VersionId } from '../../src/core/ports.ts'
import { startFunctions } from './functions.ts'

const SECOND = '00000000-0000-4000-8000-000000000002' as VersionId
const THIRD = '00000000-0000-4000-8000-000000000003' as VersionId

function commandEnded(id: string): unknown {
  const detail = { 'command-id': id, 'document-name': 'ecs-pull-auth-reload', status: 'Success' }
  return { 'detail-type': 'EC2 Command Status-change Notification', source: 'aws.ssm', resources: [], detail }
}

test('every line of both functions, the Run Command and the status line of every node carry the version', async () => {
  const functions = startFunctions()
  const { world, lines, parsed } = functions
  for (const version of [SECOND, THIRD]) {
    lines.length = 0
    assert.equal(await functions.rotate(version), null)
    await functions.react(functions.labelUpdated())
    const [command] = await world.ports.fleet.recent('ecs-pull-auth-reload', 0)
    assert.ok(command)
    world.clock.advance(3_600_000)
    await functions.react(commandEnded(command.id))

    assert.ok(lines.length > 20)
    for (const line of parsed()) assert.equal(line['version'], version, JSON.stringify(line))
    assert.equal(command.comment, `ecs-pull-auth ${version}`)
    assert.equal(command.parameters['versionId'], version)
    for await (const { output } of world.ports.fleet.invocations(command.id))
      assert.equal(parseNodeStatus(output)?.version, version)
  }
})

test('a failure carries it too, in the function that failed and when the fleet did', async () => {
  const functions = startFunctions({ ttl: 86_400 })
  functions.world.mintFault = () => ({ after: false, error: new Error('the source is down') })
  assert.match(String(await functions.rotate(SECOND)), /INTERNAL/)
  functions.world.mintFault = null
  assert.equal(await functions.rotate(SECOND), null)
  for (const node of functions.world.nodes) node.broken = true
  await functions.react(functions.labelUpdated())
  await functions.react(commandEnded('command-1'))
  const told = functions.parsed().filter(({ code }) => code !== undefined)
  assert.deepEqual(
    told.map(({ code, version }) => [code, version]),
    [
      ['INTERNAL', SECOND],
      ['ROLLOUT_INCOMPLETE', SECOND],
    ],
  )
})

test('an event about a version that another one has overtaken is told under the one that it starts', async () => {
  const functions = startFunctions()
  await functions.rotate(SECOND)
  const late = functions.labelUpdated()
  await functions.rotate(THIRD)
  functions.lines.length = 0
  await functions.react(late)
  assert.deepEqual(new Set(functions.parsed().map(({ version }) => version)), new Set([THIRD]))
})

test('before the version of a command is known, its lines carry the id of the command', async () => {
  const functions = startFunctions()
  await assert.rejects(functions.react(commandEnded('command-9')), /COMMAND_UNCONFIRMED/)
  for (const { commandId } of functions.parsed()) assert.equal(commandId, 'command-9')
})
