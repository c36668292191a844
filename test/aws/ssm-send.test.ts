/** SendCommand: what it refuses, whom it reaches and how many at a time (facts ssm-fleet-reload.md section 5). */

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { InstanceSeed, ScriptResult } from './instances.ts'
import { commandOf, counts, DOCUMENT, fleetOf, id, invocationsOf, send, TAGGED, withFleet } from './ssm-fixture.ts'

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
    ['a value that misses the pattern anywhere', { Parameters: { word: ['a;b'] } }, 'InvalidParameters'],
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
