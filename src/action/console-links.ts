/** Where the AWS console shows what a report names. */

import type { SecretArn } from '../core/ports.ts'

/** Consoles of the isolated partitions are not told to anybody outside: no link there. */
const CONSOLES: Readonly<Record<string, string>> = {
  aws: 'console.aws.amazon.com',
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
  'aws-eusc': 'console.amazonaws-eusc.eu',
}

export interface ConsoleLinks {
  secret(): string
  command(id: string): string
  instance(id: string): string
  cluster(name: string): string
}

/** For the partition and the Region of the stored config; null: nobody knows the console of that partition. */
export function consoleLinks(secret: SecretArn): ConsoleLinks | null {
  const [, partition = '', region = '', resource = ''] =
    /^arn:([a-z-]+):secretsmanager:([a-z0-9-]+):\d{12}:secret:(.+)$/.exec(secret) ?? []
  const domain = Object.hasOwn(CONSOLES, partition) ? CONSOLES[partition] : undefined
  if (domain === undefined) return null
  const link = (path: string, query: Readonly<Record<string, string>> = {}, place = '') =>
    `https://${region}.${domain}/${path}?${new URLSearchParams({ ...query, region })}${place}`
  return {
    // Secrets Manager adds a hyphen and six characters to a name.
    secret: () => link('secretsmanager/secret', { name: resource.replace(/-[A-Za-z0-9]{6}$/, '') }),
    command: (id) => link(`systems-manager/run-command/${encodeURIComponent(id)}`),
    instance: (id) =>
      id.startsWith('mi-')
        ? link(`systems-manager/fleet-manager/managed-nodes/${encodeURIComponent(id)}/general`)
        : link('ec2/home', {}, `#InstanceDetails:instanceId=${encodeURIComponent(id)}`),
    // A plan may name a cluster by its ARN.
    cluster: (name) =>
      link(`ecs/v2/clusters/${encodeURIComponent(name.slice(name.lastIndexOf('/') + 1))}/infrastructure`),
  }
}
