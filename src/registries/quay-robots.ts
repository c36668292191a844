/** Provider `quay-robots`: two robot accounts of a Quay organization, one in use and one whose token is made anew. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, JsonValue, MintRequest, Provider, ProviderContext } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { httpsProblem } from './https-only.ts'
import { asObject } from './json.ts'
import { quayUrl } from './quay.ts'
import {
  apiOf,
  enter,
  isDeleted,
  look,
  markIn,
  markOf,
  nameOf,
  type Place,
  type Quay,
  regenerate,
} from './quay-robots-api.ts'
import { ensurePlace } from './root-login.ts'
import { placeProblem } from './root-place.ts'
import { isLost, isSuccess, objectOf, refusal, revokeFailed, said, takeToken } from './token-api.ts'

export interface QuayRobotsConfig extends Place {
  /** Short names. */
  readonly robots: readonly [string, string]
}

/** Which token of which robot: `mark` tells the token from those that the robot had before and will have. */
interface Handle extends Place {
  readonly robot: string
  readonly mark: string
}

const ORGANIZATION = /^[a-z0-9][a-z0-9._-]{0,254}$/
const ROBOT = /^[a-z0-9][a-z0-9_-]{0,253}$/
const MARK = /^[0-9a-f]{16}$/

/**
 * Four requests (facts/registries.md section 3.8). A robot has one token, and a new one ends the old one at once: so only the
 * robot that no instance uses is touched. `mint` throws MINT_REJECTED, MINT_NOT_PERMITTED, MINT_RATE_LIMITED,
 * MINT_UNAVAILABLE, MINT_AMBIGUOUS, CREDENTIAL_INVALID; `revoke` REVOKE_FAILED.
 */
