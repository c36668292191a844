/** What lint says about registry keys: those that match nothing, race with each other or serve more than they say. */

import { type AuthEntry, sameCredential } from './auth-entry.ts'
import { groups } from './groups.ts'
import { isPrivateEcr, isRegistryHost } from './image.ts'
import { type Finding, finding, type LintCode } from './lint-rules.ts'
import { HUB_KEY, normaliseKey, registryHost, shownKey } from './registry-key.ts'

/** An entry with its key as the agent compares it. */
interface Keyed {
  readonly entry: AuthEntry
  readonly bare: string
}

type At = (code: LintCode, key: string, detail?: string) => void

const HUB = normaliseKey(HUB_KEY)

export function lintKeys(entries: readonly AuthEntry[], line: number | undefined): readonly Finding[] {
  const found: Finding[] = []
  const at: At = (code, key, detail) => {
    found.push(finding(code, { line, registry: shownKey(key), ...(detail === undefined ? {} : { detail }) }))
  }
  for (const [host, group] of groups(entries, ({ key }) => registryHost(key))) lintHost(host, group, at)
  return found
}

function lintHost(host: string, entries: readonly AuthEntry[], at: At): void {
  const [only] = entries
  if (entries.length === 1 && only !== undefined && host !== 'docker.io' && normaliseKey(only.key) === host) {
    // One bare-host key, as nearly all are: nothing can race with it or hide it.
    for (const code of hostCodes(host)) at(code, only.key)
    return
  }
  const unique = entries.length === 1 ? entries : lastOfEach(entries, at)
  const keyed = unique.map((entry) => ({ entry, bare: normaliseKey(entry.key) }))
  // What the agent drops while parsing competes with nothing.
  const alive = keyed.filter(({ entry }) => entry.credential !== null)
  if (host === 'docker.io') {
    for (const { entry, bare } of keyed) if (bare !== HUB) at('key-dead-hub', entry.key)
    lintTwins(alive, at)
    return
  }
  const codes = hostCodes(host)
  for (const { entry } of keyed) for (const code of codes) at(code, entry.key)
  if (codes.includes('key-dead')) return
  lintTwins(alive, at)
  lintPaths(host, alive, at)
}

/** Of a repeated key the last one counts. */
function lastOfEach(entries: readonly AuthEntry[], at: At): readonly AuthEntry[] {
  const last = new Map(entries.map((entry) => [entry.key, entry]))
  for (const entry of entries) if (last.get(entry.key) !== entry) at('key-repeated', entry.key)
  return [...last.values()]
}

/** A host name in lower case without a port: nothing more to look at, unless it is ECR. */
const PLAIN_HOST = /^[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]+$/
const NONE: readonly LintCode[] = []

/** What is wrong with a key for its host alone. */
function hostCodes(host: string): readonly LintCode[] {
  if (PLAIN_HOST.test(host) && !host.includes('ecr')) return NONE
  if (!isRegistryHost(host)) return ['key-dead']
  const codes: LintCode[] = []
  if (host !== host.toLowerCase()) codes.push('key-upper-case')
  if (host.endsWith(':443') || host.endsWith(':80')) codes.push('key-default-port')
  if (isPrivateEcr(host)) codes.push('key-ecr')
  return codes
}

/** Keys of one host that are the same to the agent, and keys that the same key with a slash always hides. */
function lintTwins(alive: readonly Keyed[], at: At): void {
  if (alive.length < 2) return
  const same = groups(alive, ({ bare }) => bare)
  for (const [first, ...others] of same.values()) {
    for (const { entry } of others) at('key-twins', entry.key, `the same as ${shownKey(first?.entry.key ?? '')}`)
  }
  for (const { entry, bare } of alive) if (same.has(`${bare}/`) && `${bare}/` !== HUB) at('key-shadowed', entry.key)
}

function lintPaths(host: string, alive: readonly Keyed[], at: At): void {
  const paths = alive.filter(({ bare }) => bare !== host)
  const [first, ...others] = paths
  if (first === undefined) return
  const whole = paths.length < alive.length
  if (!whole && others.every(({ bare }) => bare === first.bare)) {
    if (first.bare !== `${host}/`) at('key-path-alone', first.entry.key)
    return
  }
  for (const { entry, bare } of paths) if (!bare.endsWith('/')) at('key-open-path', entry.key)
  if (whole || others.every(({ entry }) => sameCredential(entry, first.entry))) return
  at('key-random', host, `${paths.length} keys`)
}
