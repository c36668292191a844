/** A strict ECS, as far as a rollout asks it: which container instances a cluster has (ECS API reference, 2014-11-13). */

import { createHash } from 'node:crypto'
import {
  AwsRefusal,
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

const STATUSES = ['ACTIVE', 'DRAINING', 'REGISTERING', 'DEREGISTERING', 'REGISTRATION_FAILED', 'INACTIVE'] as const

export interface ContainerInstanceSeed {
  /** `i-…` or `mi-…`. */
  readonly instanceId: string
  /** Default ACTIVE. */
  readonly status?: (typeof STATUSES)[number]
  /** Default: a day before the double's present. */
  readonly registeredAt?: number
  /** Default true. */
  readonly connected?: boolean
}

interface ContainerInstance extends Required<ContainerInstanceSeed> {
  readonly arn: string
}

const shapes = {
  list: structure({
    cluster: string(),
    maxResults: integer({ min: 1, max: 100 }),
    nextToken: string(),
    status: string({ values: STATUSES }),
  }),
  describe: structure({ cluster: string(), containerInstances: list(string({ min: 1 }), { min: 1, max: 100 }) }, [
    'containerInstances',
  ]),
}

const DAY = 86_400_000

export class EcsDouble {
  readonly #world: World
  readonly #clusters = new Map<string, Map<string, ContainerInstance>>()

  constructor(world: World) {
    this.#world = world
  }

  /** A container instance registers; the cluster is there from its first one on, or by itself with none. */
  register(cluster: string, ...seeds: readonly ContainerInstanceSeed[]): void {
    const instances = this.#clusters.get(cluster) ?? new Map<string, ContainerInstance>()
    this.#clusters.set(cluster, instances)
    for (const seed of seeds) {
      // From the name, so that snapshots stay equal.
      const id = createHash('sha256').update(`${cluster}/${seed.instanceId}`).digest('hex').slice(0, 32)
      const arn = this.#world.arn('ecs', `container-instance/${cluster}/${id}`)
      const common = { status: 'ACTIVE', registeredAt: this.#world.clock.now() - DAY, connected: true } as const
      instances.set(arn, { ...common, ...seed, arn })
    }
  }

  deregister(cluster: string, instanceId: string): void {
    const instances = this.#clusters.get(cluster)
    for (const { arn } of [...(instances?.values() ?? [])].filter((known) => known.instanceId === instanceId))
      instances?.delete(arn)
  }

  operations(): Operations {
    return {
      ListContainerInstances: operation(shapes.list, (input) => this.#list(input)),
      DescribeContainerInstances: operation(shapes.describe, (input) => this.#describe(input)),
    }
  }

  #instances(cluster = 'default'): ReadonlyMap<string, ContainerInstance> {
    const prefix = this.#world.arn('ecs', 'cluster/')
    const name = cluster.startsWith(prefix) ? cluster.slice(prefix.length) : cluster
    const found = this.#clusters.get(name)
    if (found === undefined) throw new AwsRefusal('ClusterNotFoundException', 'Cluster not found.')
    return found
  }

  /** Without a status all but INACTIVE ones, as the reference says. */
  #list({ cluster, maxResults = 100, nextToken, status }: Of<typeof shapes.list>): Json {
    const wanted = [...this.#instances(cluster).values()].filter((instance) =>
      status === undefined ? instance.status !== 'INACTIVE' : instance.status === status,
    )
    const from = nextToken === undefined ? 0 : Number(/^page-(\d+)$/.exec(nextToken)?.[1] ?? Number.NaN)
    if (Number.isNaN(from)) throw new AwsRefusal('InvalidParameterException', 'Invalid token.')
    const to = from + maxResults
    return {
      containerInstanceArns: wanted.slice(from, to).map(({ arn }) => arn),
      ...(to < wanted.length ? { nextToken: `page-${to}` } : {}),
    }
  }

  #describe({ cluster, containerInstances }: Of<typeof shapes.describe>): Json {
    const instances = this.#instances(cluster)
    return {
      containerInstances: containerInstances.flatMap((arn) => {
        const found = instances.get(arn)
        return found === undefined ? [] : [described(found)]
      }),
      failures: containerInstances.flatMap((arn) => (instances.has(arn) ? [] : [{ arn, reason: 'MISSING' }])),
    }
  }
}

function described({ arn, instanceId, status, registeredAt, connected }: ContainerInstance): Json {
  return {
    containerInstanceArn: arn,
    ec2InstanceId: instanceId,
    status,
    agentConnected: connected,
    registeredAt: timestamp(registeredAt),
    version: 1,
    runningTasksCount: 0,
    pendingTasksCount: 0,
  }
}
