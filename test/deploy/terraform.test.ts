/** deploy/terraform against deploy/template.yaml: the same inputs, the same resources, the same answers about each. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { shippedFiles } from '../../deploy/make-template.mjs'
import { ALARMS } from '../../deploy/stack/alarms.mjs'
import { ROOT, readTemplate } from './stack.ts'

const FOLDER = join(ROOT, 'deploy/terraform')
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.tf'))
const TEXT = FILES.map((name) => readFileSync(join(FOLDER, name), 'utf8')).join('\n')
const template = readTemplate()

const TYPES: Readonly<Record<string, string>> = {
  'AWS::CloudWatch::Alarm': 'aws_cloudwatch_metric_alarm',
  'AWS::CloudWatch::Dashboard': 'aws_cloudwatch_dashboard',
  'AWS::Events::Rule': 'aws_cloudwatch_event_rule',
  'AWS::IAM::ManagedPolicy': 'aws_iam_policy',
  'AWS::IAM::Role': 'aws_iam_role',
  'AWS::KMS::Key': 'aws_kms_key',
  'AWS::Lambda::EventSourceMapping': 'aws_lambda_event_source_mapping',
  'AWS::Lambda::Function': 'aws_lambda_function',
  'AWS::Lambda::Permission': 'aws_lambda_permission',
  'AWS::Logs::LogGroup': 'aws_cloudwatch_log_group',
  'AWS::SNS::Topic': 'aws_sns_topic',
  'AWS::SNS::TopicPolicy': 'aws_sns_topic_policy',
  'AWS::SQS::Queue': 'aws_sqs_queue',
  'AWS::SQS::QueuePolicy': 'aws_sqs_queue_policy',
  'AWS::SSM::Association': 'aws_ssm_association',
  'AWS::SSM::Document': 'aws_ssm_document',
  'AWS::SSM::Parameter': 'aws_ssm_parameter',
  'AWS::Scheduler::Schedule': 'aws_scheduler_schedule',
  'AWS::SecretsManager::RotationSchedule': 'aws_secretsmanager_secret_rotation',
  'AWS::SecretsManager::Secret': 'aws_secretsmanager_secret',
}

/** What is a part of another resource in CloudFormation. */
const PARTS = [
  'aws_cloudwatch_event_target',
  'aws_iam_role_policy',
  'aws_iam_role_policy_attachment',
  'aws_secretsmanager_secret_version',
]

function snake(name: string): string {
  return name.replaceAll(/(?<!^)(?=[A-Z])/g, '_').toLowerCase()
}

/** The text of each block of a kind, by its labels. */
function blocks(kind: 'resource' | 'variable' | 'output'): ReadonlyMap<string, string> {
  const found = TEXT.matchAll(new RegExp(`^${kind} "([^"]+)"(?: "([^"]+)")? \\{\\n([\\s\\S]*?)^\\}`, 'gm'))
  return new Map(
    [...found].map(([, type = '', name, body = '']) => [name === undefined ? type : `${type}.${name}`, body]),
  )
}

const resources = blocks('resource')

test('the resources are those of the template, under the same names', () => {
  const alarms = Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
  assert.deepEqual(alarms.map(([id]) => id).sort(), ALARMS.map(({ id }) => `${id}Alarm`).sort())
  const wanted = Object.entries(template.Resources)
    .filter(([, { Type }]) => Type !== 'AWS::CloudWatch::Alarm')
    .map(([id, { Type }]) => `${TYPES[Type]}.${snake(id)}`)
  const own = [...resources.keys()].filter((name) => !PARTS.includes(name.split('.')[0] ?? ''))
  assert.deepEqual(own.sort(), [...wanted, 'aws_cloudwatch_metric_alarm.alarm'].sort())
})

test('what is there only sometimes is there at the same times', () => {
  for (const [id, { Type, Condition }] of Object.entries(template.Resources)) {
    if (Type === 'AWS::CloudWatch::Alarm') continue
    const body = resources.get(`${TYPES[Type]}.${snake(id)}`) ?? ''
    assert.equal(/^ {2}count +=/m.test(body), Condition !== undefined, id)
  }
})

