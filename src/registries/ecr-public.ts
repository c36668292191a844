/** Provider `ecr-public`: 12-hour passwords of public.ecr.aws, whose limit for strangers is low. */

import type { Provider } from '../core/ports.ts'
import { ECR_LIFE, getAuthorizationToken } from './ecr-api.ts'

/** The service has one Region for its API (facts/registries.md section 3.4). */
const REGION = 'us-east-1'

/**
 * Everything there is public: an entry of this kind raises the limit of pulls, so its plan says `proof: login-only`.
 * `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED, MINT_UNAVAILABLE, AWS_CREDENTIALS.
 */
export const ecrPublic: Provider<Readonly<Record<string, never>>> = {
  kind: 'ecr-public',
  summary: 'Passwords of Amazon ECR Public (public.ecr.aws), for its higher limit of pulls.',
  traits: {
    rotation: 'exchange',
    ttl: { min: ECR_LIFE, max: ECR_LIFE, default: ECR_LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['aws-sigv4'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a double that checks the signature as AWS does, its passwords checked by a real docker-registry; never ECR Public',
  },
  options: {},

  parse: () => ({}),

  async mint(cx) {
    return await getAuthorizationToken(cx, {
      service: 'ecr-public',
      target: 'SpencerFrontendService.GetAuthorizationToken',
      region: REGION,
      keys: null,
      actions: 'ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken',
    })
  },

  permissions: () => [
    { action: 'ecr-public:GetAuthorizationToken' },
    { action: 'sts:GetServiceBearerToken', equals: { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' } },
  ],
}
