/** The Automation adapter against the double, over the wire: what it asks, what it answers, what each refusal becomes. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type ErrorCode, isCode } from '../../src/core/errors.ts'
import type { RunbookOrder } from '../../src/core/ports.ts'
import { start } from './fixture.ts'

const RUNBOOK = readFileSync(new URL('../../deploy/runbook.json', import.meta.url), 'utf8')
const DOCUMENT = readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8')
const TOKEN = '00000000-0000-8000-a000-000000000001'
const VERSION = '00000000-0000-4000-8000-000000000001'
const SECRET = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:agent-AbCdEf'

const ORDER: RunbookOrder = {
  runbook: 'Rollout',
  token: TOKEN,
  parameters: {
    AutomationAssumeRole: ['arn:aws:iam::123456789012:role/rollout'],
    secretArn: [SECRET],
    versionId: [VERSION],
    documentHash: ['a'.repeat(64)],
    targets: [JSON.stringify({ Key: 'tag:role', Values: ['ecs'] })],
    calendar: ['freeze'],
  },
  alarm: 'pull-errors',
  locations: [],
}

/** The calendar is closed, so that a run ends at once. */
async function withRunbook(context: TestContext) {
  const fixture = await start(context)
  fixture.aws.ssm.automation.publish('Rollout', RUNBOOK)
  fixture.aws.ssm.automation.calendars.set('freeze', 'CLOSED')
  return fixture
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(work, (error) => isCode(error, code) && error.message.includes('Rollout'))
}

test('a runbook exists when a document of its name is one', async (context) => {
  const { automation, aws } = await withRunbook(context)
  aws.ssm.publishDocument('Reload', DOCUMENT)
  assert.equal(await automation.exists('Rollout'), true)
  assert.equal(await automation.exists('Reload'), false)
  assert.equal(await automation.exists('Rollout2'), false)
})

test('a run is started, listed, told with its steps, and ends', async (context) => {
  const { automation, aws, clock } = await withRunbook(context)
  const id = await automation.start(ORDER)
  assert.ok(id !== null)
  await aws.idle()
  const run = await automation.execution(id)
  assert.deepEqual([run?.id, run?.status, run?.ended], [id, 'Failed', true])
  assert.deepEqual([run?.parameters['secretArn'], run?.parameters['versionId']], [SECRET, VERSION])
  assert.deepEqual(run?.steps, [
    { name: 'chooseCalendar', status: 'Success' },
    { name: 'checkCalendar', status: 'Failed' },
  ])
  assert.deepEqual(await automation.recent('Rollout', clock.now()), [id])
  assert.equal(await automation.execution('0'.repeat(36)), null)
})

test('the latest run comes first, and those of other runbooks, and of earlier times, not at all', async (context) => {
  const { automation, aws, clock } = await withRunbook(context)
  aws.ssm.automation.publish('Rollout2', RUNBOOK)
  const ids: (string | null)[] = []
  for (const minute of [0, 1, 2]) {
    ids.push(await automation.start({ ...ORDER, token: TOKEN.replace(/1$/, String(minute)) }))
    clock.advance(60_000)
  }
  await automation.start({ ...ORDER, runbook: 'Rollout2', token: TOKEN.replace(/1$/, '9') })
  await aws.idle()
  assert.deepEqual(await automation.recent('Rollout', clock.now() - 150_000), [ids[2], ids[1]])
})

describe('a token', () => {
  for (const kind of ['lost', 'reset-before', '500', 'throttle'] as const) {
    test(`makes it safe to ask again after ${kind}`, async (context) => {
      const { automation, aws } = await withRunbook(context)
      aws.faults.add({ kind, match: (name) => name === 'StartAutomationExecution' })
      const id = await automation.start(ORDER)
      assert.deepEqual(aws.ssm.automation.runs(), [id])
    })
  }

  test('is one run with the same parameters, and null with others', async (context) => {
    const { automation } = await withRunbook(context)
    const id = await automation.start(ORDER)
    assert.equal(await automation.start(ORDER), id)
    assert.equal(await automation.start({ ...ORDER, alarm: null }), null)
  })
})

test('a run that waits is stopped', async (context) => {
  const { automation, aws } = await withRunbook(context)
  aws.ssm.automation.calendars.set('freeze', 'OPEN')
  const notify = 'arn:aws:sns:us-east-1:123456789012:AutomationApprovals'
  const parameters = { ...ORDER.parameters, approval: ['wanted'], approvers: ['on-call'], notify: [notify] }
  const id = await automation.start({ ...ORDER, parameters })
  assert.ok(id !== null)
  const before = await automation.execution(id)
  assert.deepEqual([before?.status, before?.ended, before?.steps.at(-1)?.name], ['Waiting', false, 'approve'])
  await automation.stop(id)
  await aws.idle()
  assert.equal((await automation.execution(id))?.status, 'Cancelled')
})

describe('is refused:', () => {
  test('a runbook that is not there', async (context) => {
    const { automation } = await start(context)
    await refused(automation.start(ORDER), 'RUNBOOK_MISSING')
  })

  test('parameters that the runbook does not take', async (context) => {
    const { automation } = await withRunbook(context)
    const { targets: _, ...missing } = ORDER.parameters
    for (const parameters of [
      missing,
      { ...ORDER.parameters, other: ['x'] },
      { ...ORDER.parameters, versionId: ['; id'] },
      { ...ORDER.parameters, mode: ['whole'] },
    ])
      await refused(automation.start({ ...ORDER, parameters }), 'COMMAND_REFUSED')
  })

  test('a caller who may not', async (context) => {
    const { automation, aws } = await withRunbook(context)
    aws.faults.add({ kind: 'denied', match: (name) => name === 'StartAutomationExecution' })
    await refused(automation.start(ORDER), 'ACCESS_DENIED')
  })

  test('more runs than the account may have', async (context) => {
    const { automation, aws } = await withRunbook(context)
    const type = 'AutomationExecutionLimitExceededException'
    aws.faults.add({ kind: 'error', type, message: '', match: (name) => name === 'StartAutomationExecution' })
    await refused(automation.start(ORDER), 'COMMAND_REFUSED')
  })
})

test('events tell how a run begins and ends', async (context) => {
  const { automation, aws, events } = await withRunbook(context)
  const id = await automation.start(ORDER)
  await aws.idle()
  const told = events.filter((event) => event['detail-type'] === 'EC2 Automation Execution Status-change Notification')
  assert.deepEqual(
    told.map(({ detail }) => [detail['ExecutionId'], detail['Definition'], detail['Status']]),
    [
      [id, 'Rollout', 'InProgress'],
      [id, 'Rollout', 'Failed'],
    ],
  )
})

test('what the double would not take of a runbook, the service would not either', async (context) => {
  const { aws } = await start(context)
  const publish = (change: (text: string) => string) => () => aws.ssm.automation.publish('Bad', change(RUNBOOK))
  assert.throws(
    publish((text) => text.replace('"0.3"', '"2.2"')),
    /schemaVersion/,
  )
  assert.throws(
    publish((text) => text.replace('{{ mode }}', '{{ modes }}')),
    /Undeclared/,
  )
  assert.throws(
    publish((text) => text.replace('"name": "checkReload"', '"name": "reload"')),
    /unique/,
  )
  assert.throws(
    publish((text) => text.replace('"Default": "approve"', '"Default": "ask"')),
    /No step ask/,
  )
})
