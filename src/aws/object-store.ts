/** S3 behind the `ObjectStore` port: two signed requests, no client of 400 KB. */

import { PullAuthError } from '../core/errors.ts'
import type { AwsHeaders, AwsRequest, Http, HttpAnswer, NewObject, ObjectStore } from '../core/ports.ts'

interface Wire {
  readonly http: Http
  signAws(request: AwsRequest): Promise<AwsHeaders>
}

const VERSION = 'x-amz-meta-ecs-pull-auth-version'

/** Path-style addresses, which every Region and every emulator takes. */
export function createObjectStore(wire: Wire): ObjectStore {
  return {
    head: (bucket, key) => head(wire, bucket, key),
    put: (bucket, key, object) => put(wire, bucket, key, object),
  }
}

async function head(wire: Wire, bucket: string, key: string) {
  const send = () => ask(wire, bucket, key, { method: 'HEAD' })
  // A read is simply asked again.
  const first = await send()
  const answer = first.kind !== 'answer' || first.status >= 500 ? await send() : first
  if (answer.kind === 'answer') {
    if (answer.status === 404) return null
    const etag = answer.headers['etag']
    if (answer.status === 200 && etag !== undefined) return { etag, version: answer.headers[VERSION] ?? null }
  }
  throw failure('s3:GetObject', bucket, key, answer)
}

async function put(
  wire: Wire,
  bucket: string,
  key: string,
  { text, version, kmsKey, replaces }: NewObject,
): Promise<'written' | 'conflict'> {
  const condition: Readonly<Record<string, string>> =
    replaces === null ? { 'if-none-match': '*' } : { 'if-match': replaces }
  const encryption: Readonly<Record<string, string>> =
    kmsKey === null
      ? {}
      : { 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': kmsKey }
  const headers = { 'content-type': 'text/plain; charset=utf-8', [VERSION]: version, ...condition, ...encryption }
  const answer = await ask(wire, bucket, key, { method: 'PUT', headers, body: text })
  if (answer.kind === 'answer' && answer.status === 200) return 'written'
  // 412: somebody else was first, or we were, and the answer got lost; 409: two at once. The next look tells.
  if (answer.kind === 'answer' && (answer.status === 412 || answer.status === 409)) return 'conflict'
  if (answer.kind === 'lost' || (answer.kind === 'answer' && answer.status >= 500)) return 'conflict'
  throw failure('s3:PutObject', bucket, key, answer)
}

async function ask(
  { http, signAws }: Wire,
  bucket: string,
  key: string,
  request: Pick<AwsRequest, 'headers' | 'body'> & { readonly method: 'HEAD' | 'PUT' },
): Promise<HttpAnswer> {
  const { url, headers } = await signAws({
    service: 's3',
    region: null,
    url: null,
    path: `/${bucket}/${key}`,
    ...request,
  })
  return await http.send({
    method: request.method,
    url,
    headers,
    ...(request.body === undefined ? {} : { body: request.body }),
  })
}

/** S3's error code out of its XML; nothing else of an answer is ever shown. */
function codeOf(answer: HttpAnswer): string | null {
  return answer.kind === 'answer' ? (/<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(answer.body.reveal())?.[1] ?? null) : null
}

function failure(action: string, bucket: string, key: string, answer: HttpAnswer): PullAuthError {
  const said = answer.kind === 'answer' ? `${answer.status} ${codeOf(answer) ?? ''}`.trim() : answer.reason
  const message = `S3 did not do ${action} on s3://${bucket}/${key} (${said}).`
  const status = answer.kind === 'answer' ? answer.status : 0
  if (status === 403) {
    const hint = 'Allow s3:GetObject, s3:PutObject and s3:ListBucket on it, and kms:GenerateDataKey on its key.'
    return new PullAuthError('ACCESS_DENIED', message, hint)
  }
  if (status === 0 || status >= 500)
    return new PullAuthError('AWS_UNAVAILABLE', message, 'Run again; writing it twice is harmless.')
  const hint =
    status === 301 || status === 307 || status === 400
      ? 'The bucket must be in the Region that this runs in; check bucket, key and KMS key in the plan.'
      : 'Check bucket, key and KMS key in the plan.'
  return new PullAuthError('AWS_REFUSED', message, hint)
}
