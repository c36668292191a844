/** GetAuthorizationToken of ECR and ECR Public: one signed request, and what each answer means (facts/registries.md section 3.4). */

import { PullAuthError } from '../core/errors.ts'
import type { AwsKeys, HttpAnswer, Minted, ProviderContext } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { asObject, parseObject } from './json.ts'
import { askApi, isSuccess, objectOf, refusal, said, type TokenApi, takeToken, unusable } from './token-api.ts'

export interface EcrService {
  /** As in the scope of the signature. */
  readonly service: 'ecr' | 'ecr-public'
  /** `X-Amz-Target`, from the service's Smithy model. */
  readonly target: string
  readonly region: string
  /** null: the role or user that runs us. */
  readonly keys: AwsKeys | null
  /** What the caller must be allowed. */
  readonly actions: string
}

/** A fixed life: it cannot be asked for less or more. */
export const ECR_LIFE = 12 * 60 * 60

/** A token that pulls what the caller may read. Throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED, MINT_UNAVAILABLE. */
export async function getAuthorizationToken(cx: ProviderContext, ecr: EcrService): Promise<Minted> {
  const { service, target, region, keys, actions } = ecr
  const issuedAt = cx.clock.now()
  const { url, headers } = await cx.signAws({
    service,
    region,
    method: 'POST',
    url: null,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
    body: '{}',
    ...(keys === null ? {} : { keys }),
  })
  const api = apiOf(ecr, new URL(url).host, actions)
  const request = { method: 'POST', url, headers, json: {} } as const
  const first = await askApi(cx, request)
  // A token that nobody holds ends by itself: no clear answer is worth one more try.
  const answer = first.kind !== 'answer' || first.status >= 500 ? await askApi(cx, request) : first
  if (!isSuccess(answer)) throw awsRefusal(cx, api, answer)
  return { ...readToken(cx, api, objectOf(answer)['authorizationData']), issuedAt, handle: null }
}

function apiOf({ service }: EcrService, host: string, actions: string): TokenApi {
  return {
    name: `${service === 'ecr' ? 'Amazon ECR' : 'Amazon ECR Public'} ${host}`,
    hints: {
      rejected:
        'Check that the AWS credentials live and belong to the partition of the Region, and that the clock is right.',
      notPermitted: `Allow ${actions} to the role or user that signs; a policy of the organization or VPC endpoint can deny it too.`,
      unavailable: 'Check the Region in the plan and the way to its ECR endpoint, then run again.',
    },
  }
}

/** ECR gives a list of one, ECR Public the one itself; both `AWS:password` in base64 and seconds since 1970. */
function readToken(
  cx: ProviderContext,
  api: TokenApi,
  data: unknown,
): Pick<Minted, 'username' | 'password' | 'expiresAt'> {
  const { authorizationToken, expiresAt } = asObject(Array.isArray(data) ? data[0] : data)
  const text = typeof authorizationToken === 'string' ? Buffer.from(authorizationToken, 'base64').toString('utf8') : ''
  const [, username = '', plain] = /^([^:]+):([\x21-\x7e]+)$/.exec(text) ?? []
  const password = takeToken(cx, plain, username)
  if (password === null) throw unusable(api, 'authorization token')
  if (typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)) throw unusable(api, 'expiry')
  return { username, password, expiresAt: Math.floor(expiresAt * 1000) }
}

/** AWS answers most refusals with 400 and names the class; of the body only a known class counts. */
function awsRefusal(cx: ProviderContext, api: TokenApi, answer: HttpAnswer): PullAuthError {
  const type = answer.kind === 'answer' ? parseObject(answer.body.reveal())['__type'] : undefined
  const name = String(type).replace(/^.*#/, '')
  const code = CLASSES.find(([pattern]) => pattern.test(name))?.[1]
  if (code === undefined) return refusal(cx, api, answer)
  return new PullAuthError(code, `${api.name}: ${said(cx, answer)} (${name}).`, hintOf(api, code))
}

const CLASSES = [
  [/^AccessDenied(?:Exception)?$/, 'MINT_NOT_PERMITTED'],
  [/^(?:Throttling|TooManyRequests|LimitExceeded)(?:Exception)?$/, 'MINT_RATE_LIMITED'],
  [
    /^(?:UnrecognizedClient|InvalidSignature|IncompleteSignature|ExpiredToken|MissingAuthenticationToken|InvalidClientTokenId|SignatureDoesNotMatch)(?:Exception)?$/,
    'MINT_REJECTED',
  ],
] as const

function hintOf({ hints }: TokenApi, code: (typeof CLASSES)[number][1]): string {
  if (code === 'MINT_RATE_LIMITED') return 'Run again in a minute, or rotate less often.'
  return code === 'MINT_REJECTED' ? hints.rejected : hints.notPermitted
}

/** `{"accessKeyId","secretAccessKey"}` of a secret, masked. Throws CREDENTIAL_INVALID. */
export async function readKeys(cx: ProviderContext, name: string): Promise<AwsKeys> {
  const { accessKeyId, secretAccessKey } = parseObject((await cx.readSecret(name)).reveal())
  if (typeof secretAccessKey === 'string' && /^[\x21-\x7e]+$/.test(secretAccessKey)) {
    const secret = new Secret(secretAccessKey)
    cx.journal.mask(secret)
    if (typeof accessKeyId === 'string' && /^[A-Z0-9]{16,128}$/.test(accessKeyId)) {
      return { accessKeyId, secretAccessKey: secret }
    }
  }
  throw new PullAuthError(
    'CREDENTIAL_INVALID',
    `Secret ${name} holds no AWS access key.`,
    'Store {"accessKeyId": "…", "secretAccessKey": "…"} of a user that may only ecr:GetAuthorizationToken and pull.',
  )
}
