/** One POST to an AWS endpoint over a kept connection, with limits on time and size. */

import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent as HttpsAgent, request as requestTls } from 'node:https'
import { defaultCertificates, withProxyProblem } from '../http.ts'

/** Without limits a client waits for a connection and an answer for ever (facts, Secrets Manager section 6). */
const CONNECT_MS = 2_000
/** From the start to the last byte of the answer. */
const ANSWER_MS = 5_000

/** Ten times the largest answer: a page of 50 invocations with all their output. */
const LARGEST_ANSWER = 10 * 1024 * 1024

export interface Order {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Transport {
  /** For the credential chain too. */
  readonly agent: HttpsAgent
  /** Rejects with Node's error, named `TimeoutError` where the SDK names it so. */
  post(order: Order): Promise<Answer>
  destroy(): void
}

/**
 * HTTPS_PROXY and NO_PROXY are read from `proxyEnv`; Node 24 follows them, older ones ignore them. `ca`: certificates to
 * trust besides Node's own.
 */
export function createTransport(
  proxyEnv: Readonly<Record<string, string | undefined>> = {},
  ca: readonly string[] = [],
): Transport {
  const kept = { keepAlive: true, maxSockets: 50 }
  const trust = ca.length === 0 ? {} : { ca: [...defaultCertificates(), ...ca] }
  const agent = withProxyProblem(() => new HttpsAgent({ ...kept, ...trust, proxyEnv: { ...proxyEnv } }))
  // Plain HTTP goes to emulators and doubles, never through a proxy.
  const plain = new HttpAgent(kept)
  return {
    agent,
    post: (order) => post(order, order.url.protocol === 'https:' ? agent : plain),
    destroy: () => {
      agent.destroy()
      plain.destroy()
    },
  }
}

function post({ url, headers, body }: Order, agent: HttpAgent | HttpsAgent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? requestTls : requestPlain
    const request = open(url, { method: 'POST', headers, agent })
    const settle = (act: () => void) => {
      clearTimeout(connecting)
      clearTimeout(answering)
      act()
    }
    const fail = (error: Error) => settle(() => reject(named(error)))
    const giveUp = (after: number, what: string) =>
      setTimeout(() => {
        fail(Object.assign(new Error(`No ${what} within ${after} ms.`), { code: 'ETIMEDOUT' }))
        request.destroy()
      }, after)
    const connecting = giveUp(CONNECT_MS, 'connection')
    const answering = giveUp(ANSWER_MS, 'answer')
    request.on('socket', (socket) => {
      if (!socket.connecting) clearTimeout(connecting)
      else socket.once('connect', () => clearTimeout(connecting))
    })
    request.on('error', fail)
    request.on('response', (response) => {
      textOf(response).then(
        (text) => settle(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })),
        fail,
      )
    })
    request.end(body)
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_ANSWER) throw Object.assign(new Error('The answer is too large.'), { code: 'EPROTO' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What the SDK calls a timeout, because each may have reached the service. */
const TIMEOUTS: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT']

function named(error: Error & { readonly code?: unknown }): Error {
  return TIMEOUTS.includes(error.code) ? Object.assign(error, { name: 'TimeoutError' }) : error
}
