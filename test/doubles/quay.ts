/** Quay's robot federation and robots API (facts/registries.md section 3.8); robots are the living credentials of a registry double. */

import type { Claims } from './identity-issuer.ts'
import { marked } from './marks.ts'
import { type ApiCall, type ApiDouble, type ApiReply, startApi } from './token-api.ts'
import type { TokenStore } from './tokens.ts'

export interface QuayOptions {
  readonly tokens: TokenStore
  readonly now: () => number
  /** By the robot's whole name. */
  readonly federations?: Readonly<Record<string, RobotFederation>>
  /** OAuth tokens, and whether they have org:admin of an organization whose administrator made them. */
  readonly roots?: readonly { readonly token: string; readonly admin: boolean }[]
  /** Whole names of the robots that exist at first, each with a token. */
  readonly robots?: readonly string[]
  /** Whether federated tokens are JWTs that tell their end. Default yes. */
  readonly tellsEnd?: boolean
  /** Seconds that federated tokens live. Default 3600. */
  readonly life?: number
}

export interface RobotFederation {
  readonly subject: string
  readonly audience: string
  readonly claimsOf: (token: string, audience: string) => Claims | null
}

export interface QuayDouble extends ApiDouble {
  /** The token that a robot has now. */
  tokenOf(robot: string): string | undefined
  /** Makes a robot's token anew, as a person would in the UI. */
  regenerate(robot: string): void
  delete(robot: string): void
}

interface World {
  readonly options: QuayOptions
  /** By whole name: the one token of each. */
  readonly robots: Map<string, { readonly token: string; readonly account: number }>
}

export async function startQuay(options: QuayOptions): Promise<QuayDouble> {
  const world: World = { options, robots: new Map() }
  for (const name of options.robots ?? []) renew(world, name)
  const asAdmin = (reply: (world: World, call: ApiCall) => ApiReply) => (call: ApiCall) => {
    const root = options.roots?.find(({ token }) => call.headers['authorization'] === `Bearer ${token}`)
    if (root === undefined || call.headers['x-requested-with'] !== 'XMLHttpRequest') return problem(401)
    return root.admin ? reply(world, call) : problem(403)
  }
  const robots = '/api/v1/organization/([^/]+)/robots'
  const api = await startApi([
    ['GET', /^\/oauth2\/federation\/robot\/token$/, (call) => federate(world, call)],
    ['GET', new RegExp(`^${robots}$`), asAdmin(list)],
    ['GET', new RegExp(`^${robots}/([^/]+)$`), asAdmin(show)],
    ['POST', new RegExp(`^${robots}/([^/]+)/regenerate$`), asAdmin(regenerate)],
  ])
  return Object.assign(api, {
    tokenOf: (robot: string) => world.robots.get(robot)?.token,
    regenerate: (robot: string) => renew(world, robot),
    delete: (robot: string) => {
      options.tokens.remove(world.robots.get(robot)?.account ?? 0)
      world.robots.delete(robot)
    },
  })
}

/** One token per robot: the old one is invalid from now on. */
function renew({ options: { tokens }, robots }: World, name: string): void {
  tokens.remove(robots.get(name)?.account ?? 0)
  const token = marked('robot')
  const account = tokens.add({ username: name, password: token, pulls: ['acme/*'], expiresAt: null })
  robots.set(name, { token, account })
}

function federate({ options }: World, { headers }: ApiCall): ApiReply {
  const [scheme, encoded = ''] = (headers['authorization'] ?? '').split(' ')
  const basic = Buffer.from(encoded, 'base64').toString('utf8')
  const [robot, token] = [basic.slice(0, basic.indexOf(':')), basic.slice(basic.indexOf(':') + 1)]
  const federation = options.federations?.[robot]
  if (scheme !== 'Basic' || federation === undefined) return problem(401)
  const { subject, audience, claimsOf } = federation
  if (claimsOf(token, audience)?.['sub'] !== subject) return problem(401)
  const seconds = Math.floor(options.now() / 1000) + (options.life ?? 3600)
  const claims = { sub: robot, ...(options.tellsEnd === false ? {} : { exp: seconds }) }
  const parts = [{ typ: 'JWT', alg: 'RS256' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  const password = `${parts.join('.')}.${marked('federated')}`
  options.tokens.add({ username: robot, password, pulls: ['acme/*'], expiresAt: seconds * 1000 })
  return { status: 200, body: { token: password } }
}

function list({ robots }: World, { parts: [organization] }: ApiCall): ApiReply {
  const names = [...robots.keys()].filter((name) => name.startsWith(`${organization}+`))
  return { status: 200, body: { robots: names.map((name) => ({ name, description: '' })) } }
}

function show({ robots }: World, { parts: [organization, short] }: ApiCall): ApiReply {
  const name = `${organization}+${short}`
  const robot = robots.get(name)
  return robot === undefined ? problem(400) : { status: 200, body: { name, token: robot.token, description: '' } }
}

function regenerate(world: World, { parts: [organization, short] }: ApiCall): ApiReply {
  const name = `${organization}+${short}`
  if (!world.robots.has(name)) return problem(400)
  renew(world, name)
  return { status: 200, body: { name, token: world.robots.get(name)?.token } }
}

function problem(status: number): ApiReply {
  return { status, body: { error_message: marked('message'), status } }
}
