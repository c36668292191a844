/** Writes the table of docs/registries.md from the traits of the providers: `npm run registries`. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { overviewOf } from './src/registries/overview.ts'
import { PROVIDERS } from './src/registries/table.ts'

const PAGE = new URL('docs/registries.md', import.meta.url)
const [BEGIN, END] = ['<!-- providers: npm run registries -->', '<!-- /providers -->']

/** docs/registries.md with the table as it must be. */
export function registriesPage() {
  const text = readFileSync(PAGE, 'utf8')
  const [head, rest] = text.split(BEGIN)
  const tail = rest?.split(END)[1]
  if (tail === undefined) throw new Error(`docs/registries.md has no place between ${BEGIN} and ${END}`)
  return `${head}${BEGIN}\n${table()}\n${END}${tail}`
}

/** The page of docs/registries on which a provider is explained; `jfrog.md` serves `jfrog-token` too. */
export function pageOf(kind) {
  const pages = readdirSync(new URL('docs/registries', import.meta.url)).map((name) => name.replace(/\.md$/, ''))
  const found = pages.filter((page) => kind === page || kind.startsWith(`${page}-`))
  return found.sort((one, other) => other.length - one.length)[0] ?? null
}

function table() {
  const head = [
    'provider',
    'needs',
    'lifetime',
    'overlap',
    'revoke',
    'no stored root',
    'schedule that works',
    'verified against',
  ]
  const rows = [...PROVIDERS.values()].map(overviewOf).sort((one, other) => (one.provider < other.provider ? -1 : 1))
  const cells = rows.map(({ provider, needs, lifetime, overlap, revoke, rootless, schedule, evidence }) => [
    `[\`${provider}\`](registries/${pageOf(provider)}.md)`,
    needs,
    lifetime,
    overlap,
    revoke,
    rootless,
    schedule,
    evidence,
  ])
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

if (import.meta.main) writeFileSync(PAGE, registriesPage())
