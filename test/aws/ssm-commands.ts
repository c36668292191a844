/** SendCommand, and the calls that follow a command (facts, SSM sections 5 to 7). */

import { type Instance, type InstanceRunner, matchTargets } from './instances.ts'
import type { StepResult, StepStatus } from './ssm-agent.ts'
import { type DocumentVersion, platformsOf, type SsmDocuments } from './ssm-documents.ts'
import { checkParameters } from './ssm-parameters.ts'
import { type CommandInvocation, type CommandState, type InvocationState, Rollout } from './ssm-rollout.ts'
import {
  AwsRefusal,
  boolean,
  constraint,
  integer,
  type Json,
  list,
  map,
  type Of,
  type Operations,
  operation,
  string,
  structure,
  timestamp,
} from './wire.ts'
import type { World } from './world.ts'

/** How many reads see less than there is; each counts per command (section 7.2). */
export interface Visibility {
  /** ListCommands by id or filter answers an empty list. */
  readonly command: number
  /** ListCommands answers Pending and counters of 0. */
  readonly counters: number
  /** ListCommandInvocations answers an empty list, GetCommandInvocation InvocationDoesNotExist. */
  readonly invocations: number
}

interface CommandRecord {
  readonly input: Of<typeof shapes.send>
  readonly document: DocumentVersion
  readonly rollout: Rollout
  readonly unseen: { command: number; counters: number; invocations: number }
}

const INSTANCE_ID = string({ pattern: /(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)/ })
const COMMAND_ID = string({ min: 36, max: 36 })
const FILTERS = list(
  structure(
    {
      key: string({ values: ['InvokedAfter', 'InvokedBefore', 'Status', 'ExecutionStage', 'DocumentName'] }),
      value: string({ min: 1, max: 128 }),
    },
    ['key', 'value'],
  ),
  { min: 1, max: 5 },
)
const PAGING = { MaxResults: integer({ min: 1, max: 50 }), NextToken: string() }

const shapes = {
  send: structure(
    {
      InstanceIds: list(INSTANCE_ID, { max: 50 }),
      Targets: list(
        structure({
          Key: string({ min: 1, max: 163, pattern: /^[\p{L}\p{Z}\p{N}_.:/=\-@]*$/u }),
          Values: list(string(), { max: 50 }),
        }),
        { max: 5 },
      ),
      DocumentName: string({ pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ }),
      DocumentVersion: string({ pattern: /^([$]LATEST|[$]DEFAULT|[1-9][0-9]*)$/ }),
      DocumentHash: string({ max: 256 }),
      DocumentHashType: string({ values: ['Sha256', 'Sha1'] }),
      TimeoutSeconds: integer({ min: 30, max: 2_592_000 }),
      Comment: string({ max: 100 }),
      Parameters: map(list(string())),
      MaxConcurrency: string({ min: 1, max: 7, pattern: /^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$/ }),
      MaxErrors: string({ min: 1, max: 7, pattern: /^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$/ }),
      AlarmConfiguration: structure(
        {
          IgnorePollAlarmFailure: boolean,
          Alarms: list(structure({ Name: string({ min: 1, max: 255 }) }, ['Name']), { min: 1, max: 1 }),
        },
        ['Alarms'],
      ),
    },
    ['DocumentName'],
  ),
  list: structure({ CommandId: COMMAND_ID, InstanceId: INSTANCE_ID, Filters: FILTERS, ...PAGING }),
  listInvocations: structure({
    CommandId: COMMAND_ID,
    InstanceId: INSTANCE_ID,
    Filters: FILTERS,
    Details: boolean,
    ...PAGING,
  }),
  getInvocation: structure({ CommandId: COMMAND_ID, InstanceId: INSTANCE_ID, PluginName: string({ min: 4 }) }, [
    'CommandId',
    'InstanceId',
  ]),
  cancel: structure({ CommandId: COMMAND_ID, InstanceIds: list(INSTANCE_ID, { max: 50 }) }, ['CommandId']),
}

