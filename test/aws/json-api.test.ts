/** What our client makes of an answer, and when it asks again: held against the SDK's own client before the same server. */

import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import * as secretsManager from '@aws-sdk/client-secrets-manager'
import * as ssm from '@aws-sdk/client-ssm'
import { StandardRetryStrategy } from '@smithy/core/retry'
import { NormalizedSchema } from '@smithy/core/schema'
import { type ClientOptions, createClients } from '../../src/aws/clients.ts'
import { AwsCommand } from '../../src/aws/json-api.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import * as ourSecrets from '../../src/aws/secrets-manager-api.ts'
import * as ourSsm from '../../src/aws/ssm-api.ts'
import { isCode } from '../../src/core/errors.ts'
import type { SecretArn, VersionId } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'

const KEYS = { accessKeyId: 'AKIAANYBODY', secretAccessKey: 'any' }
const REGION = 'us-east-1'

interface Reply {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Service {
  readonly endpoint: string
  readonly asked: Asked[]
  reply: (attempt: number, asked: Asked) => Reply | ((response: ServerResponse) => void)
}

async function start(context: TestContext): Promise<Service> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      const asked = { headers: request.headers, body }
      const reply = service.reply(service.asked.push(asked), asked)
      if (typeof reply === 'function') reply(response)
      else response.writeHead(reply.status, reply.headers).end(reply.body ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const service: Service = { endpoint, asked: [], reply: () => ({ status: 200, body: '{}' }) }
  return service
}

/** The waits of a client, none of which is waited for. */
interface Client {
  readonly waits: number[]
  describe(): Promise<object>
}

function ourClient(
  { endpoint }: Service,
  change: Partial<ClientOptions> = {},
): Client & { secrets: ourSecrets.SecretsManagerClient } {
  const waits: number[] = []
  const sleep = async (milliseconds: number) => void waits.push(milliseconds)
  const { secrets } = createClients({ region: REGION, userAgent: [], only: { endpoint, ...KEYS }, sleep, ...change })
  return { waits, secrets, describe: () => secrets.send(new ourSecrets.DescribeSecretCommand({ SecretId: 's' })) }
}

function sdkClient({ endpoint }: Service): Client {
  const waits: number[] = []
  let base = 0
  const backoff = {
    setDelayBase: (milliseconds: number) => {
      base = milliseconds
    },
    // The SDK's own formula; its waits would be real.
    computeNextBackoffDelay: (attempt: number) => {
      waits.push(Math.floor(Math.random() * Math.min(base * 2 ** attempt, 20_000)))
      return 0
    },
  }
  const client = new secretsManager.SecretsManagerClient({
    region: REGION,
    endpoint,
    credentials: KEYS,
    retryStrategy: new StandardRetryStrategy({ maxAttempts: 3, backoff }),
  })
  return { waits, describe: () => client.send(new secretsManager.DescribeSecretCommand({ SecretId: 's' })) }
}

interface Seen {
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  readonly requestId: string | undefined
}

async function seen(call: () => Promise<object>): Promise<Seen | null> {
  try {
    await call()
    return null
  } catch (thrown) {
    const { name, message, $metadata } = thrown as secretsManager.SecretsManagerServiceException
    return { name, message, status: $metadata?.httpStatusCode, requestId: $metadata?.requestId }
  }
}

const json = (value: object) => JSON.stringify(value)
const PAGE = '<html><body>503 Service Unavailable</body></html>'
const ANSWERS: readonly (readonly [what: string, reply: Reply, attempts: number])[] = [
  ['nothing in particular', { status: 200, body: '{}' }, 1],
  ['an empty body', { status: 200 }, 1],
  ['a class', { status: 400, body: json({ __type: 'ResourceNotFoundException', Message: 'gone' }) }, 1],
  ['a small message', { status: 400, body: json({ __type: 'InvalidRequestException', message: 'no' }) }, 1],
  [
    'a class with a namespace',
    { status: 400, body: json({ __type: 'com.amazonaws.secretsmanager#ResourceExistsException', Message: 'there' }) },
    1,
  ],
  [
    'a class in a header, with its address',
    {
      status: 400,
      headers: { 'x-amzn-errortype': 'ResourceNotFoundException:http://internal.amazon.com/coral/' },
      body: json({ message: 'gone' }),
    },
    1,
  ],
  ['a class in a header and no body', { status: 400, headers: { 'x-amzn-errortype': 'AccessDeniedException' } }, 1],
  ['a class that nobody knows', { status: 400, body: json({ __type: 'NewException', message: 'new' }) }, 1],
  ['a class in the member code', { status: 400, body: json({ code: 'NewException', message: 'new' }) }, 1],
  ['no class', { status: 400, body: '{}' }, 1],
  [
    'a request id',
    { status: 400, headers: { 'x-amzn-requestid': 'abc' }, body: json({ __type: 'DecryptionFailure' }) },
    1,
  ],
  ['a denial', { status: 400, body: json({ __type: 'AccessDeniedException', Message: 'User: x is not' }) }, 1],
  ['a throttle', { status: 400, body: json({ __type: 'ThrottlingException', message: 'Rate exceeded' }) }, 3],
  ['another throttle', { status: 400, body: json({ __type: 'TooManyRequestsException', message: 'slow' }) }, 3],
  ['a throttle by its status', { status: 429, body: json({ __type: 'NewException', message: 'slow' }) }, 3],
  ['a quota', { status: 400, body: json({ __type: 'LimitExceededException', Message: 'many' }) }, 3],
  ['a request that took too long', { status: 400, body: json({ __type: 'RequestTimeoutException' }) }, 3],
  ['a failure of the service', { status: 500, body: json({ __type: 'InternalServiceError', Message: 'ouch' }) }, 3],
  ['a failure of the service without a body', { status: 502 }, 3],
  ['an unknown failure of the service', { status: 501, body: json({ __type: 'NewException', message: 'x' }) }, 1],
  ['a failure of a gateway', { status: 504, body: json({ message: 'late' }) }, 3],
]

describe('the SDK and we understand alike', { concurrency: true }, () => {
  for (const [what, reply, attempts] of ANSWERS) {
    test(what, async (context) => {
      const service = await start(context)
      service.reply = () => reply
      const theirs = await seen(sdkClient(service).describe)
      const theirAttempts = service.asked.splice(0).length
      assert.deepEqual(await seen(ourClient(service).describe), theirs)
      assert.deepEqual([service.asked.length, theirAttempts], [attempts, attempts])
    })
  }
})

describe('what is no JSON is never shown', { concurrency: true }, () => {
  const pages: readonly (readonly [
    what: string,
    reply: Reply,
    attempts: number,
    code: 'AWS_UNAVAILABLE' | 'AWS_THROTTLED',
  ])[] = [
    ['the page of a load balancer', { status: 503, body: PAGE }, 3, 'AWS_UNAVAILABLE'],
    ['the page of a throttling gateway', { status: 429, body: PAGE }, 3, 'AWS_THROTTLED'],
    ['the page of a proxy', { status: 200, body: PAGE }, 1, 'AWS_UNAVAILABLE'],
    ['the refusal of a proxy', { status: 403, body: PAGE }, 1, 'AWS_UNAVAILABLE'],
    ['a redirect to a portal', { status: 302, headers: { location: 'https://portal.test' } }, 1, 'AWS_UNAVAILABLE'],
    ['a list', { status: 200, body: '["a"]' }, 1, 'AWS_UNAVAILABLE'],
    ['null', { status: 200, body: 'null' }, 1, 'AWS_UNAVAILABLE'],
    ['half an object', { status: 200, body: '{"Name":"s"' }, 1, 'AWS_UNAVAILABLE'],
  ]
  for (const [what, reply, attempts, code] of pages) {
    test(what, async (context) => {
      const service = await start(context)
      const mark = marked('page')
      service.reply = () => ({ ...reply, body: (reply.body ?? '').replace('503', mark) })
      const failed = (error: unknown) => {
        assertNoMarks(inspect(error, { depth: 9 }), 'the error')
        return isCode(error, code)
      }
      await assert.rejects(createSecretStore(ourClient(service).secrets).describe('s'), failed)
      assert.equal(service.asked.length, attempts)
    })
  }
})

describe('an answer that breaks off is asked for again', { concurrency: true }, () => {
  const broken: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ['before its first byte', (response) => response.socket?.destroy()],
    ['after its headers', (response) => void response.writeHead(200, { 'content-length': 9 }).flushHeaders()],
    ['in the middle of its body', (response) => response.writeHead(200, { 'content-length': 100 }).write('{"Name":')],
    ['between two chunks', (response) => response.writeHead(200).write('{"Name":"s"}')],
  ]
  for (const [what, breakOff] of broken) {
    test(what, async (context) => {
      const service = await start(context)
      service.reply = (attempt) =>
        attempt < 3
          ? (response) => {
              breakOff(response)
              setImmediate(() => response.socket?.destroy())
            }
          : { status: 200, body: '{"Name":"s"}' }
      assert.equal(((await ourClient(service).describe()) as { Name?: string }).Name, 's')
      assert.equal(service.asked.length, 3)
    })
  }
})

