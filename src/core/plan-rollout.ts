/** How the plan spells who is reloaded, who is first, and what starts it: fleet.targets, fleet.canary, fleet.runbook. */

import { type Fields, isObject, join, objectAt, readFields, tableSchema } from './fields.ts'
import type { FieldProblem, FieldTable, JsonValue, RunbookLocation, Targets } from './ports.ts'

/** Reloaded before everybody else: so many instances, or those of the fleet that match these targets too. */
export type Canary = number | Targets

export interface Runbook {
  readonly name: string
  /** ARN of the role that Automation assumes. */
  readonly role: string
  /** Who may let a rollout go on; empty = nobody is asked. */
  readonly approvers: readonly string[]
  /** SNS topic that tells them; null only without approvers. */
  readonly notify: string | null
  /** A change calendar that must be open; null = none. */
  readonly calendar: string | null
  /** Other accounts and Regions; empty = this account and Region. */
  readonly locations: readonly RunbookLocation[]
}

/** How long somebody who is asked to approve has time: the step's own timeout in deploy/make-runbook.mjs. */
const APPROVAL = 3600

interface Staged {
  readonly timeout: number
  readonly canary: Canary | null
  readonly runbook: Runbook | null
}

/** Within this time every part of a rollout has begun: fleet.timeout, once more for canaries, and an hour for approval. */
export function rolloutSeconds(fleet: Staged | null): number {
  if (fleet === null) return 0
  const approval = fleet.runbook === null || fleet.runbook.approvers.length === 0 ? 0 : APPROVAL
  return fleet.timeout * (fleet.canary === null ? 1 : 2) + approval
}

/** The fleet.timeout with which a rollout would take so long. */
export function timeoutWithin(fleet: Staged, seconds: number): number {
  const fixed = rolloutSeconds({ ...fleet, timeout: 0 })
  return (seconds - fixed) / (fleet.canary === null ? 1 : 2)
}

const TARGET_KEY = /^(?:tag:.{1,128}|tag-key|InstanceIds|resource-groups:(?:Name|ResourceTypeFilters))$/u
/** SendCommand takes 50 values of a key at most, "might be lower"; the guide says five (facts, SSM section 5). */
const MOST_CANARIES = 5

export function readTargets(value: unknown, path: string, problems: FieldProblem[]): Targets {
  const entries = Object.entries(objectAt(value, path, problems))
  if (isObject(value) && (entries.length < 1 || entries.length > 5)) {
    problems.push({ field: path, problem: 'must have one to five keys: all of them must match an instance' })
  }
  for (const [key, values] of entries) {
    const at = join(path, key)
    if (!TARGET_KEY.test(key)) {
      problems.push({
        field: at,
        problem: 'must be tag:NAME, tag-key, InstanceIds, resource-groups:Name or resource-groups:ResourceTypeFilters',
      })
    }
    if (!isTexts(values, 50))
      problems.push({ field: at, problem: 'must be a list of 1 to 50 texts: any of them may match' })
  }
  return Object.fromEntries(entries.map(([key, values]) => [key, (Array.isArray(values) ? values : []).map(String)]))
}

function isTexts(value: unknown, most: number): value is readonly string[] {
  const texts: readonly unknown[] = Array.isArray(value) ? value : []
  return texts.length > 0 && texts.length <= most && texts.every((text) => typeof text === 'string' && text !== '')
}

export function readCanary(value: unknown, targets: Targets, problems: FieldProblem[]): Canary {
  const path = 'fleet.canary'
  if (isObject(value)) return narrowed(readTargets(value, path, problems), targets, problems)
  if (!Number.isSafeInteger(value) || Number(value) < 1 || Number(value) > MOST_CANARIES) {
    const problem = `must be a number of instances from 1 to ${MOST_CANARIES}, or further targets such as { "tag:ring": [canary] }`
    problems.push({ field: path, problem })
  } else if (!canList(targets)) {
    const problem =
      'cannot be a number here: only tags or InstanceIds in fleet.targets let instances be listed; name further targets, such as { "tag:ring": [canary] }'
    problems.push({ field: path, problem })
  }
  return Number(value)
}

/** What DescribeInstanceInformation can filter by: ids, or tags alone ("Tag filters can't be combined with other filter types"). */
export function canList(targets: Targets): boolean {
  const keys = Object.keys(targets)
  return keys.every((key) => key.startsWith('tag')) || keys.every((key) => key === 'InstanceIds')
}

function narrowed(canary: Targets, targets: Targets, problems: FieldProblem[]): Targets {
  for (const [key, values] of Object.entries(canary)) {
    const all = targets[key]
    if (all !== undefined && !values.every((value) => all.includes(value)))
      problems.push({
        field: join('fleet.canary', key),
        problem: 'must name values that fleet.targets has for this key',
      })
  }
  if (Object.keys({ ...targets, ...canary }).length > 5)
    problems.push({ field: 'fleet.canary', problem: 'makes more than five keys together with fleet.targets' })
  return canary
}

const RUNBOOK_FIELDS: FieldTable = {
  role: {
    kind: 'string',
    required: true,
    description: 'ARN of the role that Automation assumes.',
    example: 'arn:aws:iam::111122223333:role/ecs-pull-auth-rollout',
  },
  name: { kind: 'string', description: 'Name of the Automation runbook. Default ecs-pull-auth-rollout.' },
  notify: {
    kind: 'string',
    description: 'ARN of the SNS topic that tells the approvers; its name begins with Automation.',
  },
  calendar: { kind: 'string', description: 'Name or ARN of a change calendar that must be open.' },
}

