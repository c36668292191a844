/** Signature Version 4 (IAM User Guide, "Create a signed AWS API request"), over node:crypto. */

import { createHash, createHmac } from 'node:crypto'
import type { AwsIdentity } from './environment-credentials.ts'

export interface Unsigned {
  readonly method: string
  readonly url: URL
  /** In lower case, without `host`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Scope {
  readonly service: string
  readonly region: string
  readonly date: Date
}

/** What proxies and Lambda may change on the way. */
const UNSIGNED: ReadonlySet<string> = new Set(['user-agent', 'x-amzn-trace-id'])

/** The headers to send: those given, `host`, and the signature's own. */
export function signedHeaders(request: Unsigned, identity: AwsIdentity, scope: Scope): Record<string, string> {
  const { url, body } = request
  const isS3 = scope.service === 's3'
  const stamp = scope.date.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    'x-amz-date': stamp,
    ...(identity.sessionToken === undefined ? {} : { 'x-amz-security-token': identity.sessionToken }),
    // S3 alone asks for it. A registry that passes a signature on to AWS would not know this header.
    ...(isS3 ? { 'x-amz-content-sha256': sha256(body) } : {}),
  }
  const names = Object.keys(headers)
    .filter((name) => !UNSIGNED.has(name))
    .sort()
  const canonical = [
    request.method,
    canonicalPath(url, isS3),
    canonicalQuery(url),
    ...names.map((name) => `${name}:${headers[name]?.trim().replaceAll(/\s+/g, ' ')}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n')
  const parts = [stamp.slice(0, 8), scope.region, scope.service, 'aws4_request']
  const key = parts.reduce<string | Buffer>(hmac, `AWS4${identity.secretAccessKey}`)
  const toSign = ['AWS4-HMAC-SHA256', stamp, parts.join('/'), sha256(canonical)].join('\n')
  const claims = [
    `Credential=${identity.accessKeyId}/${parts.join('/')}`,
    `SignedHeaders=${names.join(';')}`,
    `Signature=${hmac(key, toSign).toString('hex')}`,
  ]
  return { ...headers, authorization: `AWS4-HMAC-SHA256 ${claims.join(', ')}` }
}

/** Each segment encoded twice; S3, whose keys may hold anything, wants it once. */
function canonicalPath({ pathname }: URL, isS3: boolean): string {
  const segments = pathname.split('/').map((segment) => encode(decodeURIComponent(segment)))
  return (isS3 ? segments : segments.map(encode)).join('/')
}

function canonicalQuery({ searchParams }: URL): string {
  const pairs = [...searchParams].map(([name, value]) => [encode(name), encode(value)] as const)
  const order = ([a, x]: readonly [string, string], [b, y]: readonly [string, string]) =>
    a < b || (a === b && x < y) ? -1 : 1
  return pairs
    .sort(order)
    .map((pair) => pair.join('='))
    .join('&')
}

/** All but the unreserved characters of RFC 3986, of which encodeURIComponent leaves five more. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
