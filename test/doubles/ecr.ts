/** What ECR and ECR Public answer to GetAuthorizationToken: awsJson 1.1, as their Smithy models in the AWS SDKs say. */

import { authorize, type Identity } from '../aws/signature.ts'
import { AwsRefusal, isObject } from '../aws/wire.ts'
import { marked } from './marks.ts'
import type { ApiCall, ApiReply } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface EcrAsked {
  readonly call: ApiCall
  readonly region: string
  readonly now: number
  readonly tokens: TokenStore
  /** Who signed; throws `AwsRefusal`. */
  identify(): Identity
}

const LIFE = 12 * 60 * 60

export function ecrAnswer(asked: EcrAsked): ApiReply {
  const caller = signedCall(asked, 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken')
  authorize(caller, 'ecr:GetAuthorizationToken', '*')
  const { region } = asked
  const proxyEndpoint = `https://123456789012.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
  return { status: 200, body: { authorizationData: [{ ...newToken(asked), proxyEndpoint }] } }
}

export function ecrPublicAnswer(asked: EcrAsked): ApiReply {
  const caller = signedCall(asked, 'SpencerFrontendService.GetAuthorizationToken')
  authorize(caller, 'ecr-public:GetAuthorizationToken', '*')
  authorize(caller, 'sts:GetServiceBearerToken', '*')
  return { status: 200, body: { authorizationData: newToken(asked) } }
}

function signedCall({ call, identify }: EcrAsked, target: string): Identity {
  if (call.method !== 'POST' || call.headers['content-type'] !== 'application/x-amz-json-1.1') {
    throw new AwsRefusal('UnknownOperationException', '', 404)
  }
  const caller = identify()
  if (call.headers['x-amz-target'] !== target) throw new AwsRefusal('UnknownOperationException', '')
  // `registryIds` is deprecated and changes nothing: it is a mistake of ours.
  if (!isObject(call.json) || Object.keys(call.json).length > 0) throw new AwsRefusal('SerializationException', '')
  return caller
}

function newToken({ now, tokens }: EcrAsked): { authorizationToken: string; expiresAt: number } {
  const password = marked('ecr')
  tokens.add({ username: 'AWS', password, pulls: ['acme/*'], expiresAt: now + LIFE * 1000 })
  return { authorizationToken: Buffer.from(`AWS:${password}`).toString('base64'), expiresAt: now / 1000 + LIFE }
}
