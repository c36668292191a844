/** Signature Version 4 for the few AWS calls of other services, and for registries that take an AWS role's signature. */

import { SignatureV4 } from '@smithy/signature-v4'
import type { AwsHeaders, AwsKeys, AwsRequest } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { ask } from './failure.ts'
import type { AwsClient } from './json-api.ts'
import { partitionOf } from './partitions.ts'
import { Sha256 } from './sha256.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Signs with the credentials, Region and clock that the client has. The result throws AWS_CREDENTIALS when there are none. */
export function createAwsSigner(client: AwsClient, env: Environment): (request: AwsRequest) => Promise<AwsHeaders> {
  return async (request) => {
    const asked = { action: `${request.service}:any call`, subject: 'AWS' }
    const region = request.region ?? (await ask(asked, () => client.config.region()))
    const own = () => `${trimEnd(endpointOf(request.service, region, env), '/')}${request.path ?? '/'}`
    const url = new URL(request.url?.replace('{region}', region) ?? own())
    const credentials = request.keys === undefined ? client.config.credentials : revealed(request.keys)
    // S3 alone signs the path as it is sent, and asks for the hash of the body as a header. A registry that passes a
    // signature on to AWS would not know that header.
    const isS3 = request.service === 's3'
    const form = { uriEscapePath: !isS3, applyChecksum: isS3 }
    const signer = new SignatureV4({ service: request.service, region, credentials, sha256: Sha256, ...form })
    const unsigned = {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      path: decodeURI(url.pathname),
      query: Object.fromEntries(url.searchParams),
      headers: { ...request.headers, host: url.host },
      body: request.body instanceof Secret ? request.body.reveal() : request.body,
    }
    const signed = await ask(asked, () => signer.sign(unsigned, { signingDate: client.config.clock.now() }))
    return { url: url.href, region, headers: wrap(signed.headers) }
  }
}

function revealed({ accessKeyId, secretAccessKey }: AwsKeys): { accessKeyId: string; secretAccessKey: string } {
  return { accessKeyId, secretAccessKey: secretAccessKey.reveal() }
}

const SENSITIVE = ['authorization', 'x-amz-security-token']

function wrap(headers: Readonly<Record<string, string>>): Record<string, string | Secret> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    SENSITIVE.includes(name.toLowerCase()) ? new Secret(value) : value,
  ])
  return Object.fromEntries(entries)
}

/** As the SDKs read it: the service's own variable, then the common one, then the regional endpoint. */
function endpointOf(service: string, region: string, env: Environment): string {
  const own = env[`AWS_ENDPOINT_URL_${service.replaceAll('-', '_').toUpperCase()}`]
  const given = own || env['AWS_ENDPOINT_URL']
  if (given && env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] !== 'true') return given
  const { name: partition, domain } = partitionOf(region)
  // One endpoint for the whole partition (AWS General Reference); in China and elsewhere its name has a Region.
  if (service === 'iam' && partition === 'aws') return `https://iam.${domain}/`
  if (service === 'iam' && partition === 'aws-us-gov') return `https://iam.us-gov.${domain}/`
  const host = service === 'ecr' || service === 'ecr-public' ? `api.${service}` : service
  return `https://${host}.${region}.${domain}/`
}
