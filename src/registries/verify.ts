/** The one OCI pull verifier: pulls a manifest's headers with a credential and says what that proves. */

import { parseImage } from '../core/image.ts'
import { isLoopback } from '../core/loopback.ts'
import type { Clock, Credential, Http, HttpRequest, PullVerifier, Verdict } from '../core/ports.ts'
import { basicHeader, bearerHeader, Secret, shownUsername } from '../core/secret.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import { asObject, parseObject } from './json.ts'
import { trustedRealm } from './realm.ts'
import { retryAfterSeconds } from './retry-after.ts'

/** Without all four, registries answer 404 for an index, or convert the image and answer for another digest. */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/**
 * The algorithm of facts/registries.md section 4.1: four to six requests, one login, nothing repeated, no redirect
 * followed. Never throws; whatever is not clear (timeouts, 429, 5xx, redirects, an untrusted realm) is `unknown`.
 */
export function createPullVerifier(http: Http, clock: Clock): PullVerifier {
  return async (image, credential, realm = null) => {
    const walk = startWalk(http, clock, image)
    if (walk === null) return { verdict: 'unknown', detail: `${image} is not an image reference` }
    const verdict = await prove(walk, credential, realm)
    const wait = walk.wait()
    return { verdict, detail: walk.steps.join(', '), ...(wait === null ? {} : { retryAfter: wait * 1000 }) }
  }
}

async function prove(walk: Walk, credential: Credential, trusted: string | null): Promise<Verdict> {
  const bare = await walk.head('manifest without a login')
  if (bare === null) return 'unknown'
  const isPublic = bare.status === 200
  const challenges = await challengesOf(walk, bare)
  if (challenges === null) return 'unknown'
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
  if (bearer !== undefined) return proveBearer(walk, credential, isPublic, bearer, trusted)
  const basic = challenges.some(({ scheme }) => scheme === 'basic')
  if (basic || challenges.length === 0) return proveBasic(walk, credential, isPublic)
  return walk.unclear(
    `the registry asks for ${challenges.map(({ scheme }) => scheme).join(' or ')}, which Docker cannot`,
  )
}

/** How the registry wants to be logged in to; an empty list when it never asks; null when that is not clear. */
async function challengesOf(walk: Walk, bare: Answer): Promise<readonly Challenge[] | null> {
  const direct = parseChallenges(bare.headers['www-authenticate'] ?? '')
  if (direct.length > 0) return direct
  const base = await walk.get('registry base', walk.url('/v2/'))
  if (base === null) return null
  const general = parseChallenges(base.headers['www-authenticate'] ?? '')
  if (general.length > 0) return general
  if (base.status === 200 || bare.status === 200) return []
  walk.unclear('the registry does not say how to log in')
  return null
}

async function proveBasic(walk: Walk, credential: Credential, isPublic: boolean): Promise<Verdict> {
  const manifest = await walk.head('manifest', basicHeader(credential.username, credential.password))
  switch (manifest?.status) {
    case 200:
      return isPublic ? 'public-login-unknown' : 'pull-ok'
    case 401:
    case 403:
      return 'rejected'
    case 404:
      return 'tag-missing'
    default:
      return 'unknown'
  }
}

async function proveBearer(
  walk: Walk,
  credential: Credential,
  isPublic: boolean,
  challenge: Challenge,
  trusted: string | null,
): Promise<Verdict> {
  const realm = trustedRealm(new URL(walk.url('/v2/')), challenge.parameters.get('realm'), trusted)
  if (typeof realm === 'string') return walk.unclear(realm)
  const service = challenge.parameters.get('service')
  const basic = basicHeader(credential.username, credential.password)
  // A token that is its own user name (DigitalOcean) stays out of URLs, which proxies and servers log.
  const hidden = shownUsername(credential.username, credential.password) !== credential.username
  const account = hidden ? undefined : credential.username

  // Harbor and others answer a bad credential with an anonymous token when a scope is asked: only a login without
  // scope tells. It is not tried again after a refusal, which may count towards a ban.
  const login = await walk.get('login', tokenUrl(realm, { service, account }), basic)
  if (login === null) return 'unknown'
  if (isRefusal(login.status)) return 'rejected'
  const loggedIn = login.status === 200 && tokenOf(login) !== null
  const refused = loggedIn ? 'login-ok-pull-denied' : 'rejected'

  const scope = `repository:${walk.repository}:pull`
  const granted = await walk.get('pull token', tokenUrl(realm, { service, account, scope }), basic)
  if (granted === null) return 'unknown'
  if (isRefusal(granted.status)) return refused
  const token = tokenOf(granted)
  if (token === null) return walk.unclear('without a token in it')

  const manifest = await walk.head('manifest', bearerHeader(token))
  switch (manifest?.status) {
    case 200: {
      const open = isPublic || (await pullsAnonymously(walk, tokenUrl(realm, { service, scope })))
      if (open === null) return 'unknown'
      if (!open) return 'pull-ok'
      return loggedIn ? 'accepted-but-public' : 'public-login-unknown'
    }
    case 401:
    case 403:
      return refused
    case 404:
      // Some registries hide what one may not see behind a 404; the token itself tells, where it can be read.
      if (grantsPull(token, walk.repository) !== false) return 'tag-missing'
      walk.note('and the token grants no pull')
      return refused
    default:
      return 'unknown'
  }
}

