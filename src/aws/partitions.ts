/** The partitions of AWS: which domain a Region's endpoints have. From the SDK's own table, against which a test holds it. */

export interface Partition {
  readonly name: string
  readonly domain: string
  /** The domain of endpoints that answer on IPv6 too. */
  readonly dualStackDomain: string
}

const AWS: Partition = { name: 'aws', domain: 'amazonaws.com', dualStackDomain: 'api.aws' }

const OTHERS: readonly (readonly [regions: RegExp, Partition])[] = [
  [/^cn-/, { name: 'aws-cn', domain: 'amazonaws.com.cn', dualStackDomain: 'api.amazonwebservices.com.cn' }],
  [/^us-gov-/, { name: 'aws-us-gov', domain: 'amazonaws.com', dualStackDomain: 'api.aws' }],
  [/^eusc-/, { name: 'aws-eusc', domain: 'amazonaws.eu', dualStackDomain: 'api.amazonwebservices.eu' }],
  [/^us-iso-/, { name: 'aws-iso', domain: 'c2s.ic.gov', dualStackDomain: 'api.aws.ic.gov' }],
  [/^us-isob-/, { name: 'aws-iso-b', domain: 'sc2s.sgov.gov', dualStackDomain: 'api.aws.scloud' }],
  [/^eu-isoe-/, { name: 'aws-iso-e', domain: 'cloud.adc-e.uk', dualStackDomain: 'api.cloud-aws.adc-e.uk' }],
  [/^us-isof-/, { name: 'aws-iso-f', domain: 'csp.hci.ic.gov', dualStackDomain: 'api.aws.hci.ic.gov' }],
]

export function partitionOf(region: string): Partition {
  return OTHERS.find(([regions]) => regions.test(region))?.[1] ?? AWS
}
