/** 50,000 instances, of which 0.5 % fail in every way: the report is exact, for the price of a few calls. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CallFault } from '../doubles/in-process.ts'
import { rollOutAtScale, type Scale } from './rollout-scale.ts'

/** The lists of problems, and whatever else is asked per page of instances. */
const MOST_CALLS = 60

function assertExact({ report, expected, world }: Scale, instances: number): void {
  const found = new Map(report.stragglers.map(({ instanceId, outcome }) => [instanceId, outcome as string]))
  assert.deepEqual([...found].sort(), [...expected].sort())
  assert.deepEqual([report.targets, report.onVersion], [instances, instances - expected.size])
  assert.deepEqual([report.left, report.leftUnknown], [[], null])
  assert.equal(world.sent(), 1)
  assert.ok(world.client.calls.every(({ operation }) => operation !== 'GetCommandInvocation'))
}

test('50,000 instances: 60 calls beside the pages of problems, and every straggler with its outcome', async () => {
  const scale = await rollOutAtScale({ instances: 50_000 })
  assertExact(scale, 50_000)
  assert.equal(scale.expected.size, 250)
  assert.ok(scale.calls - scale.pages <= MOST_CALLS, `${scale.calls - scale.pages} calls`)
  // Ten kinds of problem, asked twice because not all of them have a counter: the second look is the proof of the first.
  assert.ok(scale.pages <= 40, `${scale.pages} pages`)
})

describe('2,000 instances, and a bad day', () => {
  const every = (n: number, fault: CallFault, operation = '') => {
    let calls = 0
    return (name: string) => (name.startsWith(operation) && ++calls % n === 0 ? fault : null)
  }
  const once = (fault: CallFault, operation: string) => {
    let struck = false
    return (name: string) => {
      if (name !== operation || struck) return null
      struck = true
      return fault
    }
  }
  for (const [name, onCall] of [
    ['every third call is throttled', every(3, 'throttle')],
    ['every fourth call has no answer', every(4, 'reset', 'List')],
    ['every fifth call is a server error', every(5, 'server-error', 'List')],
    ['the answer of SendCommand is lost: one rollout, not two', once('lost', 'SendCommand')],
    ['SendCommand is throttled', once('throttle', 'SendCommand')],
    ['SendCommand never arrives', once('reset', 'SendCommand')],
  ] as const) {
    test(name, async () => {
      assertExact(await rollOutAtScale({ instances: 2_000, onCall }), 2_000)
    })
  }

  test('a NextToken that is given again for ever ends the list', async () => {
    const scale = await rollOutAtScale({
      instances: 2_000,
      answer: (operation, answer) =>
        operation === 'ListCommandInvocations' && answer['NextToken'] === undefined
          ? { ...answer, NextToken: 'page-0' }
          : answer,
    })
    assertExact(scale, 2_000)
  })
})