export class SsmCommands {
  readonly #commands = new Map<string, CommandRecord>()
  readonly #world: World
  readonly #documents: SsmDocuments
  readonly #instances: ReadonlyMap<string, Instance>
  readonly #runner: InstanceRunner
  readonly #visibility: Visibility
  readonly #pendingInvocations: number

  constructor(parts: {
    world: World
    documents: SsmDocuments
    instances: ReadonlyMap<string, Instance>
    runner: InstanceRunner
    visibility: Visibility
    pendingInvocations: number
  }) {
    this.#world = parts.world
    this.#documents = parts.documents
    this.#instances = parts.instances
    this.#runner = parts.runner
    this.#visibility = parts.visibility
    this.#pendingInvocations = parts.pendingInvocations
  }

  operations(): Operations {
    return {
      SendCommand: operation(shapes.send, (input) => this.#send(input)),
      ListCommands: operation(shapes.list, (input) => this.#list(input)),
      ListCommandInvocations: operation(shapes.listInvocations, (input) => this.#listInvocations(input)),
      GetCommandInvocation: operation(shapes.getInvocation, (input) => this.#getInvocation(input)),
      CancelCommand: operation(shapes.cancel, (input) => this.#cancel(input)),
    }
  }

  /** The rollouts so far, oldest first; for assertions. */
  rollouts(): readonly Rollout[] {
    return [...this.#commands.values()].map(({ rollout }) => rollout)
  }

  settle(): void {
    for (const { rollout } of this.#commands.values()) rollout.settle()
  }

  connected(instanceId: string): void {
    for (const { rollout } of this.#commands.values()) this.#world.background(() => rollout.connected(instanceId))
  }

  #send(input: Of<typeof shapes.send>): Json {
    const document = this.#documents.forCommand(input.DocumentName, input.DocumentVersion)
    if (input.DocumentHash !== undefined && input.DocumentHash !== document.hash) {
      // Text seen in CloudTrail: aws-samples/aws-security-reference-architecture-examples issue 301.
      throw new AwsRefusal(
        'InvalidDocument',
        `document hash ${input.DocumentHash} does not match ${input.DocumentHashType ?? 'Sha256'}.`,
      )
    }
    const parameters = checkParameters(document.document, input.Parameters ?? {})
    const instances = this.#targets(input, document)
    const id = this.#world.newId()
    const order = {
      id,
      document,
      parameters,
      instances,
      maxConcurrency: input.MaxConcurrency ?? '50',
      maxErrors: input.MaxErrors ?? '0',
      timeoutSeconds: input.TimeoutSeconds ?? 3600,
      rateExceeded: instances.length > this.#pendingInvocations,
    }
    const rollout: Rollout = new Rollout(this.#world, this.#runner, order, {
      commandChanged: (state) => this.#announceCommand(rollout, input, state),
      invocationChanged: (invocation) => this.#announceInvocation(rollout, invocation),
    })
    const record: CommandRecord = { input, document, rollout, unseen: { ...this.#visibility } }
    this.#commands.set(id, record)
    this.#world.background(() => rollout.start())
    return { Command: this.#describe(record, true) }
  }

  #targets(input: Of<typeof shapes.send>, document: DocumentVersion): readonly Instance[] {
    const ids = input.InstanceIds ?? []
    const targets = input.Targets ?? []
    if ((ids.length === 0) === (targets.length === 0)) {
      throw constraint('instanceIds', 'Specify either InstanceIds or Targets, one of them')
    }
    if (targets.length > 0) return matchTargets(this.#instances.values(), targets.map(checkTarget))
    if (new Set(ids).size !== ids.length)
      throw new AwsRefusal('DuplicateInstanceId', "You can't specify a managed node ID in more than one target.")
    return ids.map((id) => {
      const instance = this.#instances.get(id)
      if (instance === undefined) {
        throw new AwsRefusal(
          'InvalidInstanceId',
          `Instances [[${id}]] not in a valid state for account ${this.#world.account}`,
        )
      }
      if (!platformsOf(document.document).includes(instance.platform)) {
        throw new AwsRefusal(
          'UnsupportedPlatformType',
          `The document doesn't support the platform type of instance ${id}.`,
        )
      }
      return instance
    })
  }

  #list(input: Of<typeof shapes.list>): Json {
    this.settle()
    const matches = commandFilter(input.Filters ?? [], COMMAND_FILTER_STATUSES)
    const seen = [...this.#commands.values()].reverse().filter((record) => {
      const { rollout, document } = record
      if (input.CommandId !== undefined && rollout.order.id !== input.CommandId) return false
      if (
        input.InstanceId !== undefined &&
        !rollout.invocations.some(({ instance }) => instance.id === input.InstanceId)
      )
        return false
      const states = [rollout.state(), COMMAND_STATUS[rollout.state()]]
      if (!matches({ document: document.name, at: rollout.requestedAt, states })) return false
      return !spend(record.unseen, 'command')
    })
    return page('Commands', seen, input, (record) => this.#describe(record, spend(record.unseen, 'counters')))
  }

  #listInvocations(input: Of<typeof shapes.listInvocations>): Json {
    this.settle()
    const matches = commandFilter(input.Filters ?? [], INVOCATION_FILTER_STATUSES)
    const seen = [...this.#commands.values()].reverse().flatMap((record) => {
      const { rollout, document } = record
      if (input.CommandId !== undefined && rollout.order.id !== input.CommandId) return []
      if (spend(record.unseen, 'invocations')) return []
      return rollout.invocations.flatMap((invocation) => {
        const states = [invocation.state, INVOCATION_STATUS[invocation.state]]
        const wanted = input.InstanceId === undefined || invocation.instance.id === input.InstanceId
        return wanted && matches({ document: document.name, at: rollout.requestedAt, states })
          ? [{ record, invocation }]
          : []
      })
    })
    return page('CommandInvocations', seen, input, ({ record, invocation }) => {
      const details = input.Details === true ? invocation.steps.map(pluginOf) : []
      return { ...this.#invocation(record, invocation), CommandPlugins: details }
    })
  }

  #getInvocation(input: Of<typeof shapes.getInvocation>): Json {
    this.settle()
    const record = this.#commands.get(input.CommandId)
    const invocation = record?.rollout.invocations.find(({ instance }) => instance.id === input.InstanceId)
    if (record === undefined || invocation === undefined || spend(record.unseen, 'invocations')) {
      throw new AwsRefusal('InvocationDoesNotExist', '')
    }
    const steps = record.document.document.mainSteps
    const name = input.PluginName ?? (steps.length === 1 ? steps[0]?.name : undefined)
    if (input.PluginName !== undefined && !steps.some((step) => step.name === input.PluginName)) {
      throw new AwsRefusal('InvalidPluginName', `The plugin name ${input.PluginName} is not valid.`)
    }
    const result = invocation.steps.find((step) => step.name === name)
    const { RequestedDateTime: _, ...common } = this.#invocation(record, invocation)
    return {
      ...common,
      PluginName: name ?? '',
      ResponseCode: result?.exitCode ?? -1,
      ExecutionStartDateTime: result === undefined ? '' : new Date(result.startedAt).toISOString(),
      ExecutionEndDateTime: result === undefined ? '' : new Date(result.endedAt).toISOString(),
      StandardOutputContent: result?.stdout ?? '',
      StandardErrorContent: result?.stderr ?? '',
    }
  }

  #cancel(input: Of<typeof shapes.cancel>): Json {
    const record = this.#commands.get(input.CommandId)
    if (record === undefined) throw new AwsRefusal('InvalidCommandId', 'The specified command ID is not valid.')
    const ids = input.InstanceIds ?? []
    if (new Set(ids).size !== ids.length) throw new AwsRefusal('DuplicateInstanceId', 'An instance ID was given twice.')
    const known = new Set(record.rollout.invocations.map(({ instance }) => instance.id))
    if (ids.some((id) => !known.has(id)))
      throw new AwsRefusal('InvalidInstanceId', 'An instance is not part of the command.')
    record.rollout.cancel(ids)
    return {}
  }

  // ── Answers and events ─────────────────────────────────────────────────────────────────────────────────────────────

  #describe({ input, document, rollout }: CommandRecord, fresh: boolean): Json {
    const state = fresh ? 'Pending' : rollout.state()
    return {
      CommandId: rollout.order.id,
      DocumentName: document.name,
      DocumentVersion: input.DocumentVersion ?? '$DEFAULT',
      Comment: input.Comment ?? '',
      ExpiresAfter: timestamp(rollout.expiresAt),
      Parameters: input.Parameters ?? {},
      InstanceIds: input.InstanceIds ?? [],
      Targets: input.Targets ?? [],
      RequestedDateTime: timestamp(rollout.requestedAt),
      Status: COMMAND_STATUS[state],
      StatusDetails: spaced(state),
      MaxConcurrency: rollout.order.maxConcurrency,
      MaxErrors: rollout.order.maxErrors,
      TargetCount: fresh ? 0 : rollout.invocations.length,
      CompletedCount: fresh ? 0 : rollout.completed,
      ErrorCount: fresh ? 0 : rollout.errors,
      DeliveryTimedOutCount: fresh ? 0 : rollout.count('DeliveryTimedOut'),
      TimeoutSeconds: rollout.order.timeoutSeconds,
    }
  }

  #invocation({ input, document, rollout }: CommandRecord, { instance, state }: CommandInvocation): Json {
    return {
      CommandId: rollout.order.id,
      InstanceId: instance.id,
      Comment: input.Comment ?? '',
      DocumentName: document.name,
      DocumentVersion: input.DocumentVersion ?? '$DEFAULT',
      RequestedDateTime: timestamp(rollout.requestedAt),
      Status: INVOCATION_STATUS[state],
      StatusDetails: spaced(state),
    }
  }

  /** Section 7.3. */
  #announceCommand(rollout: Rollout, input: Of<typeof shapes.send>, state: CommandState): void {
    this.#world.emit({
      type: 'EC2 Command Status-change Notification',
      source: 'aws.ssm',
      detail: {
        'command-id': rollout.order.id,
        'document-name': rollout.order.document.name,
        'expire-after': new Date(rollout.expiresAt).toISOString(),
        parameters: input.Parameters ?? {},
        'requested-date-time': new Date(rollout.requestedAt).toISOString(),
        status: COMMAND_STATUS[state],
      },
    })
  }