describe('between attempts', () => {
  for (const [what, reply] of [
    ['after a throttle', { status: 400, body: json({ __type: 'ThrottlingException' }) }],
    ['after a failure', { status: 500, body: '{}' }],
  ] as const) {
    test(`we wait as long as the SDK ${what}, a random part of twice as long each time`, async (context) => {
      const service = await start(context)
      service.reply = () => reply
      for (const chance of [0, 0.3, 0.999]) {
        context.mock.method(Math, 'random', () => chance)
        const [ours, theirs] = [ourClient(service), sdkClient(service)]
        await Promise.all([seen(ours.describe), seen(theirs.describe)])
        assert.deepEqual(ours.waits, theirs.waits)
        assert.equal(ours.waits.length, 2)
        context.mock.restoreAll()
      }
    })
  }

  test('we wait as long as the answer asks, up to 5 s more than our own wait', async (context) => {
    const service = await start(context)
    context.mock.method(Math, 'random', () => 0)
    const asked: readonly (readonly [Readonly<Record<string, string>>, number])[] = [
      [{ 'retry-after': '2' }, 2_000],
      [{ 'retry-after': '0.5' }, 500],
      [{ 'retry-after': '3600' }, 5_000],
      [{ 'x-amz-retry-after': '1500' }, 1_500],
      [{ 'x-amz-retry-after': '-1' }, 0],
      [{ 'retry-after': 'soon' }, 0],
    ]
    for (const [headers, wait] of asked) {
      service.reply = () => ({ status: 503, headers, body: '{}' })
      const client = ourClient(service)
      await seen(client.describe)
      assert.deepEqual(client.waits, [wait, wait], json(headers))
    }
  })

  test('a service in trouble is asked less and less, as by the SDK, and again once it is well', async (context) => {
    const service = await start(context)
    const run = async (client: Client) => {
      const attempts: number[] = []
      for (let call = 0; call < 60; call += 1) {
        const isWell = call >= 25 && call < 50
        service.reply = () => (isWell ? { status: 200, body: '{}' } : { status: 503, body: '{}' })
        await seen(client.describe)
        attempts.push(service.asked.splice(0).length)
      }
      return attempts
    }
    const theirs = await run(sdkClient(service))
    const ours = await run(ourClient(service))
    assert.deepEqual(ours, theirs)
    assert.deepEqual([ours[0], ours[24], ours[50], ours[59]], [3, 1, 3, 1])
  })

  test('a write keeps its bytes and its token, and is signed anew', async (context) => {
    const service = await start(context)
    let now = Date.parse('2026-11-24T00:00:00Z')
    service.reply = (attempt) => (attempt < 3 ? { status: 500, body: '{}' } : { status: 200, body: '{}' })
    const { secrets } = ourClient(service, { now: () => (now += 60_000) })
    service.reply = noDate(service.reply)
    const version = '00000002-0000-4000-8000-000000000000' as VersionId
    const put = { version, text: new Secret('S2'), label: 'STAGED' } as const
    await createSecretStore(secrets).put(
      'arn:aws:secretsmanager:us-east-1:123456789012:secret:s-abcdef' as SecretArn,
      put,
    )
    assert.equal(service.asked.length, 3)
    assert.equal(new Set(service.asked.map(({ body }) => body)).size, 1)
    assert.match(service.asked[0]?.body ?? '', new RegExp(`"ClientRequestToken":"${version}"`))
    assert.equal(new Set(service.asked.map(({ headers }) => headers['x-amz-date'])).size, 3)
  })
})

