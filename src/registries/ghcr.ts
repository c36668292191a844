/** Provider `ghcr`: a classic personal access token that a person keeps in a secret, with GitHub asked when it ends. */

import type { FieldProblem, HttpAnswer, Millis, Provider, ProviderContext } from '../core/ports.ts'
import { registryHost } from '../core/registry-key.ts'
import { bearerHeader, type Secret } from '../core/secret.ts'
import { httpsProblem } from './https-only.ts'
import { parseObject } from './json.ts'
import { asMinted, invalid, readKept } from './kept.ts'
import { said } from './token-api.ts'

export interface GhcrConfig {
  readonly credential: string
  /** Base URL of the GitHub API. */
  readonly githubApi: string
  readonly allowInstallationToken: boolean
}

/**
 * GitHub has no way to make a token that pulls private packages without a person (facts/registries.md section 3.1), and
 * takes one back only from whoever holds its text; so nothing is minted or revoked here. `mint` throws CREDENTIAL_INVALID,
 * CREDENTIAL_EXPIRING and what `readSecret` throws.
 */
export const ghcr: Provider<GhcrConfig> = {
  kind: 'ghcr',
  summary: 'A classic personal access token for ghcr.io that a person keeps in a secret, with its expiry watched.',
  traits: {
    rotation: 'static',
    ttl: { min: null, max: null, default: null, granularity: 'second' },
    revoke: 'none',
    identity: ['none'],
    hosts: ['action', 'lambda', 'cli'],
    evidence:
      'a real docker-registry, and a double of GitHub’s API with its headers as documented; never ghcr.io itself',
  },
  options: {
    credential: {
      kind: 'secret',
      required: true,
      description: 'Secret with {"username", "password"}, the password a classic token with read:packages.',
      example: 'prod/ghcr/pull',
    },
    githubApi: {
      kind: 'url',
      description:
        'GitHub API that tells when the token expires. Default for ghcr.io https://api.github.com, for containers.NAME.ghe.com https://api.NAME.ghe.com.',
      example: 'https://github.acme.com/api/v3',
    },
    allowInstallationToken: {
      kind: 'boolean',
      description: 'Accept a ghs_ token, although it dies within an hour and ghcr.io lets it pull nothing private.',
    },
  },

  parse(fields, registry) {
    const { credential } = fields
    const githubApi = typeof fields['githubApi'] === 'string' ? fields['githubApi'] : apiOf(registryHost(registry))
    const problems: FieldProblem[] = []
    if (typeof credential !== 'string') problems.push({ field: 'credential', problem: 'is missing' })
    const apiProblem = githubApi === null ? 'is missing: name the API of your GitHub' : httpsProblem(githubApi)
    if (apiProblem !== null) problems.push({ field: 'githubApi', problem: apiProblem })
    if (typeof credential !== 'string' || githubApi === null || problems.length > 0) return problems
    return { credential, githubApi, allowInstallationToken: fields['allowInstallationToken'] === true }
  },

  async mint(cx, { credential, githubApi, allowInstallationToken }) {
    const { username, password, expires } = parseObject((await cx.readSecret(credential)).reveal())
    const kept = readKept(cx, credential, { username, password, expires })
    if (kept.password.reveal().startsWith('ghs_') && !allowInstallationToken) {
      throw invalid(
        credential,
        'holds a GitHub installation token (ghs_), which dies within an hour and pulls nothing private from ghcr.io',
        'Use a classic personal access token with read:packages, or set allowInstallationToken: true.',
      )
    }
    return asMinted(cx, credential, kept, await watch(cx, githubApi, credential, kept.password))
  },
}

function apiOf(host: string): string | null {
  if (host === 'ghcr.io') return 'https://api.github.com'
  const name = /^containers\.([a-z0-9-]+)\.ghe\.com$/.exec(host)?.[1]
  return name === undefined ? null : `https://api.${name}.ghe.com`
}

/**
 * When GitHub says that the token ends; null when it does not say. Any API answer tells it in a header (facts/registries.md
 * section 3.1). A failing watch never fails a rotation: the pull is the proof.
 */
async function watch(cx: ProviderContext, api: string, secret: string, token: Secret): Promise<Millis | null> {
  const headers = { authorization: bearerHeader(token), accept: 'application/vnd.github+json' }
  const answer = await cx.http.send({ method: 'GET', url: `${api}/user`, headers })
  if (answer.kind !== 'answer' || answer.status !== 200) {
    cx.journal.warn(`${api} did not tell when the token in secret ${secret} expires: ${said(cx, answer)}.`)
    return null
  }
  const scopes = scopesProblem(answer)
  if (scopes !== null) cx.journal.warn(`The token in secret ${secret} ${scopes}.`)
  const text = answer.headers['github-authentication-token-expiration']
  if (text === undefined) return null
  const moment = parseGithubTime(text)
  if (moment === null) cx.journal.warn(`${api} told the expiry of the token in secret ${secret} in an unknown form.`)
  return moment
}

/** Classic tokens name their scopes in a header. The token stands on every instance: it should do nothing but pull. */
function scopesProblem({ headers }: Extract<HttpAnswer, { kind: 'answer' }>): string | null {
  const named = headers['x-oauth-scopes']
  if (named === undefined) return null
  const scopes = named.split(',').map((scope) => scope.trim())
  if (!scopes.some((scope) => scope === 'read:packages' || scope === 'write:packages')) {
    return 'has no scope read:packages, without which it pulls nothing private'
  }
  return scopes.length === 1 && scopes[0] === 'read:packages' ? null : 'may do more than pull: read:packages is enough'
}

/** `2026-12-31 23:59:59 UTC`, or with an offset: `2026-12-31 16:59:59 -0700`. */
function parseGithubTime(text: string): Millis | null {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) (?:UTC|([+-]\d{2}):?(\d{2}))$/.exec(text)
  if (match === null) return null
  const [, day, time, hours, minutes] = match
  const moment = Date.parse(`${day}T${time}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`)
  return Number.isFinite(moment) ? moment : null
}
