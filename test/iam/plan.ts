/** One plan that needs all there is: a stored root, an identity, outputs, a cluster, a runbook, a schedule below four hours. */

import type { IamSettings } from '../../src/core/iam.ts'
import { type Plan, readUnjudgedPlan } from '../../src/core/plan.ts'
import { PROVIDERS } from '../../src/registries/table.ts'

export const ACCOUNT = '111122223333'
export const REGION = 'eu-central-1'
export const SECRET = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:prod/ecs/agent-config-AbCdEf`

const value = {
  version: 1,
  secret: SECRET,
  registries: {
    'registry.gitlab.com': {
      provider: 'gitlab',
      group: 'acme',
      root: 'prod/gitlab/root',
      ttl: '7d',
      probe: 'registry.gitlab.com/acme/app:stable',
    },
    'docker.cloudsmith.io': {
      provider: 'cloudsmith',
      org: 'acme',
      service: 'ecs-pull',
      probe: 'docker.cloudsmith.io/acme/app:stable',
    },
  },
  fleet: {
    targets: { 'tag:ecs-pull-auth': ['prod'] },
    cluster: 'prod',
    canary: 1,
    alarm: 'checkout-errors',
    runbook: {
      role: `arn:aws:iam::${ACCOUNT}:role/ecs-pull-auth-rollout`,
      approvers: ['on-call'],
      notify: `arn:aws:sns:${REGION}:${ACCOUNT}:AutomationApproval`,
      calendar: 'freeze',
    },
  },
  rotation: { schedule: 'rate(30 minutes)' },
  outputs: [{ kind: 'repository-credentials', registry: 'docker.cloudsmith.io', secret: 'prod/ecs/cloudsmith' }],
}

export const PLAN_TEXT = JSON.stringify(value)

export const PLAN: Plan = readUnjudgedPlan(value, 'of this test', PROVIDERS)

export const SETTINGS: IamSettings = {
  account: ACCOUNT,
  region: REGION,
  partition: 'aws',
  domain: 'amazonaws.com',
  name: 'ecs-pull-auth',
  kmsKey: `arn:aws:kms:${REGION}:${ACCOUNT}:key/0f8fad5b-d9cb-469f-a165-70867728950e`,
  planParameter: '/prod/plan',
  vpc: true,
  repository: { name: 'acme/infrastructure', ownerId: '1234', repositoryId: '5678', context: 'ref:refs/heads/main' },
}
