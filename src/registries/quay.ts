/** Provider `quay`: who runs us, exchanged for a token of a robot account; no root is stored anywhere. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Provider } from '../core/ports.ts'
import { basicHeader } from '../core/secret.ts'
import { trimEnd } from '../core/trim-end.ts'
import { httpsProblem } from './https-only.ts'
import { exchange, expiryOf, type TokenApi, takeToken, unusable } from './token-api.ts'

export interface QuayConfig {
  /** `https://quay.io` */
  readonly url: string
  /** `acme+ecs_pull` */
  readonly robot: string
  readonly audience: string
}

/** Fixed in Quay (facts/registries.md section 3.8). */
const LIFE = 3600
const ROBOT = /^[a-z0-9][a-z0-9._-]{0,254}\+[a-z0-9][a-z0-9_-]{0,253}$/

/**
 * One request (facts/registries.md section 3.8). `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, CREDENTIAL_EXPIRING and what `identityToken` throws.
 */
export const quay: Provider<QuayConfig> = {
  kind: 'quay',
  summary: 'Tokens of a robot account of Quay.io or Project Quay, in exchange for the identity that runs us.',
  traits: {
    rotation: 'exchange',
    ttl: { min: LIFE, max: LIFE, default: LIFE, granularity: 'second' },
    revoke: 'by-expiry',
    identity: ['github-oidc', 'aws-oidc'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a double written from Quay’s own source that checks identity tokens, its tokens by a real docker-registry; never a Quay',
  },
  options: {
    url: {
      kind: 'url',
      description: 'The Quay. Default: https:// and the host of the registry key.',
      example: 'https://quay.io',
    },
    robot: {
      kind: 'string',
      required: true,
      description: 'The robot account of an organization, with a robot identity federation.',
      example: 'acme+ecs_pull',
    },
    audience: {
      kind: 'string',
      description: 'Audience of the identity token, as the federation lists it. Default: the url.',
    },
  },

  parse(fields, registry) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null)
    const [robot, url] = [text('robot') ?? '', quayUrl(text('url'), registry)]
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    check('url', httpsProblem(url))
    check('robot', ROBOT.test(robot) ? null : 'must be the whole name of a robot, organization+robot')
    return problems.length > 0 ? problems : { url, robot, audience: text('audience') ?? url }
  },

  async mint(cx, { url, robot, audience }, { ttl }) {
    const identity = await cx.identityToken(audience)
    cx.journal.mask(identity, robot)
    const api = apiOf(url, robot, audience)
    const issuedAt = cx.clock.now()
    const answer = await exchange(cx, api, {
      method: 'GET',
      url: `${url}/oauth2/federation/robot/token`,
      headers: { authorization: basicHeader(robot, identity) },
    })
    const password = takeToken(cx, answer['token'], robot)
    if (password === null) throw unusable(api, 'token')
    const expiresAt = expiryOf(password, undefined, issuedAt) ?? issuedAt + LIFE * 1000
    if (expiresAt < issuedAt + (ttl ?? LIFE) * 1000 - 60_000) {
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `${api.name} gave a token until ${new Date(expiresAt).toISOString()}, less than the hour that was counted on.`,
        'Check the clocks of this machine and of Quay: its tokens live one hour.',
      )
    }
    return { username: robot, password, issuedAt, expiresAt, handle: null }
  },

  permissions: ({ audience }) => [{ identityToken: audience }],
}

/** The Quay that a plan names, or the host that the images come from. */
export function quayUrl(url: string | null, registry: string): string {
  return trimEnd(url ?? `https://${registry.replace(/^https?:\/\//, '').split('/')[0]}`, '/')
}

function apiOf(url: string, robot: string, audience: string): TokenApi {
  const check =
    `Check the robot identity federation of ${robot} (Quay 3.13 or later): the issuer must be GitHub’s or that of the AWS ` +
    `account, the subject that of this workflow or role, letter by letter, and ${audience} among the audiences`
  return {
    name: `Quay ${url}/oauth2/federation/robot/token`,
    hints: {
      rejected: `${check}.`,
      notPermitted: `${check}.`,
      unavailable: `${check}; check the url and that Quay is up.`,
    },
  }
}
