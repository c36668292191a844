/** The partitions of AWS: which domain a Region's endpoints have. From the SDK's own table, against which a test holds it. */

export interface Partition {
  readonly name: string
  readonly domain: string
  /** The domain of endpoints that answer on IPv6 too. */
  readonly dualStackDomain: string
  /** IAM has one endpoint for each partition, and requests to it are signed for this Region (endpoint rules of IAM). */
  readonly iamRegion: string
}

const AWS: Partition = { name: 'aws', domain: 'amazonaws.com', dualStackDomain: 'api.aws', iamRegion: 'us-east-1' }

const OTHERS: readonly (readonly [regions: RegExp, Partition])[] = [
  [
    /^cn-/,
    {
      name: 'aws-cn',
      domain: 'amazonaws.com.cn',
      dualStackDomain: 'api.amazonwebservices.com.cn',
      iamRegion: 'cn-north-1',
    },
  ],
  [/^us-gov-/, { name: 'aws-us-gov', domain: 'amazonaws.com', dualStackDomain: 'api.aws', iamRegion: 'us-gov-west-1' }],
  [
    /^eusc-/,
    {
      name: 'aws-eusc',
      domain: 'amazonaws.eu',
      dualStackDomain: 'api.amazonwebservices.eu',
      iamRegion: 'eusc-de-east-1',
    },
  ],
  [
    /^us-iso-/,
    { name: 'aws-iso', domain: 'c2s.ic.gov', dualStackDomain: 'api.aws.ic.gov', iamRegion: 'us-iso-east-1' },
  ],
  [
    /^us-isob-/,
    { name: 'aws-iso-b', domain: 'sc2s.sgov.gov', dualStackDomain: 'api.aws.scloud', iamRegion: 'us-isob-east-1' },
  ],
  [
    /^eu-isoe-/,
    {
      name: 'aws-iso-e',
      domain: 'cloud.adc-e.uk',
      dualStackDomain: 'api.cloud-aws.adc-e.uk',
      iamRegion: 'eu-isoe-west-1',
    },
  ],
  [
    /^us-isof-/,
    {
      name: 'aws-iso-f',
      domain: 'csp.hci.ic.gov',
      dualStackDomain: 'api.aws.hci.ic.gov',
      iamRegion: 'us-isof-south-1',
    },
  ],
]

export function partitionOf(region: string): Partition {
  return OTHERS.find(([regions]) => regions.test(region))?.[1] ?? AWS
}
