/** deploy/template.yaml: what is kept, what waits how long, who may do what, and that it is what its source makes. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { shippedTemplate } from '../../deploy/make-template.mjs'
import { ALARMS } from '../../deploy/stack/alarms.mjs'
import { METRICS } from '../../lambda/metrics.ts'
import { type Policy, policiesOf } from '../../src/core/iam.ts'
import type { Statement } from '../../src/core/iam-arn.ts'
import { stackParameters } from '../../src/core/stack-parameters.ts'
import { PLAN, PLAN_TEXT, SETTINGS } from '../iam/plan.ts'
import { type Fields, type Json, LEAST, MOST, type Resource, ROOT, readTemplate, resolveStack } from './stack.ts'

const most = resolveStack({ parameters: MOST })

/** With every resource that only a stack of its own secret and key has. */
const own = resolveStack({
  parameters: { ...MOST, StoredConfigArn: '', KmsKeyArn: '', CreateKey: 'true', Plan: '{}', PlanParameterName: '' },
})

test('the template is what deploy/stack makes', () => {
  assert.equal(readFileSync(join(ROOT, 'deploy/template.yaml'), 'utf8'), shippedTemplate())
})

test('it is too large to be passed inline, and small enough for a bucket', () => {
  const bytes = Buffer.byteLength(shippedTemplate())
  assert.ok(bytes > 51_200 && bytes < 1_000_000, `${bytes} bytes: docs/deploy.md says which way to deploy works`)
})

test('CloudFormation reads no YAML aliases, so there are none', () => {
  assert.doesNotMatch(shippedTemplate(), /^ *- [&*]\w+$/m)
})

test('secrets, keys, the plan and logs outlive the stack', () => {
  const kept = ['AWS::SecretsManager::Secret', 'AWS::KMS::Key', 'AWS::SSM::Parameter', 'AWS::Logs::LogGroup']
  const found = Object.values(own).filter(({ Type }) => kept.includes(Type))
  assert.deepEqual([...new Set(found.map(({ Type }) => Type))].sort(), [...kept].sort())
  for (const { Type, DeletionPolicy, UpdateReplacePolicy } of found)
    assert.deepEqual([Type, DeletionPolicy, UpdateReplacePolicy], [Type, 'Retain', 'Retain'])
})

test('a stack of what is there already makes no secret, no key and no plan', () => {
  const least = Object.values(resolveStack({ parameters: LEAST })).map(({ Type }) => Type)
  for (const type of [
    'AWS::SecretsManager::Secret',
    'AWS::KMS::Key',
    'AWS::SSM::Parameter',
    'AWS::Scheduler::Schedule',
  ])
    assert.ok(!least.includes(type), type)
})

function of(type: string, resources = most): readonly Fields[] {
  return Object.values(resources)
    .filter(({ Type }) => Type === type)
    .map(({ Properties }) => Properties)
}

test('functions have no reserved concurrency: a low one makes the steps of a rotation fail', () => {
  for (const fn of of('AWS::Lambda::Function')) {
    assert.equal(fn['ReservedConcurrentExecutions'], undefined)
    assert.deepEqual([fn['Runtime'], fn['Architectures']], ['nodejs24.x', ['arm64']])
  }
})

test('a queue is patient for longer than the longest drain of which the end event can be early', () => {
  const timeout = Number(most['ReactFunction']?.Properties['Timeout'])
  for (const id of ['CurrentQueue', 'EndedQueue']) {
    const queue = most[id]?.Properties ?? {}
    const { maxReceiveCount } = queue['RedrivePolicy'] as { maxReceiveCount: number }
    const visibility = Number(queue['VisibilityTimeout'])
    assert.ok(visibility >= 6 * timeout, 'AWS asks for six times the timeout of the function')
    assert.ok(visibility * (maxReceiveCount - 1) >= 2 * 3600, 'a drain of two hours is waited for')
    assert.equal(queue['SqsManagedSseEnabled'], true)
  }
  assert.equal(most['EndedQueue']?.Properties['DelaySeconds'], 300)
})

