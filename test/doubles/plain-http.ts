/** A request and its answer as plain values, so that a double can be asked through a socket and without one. */

import type { IncomingMessage } from 'node:http'
import type { HttpAnswer, HttpRequest } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'

export interface PlainRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

export interface PlainAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export async function plainRequest(request: IncomingMessage): Promise<PlainRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const headers = Object.entries(request.headers).map(([name, value]) => [name, value?.toString()])
  return {
    method: request.method ?? '',
    path: request.url ?? '/',
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString('utf8'),
  }
}

/** What a double sees of a request that never becomes bytes. */
export function asPlain({ method, url, headers = {}, body = '' }: HttpRequest): PlainRequest {
  const { host, pathname, search } = new URL(url)
  const shown = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), revealed(value)])
  return { method, path: `${pathname}${search}`, headers: { host, ...Object.fromEntries(shown) }, body: revealed(body) }
}

/** What the product hears of its answer. */
export function asHeard({ status, headers = {}, body = '' }: PlainAnswer): HttpAnswer {
  return { kind: 'answer', status, headers, body: new Secret(body.toString()) }
}

function revealed(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value
}
