/** ARNs and statements, the parts that policies are made of. */

/** Where a plan is deployed. */
export interface Account {
  readonly account: string
  readonly region: string
  readonly partition: string
  /** Of the partition's endpoints: `amazonaws.com`. */
  readonly domain: string
}

export type Condition = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

export interface Statement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: Condition
}

export function serviceArn({ partition, region, account }: Account, service: string, resource: string): string {
  return `arn:${partition}:${service}:${region}:${account}:${resource}`
}

export function iamArn({ partition, account }: Account, resource: string, owner = account): string {
  return `arn:${partition}:iam::${owner}:${resource}`
}

/** Secrets Manager adds a hyphen and six characters to the name: exactly so many, or a longer name would match too. */
export function secretArn(account: Account, name: string): string {
  return name.startsWith('arn:') ? name : serviceArn(account, 'secretsmanager', `secret:${name}-??????`)
}

export function parameterArn(account: Account, name: string): string {
  return name.startsWith('arn:') ? name : serviceArn(account, 'ssm', `parameter/${name.replace(/^\//, '')}`)
}

/**
 * The key of secrets, only through Secrets Manager and for these secrets. A put that is repeated decrypts what is there
 * to compare it, so who writes also reads (facts, Secrets Manager section 3).
 */
export function keyUse(
  account: Account,
  key: string,
  use: 'encrypt' | 'decrypt',
  secrets: readonly string[],
): Statement {
  return {
    Sid: 'SecretKeys',
    Effect: 'Allow',
    Action: use === 'encrypt' ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'],
    Resource: [key],
    Condition: {
      StringEquals: { 'kms:ViaService': [`secretsmanager.${account.region}.${account.domain}`] },
      StringLike: { 'kms:EncryptionContext:SecretARN': secrets },
    },
  }
}

export function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
