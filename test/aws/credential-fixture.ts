/** One server for everything that hands out AWS credentials, and both clients, ours and the SDK's, asked before it alike. */

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createRequire } from 'node:module'
import { type AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager'
import { BUNDLES, bundle } from '../../build.mjs'
import { createClients } from '../../src/aws/clients.ts'
import { DescribeSecretCommand as OurDescribeSecret } from '../../src/aws/secrets-manager-api.ts'
import type { Certificate } from '../doubles/certificate.ts'
import { sdkClients } from '../doubles/sdk-clients.ts'

/** What a request was signed with; the Region is the one that was signed for. */
export interface Call {
  readonly what: string
  readonly by: string
  readonly region: string
  readonly token: string
  /** Of a question to STS, SSO or a metadata endpoint. */
  readonly asked?: Readonly<Record<string, string>>
}

interface Reply {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

type Answer = (request: IncomingMessage, body: string) => Reply | null

export interface Place {
  readonly base: string
  readonly home: string
  readonly calls: Call[]
  /** Asked first, newest first; null leaves the request to the next. */
  answer(answer: Answer): void
  /** A file under home. */
  file(name: string, text: string): string
  config(text: string): void
  /** Sets AWS_* as given, and nothing else of AWS; may be called again. */
  env(wanted: Readonly<Record<string, string>>): void
}

const SOON = () => new Date(Date.now() + 3_600_000).toISOString()

/** For one test; tests of one file run one after the other. */
export async function start(context: TestContext, certificate?: Certificate): Promise<Place> {
  const home = mkdtempSync(join(tmpdir(), 'credentials-'))
  const calls: Call[] = []
  const answers: Answer[] = [answerOf]
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      calls.push(callOf(request, body))
      const replies = answers.map((answer) => answer(request, body))
      const { status, headers = {}, body: text } = replies.find((reply) => reply !== null) ?? { status: 404, body: '' }
      response.writeHead(status, headers).end(text)
    })
  }
  const server = certificate === undefined ? createServer(serve) : createTlsServer(certificate, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  const before = { ...process.env }
  context.after(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
    server.closeAllConnections()
    server.close()
    rmSync(home, { recursive: true })
  })
  const env = (wanted: Readonly<Record<string, string>>) => {
    for (const name of Object.keys(process.env)) if (/^_?(AWS|X_AMZN)_/.test(name)) delete process.env[name]
    const files = {
      AWS_CONFIG_FILE: join(home, '.aws/config'),
      AWS_SHARED_CREDENTIALS_FILE: join(home, '.aws/credentials'),
    }
    Object.assign(process.env, { HOME: home, AWS_ENDPOINT_URL: base, AWS_REGION: 'eu-west-1' }, files, wanted)
    for (const [name, value] of Object.entries(wanted)) if (value === '') delete process.env[name]
  }
  const file = (name: string, text: string) => {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text, { mode: 0o600 })
    return join(home, name)
  }
  env({ AWS_EC2_METADATA_DISABLED: 'true' })
  return {
    base,
    home,
    calls,
    answer: (answer) => void answers.unshift(answer),
    file,
    config: (text) => void file('.aws/config', text),
    env,
  }
}

/** Connections to addresses of the link end at the double: a test cannot have them. */
export function linkLocal(context: TestContext, { base }: Place): void {
  const connect = Socket.prototype.connect as (this: Socket, ...given: unknown[]) => Socket
  context.mock.method(Socket.prototype, 'connect', function (this: Socket, ...given: unknown[]) {
    const [first] = given
    const options = (Array.isArray(first) ? first[0] : first) as { host?: string; port?: unknown }
    if (options.host?.startsWith('169.254.')) Object.assign(options, { host: '127.0.0.1', port: new URL(base).port })
    return connect.apply(this, given)
  })
}

/** `name` of the error, null when the call went well. */
export type Outcome = string | null

export interface Asked {
  readonly outcome: Outcome
  readonly calls: readonly Call[]
}

/** One call by a new client of the SDK. */
export async function askSdk(place: Place): Promise<Asked> {
  const { secrets } = sdkClients({})
  const asked = () => secrets.send(new DescribeSecretCommand({ SecretId: 's' })).finally(() => secrets.destroy())
  return { outcome: await outcome(asked), calls: place.calls.splice(0) }
}

/** One call by a new client of ours; `make`: from the sources or from a bundle. */
export async function askOurs(place: Place, make: typeof createClients = createClients): Promise<Asked> {
  const { secrets } = make({ userAgent: [], sleep: async () => undefined })
  const asked = () => secrets.send(new OurDescribeSecret({ SecretId: 's' })).finally(() => secrets.destroy())
  return { outcome: await outcome(asked), calls: place.calls.splice(0) }
}