/** Answers that tell no time. */
function noDate(reply: Service['reply'], date?: string, age?: string): Service['reply'] {
  return (attempt, asked) => (response) => {
    const { status, body = '' } = reply(attempt, asked) as Reply
    response.sendDate = false
    if (date !== undefined) response.setHeader('date', date)
    if (age !== undefined) response.setHeader('age', age)
    response.writeHead(status).end(body)
  }
}

describe('a clock that is wrong', { concurrency: true }, () => {
  const TIME = Date.parse('2026-11-24T12:00:00Z')
  const DATE = new Date(TIME).toUTCString()

  /** Refuses what was signed more than five minutes off. */
  async function strict(context: TestContext, type: string, age?: string): Promise<Service> {
    const service = await start(context)
    const reply = (_: number, { headers }: Asked): Reply => {
      const [, y, mo, d, h, m, s] = /^(....)(..)(..)T(..)(..)(..)Z$/.exec(String(headers['x-amz-date'])) ?? []
      const off = Math.abs(Date.parse(`${y}-${mo}-${d}T${h}:${m}:${s}Z`) - TIME)
      return off <= 300_000 ? { status: 200, body: '{}' } : { status: 400, body: json({ __type: type, message: 'no' }) }
    }
    service.reply = noDate(reply, DATE, age)
    return service
  }

  for (const type of ['InvalidSignatureException', 'RequestTimeTooSkewed', 'RequestExpired', 'AuthFailure']) {
    for (const off of [-3_600_000, 3_600_000, 86_400_000]) {
      test(`by ${off / 60_000} minutes is put right after one ${type}, and stays right`, async (context) => {
        const service = await strict(context, type)
        const { describe: ask } = ourClient(service, { now: () => TIME + off })
        assert.equal(await seen(ask), null)
        assert.equal(service.asked.length, 2)
        assert.equal(await seen(ask), null)
        assert.equal(service.asked.length, 3)
      })
    }
  }

  test('is not put right by an answer from a cache', async (context) => {
    const service = await strict(context, 'InvalidSignatureException', '4000')
    const { describe: ask } = ourClient(service, { now: () => TIME + 3_600_000 })
    assert.equal((await seen(ask))?.name, 'InvalidSignatureException')
    assert.equal(service.asked.length, 1)
  })

  test('by four minutes at most is left alone: a wrong signature is then a wrong key', async (context) => {
    const service = await start(context)
    service.reply = noDate(() => ({ status: 400, body: json({ __type: 'InvalidSignatureException' }) }), DATE)
    const { describe: ask } = ourClient(service, { now: () => TIME + 200_000 })
    assert.equal((await seen(ask))?.name, 'InvalidSignatureException')
    assert.equal(service.asked.length, 1)
  })

  test('and a key that is wrong too end after two attempts', async (context) => {
    const service = await start(context)
    service.reply = noDate(() => ({ status: 400, body: json({ __type: 'InvalidSignatureException' }) }), DATE)
    const { describe: ask } = ourClient(service, { now: () => TIME + 3_600_000 })
    assert.equal((await seen(ask))?.name, 'InvalidSignatureException')
    assert.equal(service.asked.length, 2)
  })
})

