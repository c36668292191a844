/** What a server may do instead of answering properly. */

import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Fault =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** Takes the request and never says a word. */
  | { readonly kind: 'silence' }
  /** Closes the connection. */
  | { readonly kind: 'hang-up' }
  /** Begins an answer and never ends it. */
  | { readonly kind: 'slow-body' }
  /** 200 with 10 MB of text. */
  | { readonly kind: 'huge-body' }

export function misbehave(response: ServerResponse, fault: Fault): void {
  switch (fault.kind) {
    case 'answer':
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
      return
    case 'silence':
      return
    case 'hang-up':
      response.socket?.destroy()
      return
    case 'slow-body':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{')
      return
    case 'huge-body':
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('x'.repeat(10 * 1024 * 1024))
      return
  }
}

/** Listens on a free port of 127.0.0.1 and returns `127.0.0.1:PORT`. */
export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Ends at once, also for requests that a fault left hanging. */
export function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
