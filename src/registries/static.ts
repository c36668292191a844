/** Provider `static`: a credential that a person keeps in a secret; watched for its expiry where GitHub tells it. */

import { PullAuthError } from '../core/errors.ts'
import type { FieldProblem, Millis, Provider, ProviderContext } from '../core/ports.ts'
import { bearerHeader, Secret } from '../core/secret.ts'
import { httpsProblem } from './https-only.ts'
import { asObject, parseJson } from './json.ts'

export interface StaticConfig {
  /** The secret with the credential. */
  readonly credential: string
  /** Base URL of the GitHub API that tells when the password expires; null = nobody tells. */
  readonly githubApi: string | null
  readonly allowInstallationToken: boolean
}

interface Kept {
  readonly username: string
  readonly password: Secret
  readonly expires: Millis | null
}

/** Reads and checks, mints nothing. Throws CREDENTIAL_INVALID, CREDENTIAL_EXPIRING, and what `readSecret` throws. */
export const fixed: Provider<StaticConfig> = {
  kind: 'static',
  summary: 'A credential that a person keeps in a secret, for registries that cannot mint one (ghcr.io and others).',
  traits: {
    rotation: 'static',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'none',
    identity: ['none'],
    hosts: ['action', 'lambda', 'cli'],
    evidence: 'a real docker-registry; GitHub’s header as documented, never ghcr.io itself',
  },
  options: {
    credential: {
      kind: 'secret',
      required: true,
      description: 'Secret with {"username", "password"} and optionally "expires", an ISO date.',
      example: 'prod/ghcr/pull',
    },
    'github-api': {
      kind: 'url',
      description: 'GitHub API that tells when the token expires. Default for ghcr.io: https://api.github.com.',
      example: 'https://github.acme.com/api/v3',
    },
    'allow-installation-token': {
      kind: 'boolean',
      description: 'Accept a ghs_ token, although it dies within an hour and ghcr.io lets it pull nothing private.',
    },
  },

  parse(fields, registry) {
    const api = fields['github-api']
    const host = registry.replace(/^https?:\/\//, '').split('/')[0]
    const githubApi = typeof api === 'string' ? api : host === 'ghcr.io' ? 'https://api.github.com' : null
    const credential = fields['credential']
    const problems: FieldProblem[] = []
    if (typeof credential !== 'string') problems.push({ field: 'credential', problem: 'is missing' })
    const apiProblem = githubApi === null ? null : httpsProblem(githubApi)
    if (apiProblem !== null) problems.push({ field: 'github-api', problem: apiProblem })
    if (typeof credential !== 'string' || problems.length > 0) return problems
    return { credential, githubApi, allowInstallationToken: fields['allow-installation-token'] === true }
  },

  async mint(cx, config) {
    const { username, password, expires } = readCredential(
      await cx.readSecret(config.credential),
      config.credential,
      cx,
    )
    if (password.reveal().startsWith('ghs_') && !config.allowInstallationToken) {
      throw invalid(
        config.credential,
        'holds a GitHub installation token (ghs_), which dies within an hour and pulls nothing private from ghcr.io',
        'Use a classic personal access token with read:packages, or set allow-installation-token: true.',
      )
    }
    const watched = config.githubApi === null ? null : await githubExpiry(cx, config.githubApi, password)
    const moments = [expires, watched].filter((moment) => moment !== null)
    const expiresAt = moments.length === 0 ? null : Math.min(...moments)
    const issuedAt = cx.clock.now()
    if (expiresAt !== null && expiresAt <= issuedAt) {
      throw new PullAuthError(
        'CREDENTIAL_EXPIRING',
        `The credential in secret ${config.credential} expired at ${new Date(expiresAt).toISOString()}.`,
        'Make a new one at the registry and put it into the secret.',
      )
    }
    return { username, password, issuedAt, expiresAt, handle: null }
  },
}

function readCredential(text: Secret, name: string, cx: ProviderContext): Kept {
  const shape = 'Store {"username": "…", "password": "…"} as the text of the secret.'
  const { username, password: plain, expires } = asObject(parseJson(text.reveal()))
  const password = typeof plain === 'string' ? new Secret(plain) : null
  if (password !== null) cx.journal.mask(password, typeof username === 'string' ? username : undefined)
  const missing = [typeof username === 'string' ? [] : ['username'], password === null ? ['password'] : []].flat()
  if (typeof username !== 'string' || password === null) {
    throw invalid(name, `has no JSON object with the text ${missing.join(' and ')}`, shape)
  }
  const problem = textProblem(username) ?? (username.includes(':') ? 'has a colon' : null)
  if (problem !== null) {
    throw invalid(
      name,
      `has a username that ${problem}`,
      'Basic credentials end the user name at the first colon; use the plain name.',
    )
  }
  const passwordProblem = textProblem(password.reveal())
  if (passwordProblem !== null) {
    throw invalid(
      name,
      `has a password that ${passwordProblem}`,
      'Paste the token again, without line breaks around it.',
    )
  }
  return { username, password, expires: readExpires(expires, name) }
}

/** What no registry takes, or what a line of a config file cannot carry. */
function textProblem(text: string): string | null {
  if (text === '') return 'is empty'
  if (/\p{Cc}/u.test(text)) return 'has a control character or a line break'
  return text.isWellFormed() ? null : 'is not valid Unicode'
}

const ISO_DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/

function readExpires(value: unknown, name: string): Millis | null {
  if (value === undefined || value === null) return null
  const moment = typeof value === 'string' && ISO_DATE.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isFinite(moment)) return moment
  throw invalid(
    name,
    'has an "expires" that is not an ISO date',
    'Write it like 2027-01-31 or 2027-01-31T12:00:00Z, or leave it out.',
  )
}

/**
 * When GitHub says that the token ends; null when it does not say. Any API answer tells it in a header (facts/registries.md
 * section 3.1). A failing watch never fails a rotation: the pull is the proof.
 */
async function githubExpiry({ http, journal }: ProviderContext, api: string, token: Secret): Promise<Millis | null> {
  const headers = { authorization: bearerHeader(token), accept: 'application/vnd.github+json' }
  const answer = await http.send({ method: 'GET', url: `${api}/user`, headers })
  if (answer.kind !== 'answer') {
    journal.warn(`${api} could not be asked when the token expires: ${answer.reason}.`)
    return null
  }
  if (answer.status !== 200) {
    journal.warn(`${api} did not tell when the token expires; it answered ${answer.status}.`)
    return null
  }
  const text = answer.headers['github-authentication-token-expiration']
  if (text === undefined) return null
  const moment = parseGithubTime(text)
  if (moment === null) journal.warn(`${api} told the expiry of the token in an unknown form.`)
  return moment
}

/** `2026-12-31 23:59:59 UTC`, or with an offset: `2026-12-31 16:59:59 -0700`. */
function parseGithubTime(text: string): Millis | null {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) (?:UTC|([+-]\d{2}):?(\d{2}))$/.exec(text)
  if (match === null) return null
  const [, day, time, hours, minutes] = match
  const moment = Date.parse(`${day}T${time}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`)
  return Number.isFinite(moment) ? moment : null
}

function invalid(name: string, what: string, hint: string): PullAuthError {
  return new PullAuthError('CREDENTIAL_INVALID', `Secret ${name} ${what}.`, hint)
}
