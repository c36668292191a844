/** Makes deploy/runbook.json, the Automation runbook of a rollout. `--check` compares instead. */

import { readFileSync, writeFileSync } from 'node:fs'
import { argv, exit, stderr } from 'node:process'
import { fileURLToPath } from 'node:url'

/** A parameter has no value of its own for "not wanted", so a word says it. */
const NONE = 'none'

const text = (description, rest = {}) => ({ type: 'String', description, ...rest })
const texts = (description, rest = {}) => ({ type: 'StringList', description, ...rest })

const PARAMETERS = {
  AutomationAssumeRole: text('ARN of the role that runs the steps.'),
  secretArn: text('The full ARN of the secret that holds the stored ECS config.', {
    allowedPattern: '^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$',
  }),
  versionId: text('The secret version that is rolled out.', { allowedPattern: '^[A-Za-z0-9-]{32,64}$' }),
  documentName: text('Name or ARN of the SSM Command document.', { default: 'ecs-pull-auth-reload' }),
  documentHash: text('SHA-256 of its content: another content is refused.', { allowedPattern: '^[a-f0-9]{64}$' }),
  mode: text('auth-only replaces the two registry auth lines of /etc/ecs/ecs.config, replace the whole file.', {
    default: 'auth-only',
    allowedValues: ['auth-only', 'replace'],
  }),
  jitterSeconds: text('Each restart waits a random time of at most so many seconds.', {
    default: '30',
    allowedPattern: '^([0-9]|[1-9][0-9]|[1-8][0-9][0-9]|900)$',
  }),
  targets: { type: 'MapList', description: 'Whom the rollout is for, as SendCommand takes it: [{"Key","Values"}].' },
  maxConcurrency: text('Instances at a time: a number or a percentage.', { default: '10%' }),
  maxErrors: text('Failures after which no more instances start: a number or a percentage.', { default: '0' }),
  timeoutSeconds: { type: 'Integer', description: 'How long an instance may take to begin.', default: 3600 },
  goodEnds: texts('Statuses of a command that let the run go on.', { default: ['Success'] }),
  calendar: text('Name or ARN of a change calendar that must be open, or none.', { default: NONE }),
  approval: text('wanted: somebody has to approve.', { default: NONE, allowedValues: [NONE, 'wanted'] }),
  approvers: texts('IAM users or roles, one of whom has to approve.', { default: [NONE] }),
  notify: text('ARN of the SNS topic that tells them; its name begins with Automation.', { default: NONE }),
  canary: text('first: canaryTargets are reloaded before all others.', { default: NONE, allowedValues: [NONE, 'first'] }),
  canaryTargets: { type: 'MapList', description: 'Who is reloaded first, as targets.', default: [] },
}

/** The longest that the plan lets a step take; the default would end a long rollout after an hour. */
const COMMAND_SECONDS = 2_600_000
/** src/core/plan-rollout.ts counts with it: credentials must live through the waiting. */
const APPROVAL_SECONDS = 3600

/** Goes to `wanted` unless the parameter says none; then to `next`. */
function choose(name, parameter, wanted, next) {
  const Choices = [{ NextStep: next, Variable: `{{ ${parameter} }}`, StringEquals: NONE }]
  return { name, action: 'aws:branch', inputs: { Choices, Default: wanted } }
}

function send(name, { targets, maxErrors, comment }) {
  return {
    name,
    action: 'aws:runCommand',
    timeoutSeconds: COMMAND_SECONDS,
    onFailure: 'Abort',
    inputs: {
      DocumentName: '{{ documentName }}',
      DocumentHash: '{{ documentHash }}',
      DocumentHashType: 'Sha256',
      Targets: targets,
      Parameters: {
        secretArn: ['{{ secretArn }}'],
        versionId: ['{{ versionId }}'],
        mode: ['{{ mode }}'],
        jitterSeconds: ['{{ jitterSeconds }}'],
      },
      MaxConcurrency: '{{ maxConcurrency }}',
      MaxErrors: maxErrors,
      TimeoutSeconds: '{{ timeoutSeconds }}',
      Comment: comment,
    },
  }
}

/** A command that matched nobody, or did not reach everybody, is a success to its step; its details tell. */
function check(name, sent, rest = {}) {
  return {
    name,
    action: 'aws:assertAwsResourceProperty',
    onFailure: 'Abort',
    ...rest,
    inputs: {
      Service: 'ssm',
      Api: 'ListCommands',
      CommandId: `{{ ${sent}.CommandId }}`,
      PropertySelector: '$.Commands[0].StatusDetails',
      DesiredValues: '{{ goodEnds }}',
    },
  }
}

const STEPS = [
  choose('chooseCalendar', 'calendar', 'checkCalendar', 'chooseApproval'),
  {
    name: 'checkCalendar',
    action: 'aws:assertAwsResourceProperty',
    onFailure: 'Abort',
    inputs: {
      Service: 'ssm',
      Api: 'GetCalendarState',
      CalendarNames: ['{{ calendar }}'],
      PropertySelector: '$.State',
      DesiredValues: ['OPEN'],
    },
  },
  choose('chooseApproval', 'approval', 'approve', 'chooseCanary'),
  {
    name: 'approve',
    action: 'aws:approve',
    timeoutSeconds: APPROVAL_SECONDS,
    onFailure: 'Abort',
    inputs: {
      NotificationArn: '{{ notify }}',
      Message: 'ecs-pull-auth: restart ECS agents with version {{ versionId }} of {{ secretArn }}?',
      MinRequiredApprovals: 1,
      Approvers: '{{ approvers }}',
    },
  },
  choose('chooseCanary', 'canary', 'reloadCanary', 'reload'),
  send('reloadCanary', {
    targets: '{{ canaryTargets }}',
    maxErrors: '0',
    comment: 'ecs-pull-auth canary {{ versionId }}',
  }),
  check('checkCanary', 'reloadCanary'),
  send('reload', { targets: '{{ targets }}', maxErrors: '{{ maxErrors }}', comment: 'ecs-pull-auth {{ versionId }}' }),
  check('checkReload', 'reload', { isEnd: true }),
]

/** The runbook's JSON. */
export function shippedRunbook() {
  const runbook = {
    schemaVersion: '0.3',
    description: 'ecs-pull-auth: reloads the ECS agents of a fleet for one secret version, canaries first.',
    assumeRole: '{{ AutomationAssumeRole }}',
    parameters: PARAMETERS,
    mainSteps: STEPS,
  }
  // As the formatter wants it: short lists on one line.
  return `${JSON.stringify(runbook, null, 2).replaceAll(/\[\s+("[^"\n]*")(?:,\s+("[^"\n]*"))?\s+\]/g, (_, one, two) => `[${two === undefined ? one : `${one}, ${two}`}]`)}\n`
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('runbook.json', import.meta.url)
  if (!argv.includes('--check')) writeFileSync(file, shippedRunbook())
  else if (readFileSync(file, 'utf8') !== shippedRunbook()) {
    stderr.write('deploy/runbook.json is not what deploy/make-runbook.mjs makes: run node deploy/make-runbook.mjs\n')
    exit(1)
  }
}
