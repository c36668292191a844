/** A token API on loopback, made of routes. Its tokens are the living credentials of a registry double. */

import { createServer } from 'node:http'
import { type Fault, listen, misbehave, shut } from './faults.ts'
import { type PlainRequest, plainRequest } from './plain-http.ts'

export interface ApiCall extends PlainRequest {
  /** Without the query. */
  readonly pathname: string
  readonly query: URLSearchParams
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown
  /** The body as a form. */
  readonly form: URLSearchParams
  /** What the groups of the route's pattern matched. */
  readonly parts: readonly string[]
}

export interface ApiReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; a text goes as it is. */
  readonly body?: unknown
}

export type Route = readonly [method: string, pattern: RegExp, reply: (call: ApiCall) => ApiReply]

/** As much of a request as a test may look at: no header, no body. */
export interface ApiRecord {
  readonly method: string
  /** Path and query. */
  readonly path: string
}

/** Whether the request takes effect before the fault. */
export interface ApiFault {
  readonly when: 'before' | 'after'
  readonly fault: Fault
}

export interface ApiDouble {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly requests: readonly ApiRecord[]
  fault: ((request: ApiRecord) => ApiFault | null) | null
  close(): Promise<void>
}

/** The first route that matches answers; none is 404, a path with another method 405. */
export async function startApi(routes: readonly Route[]): Promise<ApiDouble> {
  const requests: ApiRecord[] = []
  const server = createServer(async (incoming, response) => {
    const request = await plainRequest(incoming)
    const record = { method: request.method, path: request.path }
    requests.push(record)
    const fault = double.fault?.(record) ?? null
    if (fault?.when === 'before') return misbehave(response, fault.fault)
    const { status, headers, body } = replyTo(routes, request)
    if (fault?.when === 'after') return misbehave(response, fault.fault)
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body))
  })
  const double: ApiDouble = { url: `http://${await listen(server)}`, requests, fault: null, close: () => shut(server) }
  return double
}

function replyTo(routes: readonly Route[], request: PlainRequest): ApiReply {
  const { pathname, searchParams: query } = new URL(request.path, 'http://double')
  const matching = routes.filter(([, pattern]) => pattern.test(pathname))
  const route = matching.find(([method]) => method === request.method)
  if (route === undefined) return { status: matching.length > 0 ? 405 : 404, body: {} }
  const parts = route[1].exec(pathname)?.slice(1) ?? []
  const form = new URLSearchParams(request.body)
  return route[2]({ ...request, pathname, query, json: parse(request.body), form, parts })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