  #announceInvocation(rollout: Rollout, { instance, state }: CommandInvocation): void {
    this.#world.emit({
      type: 'EC2 Command Invocation Status-change Notification',
      source: 'aws.ssm',
      resources: [this.#world.arn('ec2', `instance/${instance.id}`)],
      detail: {
        'command-id': rollout.order.id,
        'document-name': rollout.order.document.name,
        'instance-id': instance.id,
        'requested-date-time': new Date(rollout.requestedAt).toISOString(),
        status: INVOCATION_STATUS[state],
      },
    })
  }
}

/** The short status of a command. An empty fleet is a "Success" there: only the details tell (seen on AWS). */
const COMMAND_STATUS: Readonly<Record<CommandState, string>> = {
  Pending: 'Pending',
  InProgress: 'InProgress',
  Cancelling: 'Cancelling',
  Success: 'Success',
  NoInstancesInTag: 'Success',
  Cancelled: 'Cancelled',
  DeliveryTimedOut: 'TimedOut',
  ExecutionTimedOut: 'TimedOut',
  Failed: 'Failed',
  Incomplete: 'Failed',
  RateExceeded: 'Failed',
  AccessDenied: 'Failed',
}

const INVOCATION_STATUS: Readonly<Record<InvocationState, string>> = {
  Pending: 'Pending',
  InProgress: 'InProgress',
  Cancelling: 'Cancelling',
  Success: 'Success',
  Cancelled: 'Cancelled',
  DeliveryTimedOut: 'TimedOut',
  ExecutionTimedOut: 'TimedOut',
  Failed: 'Failed',
  Undeliverable: 'Failed',
  Terminated: 'Failed',
  InvalidPlatform: 'Failed',
  AccessDenied: 'Failed',
}

