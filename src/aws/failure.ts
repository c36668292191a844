/** What an AWS call failed with, as our error: by class name and status, never by a text that may change. */

import { type ErrorCode, PullAuthError } from '../core/errors.ts'

export interface Asked {
  /** The IAM action, which is also the operation: `secretsmanager:GetSecretValue`. */
  readonly action: string
  /** What was asked about: a secret's name or ARN, a document, a command. */
  readonly subject: string
}

/** What is special to one operation: its own meaning of some error classes. */
export type Meanings = Readonly<Record<string, readonly [code: ErrorCode, message: string, hint: string]>>

/** The parts of an SDK error that are safe to look at. Its message may quote a request and is used for two matches only. */
interface SdkError {
  readonly name: string
  readonly message: string
  readonly code?: unknown
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
  'OptInRequired',
])

const DENIED: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'NotAuthorized',
  'UnauthorizedOperation',
])

/** Names of socket and DNS failures, and of timeouts that the SDK raises itself. */
const NETWORK = /^(E[A-Z]{3,}[A-Z_0-9]*|ERR_[A-Z_0-9]+|CERT_[A-Z_]+|[A-Z_]*CERTIFICATE[A-Z_]*|UNABLE_TO_[A-Z_]+)$/

/** Wraps one call. `meanings` are looked up first, by class name. */
export async function ask<T>(asked: Asked, call: () => Promise<T>, meanings: Meanings = {}): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    throw toPullAuthError(thrown, asked, meanings)
  }
}

export function toPullAuthError(thrown: unknown, asked: Asked, meanings: Meanings = {}): PullAuthError {
  if (thrown instanceof PullAuthError) return thrown
  const error = asSdkError(thrown)
  const operation = asked.action.split(':')[1] ?? asked.action
  const what = `${operation} of ${asked.subject}`
  const meaning = Object.hasOwn(meanings, error.name) ? meanings[error.name] : undefined
  if (meaning !== undefined) return new PullAuthError(...meaning, describe(error))
  const [code, message, hint] = general(error, asked, what)
  return new PullAuthError(code, message, hint, describe(error))
}

function general(error: SdkError, asked: Asked, what: string): readonly [ErrorCode, string, string] {
  const status = error.$metadata?.httpStatusCode ?? 0
  const { name } = error
  if (DENIED.has(name)) return denied(error, asked, what)
  if (CREDENTIALS.has(name) || (status === 0 && /\bregion\b/i.test(error.message) && name === 'Error'))
    return credentials(error, what)
  if (THROTTLES.has(name) || status === 429) {
    return [
      'AWS_THROTTLED',
      `AWS kept throttling ${what} (${name}).`,
      'Wait a minute and run again; fewer runs at the same time help.',
    ]
  }
  if (status >= 500 || isNetwork(error)) {
    return [
      'AWS_UNAVAILABLE',
      `${what} had no usable answer (${kindOf(error, status)}).`,
      'Run again: every step finds out first what has taken effect. If it stays so, check Region, endpoint, proxy and the AWS status page.',
    ]
  }
  if (status === 0 && !isAnswer(name)) {
    return ['INTERNAL', `${what} failed before it was sent (${name}).`, 'Open an issue with the stack.']
  }
  return ['AWS_REFUSED', `AWS refused ${what} (${name}).`, hintOf(name)]
}

/** Names the action that is missing; with a customer managed key it is often the key's. */
function denied(error: SdkError, asked: Asked, what: string): readonly [ErrorCode, string, string] {
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
    `Allow ${asked.action} on it; "ecs-pull-auth iam" prints the policy of each role. A resource policy, an SCP or a VPC endpoint policy can deny it too.`,
  ]
}

function credentials(error: SdkError, what: string): readonly [ErrorCode, string, string] {
  return error.name === 'Error'
    ? [
        'AWS_CREDENTIALS',
        `${what} needs a Region, and none is set.`,
        'Set AWS_REGION, or the Region of the plan or the profile.',
      ]
    : [
        'AWS_CREDENTIALS',
        `${what} was not accepted with the AWS credentials at hand (${error.name}).`,
        'Check that credentials are set, of this account and partition, and not expired; in a workflow, run aws-actions/configure-aws-credentials first.',
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

function isNetwork(error: SdkError): boolean {
  const { name, code } = error
  if (
    name === 'TimeoutError' ||
    name === 'AbortError' ||
    name === 'RequestTimeout' ||
    name === 'RequestTimeoutException'
  )
    return true
  // An answer that is no JSON: a proxy's or load balancer's page.
  return name === 'SyntaxError' || (typeof code === 'string' && NETWORK.test(code))
}

/** Modelled exceptions end so, also where a double or a proxy forgot the status. */
function isAnswer(name: string): boolean {
  return (
    /(Exception|Failure|Error)$/.test(name) && !/^(Type|Range|Reference|Syntax|URI|Eval|Aggregate)?Error$/.test(name)
  )
}

function kindOf(error: SdkError, status: number): string {
  if (status >= 500) return `HTTP ${status}`
  return typeof error.code === 'string' ? error.code : error.name
}

/** Class, status and request id: what support needs. The SDK's own error holds the request with its headers and body. */
function describe(error: SdkError): Error {
  const { httpStatusCode, requestId } = error.$metadata ?? {}
  const parts = [error.name, httpStatusCode === undefined ? '' : `HTTP ${httpStatusCode}`, requestId ?? '']
  return new Error(parts.filter((part) => part !== '').join(', '))
}

function asSdkError(thrown: unknown): SdkError {
  return thrown instanceof Error ? thrown : new Error(typeof thrown)
}

/** Tells two cases of one class apart, where only the text does; texts recorded in the facts, sections 2 and 4. */
export function says(thrown: unknown, name: string, text: RegExp): boolean {
  return thrown instanceof Error && thrown.name === name && text.test(thrown.message)
}
