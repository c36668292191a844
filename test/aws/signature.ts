/** Signature Version 4, checked as AWS checks it, and who may call what. */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { AwsRefusal } from './wire.ts'

/** Who signs with an access key. Without a secret key only the form of the signature is checked. */
export interface Identity {
  readonly name: string
  readonly accessKeyId: string
  readonly secretAccessKey?: string
  /** Temporary credentials: the request must carry exactly this token. */
  readonly sessionToken?: string
  /** Allowed actions such as `secretsmanager:GetSecretValue`, `ssm:*` or `*`. */
  readonly actions: readonly string[]
}

export interface SignedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$/

/** Returns the identity that signed, or throws what AWS answers. Clock skew is not checked: the clock may be virtual. */
export function authenticate(
  request: SignedRequest,
  expected: { readonly service: string; readonly region: string; readonly identities: readonly Identity[] },
): Identity {
  const authorization = request.headers.authorization
  if (authorization === undefined) {
    throw new AwsRefusal('MissingAuthenticationTokenException', 'Missing Authentication Token')
  }
  const match = AUTHORIZATION.exec(authorization)
  if (match === null) throw new AwsRefusal('IncompleteSignatureException', 'Authorization header is malformed.')
  const [, accessKeyId = '', date = '', region = '', service = '', signedHeaders = '', signature = ''] = match
  const signed = signedHeaders.split(';')
  checkScope({ date, region, service, stamp: one(request.headers['x-amz-date']) }, expected)
  checkSignedHeaders(request.headers, signed)
  const identity = expected.identities.find((known) => known.accessKeyId === accessKeyId)
  if (identity === undefined) throw invalidToken()
  if (identity.sessionToken !== undefined && one(request.headers['x-amz-security-token']) !== identity.sessionToken) {
    throw invalidToken()
  }
  if (identity.secretAccessKey !== undefined) {
    const right = sign(request, signed, `${date}/${region}/${service}/aws4_request`, identity.secretAccessKey)
    if (!timingSafeEqual(Buffer.from(right), Buffer.from(signature))) {
      throw new AwsRefusal(
        'InvalidSignatureException',
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      )
    }
  }
  return identity
}

export function authorize(identity: Identity, action: string, resource: string): void {
  const allowed = identity.actions.some(
    (pattern) => pattern === '*' || pattern === action || pattern === `${action.split(':')[0]}:*`,
  )
  if (!allowed) throw accessDenied(identity.name, action, resource)
}

/** The text of a real refusal; SDKs and people read the action from it. */
export function accessDenied(name: string, action: string, resource: string): AwsRefusal {
  return new AwsRefusal(
    'AccessDeniedException',
    `User: ${name} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
  )
}

function checkScope(
  scope: { date: string; region: string; service: string; stamp: string },
  expected: { service: string; region: string },
): void {
  const problem =
    scope.region !== expected.region
      ? `Credential should be scoped to a valid region.`
      : scope.service !== expected.service
        ? `Credential should be scoped to correct service: '${expected.service}'.`
        : !/^\d{8}T\d{6}Z$/.test(scope.stamp) || !scope.stamp.startsWith(scope.date)
          ? 'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.'
          : null
  if (problem !== null) throw new AwsRefusal('InvalidSignatureException', problem)
}

/** "You must include the host header and any x-amz-* headers" (Signature Version 4, canonical request). */
function checkSignedHeaders(headers: IncomingHttpHeaders, signed: readonly string[]): void {
  const must = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))]
  const missing = must.find((name) => !signed.includes(name))
  if (missing !== undefined) {
    throw new AwsRefusal('InvalidSignatureException', `'${missing}' must be a 'SignedHeader' in the AWS Authorization.`)
  }
}

function sign(request: SignedRequest, signed: readonly string[], scope: string, secretAccessKey: string): string {
  const canonicalHeaders = signed.map((name) => `${name}:${one(request.headers[name]).trim().replace(/ +/g, ' ')}\n`)
  const [path = '/', query = ''] = request.url.split('?', 2)
  const canonical = [
    request.method,
    path,
    query.split('&').sort().join('&'),
    canonicalHeaders.join(''),
    signed.join(';'),
    createHash('sha256').update(request.body).digest('hex'),
  ].join('\n')
  const stamp = one(request.headers['x-amz-date'])
  const digest = createHash('sha256').update(canonical).digest('hex')
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, digest].join('\n')
  const key = scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secretAccessKey}`)
  return createHmac('sha256', key).update(toSign).digest('hex')
}

function hmac(key: string | Buffer, part: string): Buffer {
  return createHmac('sha256', key).update(part).digest()
}

function one(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(',') : (header ?? '')
}

function invalidToken(): AwsRefusal {
  return new AwsRefusal('UnrecognizedClientException', 'The security token included in the request is invalid.')
}
