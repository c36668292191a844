/** A credential that somebody keeps in a secret: read and checked, never minted. */

import { PullAuthError } from '../core/errors.ts'
import type { Millis, Minted, ProviderContext } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'

export interface Kept {
  readonly username: string
  readonly password: Secret
  /** null: the secret does not tell. */
  readonly expires: Millis | null
}

/** What was found in the secret, under the names by which messages call it. */
export interface Found {
  readonly username: unknown
  readonly password: unknown
  readonly expires: unknown
}

export interface KeptNames {
  readonly username: string
  readonly password: string
  readonly expires: string
  /** How the secret should look. */
  readonly hint: string
}

/** The shape of `repositoryCredentials`, which ECS and others read too. */
const PLAIN: KeptNames = {
  username: 'username',
  password: 'password',
  expires: 'expires',
  hint: 'Store {"username": "…", "password": "…"} as the text of the secret.',
}

/** Wraps and masks the password before anything else looks at it. Throws CREDENTIAL_INVALID. */
export function readKept(cx: ProviderContext, secret: string, found: Found, names: KeptNames = PLAIN): Kept {
  const { username } = found
  const password = typeof found.password === 'string' ? new Secret(found.password) : null
  if (password !== null) cx.journal.mask(password, typeof username === 'string' ? username : undefined)
  if (typeof username !== 'string' || password === null) {
    const missing = [typeof username === 'string' ? [] : [names.username], password === null ? [names.password] : []]
    throw invalid(secret, `has no JSON object with the text ${missing.flat().join(' and ')}`, names.hint)
  }
  const problem = textProblem(username) ?? (username.includes(':') ? 'has a colon' : null)
  if (problem !== null) {
    const hint = 'Basic credentials end the user name at the first colon; use the plain name.'
    throw invalid(secret, `has a username that ${problem}`, hint)
  }
  const passwordProblem = textProblem(password.reveal())
  if (passwordProblem !== null) {
    const hint = 'Paste the token again, without line breaks around it.'
    throw invalid(secret, `has a password that ${passwordProblem}`, hint)
  }
  return { username, password, expires: readExpires(found.expires, secret, names.expires) }
}

const RENEW = 'Make a new one at the registry and put it into the secret.'

/** What a provider that mints nothing returns. Throws CREDENTIAL_EXPIRING for a credential whose time is over. */
export function asMinted(
  cx: ProviderContext,
  secret: string,
  kept: Kept,
  watched: Millis | null,
  renew: string = RENEW,
): Minted {
  const { username, password, expires } = kept
  const moments = [expires, watched].filter((moment) => moment !== null)
  const expiresAt = moments.length === 0 ? null : Math.min(...moments)
  const issuedAt = cx.clock.now()
  if (expiresAt === null || expiresAt > issuedAt) return { username, password, issuedAt, expiresAt, handle: null }
  throw new PullAuthError(
    'CREDENTIAL_EXPIRING',
    `The credential in secret ${secret} expired at ${new Date(expiresAt).toISOString()}.`,
    renew,
  )
}

export function invalid(secret: string, what: string, hint: string): PullAuthError {
  return new PullAuthError('CREDENTIAL_INVALID', `Secret ${secret} ${what}.`, hint)
}

/** What no registry takes, or what a line of a config file cannot carry. */
function textProblem(text: string): string | null {
  if (text === '') return 'is empty'
  if (/\p{Cc}/u.test(text)) return 'has a control character or a line break'
  return text.isWellFormed() ? null : 'is not valid Unicode'
}

const ISO_DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/

function readExpires(value: unknown, secret: string, name: string): Millis | null {
  if (value === undefined || value === null) return null
  const moment = typeof value === 'string' && ISO_DATE.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isFinite(moment)) return moment
  throw invalid(
    secret,
    `has an "${name}" that is not an ISO date`,
    'Write it like 2027-01-31 or 2027-01-31T12:00:00Z, or leave it out.',
  )
}