export const quayRobots: Provider<QuayRobotsConfig> = {
  kind: 'quay-robots',
  summary: 'Two robot accounts of a Quay organization in turn; for where quay (no stored root, one hour) does not fit.',
  traits: {
    rotation: 'two-slot',
    ttl: { min: null, max: null, default: null, granularity: 'none' },
    revoke: 'immediate',
    identity: ['stored-root'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a double written from Quay’s own source, whose robots a real docker-registry checks; never a Quay',
  },
  options: {
    url: {
      kind: 'url',
      description: 'The Quay. Default: https:// and the host of the registry key.',
      example: 'https://quay.io',
    },
    organization: { kind: 'string', required: true, description: 'The organization of both robots.', example: 'acme' },
    first: {
      kind: 'string',
      required: true,
      description: 'Short name of one robot. Both must be used by this entry of this plan only.',
      example: 'ecs_pull_a',
    },
    second: { kind: 'string', required: true, description: 'Short name of the other robot.', example: 'ecs_pull_b' },
    root: {
      kind: 'secret',
      required: true,
      description: 'Secret with an OAuth token of scope org:admin, as bare text or {"token","url"}.',
      example: 'prod/quay/root',
    },
  },

  parse(fields, registry) {
    const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
    const [organization, first, second, root] = [text('organization'), text('first'), text('second'), text('root')]
    const url = quayUrl(text('url') || null, registry)
    const problems: FieldProblem[] = []
    const check = (field: string, problem: string | null) => {
      if (problem !== null) problems.push({ field, problem })
    }
    const short = 'must be the short name of a robot, without the organization and +'
    check('url', httpsProblem(url))
    check('organization', ORGANIZATION.test(organization) ? null : 'must be the name of an organization')
    check('first', ROBOT.test(first) ? null : short)
    check('second', ROBOT.test(second) ? null : short)
    check('second', first === second && first !== '' ? 'must be another robot than first' : null)
    check('root', root === '' ? 'is missing' : null)
    return problems.length > 0 ? problems : { url, organization, root, robots: [first, second] }
  },

  async mint(cx, config, { inUse }) {
    await ensurePlace(cx, config)
    const quay = await enter(cx, config)
    const robot = await freeRobot(cx, quay, config.robots, inUse)
    const issuedAt = cx.clock.now()
    const password = await renew(cx, quay, robot)
    const { url, organization, root } = config
    const handle: Handle = { url, organization, robot, mark: markOf(password), root }
    return { username: nameOf(config, robot), password, issuedAt, expiresAt: null, handle: { ...handle } }
  },

  /** Quay leaves no robot without a token, so it is replaced by one that nobody gets to know. */
  async revoke(cx, handle, planned) {
    const wanted = readHandle(handle)
    if (wanted === null) throw unreadable()
    const what = `The token of robot ${nameOf(wanted, wanted.robot)} at ${wanted.url}`
    const named = planned.some(({ url, root }) => url === wanted.url && root === wanted.root)
    const problem = await placeProblem(cx, wanted.root, wanted.url, named)
    if (problem !== null) {
      throw revokeFailed(
        what,
        `${problem}, so no root was sent`,
        `If that address is right, store {"token":"…","url":"…"} in secret ${wanted.root}, then retire again.`,
      )
    }
    const quay = await enter(cx, wanted)
    const hint = `Check that the OAuth token in secret ${wanted.root} is alive and may administer ${wanted.organization}; retire tries again.`
    const seen = await look(cx, quay, wanted.robot)
    if (await isDeleted(cx, quay, wanted.robot, seen)) return 'already-gone'
    const mark = markIn(cx, seen, nameOf(wanted, wanted.robot))
    if (mark === null) throw revokeFailed(what, `its token cannot be looked at (${said(cx, seen)})`, hint)
    if (mark !== wanted.mark) return 'already-gone'
    const answer = await regenerate(cx, quay, wanted.robot)
    if (isSuccess(answer)) return 'revoked'
    throw revokeFailed(what, said(cx, answer), hint)
  },
}

/**
 * The robot that no instance uses. The current one is never touched; the other one only when no earlier version names the
 * token that it has now.
 */
async function freeRobot(
  cx: ProviderContext,
  quay: Quay,
  robots: readonly [string, string],
  inUse: MintRequest['inUse'],
): Promise<string> {
  const ours = ({ url, organization }: Place) => url === quay.url && organization === quay.organization
  const handles = inUse.map(readHandle).map((handle) => (handle !== null && ours(handle) ? handle : null))
  const candidates = robots.filter((robot) => robot !== handles[0]?.robot)
  const named = (robot: string) => handles.filter((handle) => handle?.robot === robot)
  const unnamed = candidates.find((robot) => named(robot).length === 0)
  if (unnamed !== undefined) return unnamed
  for (const robot of candidates) {
    const seen = await look(cx, quay, robot)
    const mark = markIn(cx, seen, nameOf(quay, robot))
    if (mark === null) throw refusal(cx, apiOf(quay), seen)
    if (named(robot).every((handle) => handle?.mark !== mark)) return robot
  }
  throw bothInUse(quay)
}

/** A new token; after a lost answer the same robot once more, since no instance uses it. */
async function renew(cx: ProviderContext, quay: Quay, robot: string): Promise<Secret> {
  for (let attempt = 1; attempt <= 2; attempt++) {
    const answer = await regenerate(cx, quay, robot)
    if (!isSuccess(answer) && !isLost(answer)) throw refusal(cx, apiOf(quay), answer)
    const { name, token } = objectOf(answer)
    const password = name === nameOf(quay, robot) ? takeToken(cx, token, name) : null
    if (password !== null) return password
  }
  throw new PullAuthError(
    'MINT_AMBIGUOUS',
    `${apiOf(quay).name}/${robot}/regenerate: its answer was lost; the robot may have a token that nobody knows.`,
    'Run again: no instance uses that robot, so its token is made anew once more.',
  )
}

function bothInUse(quay: Quay): PullAuthError {
  return new PullAuthError(
    'MINT_NOT_PERMITTED',
    `${apiOf(quay).name}: both robots are in use, one of them by instances that have not reloaded yet.`,
    'Reload until every instance runs the current version and retire (ecs-pull-auth retire --plan …), which frees the older one; then rotate again.',
  )
}

function unreadable(): PullAuthError {
  return revokeFailed(
    'The token of a Quay robot',
    'the stored config remembers it in a form that cannot be read',
    'Regenerate the token of the robot that is not in use by hand.',
  )
}

/** null for what is none of ours. */
function readHandle(value: JsonValue): Handle | null {
  const { url, organization, robot, mark, root } = asObject(value)
  const texts = typeof url === 'string' && typeof root === 'string' && typeof organization === 'string'
  if (!texts || typeof robot !== 'string' || typeof mark !== 'string') return null
  const legal = ORGANIZATION.test(organization) && ROBOT.test(robot) && MARK.test(mark)
  return legal && httpsProblem(url) === null ? { url, organization, robot, mark, root } : null
}
