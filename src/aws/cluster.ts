/** Amazon ECS behind the `Cluster` port: two signed requests for each hundred instances, no client of 700 KB. */

import { PullAuthError } from '../core/errors.ts'
import type {
  AwsHeaders,
  AwsRequest,
  Clock,
  Cluster,
  ContainerInstance,
  Http,
  HttpAnswer,
  Millis,
} from '../core/ports.ts'
import { ask, isTransient } from './failure.ts'

interface Wire {
  readonly http: Http
  readonly clock: Clock
  signAws(request: AwsRequest): Promise<AwsHeaders>
}

/** The most that either call takes (ECS API reference). */
const PAGE = 100
/** Four times 50,000 instances: a list that goes on has a fault. */
const MOST_PAGES = 2_000

export function createCluster(wire: Wire): Cluster {
  return { instances: (cluster) => instances(wire, cluster) }
}

/** The next page of names is on its way while one page is described. */
async function* instances(wire: Wire, cluster: string): AsyncGenerator<ContainerInstance> {
  let next: Promise<Names> | null = list(wire, cluster, null)
  for (let page = 0; next !== null; page += 1) {
    const { arns, token }: Names = await next
    if (token !== null && page === MOST_PAGES) throw unusable(cluster, 'a list that did not end')
    next = token === null ? null : list(wire, cluster, token)
    // Heard when its turn comes, or never, when this page fails first.
    next?.catch(() => undefined)
    if (arns.length > 0) yield* await describe(wire, cluster, arns)
  }
}

interface Names {
  readonly arns: readonly string[]
  readonly token: string | null
}

/** Without a status: then ECS lists all but INACTIVE ones. */
async function list(wire: Wire, cluster: string, token: string | null): Promise<Names> {
  const answer = await call(wire, 'ListContainerInstances', cluster, {
    cluster,
    maxResults: PAGE,
    ...(token === null ? {} : { nextToken: token }),
  })
  const { containerInstanceArns: arns, nextToken = null } = answer
  const isList = Array.isArray(arns) && arns.every((arn) => typeof arn === 'string')
  if (!isList || (nextToken !== null && (typeof nextToken !== 'string' || nextToken === token)))
    throw unusable(cluster, 'a list that cannot be read')
  return { arns, token: nextToken === '' ? null : nextToken }
}

async function describe(wire: Wire, cluster: string, arns: readonly string[]): Promise<readonly ContainerInstance[]> {
  const answer = await call(wire, 'DescribeContainerInstances', cluster, { cluster, containerInstances: arns })
  const found = objects(answer['containerInstances'])
  // One that was deregistered a moment ago; any other failure could hide an instance that runs.
  const missing = objects(answer['failures']).filter(({ reason }) => reason === 'MISSING')
  if (found.length + missing.length !== arns.length) throw unusable(cluster, 'fewer instances than it lists')
  return found.flatMap((instance) => instanceOf(cluster, instance))
}

/** Neither registered nor on their way to it: no agent there takes tasks, or ever will again. */
const GONE = ['DEREGISTERING', 'REGISTRATION_FAILED', 'INACTIVE']

function instanceOf(cluster: string, found: Json): readonly ContainerInstance[] {
  const { ec2InstanceId, registeredAt, agentConnected, status } = found
  if (typeof ec2InstanceId !== 'string' || ec2InstanceId === '') throw unusable(cluster, 'an instance without an id')
  if (typeof status === 'string' && GONE.includes(status)) return []
  return [
    {
      instanceId: ec2InstanceId,
      // Seconds, as in every answer of this protocol.
      registeredAt: typeof registeredAt === 'number' ? registeredAt * 1000 : null,
      connected: agentConnected === true,
    },
  ]
}

const WAITS: readonly Millis[] = [500, 1_500, 4_000, 10_000]

/** Both calls only read, so what had no clear answer is asked again; ECS throttles by account (facts, SSM section 8). */
async function call(wire: Wire, operation: string, cluster: string, input: Json): Promise<Json> {
  const asked = { action: `ecs:${operation}`, subject: `cluster ${cluster}` }
  const missing = [
    'CLUSTER_MISSING',
    `There is no active ECS cluster ${cluster} in this account and Region.`,
    'Check fleet.cluster in the plan; a cluster of another account cannot be compared.',
  ] as const
  const send = async () => {
    for (const wait of [...WAITS, null]) {
      try {
        return await once(wire, operation, input)
      } catch (error) {
        if (wait === null || !isTransient(error)) throw error
      }
      await wire.clock.sleep(wait)
    }
    return {}
  }
  return await ask(asked, send, { ClusterNotFoundException: missing })
}

async function once({ http, signAws }: Wire, operation: string, input: Json): Promise<Json> {
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `AmazonEC2ContainerServiceV20141113.${operation}`,
  }
  const body = JSON.stringify(input)
  const signed = await signAws({ service: 'ecs', region: null, method: 'POST', url: null, headers, body })
  const answer = await http.send({ method: 'POST', url: signed.url, headers: signed.headers, body })
  if (answer.kind !== 'answer') throw awsError('TimeoutError', 0, '')
  const json = bodyOf(answer)
  if (answer.status === 200 && json !== null) return json
  const [type, message] = [json?.['__type'], json?.['message'] ?? json?.['Message']]
  throw awsError(
    String(type ?? 'Error').replace(/^.*#/, ''),
    json === null ? 502 : answer.status,
    String(message ?? ''),
  )
}

/** Shaped as an SDK's error, so that it is understood like one. */
function awsError(name: string, httpStatusCode: number, message: string): Error {
  const $metadata = httpStatusCode === 0 ? {} : { httpStatusCode }
  return Object.assign(new Error(message), { name, $metadata })
}

type Json = Readonly<Record<string, unknown>>

function bodyOf(answer: Extract<HttpAnswer, { kind: 'answer' }>): Json | null {
  try {
    const value: unknown = JSON.parse(answer.body.reveal())
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unusable(cluster: string, what: string): PullAuthError {
  return new PullAuthError(
    'AWS_UNAVAILABLE',
    `ECS answered with ${what} for cluster ${cluster}.`,
    'Run again; every look at the cluster begins anew.',
  )
}