test('the inputs are the parameters of the template, with the same defaults', () => {
  const variables = blocks('variable')
  assert.deepEqual([...variables.keys()].sort(), Object.keys(template.Parameters).map(snake).sort())
  for (const [name, { Type, Default }] of Object.entries(template.Parameters)) {
    const given = /^ {2}default += (.*)$/m.exec(variables.get(snake(name)) ?? '')?.[1]
    const value = given === undefined ? undefined : JSON.parse(given)
    const own = Array.isArray(value) ? value.join(',') : typeof value === 'boolean' ? String(value) : value
    assert.equal(own, Default, `${name} (${Type})`)
  }
})

test('the outputs are those of the template', () => {
  assert.deepEqual([...blocks('output').keys()].sort(), Object.keys(template.Outputs).map(snake).sort())
})

test('alarms and dashboard are made of what makes those of the template', () => {
  for (const [name, text] of Object.entries(shippedFiles()))
    assert.equal(
      readFileSync(join(ROOT, 'deploy', name), 'utf8'),
      text,
      `deploy/${name}: run node deploy/make-template.mjs`,
    )
})

test('what a destroyed module must leave is protected', () => {
  for (const name of ['aws_kms_key.key', 'aws_secretsmanager_secret.stored_config', 'aws_ssm_parameter.plan_parameter'])
    assert.match(resources.get(name) ?? '', /prevent_destroy = true/, name)
  for (const name of ['aws_cloudwatch_log_group.rotate_log', 'aws_cloudwatch_log_group.react_log'])
    assert.match(resources.get(name) ?? '', /skip_destroy += true/, name)
})

test('every action that the template grants is granted here, and no other', () => {
  const actions = (text: string) =>
    [
      ...new Set(
        [...text.matchAll(/\b(?:secretsmanager|kms|ssm|ecs|sts|lambda|logs|ec2|sqs|sns|iam|cloudwatch):[A-Z]\w+/g)].map(
          ([action]) => action,
        ),
      ),
    ].sort()
  const roles = JSON.stringify(template.Resources)
  assert.deepEqual(actions(TEXT), actions(roles))
})

test('every variable, local and resource that is named exists, and every variable and local is used', () => {
  const code = TEXT.replaceAll(/^ *#.*$/gm, '')
  const used = (pattern: RegExp) => [...new Set([...code.matchAll(pattern)].map(([, name = '']) => name))].sort()
  assert.deepEqual(used(/\bvar\.(\w+)/g), [...blocks('variable').keys()].sort())
  const locals = [...TEXT.matchAll(/^locals \{\n([\s\S]*?)^\}/gm)].flatMap(([, body = '']) =>
    [...body.matchAll(/^ {2}(\w+) +=/gm)].map(([, name = '']) => name),
  )
  assert.deepEqual(used(/\blocal\.(\w+)/g), locals.sort())
  for (const name of used(/(?<!data\.)\b(aws_\w+\.\w+)/g)) assert.ok(resources.has(name), name)
})

test('no fixed partition, account or Region stands in the module', () => {
  assert.doesNotMatch(TEXT.replaceAll(/regex\("[^\n]*/g, ''), /arn:aws:|\b[0-9]{12}\b|amazonaws\.com\.cn/)
})

test('queues, functions and rules have the same numbers', () => {
  const number = (name: string, field: string) =>
    Number(new RegExp(`^ {2}${field} += ([0-9]+)`, 'm').exec(resources.get(name) ?? '')?.[1])
  const of = (id: string, property: string) => Number(template.Resources[id]?.Properties[property])
  for (const [id, name] of [
    ['CurrentQueue', 'current_queue'],
    ['EndedQueue', 'ended_queue'],
  ] as const) {
    assert.equal(number(`aws_sqs_queue.${name}`, 'visibility_timeout_seconds'), of(id, 'VisibilityTimeout'))
    assert.equal(number(`aws_sqs_queue.${name}`, 'message_retention_seconds'), of(id, 'MessageRetentionPeriod'))
  }
  for (const [id, name] of [
    ['RotateFunction', 'rotate_function'],
    ['ReactFunction', 'react_function'],
  ] as const) {
    assert.equal(number(`aws_lambda_function.${name}`, 'timeout'), of(id, 'Timeout'))
    assert.equal(number(`aws_lambda_function.${name}`, 'memory_size'), of(id, 'MemorySize'))
    assert.doesNotMatch(resources.get(`aws_lambda_function.${name}`) ?? '', /reserved_concurrent/)
  }
})
