/**
 * The AWS role that runs us, on loopback: STS and ECR, which check its signature as AWS does, and what a registry needs that
 * takes such a signature or the role's identity token instead of a root.
 */

import { randomUUID } from 'node:crypto'
import { createClients } from '../../src/aws/clients.ts'
import { createAwsSigner } from '../../src/aws/sign.ts'
import type { ProviderContext } from '../../src/core/ports.ts'
import { createHttp } from '../../src/http.ts'
import { createIdentity } from '../../src/identity.ts'
import { authenticate, authorize, type Identity } from '../aws/signature.ts'
import { AwsRefusal } from '../aws/wire.ts'
import { ecrAnswer, ecrPublicAnswer } from './ecr.ts'
import { type Claims, createIssuer } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import { createTokenStore, type TokenStore } from './tokens.ts'

export interface AwsRoleOptions {
  readonly now: () => number
  /** Where ECR's passwords live. */
  readonly tokens?: TokenStore
  /** The Region that we work in. Default us-east-1. */
  readonly region?: string
  /** Regions of the partition: elsewhere nobody knows the role. Default us-east-1, us-west-2 and eu-west-1. */
  readonly regions?: readonly string[]
  /** Actions that the role may call. Default all. */
  readonly actions?: readonly string[]
  /** Whether the account lets its roles ask for identity tokens. Default yes. */
  readonly outbound?: boolean
  /** Others that sign: a user of another partition. */
  readonly others?: readonly Identity[]
}

/** A request as a registry sees it, or as it is told of one: then `url` is where AWS would be asked. */
export interface SignedByRole {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: string
}

export interface AwsRole extends ApiDouble, Pick<ProviderContext, 'identityToken' | 'signAws'> {
  /** Whom STS's GetCallerIdentity would name: as the product signs, so the ARN of the role. */
  readonly arn: string
  /** What GetCallerIdentity answers to a request that somebody else passes on: the ARN; throws `AwsRefusal`. */
  callerOf(request: SignedByRole): string
  /** The claims of an identity token of this role for that audience; null for any other text. */
  claimsOf(token: string, audience: string): Claims | null
}

const ACCOUNT = '123456789012'
const ARN = `arn:aws:sts::${ACCOUNT}:assumed-role/ecs-pull-auth/rotate`

export async function startAwsRole(options: AwsRoleOptions): Promise<AwsRole> {
  const { now, region = 'us-east-1', regions = ['us-east-1', 'us-west-2', 'eu-west-1'] } = options
  const keys = { accessKeyId: 'ASIAROLEROLEROLE0001', secretAccessKey: marked('aws'), sessionToken: marked('session') }
  const role: Identity = { name: ARN, ...keys, actions: options.actions ?? ['*'] }
  const issuer = createIssuer({
    issuer: `https://${randomUUID()}.tokens.sts.global.api.aws`,
    claims: { sub: `arn:aws:iam::${ACCOUNT}:role/ecs-pull-auth` },
    now,
  })
  const world: World = {
    now,
    regions,
    identities: [role, ...(options.others ?? [])],
    tokens: options.tokens ?? createTokenStore(now),
    issue: options.outbound === false ? null : (audience) => issuer.issue(audience),
  }
  const api = await startApi([
    ['POST', /^\/$/, (call) => answer(world, call)],
    ['GET', /^\/$/, (call) => answer(world, call)],
  ])
  const clients = createClients({ region, only: { endpoint: api.url, ...keys }, userAgent: [] })
  const signAws = createAwsSigner(clients.ssm, { AWS_ENDPOINT_URL: api.url })
  return Object.assign(api, {
    arn: ARN,
    signAws,
    identityToken: createIdentity({ http: createHttp(), env: {}, signAws }),
    callerOf: (request: SignedByRole) => callerOf(world, request),
    claimsOf: issuer.claimsOf,
  })
}

interface World {
  readonly now: () => number
  readonly regions: readonly string[]
  readonly identities: readonly Identity[]
  readonly tokens: TokenStore
  readonly issue: ((audience: string) => string) | null
}

