/** How the clients are set up: Region, credentials, time limits, user agent, proxy. */

import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { callerRegion, createClients } from '../../src/aws/clients.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { isCode } from '../../src/core/errors.ts'
import { clientsOf, start } from './fixture.ts'

const KEYS = { accessKeyId: 'AKIAANYBODY', secretAccessKey: 'any' }
const US = { region: 'us-east-1', userAgent: [] as [string, string][] }

async function listen(
  context: TestContext,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => serve(request, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The environment of one test; tests of this file run one after the other. */
function environment(context: TestContext, wanted: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  const aws = Object.keys(process.env).filter((name) => name.startsWith('AWS_'))
  for (const name of aws) delete process.env[name]
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nonexistent', ...wanted })
  context.after(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })
}

test('CloudTrail shows the tool, its version and the workflow run', async (context) => {
  const { aws } = await start(context)
  aws.secrets.create('s', 'S1')
  await createSecretStore(clientsOf(aws).secrets).describe('s')
  assert.match(aws.requests[0]?.userAgent ?? '', / ecs-pull-auth\/1\.2\.3 md\/run-id#42$/)
})

test('AWS_ENDPOINT_URL, credentials and Region of the environment are honoured', async (context) => {
  const { aws } = await start(context, { identities: null, region: 'eu-west-1' })
  aws.secrets.create('s', 'S1')
  environment(context, {
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIAOFTHEENVIRONMENT',
    AWS_SECRET_ACCESS_KEY: 'any',
  })
  const clients = createClients({ userAgent: [] })
  assert.equal(await callerRegion(clients), 'eu-west-1')
  await createSecretStore(clients.secrets).describe('s')
  assert.equal(aws.requests[0]?.caller, 'AKIAOFTHEENVIRONMENT')
})

test('no Region is AWS_CREDENTIALS and says how to set one', async (context) => {
  environment(context, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })
  const clients = createClients({ userAgent: [] })
  const noRegion = (error: unknown) =>
    isCode(error, 'AWS_CREDENTIALS') && /Region/.test(error.message) && /AWS_REGION/.test(error.hint)
  await assert.rejects(callerRegion(clients), noRegion)
  await assert.rejects(createSecretStore(clients.secrets).describe('s'), noRegion)
})

test('no credentials are AWS_CREDENTIALS', async (context) => {
  environment(context, {})
  const store = createSecretStore(createClients(US).secrets)
  await assert.rejects(
    store.describe('s'),
    (error) => isCode(error, 'AWS_CREDENTIALS') && /CredentialsProviderError/.test(error.message),
  )
})

test('nobody at the endpoint is AWS_UNAVAILABLE', async (context) => {
  const { aws } = await start(context)
  await aws.close()
  const store = createSecretStore(createClients({ ...US, only: { endpoint: aws.endpoint, ...KEYS } }).secrets)
  await assert.rejects(
    store.describe('s'),
    (error) => isCode(error, 'AWS_UNAVAILABLE') && /ECONNREFUSED/.test(error.message),
  )
})

describe('a call ends', () => {
  const timedOut = (error: unknown) => isCode(error, 'AWS_UNAVAILABLE') && /ETIMEDOUT/.test(error.message)
  const hurried = { ...US, sleep: async () => undefined }

  test('and is AWS_UNAVAILABLE after three attempts without a connection, of 2 s each', async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    let opened = 0
    context.mock.method(Socket.prototype, 'connect', function (this: Socket) {
      opened += 1
      Object.assign(this, { connecting: true })
      setImmediate(() => context.mock.timers.tick(2_000))
      return this
    })
    const { secrets } = createClients({ ...hurried, only: { endpoint: 'http://127.0.0.1:1', ...KEYS } })
    await assert.rejects(createSecretStore(secrets).describe('s'), timedOut)
    assert.equal(opened, 3)
  })

  const hanging = [
    ['nothing is answered', () => undefined],
    ['an answer stays unfinished', (response: ServerResponse) => response.writeHead(200).write('{"ARN":')],
  ] as const
  for (const [what, answer] of hanging) {
    test(`and is AWS_UNAVAILABLE when ${what}, after three attempts of 5 s each`, async (context) => {
      context.mock.timers.enable({ apis: ['setTimeout'] })
      let asked = 0
      const endpoint = await listen(context, (_, response) => {
        asked += 1
        answer(response)
        context.mock.timers.tick(4_999)
        setImmediate(() => context.mock.timers.tick(1))
      })
      const { secrets } = createClients({ ...hurried, only: { endpoint, ...KEYS } })
      await assert.rejects(createSecretStore(secrets).describe('s'), timedOut)
      assert.equal(asked, 3)
    })
  }

  test('and is AWS_UNAVAILABLE when the answer is larger than any answer', async (context) => {
    const endpoint = await listen(context, (_, response) => void response.end('x'.repeat(11 * 1024 * 1024)))
    const { secrets } = createClients({ ...US, only: { endpoint, ...KEYS } })
    await assert.rejects(createSecretStore(secrets).describe('s'), (error) => isCode(error, 'AWS_UNAVAILABLE'))
  })
})

test('connections are kept', async (context) => {
  const ports = new Set<number | undefined>()
  const endpoint = await listen(context, (request, response) => {
    ports.add(request.socket.remotePort)
    response.end('{}')
  })
  const { secrets } = createClients({ ...US, only: { endpoint, ...KEYS } })
  for (let call = 0; call < 3; call += 1) await createSecretStore(secrets).describe('s')
  secrets.destroy()
  assert.equal(ports.size, 1)
})

test('a proxy of the environment is used for AWS, and its refusal is AWS_UNAVAILABLE', async (context) => {
  const asked: string[] = []
  const proxy = createServer().on('connect', (request, socket) => {
    asked.push(request.url ?? '')
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  context.after(() => proxy.close())
  environment(context, {})
  const proxyEnv = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }
  const only = { endpoint: 'https://secretsmanager.us-east-1.amazonaws.com', ...KEYS }
  const store = createSecretStore(createClients({ ...US, proxyEnv, only }).secrets)
  await assert.rejects(store.describe('s'), (error) => isCode(error, 'AWS_UNAVAILABLE'))
  assert.deepEqual([...new Set(asked)], ['secretsmanager.us-east-1.amazonaws.com:443'])
})
