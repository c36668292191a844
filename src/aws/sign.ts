/** Signature Version 4 for the few AWS calls of other services, and for registries that take an AWS role's signature. */

import type { AwsHeaders, AwsKeys, AwsRequest } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { ask } from './failure.ts'
import type { AwsClient } from './json-api.ts'
import { partitionOf } from './partitions.ts'
import { signedHeaders } from './sigv4.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Signs with the credentials, Region and clock that the client has. The result throws AWS_CREDENTIALS when there are none. */
export function createAwsSigner(client: AwsClient, env: Environment): (request: AwsRequest) => Promise<AwsHeaders> {
  return async (request) => {
    const asked = { action: `${request.service}:any call`, subject: 'AWS' }
    const region = request.region ?? (await ask(asked, () => client.config.region()))
    const own = () => `${trimEnd(endpointOf(request.service, region, env), '/')}${request.path ?? '/'}`
    const url = new URL(request.url?.replace('{region}', region) ?? own())
    const { keys, body } = request
    const identity = keys === undefined ? await ask(asked, () => client.config.credentials()) : revealed(keys)
    const unsigned = {
      method: request.method,
      url,
      headers: request.headers ?? {},
      body: body instanceof Secret ? body.reveal() : (body ?? ''),
    }
    const scope = { service: request.service, region, date: client.config.clock.now() }
    return { url: url.href, region, headers: wrap(signedHeaders(unsigned, identity, scope)) }
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
