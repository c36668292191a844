/** What lint says about registry keys: those that match nothing, race with each other or serve more than they say. */

import { type AuthEntry, HUB_KEY, normaliseKey, registryHost, sameCredential, shownKey } from './auth-data.ts'
import { groups } from './groups.ts'
import { isPrivateEcr, isRegistryHost } from './image.ts'
import { type Finding, finding, type LintCode } from './lint-rules.ts'

/** An entry with its key as the agent compares it. */
interface Keyed {
  readonly entry: AuthEntry
  readonly bare: string
}

type At = (code: LintCode, key: string, detail?: string) => Finding

export function lintKeys(entries: readonly AuthEntry[], line: number | undefined): readonly Finding[] {
  const at: At = (code, key, detail) => {
    return finding(code, { line, registry: shownKey(key), ...(detail === undefined ? {} : { detail }) })
  }
  const last = new Map(entries.map((entry) => [entry.key, entry]))
  const repeated = entries.length === last.size ? [] : entries.filter((entry) => last.get(entry.key) !== entry)
  const hosts = groups([...last.values()], ({ key }) => registryHost(key))
  return [
    ...repeated.map(({ key }) => at('key-repeated', key)),
    ...[...hosts].flatMap(([host, group]) => lintHost(host, group, at)),
  ]
}

function lintHost(host: string, entries: readonly AuthEntry[], at: At): readonly Finding[] {
  const codes = hostCodes(host)
  const hub = normaliseKey(HUB_KEY)
  const keyed = entries.map((entry) => ({ entry, bare: normaliseKey(entry.key) }))
  const found = keyed.flatMap(({ entry: { key }, bare }) => {
    if (host === 'docker.io' && bare !== hub) return [at('key-dead-hub', key)]
    return codes.map((code) => at(code, key))
  })
  if (codes.includes('key-dead')) return found
  // What the agent drops while parsing competes with nothing.
  const alive = keyed.filter(({ entry }) => entry.credential !== null)
  const twins = alive.length > 1 ? lintTwins(alive, at) : []
  return [...found, ...twins, ...(host === 'docker.io' ? [] : lintPaths(host, alive, at))]
}

/** What is wrong with a key for its host alone. */
function hostCodes(host: string): readonly LintCode[] {
  if (host === 'docker.io') return []
  if (!isRegistryHost(host)) return ['key-dead']
  const codes: LintCode[] = []
  if (host !== host.toLowerCase()) codes.push('key-upper-case')
  if (host.endsWith(':443') || host.endsWith(':80')) codes.push('key-default-port')
  if (isPrivateEcr(host)) codes.push('key-ecr')
  return codes
}

/** Keys of one host that are the same to the agent, and keys that the same key with a slash always hides. */
function lintTwins(alive: readonly Keyed[], at: At): readonly Finding[] {
  const same = groups(alive, ({ bare }) => bare)
  const twins = [...same.values()].flatMap(([first, ...others]) => {
    return first === undefined
      ? []
      : others.map(({ entry }) => at('key-twins', entry.key, `the same as ${shownKey(first.entry.key)}`))
  })
  const hidden = alive.filter(({ bare }) => same.has(`${bare}/`) && bare !== 'index.docker.io/v1')
  return [...twins, ...hidden.map(({ entry }) => at('key-shadowed', entry.key))]
}

function lintPaths(host: string, alive: readonly Keyed[], at: At): readonly Finding[] {
  const paths = alive.filter(({ bare }) => bare !== host)
  const [first, ...others] = paths
  if (first === undefined) return []
  const open = paths.filter(({ bare }) => !bare.endsWith('/')).map(({ entry }) => at('key-open-path', entry.key))
  if (paths.length < alive.length) return open
  if (others.every(({ bare }) => bare === first.bare))
    return first.bare === `${host}/` ? [] : [at('key-path-alone', first.entry.key)]
  if (others.every(({ entry }) => sameCredential(entry, first.entry))) return open
  return [...open, at('key-random', host, `${paths.length} keys`)]
}
