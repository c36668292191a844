/** No provider without what makes it one: a contract case, a page with a plan that works, evidence, a row in the table. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { pageOf, registriesPage } from '../../make-registries.mjs'
import { providers } from '../../src/cli/print-commands.ts'
import { readUnjudgedPlan } from '../../src/core/plan.ts'
import { overviewOf } from '../../src/registries/overview.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { CONTRACT_CASES } from '../registries/contract-cases.ts'

const root = new URL('../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')

const PAGES = readdirSync(new URL('docs/registries', root))

/** The registries of every YAML example on a page, each as it stands in the plan. */
function examplesOf(page: string): readonly (readonly [key: string, entry: Readonly<Record<string, unknown>>])[] {
  const blocks = [...read(`docs/registries/${page}`).matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
  return blocks.flatMap(([, text = '']) => {
    const { registries = {} } = load(text) as { registries?: Record<string, Record<string, unknown>> }
    return Object.entries(registries)
  })
}

for (const [kind, provider] of PROVIDERS) {
  test(`${kind} holds the contract in at least one case`, () => {
    assert.ok(
      CONTRACT_CASES.some((one) => one.provider.kind === kind),
      `add test/registries/contract-${kind}.ts and list it in contract-cases.ts`,
    )
  })

  test(`${kind} has a page with an example of it, which is a valid plan`, () => {
    const page = pageOf(kind)
    assert.ok(page !== null, `write docs/registries/${kind}.md`)
    const examples = examplesOf(`${page}.md`).filter(([, entry]) => entry['provider'] === kind)
    assert.ok(examples.length > 0, `docs/registries/${page}.md has no plan with provider: ${kind}`)
    for (const [key, entry] of examples) {
      readUnjudgedPlan({ version: 1, secret: 'prod', registries: { [key]: entry } }, `in ${page}.md`, PROVIDERS)
    }
  })

  test(`${kind} says what it was verified against, and describes every field`, () => {
    assert.match(provider.traits.evidence, /registry|never/)
    assert.match(provider.summary, /^[A-Z].{20,}\.$/)
    for (const [name, { description }] of Object.entries(provider.options))
      assert.match(description, /^[A-Z].+\.$/s, name)
    for (const text of Object.values(overviewOf(provider))) assert.doesNotMatch(text, /[|\n]|undefined|NaN/)
  })
}

test('every page of docs/registries serves a provider', () => {
  const served = [...PROVIDERS.keys()].map((kind) => `${pageOf(kind)}.md`)
  assert.deepEqual(
    PAGES.filter((page) => !served.includes(page)),
    [],
  )
})

test('the table in docs/registries.md is what the traits say: npm run registries', () => {
  assert.equal(read('docs/registries.md'), registriesPage())
})

test('ecs-pull-auth providers shows the same as the table', async () => {
  const { json, text } = await providers.run({} as never)
  assert.deepEqual(
    (json as readonly { provider: string }[]).map(({ provider }) => provider),
    [...PROVIDERS.keys()],
  )
  for (const provider of PROVIDERS.values()) {
    const { needs, schedule, lifetime } = overviewOf(provider)
    const words = [needs, schedule, lifetime].join(' ').replaceAll('`', '').split(/\s+/)
    for (const word of words) assert.ok(text.includes(word), `${provider.kind}: ${word}`)
  }
})