/** Section 6: the values that a Status filter may have. */
const COMMON_FILTER_STATUSES = [
  'Pending',
  'InProgress',
  'Success',
  'Cancelled',
  'Failed',
  'TimedOut',
  'AccessDenied',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
]
const COMMAND_FILTER_STATUSES = [...COMMON_FILTER_STATUSES, 'Incomplete', 'NoInstancesInTag', 'LimitExceeded']
const INVOCATION_FILTER_STATUSES = [
  ...COMMON_FILTER_STATUSES,
  'Delayed',
  'Undeliverable',
  'InvalidPlatform',
  'Terminated',
]

function commandFilter(
  filters: readonly { readonly key: string; readonly value: string }[],
  statuses: readonly string[],
): (command: { document: string; at: number; states: readonly (string | undefined)[] }) => boolean {
  for (const { key, value } of filters) {
    const instant = key === 'InvokedAfter' || key === 'InvokedBefore'
    if (instant && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value))
      throw constraint('filters', `${key} is a time such as 2026-11-24T00:00:00Z`)
    if (key === 'Status' && !statuses.includes(value))
      throw constraint('filters', `Status must be one of ${statuses.join(', ')}`)
    if (key === 'ExecutionStage') throw new AwsRefusal('InvalidFilterKey', 'ExecutionStage is not part of this double.')
  }
  return ({ document, at, states }) =>
    filters.every(({ key, value }) => {
      switch (key) {
        case 'DocumentName':
          return document === value
        case 'InvokedAfter':
          return at >= Date.parse(value)
        case 'InvokedBefore':
          return at <= Date.parse(value)
        default:
          return states.includes(value === 'LimitExceeded' ? 'RateExceeded' : value)
      }
    })
}

