/** The one HTTP client of the product, for registries and token APIs: node:https, no redirects, bounded, never throws. */

import {
  type AgentOptions,
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestPlain,
} from 'node:http'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import tls from 'node:tls'
import { PullAuthError } from './core/errors.ts'
import { isLoopback } from './core/loopback.ts'
import type { Http, HttpAnswer, HttpRequest } from './core/ports.ts'
import { Secret } from './core/secret.ts'

export interface HttpOptions {
  /** HTTPS_PROXY and NO_PROXY are read from here. Node 24 obeys; older versions have no proxy support and connect directly. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>
  readonly userAgent?: string
  /** PEM certificates to trust besides Node's own. */
  readonly ca?: readonly string[]
}

const DEFAULT_TIMEOUT = 10_000
const BODY_LIMIT = 1024 * 1024

/** An `Http` over node:https, which costs a tenth of `fetch` at start. Throws USAGE when the proxy variables are no URLs. */
export function createHttp(options: HttpOptions = {}): Http {
  const agents = createAgents(options)
  const userAgent = options.userAgent ?? 'ecs-pull-auth'
  return {
    async send(request) {
      if (!URL.canParse(request.url)) return { kind: 'unreachable', reason: 'the URL cannot be read' }
      const url = new URL(request.url)
      const problem = urlProblem(url)
      if (problem !== null) return { kind: 'unreachable', reason: problem }
      const first = await sendOnce(agents, userAgent, url, request)
      // A server may close a kept connection at the moment we use it. A read can simply be asked again on a new one.
      const retry = first.stale && (request.method === 'GET' || request.method === 'HEAD')
      return retry ? (await sendOnce(agents, userAgent, url, request)).answer : first.answer
    },
  }
}

function urlProblem(url: URL): string | null {
  if (url.username !== '' || url.password !== '') return `${url.host}: a URL must not hold a user or password`
  if (url.protocol === 'https:') return null
  if (url.protocol === 'http:' && isLoopback(url.hostname)) return null
  return `${url.host}: only https is allowed, plain http goes to loopback only`
}

interface Agents {
  readonly tls: HttpsAgent
  /** Connections for requests that take effect: never a kept one, whose loss would leave open whether it was read. */
  readonly tlsFresh: HttpsAgent
  readonly plain: HttpAgent
  readonly plainFresh: HttpAgent
}

function createAgents({ proxyEnv, ca }: HttpOptions): Agents {
  const trust = ca === undefined || ca.length === 0 ? {} : { ca: [...defaultCertificates(), ...ca] }
  const proxy: AgentOptions = proxyEnv === undefined ? {} : { proxyEnv: { ...proxyEnv } }
  return withProxyProblem(() => ({
    tls: new HttpsAgent({ ...trust, ...proxy, keepAlive: true }),
    tlsFresh: new HttpsAgent({ ...trust, ...proxy, keepAlive: false }),
    plain: new HttpAgent({ keepAlive: true }),
    plainFresh: new HttpAgent({ keepAlive: false }),
  }))
}

/** Makes agents. Throws USAGE when the proxy variables are no URLs. */
export function withProxyProblem<Made>(make: () => Made): Made {
  try {
    return make()
  } catch {
    // Node's own message repeats the proxy URL, which may hold a password.
    throw new PullAuthError(
      'USAGE',
      'HTTPS_PROXY or HTTP_PROXY is not the URL of a proxy.',
      'Set it to http://host:port or https://host:port, or remove it.',
    )
  }
}

/** Node 20 cannot tell what it trusts by default (NODE_EXTRA_CA_CERTS included), only what it was built with. */
export function defaultCertificates(): readonly string[] {
  return typeof tls.getCACertificates === 'function' ? tls.getCACertificates('default') : tls.rootCertificates
}

interface Sent {
  readonly answer: HttpAnswer
  /** The connection was a kept one and broke before any answer. */
  readonly stale: boolean
}

function sendOnce(agents: Agents, userAgent: string, url: URL, order: HttpRequest): Promise<Sent> {
  return new Promise((resolve) => {
    let sent = false
    const settle = (answer: HttpAnswer, stale = false) => {
      clearTimeout(timer)
      resolve({ answer, stale })
    }
    const fail = (reason: string, stale = false) => {
      settle({ kind: sent ? 'lost' : 'unreachable', reason: `${url.host}: ${reason}` }, stale)
    }
    const limit = order.timeoutMs ?? DEFAULT_TIMEOUT
    const timer = setTimeout(() => {
      fail(`no whole answer within ${limit} ms`)
      request?.destroy()
    }, limit)

    const request = open(agents, userAgent, url, order, fail)
    request?.on('socket', (socket) => {
      // Nothing leaves before the handshake is over, so a failure until then proves that the request had no effect.
      const shaking = 'secureConnecting' in socket && socket.secureConnecting === true
      sent = !socket.connecting && !shaking
      if (sent) return
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        sent = true
      })
    })
    request?.on('error', (error) => fail(reasonOf(error), request.reusedSocket))
    request?.on('response', (response) => {
      const { statusCode: status = 0 } = response
      readBody(response).then(
        (text) => settle({ kind: 'answer', status, headers: joinHeaders(response), body: new Secret(text) }),
        (error) => fail(reasonOf(error)),
      )
    })
    request?.end(reveal(order.body))
  })
}

/** Node throws for a header or path that cannot be written; nothing was sent then. */
function open(
  agents: Agents,
  userAgent: string,
  url: URL,
  { method, headers = {} }: HttpRequest,
  fail: (reason: string) => void,
): ClientRequest | null {
  const kept = method === 'GET' || method === 'HEAD'
  const entries = Object.entries(headers).map(([name, value]) => [name, reveal(value)])
  const options = { method, headers: { 'user-agent': userAgent, ...Object.fromEntries(entries) } }
  try {
    return url.protocol === 'https:'
      ? requestTls(url, { ...options, agent: kept ? agents.tls : agents.tlsFresh })
      : requestPlain(url, { ...options, agent: kept ? agents.plain : agents.plainFresh })
  } catch (error) {
    fail(reasonOf(error))
    return null
  }
}

function reveal(value: string | Secret | undefined): string | undefined {
  return value instanceof Secret ? value.reveal() : value
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_LIMIT) throw new TooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

class TooLarge extends Error {}

/** The code of a Node error. Never its message, which may repeat a proxy URL with its password. */
function reasonOf(error: unknown): string {
  if (error instanceof TooLarge) return 'the answer is larger than 1 MiB'
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'the connection failed'
}

/** Several values of one name joined, as RFC 9110 section 5.3 allows. */
function joinHeaders(response: IncomingMessage): Record<string, string> {
  const entries = Object.entries(response.headersDistinct)
  return Object.fromEntries(entries.map(([name, values]) => [name, (values ?? []).join(', ')]))
}
