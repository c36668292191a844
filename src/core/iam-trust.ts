/** Who may become a role: an AWS service for this account, or the workflows of one repository. */

import { type Account, iamArn, serviceArn } from './iam-arn.ts'

export interface Trust {
  readonly Effect: 'Allow'
  readonly Principal: Readonly<Record<'Service' | 'Federated', string>> | Readonly<Record<string, string>>
  readonly Action: string
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** `account`: only on behalf of this account, which not every service tells. `source`: of its resources that act. */
export function serviceTrust(
  service: 'lambda' | 'ec2' | 'ssm' | 'scheduler',
  account?: Account,
  source?: string,
): Trust {
  // EC2 alone has a principal of its own in China.
  const suffix = service === 'ec2' && account?.partition === 'aws-cn' ? '.cn' : ''
  const trust: Trust = {
    Effect: 'Allow',
    Principal: { Service: `${service}.amazonaws.com${suffix}` },
    Action: 'sts:AssumeRole',
  }
  if (account === undefined || service === 'ec2') return trust
  const condition = {
    StringEquals: { 'aws:SourceAccount': account.account },
    ...(source === undefined ? {} : { ArnLike: { 'aws:SourceArn': serviceArn(account, service, source) } }),
  }
  return { ...trust, Condition: condition }
}

/** Ids do not move when a name does: who takes over a freed name is another owner, and another repository. */
export interface Repository {
  /** `acme/infrastructure` */
  readonly name: string
  readonly ownerId: string
  readonly repositoryId: string
  /** What follows the repository in the subject: `ref:refs/heads/main` or `environment:production`. */
  readonly context: string
}

const ISSUER = 'token.actions.githubusercontent.com'

/**
 * Repositories made since 2026-07-15 have ids in their subject, older ones do not (facts/conventions-2026.md section 3).
 * Both spellings are trusted, because the two claims with the ids are asked for beside either.
 */
export function workflowTrust(account: Account, { name, ownerId, repositoryId, context }: Repository): Trust {
  const [owner = '', repository = ''] = name.split('/')
  const audience = account.partition === 'aws-cn' ? 'sts.amazonaws.com.cn' : 'sts.amazonaws.com'
  return {
    Effect: 'Allow',
    Principal: { Federated: iamArn(account, `oidc-provider/${ISSUER}`) },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: {
        [`${ISSUER}:aud`]: audience,
        [`${ISSUER}:repository_owner_id`]: ownerId,
        [`${ISSUER}:repository_id`]: repositoryId,
        [`${ISSUER}:sub`]: [
          `repo:${owner}@${ownerId}/${repository}@${repositoryId}:${context}`,
          `repo:${name}:${context}`,
        ],
      },
    },
  }
}
