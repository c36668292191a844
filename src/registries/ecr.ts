/** Provider `ecr`: 12-hour passwords of private Amazon ECR, for what the ECS agent does not log in to by itself. */

import type { FieldProblem, Provider } from '../core/ports.ts'
import { ECR_LIFE, getAuthorizationToken, readKeys } from './ecr-api.ts'

export interface EcrConfig {
  readonly region: string
  /** The secret with an access key; null = the role or user that runs us. */
  readonly root: string | null
}

/** `123456789012.dkr.ecr.eu-west-1.amazonaws.com` and its dual-stack name `….dkr-ecr.eu-west-1.on.aws`. */
const HOST = /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.([a-z0-9.-]+)(?:[:/]|$)/
const DOMAINS = [
  'amazonaws.com',
  'amazonaws.com.cn',
  'amazonaws.eu',
  'on.aws',
  'on.amazonwebservices.com.cn',
  'c2s.ic.gov',
  'sc2s.sgov.gov',
  'csp.hci.ic.gov',
  'cloud.adc-e.uk',
]
const REGION = /^[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$/

/**
 * The ECS agent logs in to private ECR itself and never looks at the config for it (facts/registries.md section 3.4): this
 * is for another partition, a name of one's own before ECR, and instances without a role. `mint` throws MINT_REJECTED,
 * MINT_NOT_PERMITTED, MINT_RATE_LIMITED, MINT_UNAVAILABLE, CREDENTIAL_INVALID, AWS_CREDENTIALS.
 */
export const ecr: Provider<EcrConfig> = {
  kind: 'ecr',
  summary: 'Passwords of private Amazon ECR for every registry that the caller may read, this account’s or another’s.',
  traits: {
    rotation: 'exchange',
    ttl: { min: ECR_LIFE, max: ECR_LIFE, default: ECR_LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['aws-sigv4', 'stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a double that checks the signature as AWS does, its passwords checked by a real docker-registry; never Amazon ECR',
  },
  options: {
    region: {
      kind: 'string',
      description: 'Region of the registry. Default: the one in the registry key; a name of your own needs it.',
      example: 'eu-west-1',
    },
    root: {
      kind: 'secret',
      description:
        'Secret with {"accessKeyId", "secretAccessKey"} for a registry in another partition. Default: the role or user that runs us.',
      example: 'prod/ecr-cn/root',
    },
  },

  parse(fields, registry) {
    const { region: given, root } = fields
    const region = typeof given === 'string' ? given : regionOf(registry)
    const problems: FieldProblem[] = []
    if (region === undefined) problems.push({ field: 'region', problem: 'is missing, and the registry key names none' })
    else if (!REGION.test(region)) problems.push({ field: 'region', problem: 'is not the name of an AWS Region' })
    if (region === undefined || problems.length > 0) return problems
    return { region, root: typeof root === 'string' ? root : null }
  },

  async mint(cx, { region, root }) {
    return await getAuthorizationToken(cx, {
      service: 'ecr',
      target: 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
      region,
      keys: root === null ? null : await readKeys(cx, root),
      actions: 'ecr:GetAuthorizationToken',
    })
  },

  /** The password pulls what its maker may pull: probes, and for as long as it lives the images of the fleet. */
  permissions({ region, root }, registry) {
    if (root !== null) return []
    const account = /^(\d{12})\./.exec(registry.replace(/^https?:\/\//, ''))?.[1] ?? '*'
    const resource = `arn:{partition}:ecr:${region}:${account}:repository/*`
    const pull = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchCheckLayerAvailability']
    return [{ action: 'ecr:GetAuthorizationToken' }, ...pull.map((action) => ({ action, resource }))]
  },
}

function regionOf(registry: string): string | undefined {
  const [, region, domain = ''] = HOST.exec(registry.replace(/^https?:\/\//, '')) ?? []
  return DOMAINS.includes(domain) ? region : undefined
}
