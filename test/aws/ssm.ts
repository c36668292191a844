/** A strict Systems Manager: documents, Run Command, managed instances, parameters (facts ssm-fleet-reload.md). */

import { type Instance, type InstanceRunner, type InstanceSeed, instanceOf } from './instances.ts'
import { SsmAutomation } from './ssm-automation.ts'
import { SsmCommands, type Visibility } from './ssm-commands.ts'
import { type DocumentVersion, SsmDocuments } from './ssm-documents.ts'
import type { Rollout } from './ssm-rollout.ts'
import {
  AwsRefusal,
  boolean,
  integer,
  type Json,
  list,
  type Of,
  type Operations,
  operation,
  string,
  structure,
  timestamp,
} from './wire.ts'
import type { World } from './world.ts'

export interface SsmSetup {
  readonly instances?: readonly InstanceSeed[]
  readonly runner?: InstanceRunner
  /** Default: one read of each kind sees less than there is. */
  readonly visibility?: Partial<Visibility>
  /** Reads that see a new document as `Creating`; default 0. */
  readonly documentReads?: number
  /** Invocations that the account may have pending; a command with more ends RateExceeded. Default: no limit. */
  readonly pendingInvocations?: number
}

const VALUES = list(string({ min: 1 }), { min: 1, max: 100 })

const shapes = {
  parameter: structure({ Name: string({ min: 1, max: 2048 }), WithDecryption: boolean }, ['Name']),
  instances: structure({
    Filters: list(structure({ Key: string({ min: 1 }), Values: VALUES }, ['Key', 'Values'])),
    MaxResults: integer({ min: 5, max: 50 }),
    NextToken: string(),
  }),
}

export class SsmDouble {
  readonly instances = new Map<string, Instance>()
  /** Values of Parameter Store parameters by name. */
  readonly parameters = new Map<string, string>()
  readonly automation: SsmAutomation
  readonly #world: World
  readonly #documents: SsmDocuments
  readonly #commands: SsmCommands

  constructor(world: World, setup: SsmSetup) {
    this.#world = world
    for (const seed of setup.instances ?? []) this.instances.set(seed.id, instanceOf(seed))
    this.#documents = new SsmDocuments(world, setup.documentReads ?? 0)
    this.#commands = new SsmCommands({
      world,
      documents: this.#documents,
      instances: this.instances,
      runner: setup.runner ?? { run: async () => ({ exitCode: 0, stdout: '', stderr: '' }) },
      visibility: { command: 1, counters: 1, invocations: 1, ...setup.visibility },
      pendingInvocations: setup.pendingInvocations ?? Number.POSITIVE_INFINITY,
    })
    this.automation = new SsmAutomation(world, this.#commands)
  }

  // ── Direct access for tests and the demo ───────────────────────────────────────────────────────────────────────────

  publishDocument(name: string, content: string): DocumentVersion {
    return this.#documents.publish(name, content)
  }

  rollouts(): readonly Rollout[] {
    return this.#commands.rollouts()
  }

  /** A new instance registers, or a known one changes: comes online (then waiting commands run), goes offline, is tagged. */
  register(seed: InstanceSeed): void {
    const instance = instanceOf({ ...this.instances.get(seed.id), ...seed })
    this.instances.set(seed.id, instance)
    if (instance.online) this.#commands.connected(seed.id)
  }

  /** The instance is terminated: Systems Manager does not know it any more; what waits for it runs into its end. */
  deregister(id: string): void {
    this.instances.delete(id)
  }

  /** Lets the clock's time have its effect on commands without a call. */
  settle(): void {
    this.#commands.settle()
  }

  // ── The API ────────────────────────────────────────────────────────────────────────────────────────────────────────

  operations(): Operations {
    const documents = this.#documents.operations()
    return {
      ...documents,
      ...this.#withRunbooks(documents),
      ...this.#commands.operations(),
      ...this.automation.operations(),
      GetParameter: operation(shapes.parameter, (input) => this.#getParameter(input)),
      DescribeInstanceInformation: operation(shapes.instances, (input) => this.#describeInstances(input)),
    }
  }

  /** Documents of both types are in one list. */
  #withRunbooks({ DescribeDocument, GetDocument }: Operations): Operations {
    if (DescribeDocument === undefined || GetDocument === undefined) return {}
    const describe: typeof DescribeDocument.run = (input, call) =>
      this.automation.described(String(input['Name'])) ?? DescribeDocument.run(input, call)
    const get: typeof GetDocument.run = (input, call) =>
      this.automation.content(String(input['Name'])) ?? GetDocument.run(input, call)
    return { DescribeDocument: { ...DescribeDocument, run: describe }, GetDocument: { ...GetDocument, run: get } }
  }

  #getParameter({ Name }: Of<typeof shapes.parameter>): Json {
    const prefix = this.#world.arn('ssm', 'parameter')
    const name = Name.startsWith(prefix) ? Name.slice(prefix.length).replace(/^\/(?=[^/]+$)/, '') : Name
    const value = this.parameters.get(name)
    if (value === undefined) throw new AwsRefusal('ParameterNotFound', '')
    const ARN = `${prefix}${name.startsWith('/') ? '' : '/'}${name}`
    return {
      Parameter: {
        Name: name,
        Type: 'String',
        Value: value,
        Version: 1,
        ARN,
        DataType: 'text',
        LastModifiedDate: timestamp(this.#world.clock.now()),
      },
    }
  }

  #describeInstances({ Filters = [], MaxResults = 10, NextToken }: Of<typeof shapes.instances>): Json {
    const tags = Filters.filter(({ Key }) => Key.startsWith('tag'))
    // "Tag filters can't be combined with other filter types" (API model).
    if (tags.length > 0 && tags.length < Filters.length)
      throw new AwsRefusal('InvalidInstanceInformationFilterValue', 'Tag filters cannot be combined with others.')
    const found = [...this.instances.values()].filter((instance) =>
      Filters.every(({ Key, Values }) =>
        Key === 'tag-key'
          ? Values.some((name) => Object.hasOwn(instance.tags, name))
          : Values.includes(filterValue(instance, Key)),
      ),
    )
    const from = NextToken === undefined ? 0 : Number(NextToken)
    if (!Number.isInteger(from)) throw new AwsRefusal('InvalidNextToken', 'The specified token is not valid.')
    const to = from + MaxResults
    return {
      InstanceInformationList: found.slice(from, to).map((instance) => ({
        InstanceId: instance.id,
        PingStatus: pingStatus(instance),
        LastPingDateTime: timestamp(this.#world.clock.now()),
        AgentVersion: instance.agentVersion,
        PlatformType: instance.platform,
        ResourceType: instance.id.startsWith('mi-') ? 'ManagedInstance' : 'EC2Instance',
      })),
      ...(to < found.length ? { NextToken: String(to) } : {}),
    }
  }
}

function pingStatus(instance: Instance): string {
  return instance.online ? 'Online' : 'ConnectionLost'
}

function filterValue(instance: Instance, key: string): string {
  if (key.startsWith('tag:')) return instance.tags[key.slice(4)] ?? ''
  switch (key) {
    case 'InstanceIds':
      return instance.id
    case 'PingStatus':
      return pingStatus(instance)
    case 'AgentVersion':
      return instance.agentVersion
    case 'PlatformTypes':
      return instance.platform
    default:
      throw new AwsRefusal('InvalidFilterKey', 'The specified filter key is not valid.')
  }
}
