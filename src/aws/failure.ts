/** What an AWS call failed with, as our error: by class name and status, never by a text that may change. */

import { type ErrorCode, PullAuthError } from '../core/errors.ts'

export interface Asked {
  /** The IAM action, which is also the operation: `secretsmanager:GetSecretValue`. */
  readonly action: string
  /** What was asked about: a secret's name or ARN, a document, a command. */
  readonly subject: string
}

/** What is special to one operation: its own meaning of some error classes. */
export type Meanings = Readonly<Record<string, Meaning>>
type Meaning = readonly [code: ErrorCode, message: string, hint: string]

/** The parts of an SDK error that are safe to look at. Its message may quote a request and is used for two matches only. */
interface SdkError extends Error {
  readonly code?: unknown
  /** The class of what a source of credentials failed with (credentials.ts). */
  readonly reason?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
}

const THROTTLES: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'RequestThrottled',
  'RequestThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'RateExceeded',
  'ProvisionedThroughputExceededException',
  'SlowDown',
  'BandwidthLimitExceeded',
])

const CREDENTIALS: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'ProviderError',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'AuthFailure',
  'OptInRequired',
])

const DENIED: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'NotAuthorized',
  'UnauthorizedOperation',
])

/** Failures of connection, name look-up and time, by class or code; TLS codes by their shape. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  'TimeoutError',
  'AbortError',
  'RequestTimeout',
  'RequestTimeoutException',
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
])
const TLS = /^(ERR_(SSL|TLS|PROXY)_[A-Z_0-9]+|[A-Z_]*CERT[A-Z_]*|UNABLE_TO_[A-Z_]+)$/

/** Whether the same call may go well a moment later. */
export function isTransient(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const status = (thrown as SdkError).$metadata?.httpStatusCode ?? 0
  return THROTTLES.has(thrown.name) || status === 429 || status >= 500 || isNetwork(thrown)
}

/** Makes one call. `meanings` are looked up first, by class name. What is no failure of the call is thrown as it is. */
export async function ask<T>(asked: Asked, call: () => Promise<T>, meanings: Meanings = {}): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    if (thrown instanceof PullAuthError || !(thrown instanceof Error)) throw thrown
    const meaning = Object.hasOwn(meanings, thrown.name) ? meanings[thrown.name] : general(thrown, asked)
    if (meaning === undefined) throw thrown
    const [code, message, hint] = meaning
    throw new PullAuthError(code, message, hint, describe(thrown))
  }
}

/** What every operation's errors mean alike; undefined for a defect of ours, such as a TypeError. */
function general(error: SdkError, asked: Asked): Meaning | undefined {
  const { name } = error
  const status = error.$metadata?.httpStatusCode ?? 0
  const what = `${asked.action.split(':')[1]} of ${asked.subject}`
  if (DENIED.has(name)) return denied(error, asked, what)
  if (CREDENTIALS.has(name)) return credentials([name, error.reason ?? []].flat().join(': '), what)
  if (THROTTLES.has(name) || status === 429) {
    return [
      'AWS_THROTTLED',
      `AWS kept throttling ${what} (${name}).`,
      'Wait a minute and run again; fewer runs at the same time help.',
    ]
  }
  if (isNoAnswer(status) || isNetwork(error)) {
    return [
      'AWS_UNAVAILABLE',
      `${what} had no usable answer (${isNoAnswer(status) ? `HTTP ${status}` : String(error.code ?? name)}).`,
      'Run again: every step finds out first what has taken effect. If it stays so, check Region, endpoint, proxy and the AWS status page.',
    ]
  }
  if (status >= 400) return ['AWS_REFUSED', `AWS refused ${what} (${name}).`, hintOf(name)]
  if (name === 'Error' && error.message === 'Region is missing') {
    return [
      'AWS_CREDENTIALS',
      `${what} needs a Region, and none is set.`,
      'Set AWS_REGION, --region of a command, or the Region of the profile.',
    ]
  }
  if (name === 'Error' && error.message.startsWith('Region not accepted: ')) {
    return [
      'AWS_CREDENTIALS',
      `${what} needs a Region, and the one that is set is none.`,
      'Set AWS_REGION (or --region of a command) to a name like eu-central-1.',
    ]
  }
  return undefined
}

/** AWS redirects nobody: 3xx is a proxy or a portal. */
function isNoAnswer(status: number): boolean {
  return status >= 500 || (status >= 300 && status < 400)
}

/** Names the action that is missing; with a customer managed key it is often the key's. */
function denied(error: SdkError, asked: Asked, what: string): Meaning {
  if (/\bkms\b/i.test(error.message)) {
    return [
      'ACCESS_DENIED',
      `AWS denied ${what}: the caller may not use the secret's KMS key.`,
      'Allow kms:Decrypt and kms:GenerateDataKey on that key (a replayed PutSecretValue decrypts too), with kms:ViaService and the SecretARN encryption context if you like.',
    ]
  }
  return [
    'ACCESS_DENIED',
    `AWS denied ${what}: the caller lacks ${asked.action}.`,
    `Allow ${asked.action} on it; docs/lambda.md and docs/node.md list what each role needs. A resource policy, an SCP or a VPC endpoint policy can deny it too.`,
  ]
}

function credentials(why: string, what: string): Meaning {
  return [
    'AWS_CREDENTIALS',
    `${what} was not possible with the AWS credentials at hand (${why}).`,
    'Check that credentials are set, of this account and partition, not expired, and that the clock is right; in a workflow, run aws-actions/configure-aws-credentials first, at a desk aws sso login.',
  ]
}

function hintOf(name: string): string {
  switch (name) {
    case 'LimitExceededException':
      return 'A quota of the secret is used up (100 versions that are kept 24 hours, 20 staging labels); rotate less often or remove labels.'
    case 'DecryptionFailure':
    case 'EncryptionFailure':
      return 'Check that the KMS key of the secret is enabled and that the caller may use it (kms:Decrypt, kms:GenerateDataKey).'
    default:
      return 'Check the names and values in the plan; the error class says which rule was broken.'
  }
}

function isNetwork({ name, code, $metadata }: SdkError): boolean {
  const kind = typeof code === 'string' ? code : ''
  if (NO_ANSWER.has(name) || NO_ANSWER.has(kind) || TLS.test(kind)) return true
  // An answer that is no JSON: a proxy's or load balancer's page.
  return name === 'SyntaxError' && $metadata !== undefined
}

/** Class, status and request id: what support needs. The SDK's own error holds the request with its headers and body. */
function describe(error: SdkError): Error {
  const { httpStatusCode, requestId } = error.$metadata ?? {}
  const parts = [error.name, httpStatusCode === undefined ? '' : `HTTP ${httpStatusCode}`, requestId ?? '']
  return new Error(parts.filter((part) => part !== '').join(', '))
}

/** Tells two cases of one class apart, where only the text does; texts recorded in the facts, sections 2 and 4. */
export function says(thrown: unknown, name: string, text: RegExp): boolean {
  return thrown instanceof Error && thrown.name === name && text.test(thrown.message)
}
