/** What the tests of this folder start with: the doubles, a client that says anything, and the adapters. */

import { createHash, createHmac } from 'node:crypto'
import { request } from 'node:http'
import type { TestContext } from 'node:test'
import { createAutomation } from '../../src/aws/automation.ts'
import { type Clients, createClients } from '../../src/aws/clients.ts'
import { createFleet } from '../../src/aws/fleet.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import type { Automation, Fleet, SecretStore } from '../../src/core/ports.ts'
import { type VirtualClock, virtualClock } from '../doubles/virtual-clock.ts'
import { type AwsDouble, type AwsOptions, startAws } from './server.ts'
import type { Identity } from './signature.ts'
import type { Json } from './wire.ts'
import type { AwsEvent } from './world.ts'

export const TESTER: Identity & { readonly secretAccessKey: string } = {
  name: 'arn:aws:sts::123456789012:assumed-role/tester/session',
  accessKeyId: 'AKIATESTERTESTER0001',
  secretAccessKey: 'tester-secret-key',
  actions: ['*'],
}

export interface Answer {
  readonly status: number
  /** The error class, or `ok`. */
  readonly type: string
  readonly message: string
  readonly body: Json
}

export interface Fixture {
  readonly aws: AwsDouble
  readonly clock: VirtualClock
  readonly events: readonly AwsEvent[]
  readonly store: SecretStore
  readonly fleet: Fleet
  readonly automation: Automation
  /** Any request, signed unless told otherwise: the double sees exactly this. */
  ask(operation: string, input: Json, change?: Partial<RawRequest>): Promise<Answer>
}

export interface RawRequest {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  readonly region: string
  readonly service: string
  readonly target: string
  readonly signedHeaders: readonly string[]
  readonly authorization: string | null
  readonly contentType: string
  readonly body: string
}

/** Starts the doubles for one test and closes them after it. */
export async function start(context: TestContext, options: Partial<AwsOptions> = {}): Promise<Fixture> {
  const clock = virtualClock()
  const events: AwsEvent[] = []
  const aws = await startAws({ clock, identities: [TESTER], onEvent: (event) => void events.push(event), ...options })
  const clients = clientsOf(aws)
  context.after(async () => {
    clients.secrets.destroy()
    clients.ssm.destroy()
    await aws.close()
  })
  return {
    aws,
    clock,
    events,
    store: createSecretStore(clients.secrets),
    fleet: createFleet(clients.ssm),
    automation: createAutomation(clients.ssm),
    ask: (operation, input, change = {}) => ask(aws, operation, input, change),
  }
}

/** SDK clients as the product makes them, that reach nothing but the double. */
export function clientsOf(aws: AwsDouble, identity: Identity = TESTER): Clients {
  const { accessKeyId, secretAccessKey = 'any' } = identity
  return createClients({
    region: aws.region,
    only: { endpoint: aws.endpoint, accessKeyId, secretAccessKey },
    userAgent: [
      ['ecs-pull-auth', '1.2.3'],
      ['md/run-id', '42'],
    ],
  })
}

const SSM = /Document|Command|Parameter|InstanceInformation/

function ask(aws: AwsDouble, operation: string, input: Json, change: Partial<RawRequest>): Promise<Answer> {
  const ssm = SSM.test(operation)
  const service = change.service ?? (ssm ? 'ssm' : 'secretsmanager')
  const body = change.body ?? JSON.stringify(input)
  const stamp = '20261124T000000Z'
  const url = new URL(aws.endpoint)
  const headers: Record<string, string> = {
    host: url.host,
    'content-type': change.contentType ?? 'application/x-amz-json-1.1',
    'x-amz-date': stamp,
    'x-amz-target': change.target ?? `${ssm ? 'AmazonSSM' : 'secretsmanager'}.${operation}`,
    ...(change.sessionToken === undefined ? {} : { 'x-amz-security-token': change.sessionToken }),
  }
  const signed = [...(change.signedHeaders ?? Object.keys(headers))].sort()
  const scope = `${stamp.slice(0, 8)}/${change.region ?? aws.region}/${service}/aws4_request`
  const lines = signed.map((name) => `${name}:${headers[name]}\n`).join('')
  const canonical = ['POST', '/', '', lines, signed.join(';'), sha256(body)].join('\n')
  const parts = scope.split('/')
  const key = parts.reduce<string | Buffer>(hmac, `AWS4${change.secretAccessKey ?? TESTER.secretAccessKey}`)
  const signature = hmac(key, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n')).toString('hex')
  const credential = `${change.accessKeyId ?? TESTER.accessKeyId}/${scope}`
  const authorization =
    change.authorization === undefined
      ? `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed.join(';')}, Signature=${signature}`
      : change.authorization
  return post(url, authorization === null ? headers : { ...headers, authorization }, body)
}

function post(url: URL, headers: Record<string, string>, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers, agent: false }, async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      const answer = parse(Buffer.concat(chunks).toString('utf8'))
      const type = String(answer['__type'] ?? (response.statusCode === 200 ? 'ok' : 'unreadable'))
      const message = String(answer['message'] ?? answer['Message'] ?? '')
      resolve({ status: response.statusCode ?? 0, type, message, body: answer })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function parse(body: string): Json {
  try {
    return JSON.parse(body) as Json
  } catch {
    return {}
  }
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

function hmac(key: string | Buffer, content: string): Buffer {
  return createHmac('sha256', key).update(content).digest()
}

/** Version ids that a reader can tell apart: 36 characters as a ClientRequestToken has. */
export function version(number: number): string {
  return `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`
}
