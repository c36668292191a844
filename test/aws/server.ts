/**
 * One loopback server that speaks for Secrets Manager, Systems Manager and ECS, so that the AWS SDK, the AWS CLI and the
 * node script work unchanged with `AWS_ENDPOINT_URL`. What AWS would refuse, it refuses.
 */

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../src/core/ports.ts'
import { EcsDouble } from './ecs.ts'
import { type Fault, FaultList, type Faults } from './faults.ts'
import { SecretsManagerDouble } from './secrets-manager.ts'
import { accessDenied, authenticate, authorize, type Identity } from './signature.ts'
import { SsmDouble, type SsmSetup } from './ssm.ts'
import type { RotationSetup } from './stored-secret.ts'
import { AwsRefusal, isObject, type Json, type Operation, type Operations } from './wire.ts'
import { type EventHandler, World } from './world.ts'

export interface AwsOptions extends SsmSetup {
  readonly clock: Clock
  /** Default us-east-1. */
  readonly region?: string
  /** Default 123456789012. */
  readonly account?: string
  /** Who may sign, and for what; null, the default: any access key, for everything. */
  readonly identities?: readonly Identity[] | null
  readonly onEvent?: EventHandler
  readonly invokeLambda?: RotationSetup['invokeLambda']
  readonly rotation?: Omit<RotationSetup, 'invokeLambda'>
}

/** One request as it arrived; secrets show as `[secret]`. */
export interface RecordedRequest {
  readonly operation: string
  readonly input: Json
  readonly caller: string
  readonly userAgent: string
  /** `ok`, the error class that was answered, or the fault that struck instead of an answer. */
  outcome: string
}

export interface AwsDouble {
  readonly endpoint: string
  readonly region: string
  readonly account: string
  readonly secrets: SecretsManagerDouble
  readonly ssm: SsmDouble
  readonly ecs: EcsDouble
  readonly faults: Faults
  readonly requests: readonly RecordedRequest[]
  /** Until rotations, rollouts and event handlers that are under way have ended. */
  idle(): Promise<void>
  /** Stops everything that is under way. Throws what an event handler, a Lambda or a runner threw. */
  close(): Promise<void>
}

export async function startAws(options: AwsOptions): Promise<AwsDouble> {
  const { clock, region = 'us-east-1', account = '123456789012', onEvent } = options
  const world = new World({ clock, region, account, onEvent })
  const { invokeLambda } = options
  const secrets = new SecretsManagerDouble(world, {
    ...options.rotation,
    ...(invokeLambda === undefined ? {} : { invokeLambda }),
  })
  const ssm = new SsmDouble(world, options)
  const ecs = new EcsDouble(world)
  const faults = new FaultList()
  const requests: RecordedRequest[] = []
  const services: Services = { secretsmanager: secrets.operations(), ssm: ssm.operations(), ecs: ecs.operations() }
  const front = { world, services, faults, requests, identities: options.identities ?? null }
  const server = createServer((request, response) => void serve(front, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    region,
    account,
    secrets,
    ssm,
    ecs,
    faults,
    requests,
    idle: () => world.idle(),
    close: async () => {
      world.stop()
      await closeServer(server)
      await world.finish()
    },
  }
}

type Service = 'secretsmanager' | 'ssm' | 'ecs'
type Services = Readonly<Record<Service, Operations>>

interface Front {
  readonly world: World
  readonly services: Services
  readonly faults: FaultList
  readonly requests: RecordedRequest[]
  readonly identities: readonly Identity[] | null
}

interface Asked {
  readonly service: Service
  readonly name: string
  readonly operation: Operation
  readonly input: Json
  readonly identity: Identity
  readonly record: RecordedRequest
}

const TARGETS: Readonly<Record<string, Service>> = {
  secretsmanager: 'secretsmanager',
  AmazonSSM: 'ssm',
  AmazonEC2ContainerServiceV20141113: 'ecs',
}

async function serve(front: Front, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let asked: Asked | null = null
  try {
    asked = parse(front, request, await bodyOf(request))
    const fault = front.faults.strike(asked.name, asked.input)
    if (fault !== null && (await interrupt(front, fault, asked, response))) return
    const answer = await perform(asked, fault?.kind === 'stale')
    asked.record.outcome = fault?.kind === 'lost' ? 'lost' : 'ok'
    if (fault?.kind === 'lost') request.socket.destroy()
    else send(response, 200, answer)
  } catch (thrown) {
    const refusal = thrown instanceof AwsRefusal ? thrown : defect(front, thrown)
    if (asked !== null) asked.record.outcome = refusal.type
    sendRefusal(response, refusal)
  }
}

/** Not a refusal but a bug of the double or of a fault's callback: answered as such, and thrown by `close`. */
function defect(front: Front, thrown: unknown): AwsRefusal {
  front.world.fail(thrown)
  return new AwsRefusal('InternalFailure', 'The double failed; close() throws why.', 500)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function parse(front: Front, request: IncomingMessage, body: Buffer): Asked {
  const { headers, method = '', url = '' } = request
  const [prefix = '', name = ''] = String(headers['x-amz-target'] ?? '').split('.')
  const service = TARGETS[prefix]
  if (method !== 'POST' || url !== '/' || service === undefined) throw new AwsRefusal('UnknownOperationException', '')
  const identities = front.identities ?? [anybody(headers.authorization)]
  const identity = authenticate({ method, url, headers, body }, { service, region: front.world.region, identities })
  if (!headers['content-type']?.startsWith('application/x-amz-json-1.1'))
    throw new AwsRefusal('SerializationException', '')
  const operation = front.services[service][name]
  if (operation === undefined) throw new AwsRefusal('UnknownOperationException', '')
  const input = parseInput(body)
  const userAgent = String(headers['user-agent'] ?? '')
  const record = {
    operation: name,
    input: redact(input, operation.secretMembers),
    caller: identity.name,
    userAgent,
    outcome: '',
  }
  front.requests.push(record)
  return { service, name, operation, input, identity, record }
}

function anybody(authorization: string | undefined): Identity {
  const accessKeyId = /Credential=([^/]+)\//.exec(authorization ?? '')?.[1] ?? ''
  return { name: accessKeyId, accessKeyId, actions: ['*'] }
}

function parseInput(body: Buffer): Json {
  try {
    const input: unknown = JSON.parse(body.toString('utf8'))
    if (isObject(input)) return input
  } catch {
    // Refused below, without the text.
  }
  throw new AwsRefusal('SerializationException', '')
}

function redact(input: Json, secretMembers: readonly string[]): Json {
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [key, secretMembers.includes(key) ? '[secret]' : value]),
  )
}

