/** The one line by which an instance tells what became of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NODE_EXITS, NODE_RESULTS, parseNodeStatus } from '../../src/core/node-status.ts'

const VERSION = '00000001-0000-4000-8000-000000000000'

test('a full line', () => {
  const line = `ecs-pull-auth result=rolled-back version=${VERSION} agent=1.105.1 seconds=97 reason=agent-unhealthy\n`
  const status = { result: 'rolled-back', version: VERSION, agent: '1.105.1', seconds: 97, reason: 'agent-unhealthy' }
  assert.deepEqual(parseNodeStatus(line), status)
})

test('a dash and a missing field are not known', () => {
  const status = { result: 'busy', version: null, agent: null, seconds: 60, reason: null }
  assert.deepEqual(parseNodeStatus('ecs-pull-auth result=busy version=- agent=- seconds=60'), status)
  assert.deepEqual(parseNodeStatus('ecs-pull-auth seconds=60 result=busy'), status)
})

test('the line is found among others, with Windows line ends, and with fields that a later script may add', () => {
  const line = `ecs-pull-auth result=applied version=${VERSION} agent=1.105.1 seconds=3 waves=2`
  for (const output of [`motd\n${line}\nbye\n`, `${line}\r\n`, line]) {
    assert.deepEqual(parseNodeStatus(output), {
      result: 'applied',
      version: VERSION,
      agent: '1.105.1',
      seconds: 3,
      reason: null,
    })
  }
})

test('what is no status line of ours is none', () => {
  const texts = [
    '',
    'ecs-pull-auth',
    'ecs-pull-auth: the secret could not be read; nothing was changed.',
    `ecs-pull-auth version=${VERSION}`,
    'ecs-pull-auth result=perfect seconds=1',
    'ecs-pull-auth result=__proto__ seconds=1',
    'x ecs-pull-auth result=applied seconds=1',
    'ecs-pull-auth result=applied and more words',
    `ecs-pull-auth result=applied version=${VERSION.slice(0, 8)} \u0000`,
  ]
  for (const text of texts) assert.equal(parseNodeStatus(text), null, text)
})

test('a time that is no number does not hide the result', () => {
  assert.equal(parseNodeStatus('ecs-pull-auth result=applied seconds=soon')?.seconds, 0)
})

test('a result has one exit code or is a success, and no code is one that Systems Manager takes for something else', () => {
  const failures = Object.values(NODE_EXITS).map(({ result }) => result)
  assert.deepEqual([...NODE_RESULTS], ['applied', 'unchanged', 'written', ...failures])
  assert.deepEqual(
    Object.keys(NODE_EXITS).filter((code) => ['137', '168', '169', '194', '3010'].includes(code)),
    [],
  )
})
