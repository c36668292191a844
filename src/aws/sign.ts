/** Signature Version 4 for the few AWS calls of other services, and for registries that take an AWS role's signature. */

import type { AwsHeaders, AwsKeys, AwsRequest } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { ask } from './failure.ts'
import type { AwsClient } from './json-api.ts'
import { signedHeaders } from './sigv4.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Signs with the credentials, Region and clock that the client has. The result throws AWS_CREDENTIALS when there are none. */
export function createAwsSigner(client: AwsClient, env: Environment): (request: AwsRequest) => Promise<AwsHeaders> {
  const { endpoints } = client.config
  return async (request) => {
    const asked = { action: `${request.service}:any call`, subject: 'AWS' }
    const region = request.region ?? (await ask(asked, () => client.config.region()))
    const own = async () => givenEndpoint(request.service, env) ?? (await endpoints.in(region, request.service)).href
    const url = new URL(
      request.url?.replace('{region}', region) ?? `${trimEnd(await ask(asked, own), '/')}${request.path ?? '/'}`,
    )
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

/** What the environment names goes before what `endpoints` finds. */
function givenEndpoint(service: string, env: Environment): string | null {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return null
  return env[`AWS_ENDPOINT_URL_${service.replaceAll('-', '_').toUpperCase()}`] || env['AWS_ENDPOINT_URL'] || null
}
