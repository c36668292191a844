/** Secrets Manager as an instance sees it: GetSecretValue of one secret, signature checked, and nothing else. */

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { authenticate } from '../aws/signature.ts'
import { AwsRefusal } from '../aws/wire.ts'
import type { RoleCredentials } from '../doubles/instance-metadata.ts'

export const SECRET_ARN = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/ecs/agent-config-AbCdEf'

export interface SecretEndpoint {
  readonly url: string
  text: string
  version: string
  /** Answers so many requests with a refusal before it works again. */
  refusals: { status: number; type: string; times: number }
  /** Called before an answer is made. */
  before: () => void | Promise<void>
  /** Bodies of the requests. */
  readonly requests: string[]
  close(): Promise<void>
}

export async function startSecretEndpoint(credentials: RoleCredentials): Promise<SecretEndpoint> {
  const server = createServer((request, response) => {
    void answer(request).then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const endpoint: SecretEndpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: '',
    version: '',
    refusals: { status: 0, type: '', times: 0 },
    before: () => {},
    requests: [],
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }

  async function answer(request: IncomingMessage): Promise<readonly [status: number, body: unknown]> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    endpoint.requests.push(body.toString('utf8'))
    await endpoint.before()
    if (endpoint.refusals.times > 0) {
      endpoint.refusals.times -= 1
      return [
        endpoint.refusals.status,
        { __type: endpoint.refusals.type, Message: 'MARK: a message that nobody shall print' },
      ]
    }
    try {
      checkCall(request, body)
    } catch (refusal) {
      if (!(refusal instanceof AwsRefusal)) throw refusal
      return [refusal.status, { __type: refusal.type, Message: refusal.message }]
    }
    return [
      200,
      { ARN: SECRET_ARN, VersionId: endpoint.version, VersionStages: ['AWSCURRENT'], SecretString: endpoint.text },
    ]
  }

  function checkCall(request: IncomingMessage, body: Buffer): void {
    const identity = {
      name: 'arn:aws:sts::111122223333:assumed-role/ecsInstanceRole/i-0123456789abcdef0',
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey.reveal(),
      sessionToken: credentials.sessionToken.reveal(),
      actions: ['secretsmanager:GetSecretValue'],
    }
    const { method = '', url = '', headers } = request
    authenticate(
      { method, url, headers, body },
      { service: 'secretsmanager', region: 'eu-central-1', identities: [identity] },
    )
    checkAge(String(headers['x-amz-date']))
    const { SecretId, VersionStage } = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    if (headers['x-amz-target'] !== 'secretsmanager.GetSecretValue')
      throw new AwsRefusal('UnknownOperationException', '')
    if (SecretId !== SECRET_ARN) {
      throw new AwsRefusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    }
    // As an instance role has it whose policy allows AWSCURRENT only: a request that names no stage is refused.
    if (VersionStage !== 'AWSCURRENT') throw new AwsRefusal('AccessDeniedException', 'not authorized')
  }

  return endpoint
}

/** A signature is good for five minutes before and after its time. */
function checkAge(stamp: string): void {
  const signed = Date.parse(stamp.replace(/(....)(..)(..T..)(..)/, '$1-$2-$3:$4:'))
  if (Math.abs(signed - Date.now()) <= 5 * 60_000) return
  throw new AwsRefusal('InvalidSignatureException', `Signature not valid now: ${stamp}`)
}