/** Our clients built as the Action is, with the chain of credential providers in the file beside them, as it ships. */
export async function shippedClients(folder: string): Promise<typeof createClients> {
  const wanted = ['dist/action-whole.cjs', 'dist/credential-chain.cjs']
  const [action, chain] = wanted.map((file) => BUNDLES.find((known) => known.file === file))
  const built = [await bundle({ ...action, entry: 'src/aws/clients.ts' }), await bundle(chain)]
  for (const { file, text } of built) writeFileSync(join(folder, basename(file)), text)
  return createRequire(import.meta.url)(join(folder, 'action-whole.cjs')).createClients
}

export async function outcome(call: () => Promise<unknown>): Promise<Outcome> {
  try {
    await call()
    return null
  } catch (error) {
    return (error as Error).name
  }
}

function callOf({ headers, method, url = '' }: IncomingMessage, body: string): Call {
  const scope = /Credential=([^/]+)\/\d+\/([^/]+)\/[^/]+\//.exec(headers.authorization ?? '')
  const target = headers['x-amz-target']
  const form = Object.fromEntries(new URLSearchParams(body))
  const { pathname, searchParams } = new URL(url, 'http://x')
  return {
    what: typeof target === 'string' ? target : (form['Action'] ?? `${method} ${pathname}`),
    by: scope?.[1] ?? headers.authorization ?? '',
    region: scope?.[2] ?? '',
    token: String(headers['x-amz-security-token'] ?? ''),
    ...(typeof target === 'string' ? {} : { asked: asked(headers, { ...form, ...Object.fromEntries(searchParams) }) }),
  }
}

const TOLD = ['x-aws-ec2-metadata-token', 'x-amz-sso_bearer_token', 'host']

function asked(headers: IncomingMessage['headers'], form: Readonly<Record<string, string>>): Record<string, string> {
  const told = TOLD.filter((name) => name !== 'host' && headers[name] !== undefined)
  const { RoleSessionName: session, ...rest } = form
  return {
    ...rest,
    ...(session === undefined ? {} : { RoleSessionName: session.replace(/\d{10,}/, '*') }),
    ...Object.fromEntries(told.map((name) => [name, String(headers[name])])),
  }
}

/** Keys as each source gives them: the name of a key says where it comes from. */
function answerOf(request: IncomingMessage, body: string): Reply | null {
  const form = new URLSearchParams(body)
  const action = form.get('Action')
  if (action !== null) return sts(action, form)
  if (request.headers['x-amz-target'] !== undefined) return { status: 200, body: '{"Name":"s"}' }
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
  if (pathname === '/federation/credentials') return sso(searchParams)
  if (pathname === '/token') return oidc(body)
  if (pathname.endsWith('/container')) return { status: 200, body: JSON.stringify(keys('CONTAINER')) }
  return metadata(request, pathname)
}

export function keys(name: string, expiration = SOON()) {
  return {
    AccessKeyId: `ASIA${name}`,
    SecretAccessKey: 'secret',
    Token: `token of ${name}`,
    Expiration: expiration,
  }
}

function sts(action: string, form: URLSearchParams): Reply {
  const role = form.get('RoleArn')?.split('/')[1]?.toUpperCase() ?? ''
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = keys(role)
  const credentials = Object.entries({ AccessKeyId, SecretAccessKey, SessionToken: Token, Expiration })
  const inner = credentials.map(([name, value]) => `<${name}>${value}</${name}>`).join('')
  return {
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>${inner}</Credentials></${action}Result></${action}Response>`,
  }
}

function sso(asked: URLSearchParams): Reply {
  const name = `SSO${asked.get('role_name')}`
  const roleCredentials = {
    accessKeyId: `ASIA${name}`,
    secretAccessKey: 'secret',
    sessionToken: `token of ${name}`,
    expiration: Date.now() + 3_600_000,
  }
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ roleCredentials }) }
}

function oidc(body: string): Reply {
  const { refreshToken } = JSON.parse(body) as { refreshToken?: string }
  if (refreshToken !== 'refresh') return { status: 400, body: '{"error":"invalid_grant"}' }
  return { status: 200, body: JSON.stringify({ accessToken: 'renewed', expiresIn: 3600, tokenType: 'Bearer' }) }
}

const ROLE = '/latest/meta-data/iam/security-credentials/'

function metadata({ method, headers }: IncomingMessage, path: string): Reply | null {
  if (path === '/latest/api/token') {
    return method === 'PUT' ? { status: 200, body: 'imds-token' } : { status: 405, body: '' }
  }
  if (headers['x-aws-ec2-metadata-token'] !== 'imds-token') return null
  if (path === ROLE) return { status: 200, body: 'instance' }
  if (path === `${ROLE}instance`)
    return { status: 200, body: JSON.stringify({ Code: 'Success', ...keys('INSTANCE'), LastUpdated: SOON() }) }
  return null
}

/** Where `aws sso login` leaves its token. */
export function ssoCache(place: Place, session: string, token: Readonly<Record<string, string>>): void {
  const name = createHash('sha1').update(session).digest('hex')
  place.file(`.aws/sso/cache/${name}.json`, JSON.stringify(token))
}