/** Whether a token that anybody gets pulls the probe; null when that is not clear. */
async function pullsAnonymously(walk: Walk, url: string): Promise<boolean | null> {
  const answer = await walk.get('token without a login', url)
  if (answer === null) return null
  const token = tokenOf(answer)
  if (answer.status !== 200 || token === null) return false
  const manifest = await walk.head('manifest with that token', bearerHeader(token))
  if (manifest === null) return null
  if (manifest.status === 200) return true
  return isRefusal(manifest.status) || manifest.status === 404 ? false : null
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403
}

function tokenUrl(realm: URL, query: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(realm)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

/** The bearer token of a token answer, under either of its two names (ACR says `access_token`). */
function tokenOf(answer: Answer): Secret | null {
  const { token, access_token: accessToken } = parseObject(answer.body.reveal())
  const found = [token, accessToken].find((value) => typeof value === 'string' && value !== '')
  return typeof found === 'string' ? new Secret(found) : null
}

/** Whether a JWT's `access` claim allows the pull; null for an opaque token or one without the claim. */
function grantsPull(token: Secret, repository: string): boolean | null {
  const [, payload, signature] = token.reveal().split('.')
  if (payload === undefined || signature === undefined) return null
  const { access } = parseObject(Buffer.from(payload, 'base64url').toString('utf8'))
  if (!Array.isArray(access)) return null
  return access.map(asObject).some(({ type, name, actions }) => {
    const pulls = Array.isArray(actions) && (actions.includes('pull') || actions.includes('*'))
    return type === 'repository' && name === repository && pulls
  })
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Secret
}

/** One walk through a registry. Each question returns its answer, or null for one that must not be interpreted. */
interface Walk {
  readonly repository: string
  /** What was asked and answered so far, for the detail of the proof. */
  readonly steps: readonly string[]
  /** Seconds that the last answer asks to wait; null = it does not. */
  wait(): number | null
  url(path: string): string
  head(step: string, authorization?: Secret): Promise<Answer | null>
  get(step: string, url: string, authorization?: Secret): Promise<Answer | null>
  note(remark: string): void
  unclear(why: string): 'unknown'
}

function startWalk(http: Http, clock: Clock, image: string): Walk | null {
  const target = parseImage(image)
  if (target === null) return null
  const host = target.host === 'docker.io' ? 'registry-1.docker.io' : target.host
  if (!URL.canParse(`https://${host}`)) return null
  const base = `${isLoopback(new URL(`https://${host}`).hostname) ? 'http' : 'https'}://${host}`
  const steps: string[] = []
  let wait: number | null = null
  const ask = async (step: string, request: HttpRequest, authorization?: Secret): Promise<Answer | null> => {
    const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) }
    const answer = await http.send({ ...request, headers })
    if (answer.kind !== 'answer') {
      steps.push(`${step} had no answer: ${answer.reason}`)
      return null
    }
    const { status } = answer
    const unclear = status < 200 || (status >= 300 && status < 400) || status === 408 || status === 429 || status >= 500
    wait = unclear ? retryAfterSeconds(answer.headers, clock.now()) : null
    steps.push(`${step} answered ${status}${wait === null ? '' : ` and asks to wait ${wait} s`}`)
    return unclear ? null : answer
  }
  return {
    repository: target.repository,
    steps,
    wait: () => wait,
    url: (path) => base + path,
    head: (step, authorization) => {
      const url = `${base}/v2/${target.repository}/manifests/${target.reference}`
      return ask(step, { method: 'HEAD', url, headers: { accept: MANIFEST_TYPES } }, authorization)
    },
    get: (step, url, authorization) => ask(step, { method: 'GET', url }, authorization),
    note: (remark) => {
      steps.push(remark)
    },
    unclear: (why) => {
      steps.push(why)
      return 'unknown'
    },
  }
}