test('every queue and every target that can fail has a queue for dead letters, which an alarm watches', () => {
  const queues = Object.entries(most).filter(
    ([id, { Type }]) => Type === 'AWS::SQS::Queue' && !id.endsWith('DeadLetters'),
  )
  for (const [id, { Properties }] of queues) assert.ok(Properties['RedrivePolicy'], id)
  const rules = of('AWS::Events::Rule').flatMap(({ Targets }) => Targets as readonly Fields[])
  for (const target of rules.filter(({ Id }) => Id === 'queue'))
    assert.ok(target['DeadLetterConfig'], String(target['Arn']))
  const watched = of('AWS::CloudWatch::Alarm').flatMap(({ Dimensions }) =>
    (Dimensions as readonly Fields[]).map(({ Value }) => Value),
  )
  const dead = Object.entries(most).filter(([id]) => id.endsWith('DeadLetters'))
  for (const [, { Properties }] of dead)
    assert.ok(watched.includes(Properties['QueueName'] ?? null), String(Properties['QueueName']))
})

test('every alarm tells somebody, and its metric is one that exists', () => {
  const alarms = of('AWS::CloudWatch::Alarm')
  assert.equal(alarms.length, ALARMS.length)
  for (const alarm of alarms) {
    assert.equal((alarm['AlarmActions'] as readonly Json[]).length, 1)
    if (alarm['Namespace'] === 'ecs-pull-auth')
      assert.ok(Object.hasOwn(METRICS, String(alarm['MetricName'])), String(alarm['MetricName']))
  }
  const deadMan = alarms.find(({ MetricName }) => MetricName === 'VersionAge')
  assert.equal(deadMan?.['TreatMissingData'], 'breaching', 'silence is as bad as age')
})

test('alarms publish for this account only, and rules without a condition, which they could not fulfil', () => {
  const { PolicyDocument = {} } = most['TopicPolicy']?.Properties ?? {}
  const { Statement } = PolicyDocument as unknown as { Statement: readonly Fields[] }
  assert.deepEqual(
    Statement.map(({ Principal, Condition }) => [Principal, Condition]),
    [
      [{ Service: 'cloudwatch.amazonaws.com' }, { StringEquals: { 'aws:SourceAccount': '111122223333' } }],
      [{ Service: 'events.amazonaws.com' }, undefined],
    ],
  )
})

