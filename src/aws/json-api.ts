/** A client of the services that speak AWS JSON 1.1: sign, send, understand, try again. What the SDK's clients do, in a few KB. */

import type { Endpoints } from './endpoints.ts'
import type { AwsIdentity, IdentitySource } from './environment-credentials.ts'
import { type CallError, RetryBudget, type Worth, waitAsked, worthAnother } from './retries.ts'
import type { ServerClock } from './server-clock.ts'
import { signedHeaders } from './sigv4.ts'
import type { Answer, Order, Transport } from './transport.ts'

/** One operation with its input. */
export abstract class AwsCommand<Input extends object, Output extends object> {
  abstract readonly operation: string
  readonly input: Input
  /** Never set: the type of the answer. */
  declare readonly output: Output

  constructor(input: Input) {
    this.input = input
  }
}

export interface AwsClient {
  /** What other requests are signed with. */
  readonly config: Signing
  /** Throws an Error with the class of the service's refusal as its name, and `$metadata` where there was an answer. */
  send<Output extends object>(
    command: AwsCommand<object, Output>,
    limit?: { readonly attempts: number },
  ): Promise<Output>
  destroy(): void
}

export interface Signing {
  region(): Promise<string>
  readonly endpoints: Endpoints
  readonly credentials: IdentitySource
  readonly clock: ServerClock
}

export interface Wire extends Signing {
  readonly transport: Transport
  /** Beside those of the protocol. */
  headers(): Readonly<Record<string, string>>
  sleep(milliseconds: number): Promise<void>
}

const ATTEMPTS = 3
/** The services that have a client here, by the name under which they know their operations. */
const TARGETS = { secretsmanager: 'secretsmanager', ssm: 'AmazonSSM' } as const
type ServiceName = keyof typeof TARGETS

export function createJsonClient(service: ServiceName, wire: Wire): AwsClient {
  const budget = new RetryBudget()
  return {
    config: wire,
    destroy: () => wire.transport.destroy(),
    async send<Output extends object>(command: AwsCommand<object, Output>, { attempts = ATTEMPTS } = {}) {
      // The same bytes at every attempt: a Put that is repeated must be the same Put.
      const call: Call = { service, operation: command.operation, body: JSON.stringify(command.input) }
      let last: Worth = null
      for (let attempt = 1; ; attempt += 1) {
        const tried = await tryOnce(wire, call)
        if ('output' in tried) {
          budget.refund(last)
          return tried.output as Output
        }
        last = attempt < attempts ? await worthOf(wire, tried) : null
        const wait = last === null ? null : budget.spend(last, attempt, waitAsked(tried.answer?.headers ?? {}))
        if (wait === null) throw tried.error
        await wire.sleep(wait)
      }
    },
  }
}

interface Call {
  readonly service: ServiceName
  readonly operation: string
  readonly body: string
}

interface Failed {
  readonly error: CallError
  readonly answer: Answer | null
  readonly identity: AwsIdentity | null
  /** By how much the service seemed to be ahead when this was signed. */
  readonly ahead: number
}

type Tried = { readonly output: object } | Failed

async function tryOnce(wire: Wire, call: Call): Promise<Tried> {
  const { ahead } = wire.clock
  let [answer, identity]: [Answer | null, AwsIdentity | null] = [null, null]
  try {
    const [url, region] = await Promise.all([wire.endpoints.of(call.service), wire.region()])
    identity = await wire.credentials()
    answer = await wire.transport.post(sign(wire, call, { url, region, identity }))
    wire.clock.learn(answer.headers)
    return { output: understand(answer) }
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown
    return { error: thrown, answer, identity, ahead }
  }
}

interface Signature {
  readonly url: URL
  readonly region: string
  readonly identity: AwsIdentity
}

function sign(wire: Wire, { service, operation, body }: Call, { url, region, identity }: Signature): Order {
  const unsigned = {
    method: 'POST',
    url,
    headers: {
      ...wire.headers(),
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `${TARGETS[service]}.${operation}`,
    },
    body,
  }
  const headers = signedHeaders(unsigned, identity, { service, region, date: wire.clock.now() })
  return { url, headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) }, body }
}

/** What is wrong for a reason that can be put right at once is transient too: our clock, or keys that ran out meanwhile. */
async function worthOf(wire: Wire, { error, answer, identity, ahead }: Failed): Promise<Worth> {
  const worth = worthAnother(error)
  if (worth !== null || answer === null) return worth
  if (CLOCK_REFUSALS.has(error.name) && wire.clock.isNews(ahead)) return 'transient'
  return EXPIRED.has(error.name) && (await hasFreshKeys(wire, identity)) ? 'transient' : null
}

const CLOCK_REFUSALS: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])

const EXPIRED: ReadonlySet<string> = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired'])

async function hasFreshKeys({ credentials }: Wire, used: AwsIdentity | null): Promise<boolean> {
  try {
    const fresh = await credentials({ forceRefresh: true })
    return fresh.accessKeyId !== used?.accessKeyId || fresh.sessionToken !== used.sessionToken
  } catch {
    // The refusal says more than why there is nothing newer.
    return false
  }
}

function understand(answer: Answer): object {
  const $metadata = metadataOf(answer)
  const body = answer.text === '' ? {} : parse(answer.text)
  if (body === null) {
    // Its text may be a proxy's page, and is nobody's to print.
    throw Object.assign(new SyntaxError('The answer is no JSON object.'), { $metadata })
  }
  if (answer.status < 300) return Object.assign(body, { $metadata })
  const { __type, code, Code, message, Message } = body as Readonly<Record<string, unknown>>
  const type = __type ?? code ?? Code ?? answer.headers['x-amzn-errortype'] ?? 'Unknown'
  throw Object.assign(new Error(String(message ?? Message ?? 'UnknownError')), {
    name: className(String(type)),
    $metadata,
  })
}

function metadataOf({ status, headers }: Answer) {
  const requestId = headers['x-amzn-requestid'] ?? headers['x-amzn-request-id'] ?? headers['x-amz-request-id']
  return { httpStatusCode: status, ...(typeof requestId === 'string' ? { requestId } : {}) }
}

function parse(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text, revive)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** Seconds since 1970 to a Date, by how all timestamps of these services are spelled; null is as good as absent. */
function revive(name: string, value: unknown): unknown {
  if (value === null) return undefined
  return typeof value === 'number' && /(?:Date|Time|After)$/.test(name) ? new Date(value * 1_000) : value
}

/** `aws.protocols#Name:http://…` is Name. */
function className(type: string): string {
  const [plain = ''] = type.split(/[,:]/)
  return plain.split('#')[1] ?? plain
}
