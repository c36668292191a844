/**
 * deploy/template.yaml as others read it: cfn-lint; moto's CloudFormation, which makes and removes what it can, and says by
 * a list what it cannot; moto's matcher of event patterns, with events that the doubles sent.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { AwsEvent } from '../aws/world.ts'
import { type Fields, MOST, type Resource, ROOT, resolveStack } from '../deploy/stack.ts'
import { cliCommand } from '../e2e/cli.ts'
import { gitlabPlan, rotatedByGitlab } from '../e2e/plans.ts'
import { ALLOWED, SECRET, setStage } from '../e2e/stage.ts'
import { openStacks } from './cloudformation.ts'
import { ACCOUNT, hasMoto, REGION, startMoto } from './moto-server.ts'
import { isMissing, isProgram, programPath } from './software.ts'

const LINT = join(ROOT, '.tools/moto/bin/cfn-lint')
const PYTHON = join(ROOT, '.tools/moto/bin/python')

test('cfn-lint finds nothing', (t) => {
  if (isMissing(t, { 'cfn-lint': isProgram(LINT) })) return
  const { status, stdout, stderr } = spawnSync(
    LINT,
    ['--include-checks', 'I', '--', join(ROOT, 'deploy/template.yaml')],
    { encoding: 'utf8' },
  )
  assert.deepEqual([status, stdout, stderr], [0, '', ''])
})

/** For these moto 5.2.1 tells no physical id: it passes over them, or makes them without one. What they say is for cfn-lint alone. */
const UNKNOWN_TO_MOTO = [
  'AWS::CloudWatch::Alarm',
  'AWS::Lambda::Permission',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
  'AWS::SSM::Association',
  'AWS::Scheduler::Schedule',
  'AWS::SecretsManager::RotationSchedule',
  'AWS::SecretsManager::Secret',
]

/** A resource stands after those that it names. */
const ORDER = [
  'KMS',
  'SecretsManager::Secret',
  'SSM',
  'IAM',
  'Logs',
  'DeadLetters',
  'SQS',
  'SNS',
  'Lambda::Function',
  'Lambda',
  'Events',
]

test('what moto can run stands up, and comes down without a trace', async (t) => {
  if (isMissing(t, { moto: hasMoto(), setpriv: programPath('setpriv') !== null })) return
  const moto = await startMoto(t)
  await putCode(moto.endpoint)
  const stacks = openStacks(moto.endpoint)
  const made: string[] = []
  const unknown = new Set<string>()
  for (const [id, resource] of inOrder(motoStack())) {
    const physical = await stacks.create(id, resource)
    made.push(id)
    if (physical === null) unknown.add(resource.Type)
  }
  t.diagnostic(`moto made ${made.length} resources; no id for ${[...unknown].sort().join(', ')}`)
  assert.deepEqual([...unknown].sort(), [...UNKNOWN_TO_MOTO].sort())
  for (const id of made.reverse()) await stacks.remove(id)
})

/** Every optional part at once, for moto's account, with the names that CloudFormation would give to roles. */
function motoStack(): Readonly<Record<string, Resource>> {
  const own = {
    StoredConfigArn: '',
    KmsKeyArn: '',
    CreateKey: 'true',
    Plan: '{}',
    PlanParameterName: '',
    SubnetIds: '',
    SecurityGroupIds: '',
  }
  const parameters = { ...MOST, ...own, CodeBucket: 'code', CodeKey: 'lambda.zip' }
  const stack = resolveStack({ region: REGION, parameters })
  const named = Object.entries(stack).map(([id, resource]): [string, Resource] => {
    const { Type, Properties } = resource
    const name = Type === 'AWS::IAM::Role' && Properties['RoleName'] === undefined ? { RoleName: id } : {}
    const { DependsOn: _, ...rest } = resource as Resource & { DependsOn?: unknown }
    return [id, { ...rest, Properties: { ...Properties, ...name } }]
  })
  return JSON.parse(JSON.stringify(Object.fromEntries(named)).replaceAll('111122223333', ACCOUNT))
}

function inOrder(stack: Readonly<Record<string, Resource>>): readonly (readonly [string, Resource])[] {
  const rank = ([id, { Type }]: readonly [string, Resource]) => {
    const at = ORDER.findIndex((part) => `${Type} ${id}`.includes(part))
    return at < 0 ? ORDER.length : at
  }
  return Object.entries(stack).sort((a, b) => rank(a) - rank(b))
}