/** Every operation that the product calls, by the SDK's description of it. */
const OPERATIONS = [
  [ourSecrets, secretsManager],
  [ourSsm, ssm],
].flatMap(([ours, theirs]) =>
  Object.values(ours as Record<string, new (input: object) => unknown>).flatMap((Command) => {
    const command = new Command({})
    if (!(command instanceof AwsCommand)) return []
    const name = (command as AwsCommand<object, object>).operation
    return [[name, (theirs as unknown as Record<string, readonly unknown[]>)[`${name}$`] ?? []] as const]
  }),
)

describe('an answer has the types that the SDK gives', () => {
  test('for the operations that are there', () => assert.ok(OPERATIONS.length > 15))

  for (const [name, [, , , , , output]] of OPERATIONS) {
    test(name, () => {
      let numbers = 0
      const walk = (schema: NormalizedSchema, at: string, path: readonly string[]) => {
        // The store only asks whether it is there.
        if (schema.isBlobSchema()) assert.equal(path.join('.'), 'GetSecretValue.SecretBinary')
        numbers += 1
        const isTime = /(?:Date|Time|After)$/.test(at)
        if (schema.isTimestampSchema()) assert.ok(isTime, path.join('.'))
        if (schema.isNumericSchema()) assert.ok(!isTime, path.join('.'))
        if (schema.isStructSchema() && path.length < 9)
          for (const [member, inner] of schema.structIterator()) walk(inner, member, [...path, member])
        else if (schema.isListSchema() || schema.isMapSchema()) walk(schema.getValueSchema(), at, [...path, '*'])
      }
      walk(NormalizedSchema.of(output as never), name, [name])
      assert.ok(numbers > 0)
    })
  }

  test('a time is a Date, and null is as good as absent', async (context) => {
    const service = await start(context)
    const body =
      '{"CreatedDate":1764000000.5,"LastRotatedDate":null,"RotationRules":{"AutomaticallyAfterDays":30},"Tags":[]}'
    service.reply = () => ({ status: 200, body })
    const { $metadata: _, ...ours } = (await ourClient(service).describe()) as { $metadata: object }
    const { $metadata: __, ...theirs } = (await sdkClient(service).describe()) as { $metadata: object }
    assert.deepEqual(ours, theirs)
  })
})