function callerOf(world: World, { method, url, headers, body = '' }: SignedByRole): string {
  const { host, pathname, search } = new URL(url)
  const named = { ...headers, host: headers['host'] ?? host }
  if (named.host !== host) throw new AwsRefusal('SignatureDoesNotMatch', 'The host is another one.', 403)
  const asked = search === '' ? body : search.slice(1)
  if (new URLSearchParams(asked).get('Action') !== 'GetCallerIdentity') throw new AwsRefusal('InvalidAction', asked)
  return identify(world, 'sts', { method, path: `${pathname}${search}`, headers: named, body }).name
}

type Sent = Pick<ApiCall, 'method' | 'path' | 'headers' | 'body'>

function identify({ regions, identities }: World, service: string, { method, path, headers, body }: Sent): Identity {
  const region = scopeOf(headers).region
  if (!regions.includes(region) || (service === 'ecr-public' && region !== 'us-east-1')) {
    throw new AwsRefusal('UnrecognizedClientException', 'The security token included in the request is invalid.')
  }
  return authenticate(
    { method, url: path, headers, body: Buffer.from(body) },
    { service, region: scopeOf(headers).region, identities },
  )
}

function scopeOf(headers: Sent['headers']): { readonly region: string; readonly service: string } {
  const [, region = '', service = ''] =
    /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\//.exec(headers['authorization'] ?? '') ?? []
  return { region, service }
}

/** All services have one address here; the scope of the signature tells which one is meant. */
function answer(world: World, call: ApiCall): ApiReply {
  const { service, region } = scopeOf(call.headers)
  const asked = { identify: () => identify(world, service, call), now: world.now(), tokens: world.tokens, region, call }
  try {
    switch (service) {
      case 'ecr':
        return ecrAnswer(asked)
      case 'ecr-public':
        return ecrPublicAnswer(asked)
      default:
        return stsAnswer(world, call)
    }
  } catch (thrown) {
    if (!(thrown instanceof AwsRefusal)) throw thrown
    return service === 'sts'
      ? queryRefusal(thrown)
      : { status: thrown.status, body: { __type: thrown.type, message: '' } }
  }
}

/** The Query protocol: a form in, XML out (the Smithy model of STS in @aws-sdk/client-sts). */
function stsAnswer(world: World, call: ApiCall): ApiReply {
  if (call.method !== 'POST' || !call.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    throw new AwsRefusal('InvalidAction', 'a POST with a form is asked for')
  }
  const { form } = call
  if (form.get('Version') !== '2011-06-15') throw new AwsRefusal('InvalidAction', 'another version')
  if (form.get('Action') !== 'GetWebIdentityToken') throw new AwsRefusal('InvalidAction', 'another action')
  const caller = identify(world, 'sts', call)
  authorize(caller, 'sts:GetWebIdentityToken', '*')
  const audience = form.get('Audience.member.1')
  const seconds = Number(form.get('DurationSeconds') ?? 300)
  const wrong = audience === null || !['RS256', 'ES384'].includes(form.get('SigningAlgorithm') ?? '')
  if (wrong || seconds < 60 || seconds > 3600)
    throw new AwsRefusal('ValidationError', 'a parameter is missing or wrong')
  if (world.issue === null) {
    throw new AwsRefusal('OutboundWebIdentityFederationDisabled', 'The feature is not enabled for the account.', 403)
  }
  const token = world.issue(audience)
  const body = `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetWebIdentityTokenResult>
    <WebIdentityToken>${token}</WebIdentityToken>
    <Expiration>${new Date(world.now() + seconds * 1000).toISOString()}</Expiration>
  </GetWebIdentityTokenResult>
  <ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>
</GetWebIdentityTokenResponse>`
  return { status: 200, headers: { 'content-type': 'text/xml' }, body }
}

/** The Query protocol calls errors by other names, and answers most of them with 403. */
const QUERY_NAMES: Readonly<Record<string, string>> = {
  AccessDeniedException: 'AccessDenied',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  UnrecognizedClientException: 'InvalidClientTokenId',
  MissingAuthenticationTokenException: 'MissingAuthenticationToken',
}

function queryRefusal({ type, message, status }: AwsRefusal): ApiReply {
  const code = QUERY_NAMES[type] ?? type
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
  return { status: code === type ? status : 403, headers: { 'content-type': 'text/xml' }, body }
}
