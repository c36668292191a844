/** Where AWS calls go: Region and endpoint, from the environment and the shared config files, as every AWS SDK reads them. */

import {
  booleanSelector,
  CONFIG_PREFIX_SEPARATOR,
  loadConfig,
  NODE_REGION_CONFIG_FILE_OPTIONS,
  NODE_REGION_CONFIG_OPTIONS,
  NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS,
  NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS,
  resolveRegionConfig,
  SelectorType,
} from '@smithy/core/config'
import { PullAuthError } from '../core/errors.ts'
import { regionalEndpoint, type ServiceName } from './regional-endpoint.ts'

export interface Endpoints {
  /** Throws what `ask` knows as AWS_CREDENTIALS when there is none, or no name of one. */
  region(): Promise<string>
  /** Its path ends with a slash. Throws USAGE when what is configured cannot be one. */
  of(service: ServiceName): Promise<URL>
  /** The same in a Region, whatever `only` says: for what is signed here and sent elsewhere. */
  in(region: string, service: ServiceName): Promise<URL>
}

/** `only`: this endpoint and no other, whatever the environment says. */
export function createEndpoints(options: { readonly region?: string | undefined; readonly only?: string }): Endpoints {
  const configured = loadConfig<string>(NODE_REGION_CONFIG_OPTIONS, NODE_REGION_CONFIG_FILE_OPTIONS)
  const { region, useFipsEndpoint } = resolveRegionConfig({
    region: options.region ?? configured,
    useFipsEndpoint: loadConfig(NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS),
  })
  const dualStack = loadConfig(NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS)
  const known = new Map<ServiceName, Promise<URL>>()
  const look = async (service: ServiceName, where: () => Promise<string>, only?: string) => {
    if (only !== undefined) return endpointUrl(only)
    const [own, fips, dual] = await Promise.all([configuredEndpoint(service), useFipsEndpoint(), dualStack()])
    if (own !== undefined && (fips || dual)) throw notTogether(fips ? 'FIPS' : 'dual-stack')
    return endpointUrl(own ?? regionalEndpoint(service, await where(), { fips, dual }))
  }
  return {
    region,
    of: (service) => {
      const found = known.get(service) ?? look(service, region, options.only)
      known.set(service, found)
      return found
    },
    in: (place, service) => look(service, async () => place),
  }
}

/** The name of a service in variables, and in a `services` section of the shared config. */
function nameInSettings(service: ServiceName): string {
  return service === 'secretsmanager' ? 'secrets_manager' : service.replaceAll('-', '_')
}

async function configuredEndpoint(service: ServiceName): Promise<string | undefined> {
  const ignored = loadConfig<boolean>({
    environmentVariableSelector: (env) => booleanSelector(env, 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', SelectorType.ENV),
    configFileSelector: (profile) => booleanSelector(profile, 'ignore_configured_endpoint_urls', SelectorType.CONFIG),
    default: false,
  })
  if (await ignored()) return undefined
  const name = nameInSettings(service)
  return await loadConfig<string | undefined>({
    environmentVariableSelector: (env) =>
      env[`AWS_ENDPOINT_URL_${name.toUpperCase()}`] || env['AWS_ENDPOINT_URL'] || undefined,
    configFileSelector: (profile, files) => {
      const section = `services${CONFIG_PREFIX_SEPARATOR}${profile['services'] ?? ''}`
      const ofService = files?.[section]?.[`${name}${CONFIG_PREFIX_SEPARATOR}endpoint_url`]
      return ofService || profile['endpoint_url'] || undefined
    },
    default: undefined,
  })()
}

function endpointUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new PullAuthError(
      'USAGE',
      'The configured endpoint of AWS is not a URL.',
      'Set AWS_ENDPOINT_URL (or endpoint_url of the profile) to https://host, or remove it.',
    )
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

function notTogether(what: string): PullAuthError {
  return new PullAuthError(
    'USAGE',
    `A configured endpoint of AWS and ${what} endpoints do not go together.`,
    'Remove AWS_ENDPOINT_URL (endpoint_url of the profile), or AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.',
  )
}