async function putCode(endpoint: string): Promise<void> {
  const headers = {
    authorization: `AWS4-HMAC-SHA256 Credential=AKIAMOTO/20261124/${REGION}/s3/aws4_request, SignedHeaders=host, Signature=none`,
  }
  const empty = Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`, 'latin1')
  for (const [path, body] of [
    ['/code', ''],
    ['/code/lambda.zip', empty],
  ] as const) {
    const answer = await fetch(`${endpoint}${path}`, { method: 'PUT', headers, body })
    assert.ok(answer.ok, `${path} ${answer.status}`)
  }
}

describe('event patterns', () => {
  test('take the events of a rotation and of a rollout, and none beside them', async (t) => {
    if (isMissing(t, { moto: hasMoto() })) return
    const events = await recordEvents(t)
    const [current, ended, run] = [one(events, isCurrent), one(events, isEnded), one(events, isRunEnded)]
    const stack = resolveStack({ parameters: { ...MOST, StoredConfigArn: current.resources[0] ?? '' } })
    const pattern = (id: string) => stack[id]?.Properties['EventPattern'] as Fields
    const failed = {
      ...current,
      'detail-type': 'AWS Service Event via CloudTrail',
      resources: [],
      // The documented sample: facts/secrets-manager-rotation.md section 7.2.
      detail: {
        eventSource: 'secretsmanager.amazonaws.com',
        eventName: 'RotationFailed',
        requestParameters: null,
        additionalEventData: { SecretId: current.resources[0] ?? '' },
      },
    }
    const cases = [
      ['CurrentRule', current, true],
      ['CurrentRule', { ...current, resources: [`${current.resources[0]}x`] }, false],
      ['CurrentRule', changed(current, { labelUpdated: 'ECSAUTH-STAGED' }), false],
      ['CurrentRule', ended, false],
      ['EndedRule', ended, true],
      ['EndedRule', changed(ended, { 'document-name': 'AWS-RunShellScript' }), false],
      ['EndedRule', changed(ended, { status: 'InProgress' }), false],
      ['EndedRule', current, false],
      ['RunbookEndedRule', run, true],
      ['RunbookEndedRule', changed(run, { Status: 'InProgress' }), false],
      ['RunbookEndedRule', changed(run, { Definition: 'AWS-PatchInstance' }), false],
      ['FailureRule', failed, true],
      ['FailureRule', changed(failed, { eventName: 'RotationSucceeded' }), false],
      ['FailureRule', changed(failed, { additionalEventData: { SecretId: 'other' } }), false],
    ] as const
    const asked = cases.map(([rule, event]) => ({ pattern: pattern(rule), event }))
    assert.deepEqual(
      matches(asked),
      cases.map(([, , expected]) => expected),
    )
    // Every event of the play, by every rule: only the three kinds that are meant.
    for (const event of events) {
      const taken = matches(
        ['CurrentRule', 'EndedRule', 'RunbookEndedRule', 'FailureRule'].map((rule) => ({
          pattern: pattern(rule),
          event,
        })),
      )
      assert.deepEqual(taken, [isCurrent(event), isEnded(event), isRunEnded(event), false], JSON.stringify(event))
    }
  })
})

const isCurrent = ({ detail }: AwsEvent) => detail['labelUpdated'] === 'AWSCURRENT' && detail['name'] === SECRET
const isEnded = ({ 'detail-type': type, detail }: AwsEvent) =>
  type === 'EC2 Command Status-change Notification' &&
  ['Success', 'Failed', 'TimedOut', 'Cancelled'].includes(String(detail['status']))

const isRunEnded = ({ 'detail-type': type, detail }: AwsEvent) =>
  type === 'EC2 Automation Execution Status-change Notification' &&
  ['Success', 'Failed', 'TimedOut', 'Cancelled', 'Rejected'].includes(String(detail['Status']))

function one(events: readonly AwsEvent[], is: (event: AwsEvent) => boolean): AwsEvent {
  const found = events.find(is)
  assert.ok(found, 'the doubles sent no such event')
  return found
}

function changed(event: AwsEvent, detail: Fields): AwsEvent {
  return { ...event, detail: { ...event.detail, ...detail } as AwsEvent['detail'] }
}

async function recordEvents(t: Parameters<typeof setStage>[0]): Promise<readonly AwsEvent[]> {
  const events: AwsEvent[] = []
  const automation = ['StartAutomationExecution', 'GetAutomationExecution', 'DescribeAutomationExecutions']
  const stage = await setStage(t, {
    config: rotatedByGitlab,
    operatorMay: [...ALLOWED.operator, ...automation.map((name) => `ssm:${name}`)],
    onEvent: (event) => void events.push(event),
  })
  stage.aws.ssm.automation.publish('ecs-pull-auth-rollout', readFileSync(join(ROOT, 'deploy/runbook.json'), 'utf8'))
  const runbook = `runbook: { role: 'arn:aws:iam::${stage.aws.account}:role/ecs-pull-auth-rollout' }`
  const text = `${gitlabPlan(stage).trimEnd()}\n  ${runbook}\n`
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', text)]
  for (const command of ['rotate', 'reload']) {
    const run = await cliCommand(stage, [command, ...plan])
    assert.equal(run.exitCode, 0, run.stderr)
  }
  await stage.aws.idle()
  return events
}

const MATCHER = `
import json, sys
from moto.events.models import EventPattern
for case in json.load(sys.stdin):
    print(EventPattern.load(json.dumps(case["pattern"])).matches_event(case["event"]))
`

function matches(cases: readonly { pattern: Fields; event: unknown }[]): readonly boolean[] {
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', MATCHER], { input: JSON.stringify(cases), encoding: 'utf8' })
  assert.equal(stderr, '')
  return stdout
    .trim()
    .split('\n')
    .map((line) => line === 'True')
}
