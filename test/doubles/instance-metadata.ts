/** The metadata service (IMDSv2) of a simulated instance: a session token first, then the role's credentials. */

import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Secret } from '../../src/core/secret.ts'

export interface RoleCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: Secret
  readonly sessionToken: Secret
}

/** `down`: no answer. `no-role`: the instance has no instance profile. */
export type MetadataFault = 'works' | 'down' | 'no-role'

const ROLE = 'ecsInstanceRole'
const CREDENTIALS = '/latest/meta-data/iam/security-credentials/'

export class MetadataDouble {
  fault: MetadataFault = 'works'
  readonly #credentials: RoleCredentials
  readonly #tokens = new Set<string>()
  readonly #server: Server

  constructor(credentials: RoleCredentials) {
    this.#credentials = credentials
    this.#server = createServer((request, response) => {
      if (this.fault === 'down') request.socket.destroy()
      else {
        const [status, body] = this.#answerTo(request)
        response.writeHead(status).end(body)
      }
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  #answerTo(request: IncomingMessage): readonly [status: number, body: string] {
    // A request that came through a proxy is refused, so that an open proxy cannot hand out the role.
    if (request.headers['x-forwarded-for'] !== undefined) return [403, '']
    if (request.url === '/latest/api/token') {
      const seconds = Number(request.headers['x-aws-ec2-metadata-token-ttl-seconds'])
      if (request.method !== 'PUT') return [405, '']
      if (!(seconds >= 1 && seconds <= 21_600)) return [400, '']
      const token = randomBytes(30).toString('base64url')
      this.#tokens.add(token)
      return [200, token]
    }
    if (request.method !== 'GET') return [405, '']
    if (!this.#tokens.has(String(request.headers['x-aws-ec2-metadata-token']))) return [401, '']
    if (this.fault === 'no-role') return [404, '']
    if (request.url === CREDENTIALS) return [200, ROLE]
    return request.url === CREDENTIALS + ROLE ? [200, this.#roleCredentials()] : [404, '']
  }

  #roleCredentials(): string {
    const { accessKeyId, secretAccessKey, sessionToken } = this.#credentials
    return JSON.stringify({
      Code: 'Success',
      LastUpdated: '2026-11-24T00:00:00Z',
      Type: 'AWS-HMAC',
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey.reveal(),
      Token: sessionToken.reveal(),
      Expiration: '2026-11-24T06:00:00Z',
    })
  }
}
