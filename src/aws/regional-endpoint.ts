/**
 * Where a service is in a Region, as its own endpoint rules say (aws/api-models-aws, `endpointRuleSet`); tests ask the SDK's
 * clients of all of them for every Region.
 */

import type { AwsRequest } from '../core/ports.ts'
import { type Partition, partitionOf } from './partitions.ts'

/** The services that are asked. */
export type ServiceName = AwsRequest['service'] | 'secretsmanager' | 'ssm'

interface Variant {
  readonly fips: boolean
  /** Answers on IPv6 too. */
  readonly dual: boolean
}

export function regionalEndpoint(service: ServiceName, region: string, variant: Variant): string {
  const partition = partitionOf(region)
  const { fips, dual } = variant
  const name = fips && !isFipsByDefault(service, partition, dual) ? `${service}-fips` : service
  const domain = dual && !isDualByDefault(service, partition, fips) ? partition.dualStackDomain : partition.domain
  if (service === 'iam') return `https://${iamHost(name, region, partition, domain)}`
  if (service === 's3') return `https://${name}${dual ? '.dualstack' : ''}.${region}.${partition.domain}`
  return `https://${hasApiName(service, partition, variant) ? 'api.' : ''}${name}.${region}.${domain}`
}

/** Systems Manager and STS in GovCloud have one endpoint. */
function isFipsByDefault(service: ServiceName, { name }: Partition, dual: boolean): boolean {
  return (service === 'ssm' || service === 'sts') && name === 'aws-us-gov' && !dual
}

/** The ordinary endpoints of Secrets Manager answer on IPv6 where nothing else is said. */
function isDualByDefault(service: ServiceName, { name }: Partition, fips: boolean): boolean {
  return service === 'secretsmanager' && (name === 'aws' || name === 'aws-us-gov' || (name === 'aws-cn' && !fips))
}

function hasApiName(service: ServiceName, { name }: Partition, { fips, dual }: Variant): boolean {
  return (service === 'ecr' && !dual) || (service === 'ecr-public' && !(dual && !fips && name === 'aws'))
}

/** Where the rules follow no pattern, in China and the closed partitions, the ordinary endpoint is asked in every case. */
function iamHost(
  name: string,
  region: string,
  { name: partition, domain: ordinary }: Partition,
  domain: string,
): string {
  if (partition === 'aws') return domain === ordinary ? `${name}.${domain}` : `${name}.global.${domain}`
  return partition === 'aws-us-gov' ? `iam.us-gov.${domain}` : `iam.${region}.${ordinary}`
}