function checkTarget({ Key, Values }: { readonly Key?: string; readonly Values?: readonly string[] }) {
  const key = Key ?? ''
  if (!/^(tag:.+|tag-key|InstanceIds)$/.test(key)) throw constraint('targets.key', 'tag:…, tag-key or InstanceIds')
  return { key, values: Values ?? [] }
}

/** Both lists hold 50 at most and go on with a token (section 7.1). */
function page<T>(
  member: string,
  all: readonly T[],
  input: { MaxResults?: number; NextToken?: string },
  show: (item: T) => Json,
): Json {
  const from = input.NextToken === undefined ? 0 : Number(/^page-(\d+)$/.exec(input.NextToken)?.[1] ?? Number.NaN)
  if (Number.isNaN(from) || from > all.length)
    throw new AwsRefusal('InvalidNextToken', 'The specified token is not valid.')
  const to = from + (input.MaxResults ?? 50)
  return { [member]: all.slice(from, to).map(show), ...(to < all.length ? { NextToken: `page-${to}` } : {}) }
}

function spend<K extends string>(unseen: Record<K, number>, what: K): boolean {
  if (unseen[what] === 0) return false
  unseen[what] -= 1
  return true
}

const PLUGIN_STATUS: Readonly<Record<StepStatus, string>> = {
  Success: 'Success',
  Failed: 'Failed',
  ExecutionTimedOut: 'TimedOut',
  Cancelled: 'Cancelled',
}

/** Standard output and error in one text, cut at 2,500 characters. */
function pluginOf(step: StepResult): Json {
  const error = step.stderr === '' ? '' : `\n----------ERROR-------\n${step.stderr}`
  return {
    Name: step.name,
    Status: PLUGIN_STATUS[step.status],
    StatusDetails: spaced(step.status),
    ResponseCode: step.exitCode,
    ResponseStartDateTime: timestamp(step.startedAt),
    ResponseFinishDateTime: timestamp(step.endedAt),
    Output: `${step.stdout}${error}`.slice(0, 2_500),
  }
}

/** Details have spaces, filters have none (section 6); the empty fleet's does not. */
function spaced(state: CommandState | InvocationState): string {
  return /TimedOut$|^InvalidPlatform$|Exceeded$|Denied$/.test(state)
    ? state.replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    : state
}
