/** Decides whether a token realm that a registry names may be sent the credential. */

import { isLoopback } from '../core/loopback.ts'

/** Hosts under which strangers have names next to each other: only the same host is the same party there. */
const SHARED_DOMAINS = new Set([
  'amazonaws.com',
  'azurecr.io',
  'azurewebsites.net',
  'cloudfront.net',
  'github.io',
  'gitlab.io',
  'herokuapp.com',
  'icr.io',
  'jfrog.io',
  'ocir.io',
  'onrender.com',
  'pkg.dev',
  'run.app',
  'scw.cloud',
])
/** Realm hosts of hosted services that are another site than their registry, as Docker's own messages show them. */
const KNOWN_PAIRS: readonly (readonly [registry: RegExp, realm: string])[] = [
  [/^rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud$/, 'api.scaleway.com'],
]
/** `co.uk`, `com.au`: the owner's name comes one label further left. */
const COUNTRY_SUFFIX = /^(?:ac|co|com|edu|go|gob|gov|mil|ne|net|nom|or|org)\.[a-z]{2}$/

/**
 * The realm as a URL, or why the credential must not go there. dockerd asks any realm; we do not, because a forged or
 * mistaken one would collect the credential of every rotation (facts/registries.md section 4.1). Allowed: https to the
 * registry's own host, to its site (`registry.acme.com` and `gitlab.acme.com`), or to a host that is known, or that the plan names (`trusted`).
 * A registry over plain http, which is always on loopback, may name loopback only.
 */
export function trustedRealm(registry: URL, realm: string | undefined, trusted: string | null): URL | string {
  if (realm === undefined || !URL.canParse(realm)) return 'the registry names no token realm that is a URL'
  const url = new URL(realm)
  const named = `the registry names the token realm ${url.host}`
  if (url.username !== '' || url.password !== '') return `${named} with a user in it`
  if (registry.protocol === 'http:') {
    return isLoopback(url.hostname) ? url : `${named}, which is not on this machine like the registry`
  }
  if (url.protocol !== 'https:') return `${named} without https`
  const configured = trusted !== null && url.host === new URL(`https://${trusted}`).host
  const known = KNOWN_PAIRS.some(([pattern, host]) => pattern.test(registry.host) && url.host === host)
  if (configured || known || sameSite(registry.hostname, url.hostname)) return url
  return `${named}, which does not belong to ${registry.host}; if it does, give it as realm in the plan`
}

/** Without the Public Suffix List: equal hosts, or a common domain of two labels (three below `co.uk` and its like). */
function sameSite(a: string, b: string): boolean {
  if (a === b) return true
  if (isAddress(a) || isAddress(b)) return false
  const site = siteOf(a)
  return site !== null && site === siteOf(b)
}

function siteOf(host: string): string | null {
  const labels = host.split('.')
  const domain = labels.slice(-2).join('.')
  if (labels.length < 2 || SHARED_DOMAINS.has(domain)) return null
  if (!COUNTRY_SUFFIX.test(domain)) return domain
  return labels.length < 3 ? null : labels.slice(-3).join('.')
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^[0-9.]+$/.test(host)
}