test('the dashboard is JSON, and its own metrics exist', () => {
  const [{ DashboardBody = '' } = {}] = of('AWS::CloudWatch::Dashboard')
  const { widgets } = JSON.parse(String(DashboardBody)) as {
    widgets: readonly { properties: { metrics?: readonly (readonly string[])[] } }[]
  }
  const names = widgets.flatMap(({ properties }) =>
    (properties.metrics ?? []).filter(([space]) => space === 'ecs-pull-auth').map(([, name]) => name ?? ''),
  )
  assert.ok(names.length > 10)
  for (const name of names) assert.ok(Object.hasOwn(METRICS, name), name)
  assert.doesNotMatch(String(DashboardBody), /\$\{/)
})

test('Secrets Manager may call the function before it gets the schedule, and only for this account', () => {
  const { DependsOn } = readTemplate().Resources['Rotation'] as unknown as { DependsOn: readonly string[] }
  assert.ok(DependsOn.includes('RotatePermission'))
  assert.equal(most['RotatePermission']?.Properties['SourceAccount'], '111122223333')
  assert.equal(most['Rotation']?.Properties['RotateImmediatelyOnUpdate'], false)
})

test('the document and the runbook are those of the release', () => {
  const json = (name: string) => JSON.parse(readFileSync(join(ROOT, 'deploy', name), 'utf8'))
  assert.deepEqual(most['ReloadDocument']?.Properties['Content'], json('document.json'))
  assert.deepEqual(most['RolloutRunbook']?.Properties['Content'], json('runbook.json'))
})

test('the association asks for what deploy/association.json shows', () => {
  const shown = JSON.parse(readFileSync(join(ROOT, 'deploy/association.json'), 'utf8')) as Fields
  const { Parameters, ...association } = most['Association']?.Properties ?? {}
  const { Parameters: shownParameters, ...rest } = shown
  assert.deepEqual(association, rest)
  assert.deepEqual(
    Object.keys({ ...(shownParameters as Fields), mode: [] }).sort(),
    Object.keys(Parameters as Fields).sort(),
  )
})

describe('the policies of the stack are those that ecs-pull-auth iam prints for the plan', () => {
  const parameters = {
    ...LEAST,
    ...stackParameters(PLAN, SETTINGS, PLAN_TEXT),
    Plan: '',
    PlanParameterName: SETTINGS.planParameter ?? '',
    KmsKeyArn: SETTINGS.kmsKey ?? '',
    SubnetIds: 'subnet-0a',
    SecurityGroupIds: 'sg-0a',
    GithubRepository: 'acme/infrastructure',
    GithubOwnerId: '1234',
    GithubRepositoryId: '5678',
  }
  const stack = resolveStack({ parameters })
  const printed = policiesOf(PLAN, SETTINGS)
  const roles = {
    'rotate-function': 'RotateRole',
    'react-function': 'ReactRole',
    workflow: 'WorkflowRole',
    runbook: 'RunbookRole',
    scheduler: 'SchedulerRole',
  } as const
  for (const [actor, id] of Object.entries(roles) as [keyof typeof roles, string][]) {
    test(actor, () => {
      const { policy, trust } = printed[actor] ?? {}
      const given = grants(statementsOf(stack[id]))
      assert.ok(given.length > 2)
      assert.deepEqual(given, grants(policy?.Statement ?? []))
      const document = stack[id]?.Properties['AssumeRolePolicyDocument'] as { Statement: Json }
      assert.deepEqual(document.Statement, trust?.Statement)
    })
  }
  test('instance', () => {
    const policy = stack['InstancePolicy']?.Properties['PolicyDocument'] as unknown as Policy | undefined
    assert.deepEqual(grants(policy?.Statement ?? []), grants(printed.instance?.policy.Statement ?? []))
  })
})

function statementsOf(role: Resource | undefined): readonly Statement[] {
  const policies = (role?.Properties['Policies'] ?? []) as unknown as readonly {
    PolicyDocument: { Statement: readonly Statement[] }
  }[]
  return policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
}

/** One line for each action on each resource, and for each secret of a key, however they are grouped. */
function grants(statements: readonly Statement[]): readonly string[] {
  const lines = statements.flatMap(({ Action, Resource, Condition = {} }) =>
    Action.flatMap((action) =>
      Resource.flatMap((resource) => {
        const { StringLike, ...rest } = Condition
        const secrets = StringLike?.['kms:EncryptionContext:SecretARN'] ?? ['']
        return [secrets].flat().map((secret) => `${action} ${resource} ${JSON.stringify(sorted(rest))} ${secret}`)
      }),
    ),
  )
  return [...new Set(lines)].sort()
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([key, one]) => [key, sorted(one)]),
  )
}

for (const [partition, region, urlSuffix] of [
  ['aws-cn', 'cn-north-1', 'amazonaws.com.cn'],
  ['aws-us-gov', 'us-gov-west-1', 'amazonaws.com'],
] as const) {
  test(`in ${partition} nothing names another partition`, () => {
    const parameters = {
      ...MOST,
      StoredConfigArn: '',
      KmsKeyArn: '',
      ApprovalTopicArn: '',
      RootSecretArns: '',
      OutputSecretArns: '',
    }
    const stack = resolveStack({ parameters, partition, region, urlSuffix })
    // What the template itself writes; the document's text knows all partitions.
    const { ReloadDocument: _, ...rest } = stack
    assert.doesNotMatch(JSON.stringify(rest), /arn:aws:/)
    if (partition === 'aws-cn')
      assert.match(JSON.stringify(rest), /secretsmanager\.cn-north-1\.amazonaws\.com\.cn|sts\.amazonaws\.com\.cn/)
  })
}
