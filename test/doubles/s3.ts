/** As much of S3 as outputs use: HEAD and conditional PUT of an object, signed, with its metadata and encryption. */

import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { authenticate, type Identity } from '../aws/signature.ts'
import { AwsRefusal } from '../aws/wire.ts'
import { type Fault, listen, misbehave, shut } from './faults.ts'

export interface StoredObject {
  readonly text: string
  readonly etag: string
  readonly version: string | null
  readonly kmsKey: string | null
}

export interface S3Double {
  readonly endpoint: string
  /** By `bucket/key`. */
  readonly objects: Map<string, StoredObject>
  /** Method and path of every request. */
  readonly requests: readonly string[]
  fault: ((method: string) => { readonly when: 'before' | 'after'; readonly fault: Fault } | null) | null
  /** Somebody else's write. */
  overwrite(path: string, text: string): void
  close(): Promise<void>
}

export interface S3Options {
  readonly region: string
  readonly buckets: readonly string[]
  readonly identities: readonly Identity[]
}

interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export async function startS3(options: S3Options): Promise<S3Double> {
  const objects = new Map<string, StoredObject>()
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const { method = '', url = '', headers } = request
    requests.push(`${method} ${url}`)
    const fault = double.fault?.(method) ?? null
    if (fault?.when === 'before') return misbehave(response, fault.fault)
    const reply = replyTo(options, objects, { method, url, headers, body })
    if (fault?.when === 'after') return misbehave(response, fault.fault)
    response.writeHead(reply.status, reply.headers).end(method === 'HEAD' ? undefined : reply.body)
  })
  const double: S3Double = {
    endpoint: `http://${await listen(server)}`,
    objects,
    requests,
    fault: null,
    overwrite: (path, text) => void objects.set(path, { text, etag: etagOf(text), version: null, kmsKey: null }),
    close: () => shut(server),
  }
  return double
}

type Asked = Parameters<typeof authenticate>[0]

function replyTo(options: S3Options, objects: Map<string, StoredObject>, request: Asked): Reply {
  const { method, url, headers, body } = request
  try {
    authenticate(request, { service: 's3', region: options.region, identities: options.identities })
  } catch (error) {
    return refused(403, error instanceof AwsRefusal ? 'SignatureDoesNotMatch' : 'InternalError')
  }
  // S3 alone demands the hash of what is sent as a header of its own.
  if (headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex'))
    return refused(400, 'XAmzContentSHA256Mismatch')
  const path = url.slice(1)
  const bucket = path.split('/')[0] ?? ''
  if (!options.buckets.includes(bucket)) return refused(404, 'NoSuchBucket')
  const known = objects.get(path)
  if (method === 'HEAD') return known === undefined ? { status: 404 } : { status: 200, headers: headersOf(known) }
  if (method !== 'PUT') return refused(405, 'MethodNotAllowed')
  const fits =
    headers['if-none-match'] === '*'
      ? known === undefined
      : headers['if-match'] === undefined || headers['if-match'] === known?.etag
  if (!fits) return refused(412, 'PreconditionFailed')
  const kms = headers['x-amz-server-side-encryption'] === 'aws:kms'
  const stored: StoredObject = {
    text: body.toString('utf8'),
    etag: etagOf(`${body}${kms}`),
    version: String(headers['x-amz-meta-ecs-pull-auth-version'] ?? '') || null,
    kmsKey: kms ? String(headers['x-amz-server-side-encryption-aws-kms-key-id'] ?? '') : null,
  }
  objects.set(path, stored)
  return { status: 200, headers: { etag: stored.etag } }
}

function headersOf({ etag, version }: StoredObject): Readonly<Record<string, string>> {
  return { etag, ...(version === null ? {} : { 'x-amz-meta-ecs-pull-auth-version': version }) }
}

function etagOf(text: string): string {
  return `"${createHash('md5').update(text).digest('hex')}"`
}

function refused(status: number, code: string): Reply {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`,
  }
}