async function perform({ service, name, operation, input, identity }: Asked, stale: boolean): Promise<Json> {
  authorize(identity, `${service}:${name}`, subjectOf(input))
  return await operation.run(input, { stale, caller: identity.name })
}

/** Answers in place of the service, or prepares the scene; true when nothing is left to do. */
async function interrupt(front: Front, fault: Fault, asked: Asked, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'lost':
    case 'stale':
      return false
    case 'delay':
      await front.world.clock.sleep(fault.ms, front.world.closing)
      return false
    case 'before':
      await fault.run()
      return false
    case 'hang':
      asked.record.outcome = 'hang'
      return true
    case 'reset-before':
      asked.record.outcome = 'reset-before'
      response.socket?.destroy()
      return true
    case '503html':
      asked.record.outcome = '503html'
      response
        .writeHead(503, { 'content-type': 'text/html' })
        .end('<html><body><b>Http/1.1 Service Unavailable</b></body> </html>')
      return true
    case 'answer':
      asked.record.outcome = 'answer'
      send(response, 200, fault.body)
      return true
    default:
      throw refusalOf(fault.kind === 'error' ? fault : { kind: fault.kind }, asked)
  }
}

const SERVER_ERRORS: Readonly<Record<Service, string>> = {
  secretsmanager: 'InternalServiceError',
  ssm: 'InternalServerError',
  ecs: 'ServerException',
}

function refusalOf(
  fault:
    | { kind: 'throttle' | '500' | 'denied' | 'limit' }
    | { kind: 'error'; type: string; message: string; status?: number },
  { service, name, identity, input }: Asked,
): AwsRefusal {
  switch (fault.kind) {
    case 'throttle':
      return new AwsRefusal('ThrottlingException', 'Rate exceeded')
    case '500':
      return new AwsRefusal(SERVER_ERRORS[service], 'An error occurred on the server side.', 500)
    case 'denied':
      return accessDenied(identity.name, `${service}:${name}`, subjectOf(input))
    case 'limit':
      return new AwsRefusal('LimitExceededException', 'The request failed because it would exceed one of the quotas.')
    case 'error':
      return new AwsRefusal(fault.type, fault.message, fault.status)
  }
}

function subjectOf(input: Json): string {
  const { SecretId, DocumentName, Name, CommandId, cluster } = input
  return String(SecretId ?? DocumentName ?? Name ?? CommandId ?? cluster ?? '*')
}

function sendRefusal(response: ServerResponse, { type, message, status }: AwsRefusal): void {
  // Modelled exceptions spell it Message, those of the front spell it message (recorded); SDKs read both.
  const spelling =
    /^(AccessDenied|Validation|Serialization|Throttling|UnknownOperation|ClusterNotFound|Server|Client)/.test(type)
      ? 'message'
      : 'Message'
  send(response, status, { __type: type, ...(message === '' ? {} : { [spelling]: message }) })
}

function send(response: ServerResponse, status: number, body: Json): void {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() }
  response.writeHead(status, headers).end(JSON.stringify(body))
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
