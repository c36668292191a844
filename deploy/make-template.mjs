/**
 * Makes deploy/template.yaml, and what the Terraform module shares with it, of deploy/stack, deploy/document.json and deploy/runbook.json.
 * `--check` compares instead. CloudFormation reads no YAML aliases, so they are written out here.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { argv, exit, stderr } from 'node:process'
import { fileURLToPath } from 'node:url'
import { ALARMS } from './stack/alarms.mjs'
import { dashboard } from './stack/dashboard.mjs'

/** @param {string} name */
const here = (name) => new URL(name, import.meta.url)
/** @param {string} name */
const read = (name) => readFileSync(here(name), 'utf8')

/** Of each alarm: whose metric it is. `Secret` is the dimension of the functions' own metrics. */
const SOURCES = {
  secret: ['ecs-pull-auth', 'Secret', '!Ref StoredConfigName'],
  rotate: ['AWS/Lambda', 'FunctionName', '!Ref RotateFunction'],
  react: ['AWS/Lambda', 'FunctionName', '!Ref ReactFunction'],
  'current-dead': ['AWS/SQS', 'QueueName', '!GetAtt CurrentDeadLetters.QueueName'],
  'ended-dead': ['AWS/SQS', 'QueueName', '!GetAtt EndedDeadLetters.QueueName'],
  'schedule-dead': ['AWS/SQS', 'QueueName', '!GetAtt ScheduleDeadLetters.QueueName'],
}

/** @param {import('./stack/alarms.mjs').Alarm} alarm */
function alarmYaml({ id, says, metric, of, statistic, period, periods, comparison, threshold, silence }) {
  const [namespace, dimension, value] = SOURCES[of]
  const topic = '!If [MakesTopic, !Ref Topic, !Ref NotificationTopicArn]'
  return [
    `  ${id}Alarm:`,
    '    Type: AWS::CloudWatch::Alarm',
    ...(of === 'schedule-dead' ? ['    Condition: IsFast'] : []),
    '    Properties:',
    `      AlarmName: !Sub \${Name}-${id}`,
    `      AlarmDescription: '${says} See docs/operate.md#${id.toLowerCase()}'`,
    `      Namespace: ${namespace}`,
    `      MetricName: ${metric}`,
    `      Dimensions: [{ Name: ${dimension}, Value: ${value} }]`,
    `      Statistic: ${statistic}`,
    `      Period: ${period}`,
    `      EvaluationPeriods: ${periods}`,
    `      ComparisonOperator: ${comparison}`,
    `      Threshold: ${typeof threshold === 'number' ? threshold : `!Ref ${threshold}`}`,
    `      TreatMissingData: ${silence}`,
    `      AlarmActions: [${topic}]`,
    `      OKActions: [${topic}]`,
  ].join('\n')
}

/**
 * `- &name` and its block stand in place of every `- *name`, which has the same indentation.
 * @param {string} text
 */
function withoutAliases(text) {
  const blocks = new Map()
  const lines = text.split('\n')
  for (const [at, line] of lines.entries()) {
    const [, indent = '', name] = /^( *)- &(\w+)$/.exec(line) ?? []
    if (name === undefined) continue
    const end = lines.findIndex((other, index) => index > at && !other.startsWith(`${indent}  `))
    blocks.set(name, lines.slice(at + 1, end))
  }
  /** @param {string} indent @param {readonly string[]} block */
  const item = (indent, [first = '', ...rest]) => [`${indent}- ${first.trimStart()}`, ...rest]
  const skipped = new Set()
  return lines
    .flatMap((line, at) => {
      if (skipped.has(at)) return []
      const [, indent = '', kind, name = ''] = /^( *)- ([&*])(\w+)$/.exec(line) ?? []
      if (kind === undefined) return [line]
      const block = blocks.get(name)
      if (block === undefined) throw new Error(`deploy/stack/template.yaml has no &${name}.`)
      if (kind === '&') for (let index = 1; index <= block.length; index++) skipped.add(at + index)
      return item(indent, block)
    })
    .join('\n')
}

/** The template of the files beside this one. */
export function shippedTemplate() {
  return makeTemplate(read('stack/template.yaml'), JSON.parse(read('document.json')), JSON.parse(read('runbook.json')))
}

/**
 * @param {string} source
 * @param {unknown} document
 * @param {unknown} runbook
 */
function makeTemplate(source, document, runbook) {
  const body = JSON.stringify(dashboard(ALARMS))
  return withoutAliases(source)
    .replace("'@document@'", () => JSON.stringify(document))
    .replace("'@runbook@'", () => JSON.stringify(runbook))
    .replace('@alarms@', () => ALARMS.map(alarmYaml).join('\n\n'))
    .replace("'@dashboard@'", () => `'${body.replaceAll("'", "''")}'`)
    .replace(/^AWSTemplateFormatVersion/, '# Made by deploy/make-template.mjs of deploy/stack; change those.\n$&')
}

/** Every file that is made here, by its name beside this one. */
export function shippedFiles() {
  /** @param {unknown} value */
  const json = (value) => `${JSON.stringify(value, null, 2)}\n`
  return {
    'template.yaml': shippedTemplate(),
    'terraform/alarms.json': json(ALARMS),
    'terraform/dashboard.json': json(dashboard(ALARMS)),
  }
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of Object.entries(shippedFiles())) {
    if (!argv.includes('--check')) writeFileSync(here(name), text)
    else if (readFileSync(here(name), 'utf8') !== text) {
      stderr.write(`deploy/${name} is not what deploy/stack makes: run npm run template\n`)
      exit(1)
    }
  }
}