export function readRunbook(value: unknown, canary: Canary | null, problems: FieldProblem[]): Runbook {
  const path = 'fleet.runbook'
  const { approvers, locations, ...rest } = objectAt(value, path, problems)
  const fields = readFields(RUNBOOK_FIELDS, rest, path, problems)
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
  const wrong = (field: string, problem: string) => problems.push({ field: join(path, field), problem })
  if (approvers !== undefined && !isTexts(approvers, 10))
    wrong('approvers', 'must be a list of 1 to 10 names or ARNs of IAM users or roles')
  const runbook: Runbook = {
    name: text('name') ?? 'ecs-pull-auth-rollout',
    role: text('role') ?? '',
    approvers: isTexts(approvers, 10) ? approvers : [],
    notify: text('notify'),
    calendar: text('calendar'),
    locations: locations === undefined ? [] : readLocations(locations, problems),
  }
  if (runbook.role !== '' && !/^arn:aws[a-z-]*:iam::[0-9]{12}:role\/.{1,512}$/.test(runbook.role))
    wrong('role', 'must be the ARN of an IAM role')
  if (!/^[A-Za-z0-9_.:/-]{3,128}$/.test(runbook.name)) wrong('name', 'must be the name or ARN of an SSM document')
  // "The title of the Amazon SNS topic must be prefixed with Automation" (user guide, aws:approve).
  if (
    runbook.notify !== null &&
    !/^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:Automation[A-Za-z0-9_-]*$/.test(runbook.notify)
  )
    wrong('notify', 'must be the ARN of an SNS topic whose name begins with Automation')
  if ((runbook.notify === null) !== (runbook.approvers.length === 0))
    wrong('notify', 'goes together with approvers: whoever is to approve must be told')
  if (typeof canary === 'number' && runbook.locations.length > 0)
    problems.push({ field: 'fleet.canary', problem: 'must be targets, not a number, where the runbook has locations' })
  return runbook
}

/** TargetLocations of StartAutomationExecution: at most 100 of them (facts, SSM section 9). */
function readLocations(value: unknown, problems: FieldProblem[]): readonly RunbookLocation[] {
  const path = 'fleet.runbook.locations'
  const raw: readonly unknown[] = Array.isArray(value) ? value : []
  if (raw.length < 1 || raw.length > 100)
    problems.push({ field: path, problem: 'must be a list of 1 to 100 locations' })
  return raw.map((entry, index) =>
    readLocation(objectAt(entry, `${path}.${index}`, problems), `${path}.${index}`, problems),
  )
}

function readLocation({ accounts, regions, ...rest }: Fields, path: string, problems: FieldProblem[]): RunbookLocation {
  const fields = readFields(LOCATION_FIELDS, rest, path, problems)
  const texts = (field: string, value: unknown, pattern: RegExp, what: string): readonly string[] => {
    const good = isTexts(value, 50) && value.every((text) => pattern.test(text))
    if (!good) problems.push({ field: join(path, field), problem: `must be a list of 1 to 50 ${what}` })
    return good ? value : []
  }
  return {
    accounts: texts(
      'accounts',
      accounts,
      /^(?:[0-9]{12}|(?:ou|r)-[a-z0-9-]{4,68})$/,
      'account ids (quoted) or organizational units',
    ),
    regions: texts('regions', regions, /^[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}$/, 'Regions'),
    role: typeof fields['role'] === 'string' ? fields['role'] : null,
  }
}

const LOCATION_FIELDS: FieldTable = {
  role: {
    kind: 'string',
    description: 'Name of the role there that Automation assumes. Default AWS-SystemsManager-AutomationExecutionRole.',
  },
}

export function targetsSchema(description: string): JsonValue {
  return {
    type: 'object',
    minProperties: 1,
    maxProperties: 5,
    description,
    propertyNames: { pattern: TARGET_KEY.source },
    additionalProperties: { type: 'array', minItems: 1, maxItems: 50, items: { type: 'string', minLength: 1 } },
  }
}

export function canarySchema(): JsonValue {
  const description =
    'Who is reloaded before everybody else: a number of instances, or further targets that must match too. A canary that is not green stops the rollout. Default: nobody.'
  return {
    description,
    oneOf: [
      { type: 'integer', minimum: 1, maximum: MOST_CANARIES },
      targetsSchema('Further SSM targets, which an instance must match beside fleet.targets.'),
    ],
  }
}

export function runbookSchema(): JsonValue {
  const { properties, required } = tableSchema(RUNBOOK_FIELDS)
  const location = tableSchema(LOCATION_FIELDS)
  const texts = (description: string, maxItems: number) => ({
    type: 'array',
    description,
    minItems: 1,
    maxItems,
    items: { type: 'string', minLength: 1 },
  })
  return {
    type: 'object',
    additionalProperties: false,
    description:
      'Systems Manager Automation runs the rollout with this runbook. Default: Run Command is sent directly.',
    required,
    properties: {
      ...properties,
      approvers: texts('IAM users or roles, by name or ARN, one of whom must approve each rollout.', 10),
      locations: {
        type: 'array',
        description: 'Other accounts and Regions that the rollout runs in, instead of this one.',
        minItems: 1,
        maxItems: 100,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['accounts', 'regions'],
          properties: {
            accounts: texts('Account ids or organizational units.', 50),
            regions: texts('Regions.', 50),
            ...location.properties,
          },
        },
      },
    },
  }
}
