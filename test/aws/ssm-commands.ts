/** SendCommand, and the calls that follow a command (facts, SSM sections 5 to 7). */

import { platformsOf } from './document-content.ts'
import { type Instance, type InstanceRunner, matchTargets } from './instances.ts'
import {
  announceCommand,
  announceInvocation,
  commandStates,
  describeCommand,
  describeInvocation,
  invocationStates,
  pluginOf,
} from './ssm-answers.ts'
import { type SendInput, shapes } from './ssm-command-shapes.ts'
import type { DocumentVersion, SsmDocuments } from './ssm-documents.ts'
import { COMMAND_FILTER_STATUSES, commandFilter, INVOCATION_FILTER_STATUSES, page } from './ssm-listing.ts'
import { checkParameters } from './ssm-parameters.ts'
import { Rollout } from './ssm-rollout.ts'
import { AwsRefusal, constraint, type Json, type Of, type Operations, operation } from './wire.ts'
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
  readonly input: SendInput
  readonly rollout: Rollout
  readonly unseen: { command: number; counters: number; invocations: number }
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

  /** For the step of a runbook, which says what SendCommand would be told. */
  send(input: Json): string {
    const { Command } = this.#send(shapes.send.check(input, '')) as { Command: { CommandId: string } }
    return Command.CommandId
  }

  ended(commandId: string): string | null {
    this.settle()
    const rollout = this.#commands.get(commandId)?.rollout
    if (rollout === undefined) return null
    return ['Pending', 'InProgress', 'Cancelling'].includes(rollout.state()) ? null : rollout.state()
  }

  cancel(commandId: string): void {
    this.#commands.get(commandId)?.rollout.cancel([])
  }

  operations(): Operations {
    return {
      SendCommand: operation(shapes.send, (input) => this.#send(input)),
      ListCommands: operation(shapes.list, (input, { stale }) => this.#list(input, stale)),
      ListCommandInvocations: operation(shapes.listInvocations, (input, { stale }) =>
        this.#listInvocations(input, stale),
      ),
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

  #send(input: SendInput): Json {
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
      comment: input.Comment ?? '',
      rateExceeded: instances.length > this.#pendingInvocations,
    }
    const rollout: Rollout = new Rollout(this.#world, this.#runner, order, {
      commandChanged: (state) => announceCommand(this.#world, rollout, input, state),
      invocationChanged: (invocation) => announceInvocation(this.#world, rollout, invocation),
    })
    const record: CommandRecord = { input, rollout, unseen: { ...this.#visibility } }
    this.#commands.set(id, record)
    this.#world.background(() => rollout.start())
    return { Command: describeCommand(input, rollout, true) }
  }

  #targets(input: SendInput, document: DocumentVersion): readonly Instance[] {
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

  #list(input: Of<typeof shapes.list>, stale: boolean): Json {
    this.settle()
    const matches = commandFilter(input.Filters ?? [], COMMAND_FILTER_STATUSES)
    const seen = [...this.#commands.values()].reverse().filter((record) => {
      const { rollout } = record
      if (input.CommandId !== undefined && rollout.order.id !== input.CommandId) return false
      if (
        input.InstanceId !== undefined &&
        !rollout.invocations.some(({ instance }) => instance.id === input.InstanceId)
      )
        return false
      const states = commandStates(rollout)
      if (!matches({ document: rollout.order.document.name, at: rollout.requestedAt, states })) return false
      return !stale && !spend(record.unseen, 'command')
    })
    return page('Commands', seen, input, (record) =>
      describeCommand(record.input, record.rollout, spend(record.unseen, 'counters')),
    )
  }

  #listInvocations(input: Of<typeof shapes.listInvocations>, stale: boolean): Json {
    this.settle()
    const matches = commandFilter(input.Filters ?? [], INVOCATION_FILTER_STATUSES)
    const seen = [...this.#commands.values()].reverse().flatMap((record) => {
      const { rollout } = record
      if (input.CommandId !== undefined && rollout.order.id !== input.CommandId) return []
      if (stale || spend(record.unseen, 'invocations')) return []
      return rollout.invocations.flatMap((invocation) => {
        const states = invocationStates(invocation)
        const wanted = input.InstanceId === undefined || invocation.instance.id === input.InstanceId
        return wanted && matches({ document: rollout.order.document.name, at: rollout.requestedAt, states })
          ? [{ record, invocation }]
          : []
      })
    })
    return page('CommandInvocations', seen, input, ({ record, invocation }) => {
      const details = input.Details === true ? invocation.steps.map(pluginOf) : []
      return { ...describeInvocation(record.input, record.rollout, invocation), CommandPlugins: details }
    })
  }

  #getInvocation(input: Of<typeof shapes.getInvocation>): Json {
    this.settle()
    const record = this.#commands.get(input.CommandId)
    const invocation = record?.rollout.invocations.find(({ instance }) => instance.id === input.InstanceId)
    if (record === undefined || invocation === undefined || spend(record.unseen, 'invocations')) {
      throw new AwsRefusal('InvocationDoesNotExist', '')
    }
    const steps = record.rollout.order.document.document.mainSteps
    const name = input.PluginName ?? (steps.length === 1 ? steps[0]?.name : undefined)
    if (input.PluginName !== undefined && !steps.some((step) => step.name === input.PluginName)) {
      throw new AwsRefusal('InvalidPluginName', `The plugin name ${input.PluginName} is not valid.`)
    }
    const result = invocation.steps.find((step) => step.name === name)
    const { RequestedDateTime: _, ...common } = describeInvocation(record.input, record.rollout, invocation)
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
}

function checkTarget({ Key, Values }: { readonly Key?: string; readonly Values?: readonly string[] }) {
  const key = Key ?? ''
  if (!/^(tag:.+|tag-key|InstanceIds|resource-groups:(Name|ResourceTypeFilters))$/.test(key)) {
    throw constraint('targets.key', 'Member must be tag:…, tag-key, InstanceIds or resource-groups:…')
  }
  return { key, values: Values ?? [] }
}

function spend<K extends string>(unseen: Record<K, number>, what: K): boolean {
  if (unseen[what] === 0) return false
  unseen[what] -= 1
  return true
}
