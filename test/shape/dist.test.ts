/** The bundles: equal to a fresh build, of known packages, within their ceilings. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { buildAll } from '../../build.mjs'

const root = resolve(import.meta.dirname, '../..')
const { bundles, thirdParty } = await buildAll()

test('dist and THIRD-PARTY are committed as the sources build them', () => {
  const stale = bundles
    .filter(({ file, text }) => readFileSync(join(root, file), 'utf8') !== text)
    .map(({ file }) => file)
  assert.deepEqual(stale, [], 'run npm run build and commit dist')
  assert.equal(readFileSync(join(root, 'THIRD-PARTY'), 'utf8'), thirdParty)
})

const SDK = /^(?:@aws-sdk|@aws|@smithy)\/|^tslib$/
const CONFIG = /^@smithy\/(?:core|types)$/
const PACKAGES: Readonly<Record<string, readonly RegExp[]>> = {
  'dist/action.cjs': [/^@actions\/core$/],
  'dist/action-whole.cjs': [CONFIG, /^@actions\/core$|^js-yaml$/],
  'dist/cli.cjs': [],
  'dist/cli-lint.cjs': [],
  'dist/cli-all.cjs': [CONFIG, /^js-yaml$/],
  'dist/credential-chain.cjs': [SDK],
  'dist/rotate.cjs': [CONFIG],
  'dist/react.cjs': [CONFIG],
}

test('a bundle holds no package that nobody asked for', () => {
  for (const { file, packages } of bundles) {
    const known = PACKAGES[file] ?? []
    assert.deepEqual(
      packages.filter((name) => !known.some((pattern) => pattern.test(name))),
      [],
      file,
    )
  }
})

/** What a bundle loads from beside itself; the functions go into their zip without the others, and need none. */
const LOADS: Readonly<Record<string, readonly string[]>> = {
  'dist/action.cjs': ['./action-whole.cjs'],
  'dist/action-whole.cjs': ['./credential-chain.cjs'],
  'dist/cli.cjs': ['./cli-all.cjs', './cli-lint.cjs'],
  'dist/cli-all.cjs': ['./credential-chain.cjs'],
}

test('what is loaded late is a bundle of its own, beside the first', () => {
  for (const { file, text } of bundles) {
    const loaded = [...text.matchAll(/\brequire\("(\.[^"]*)"\)/g)].map((match) => match[1] ?? '')
    assert.deepEqual([...new Set(loaded)].sort(), LOADS[file] ?? [], file)
    for (const name of loaded) assert.ok(bundles.some((bundle) => bundle.file === `dist/${name.slice(2)}`))
  }
})

/** KB of 1,000 bytes. The first four are budgets (docs/performance.md); a rise of the others is a decision, not an accident. */
const CEILINGS: readonly (readonly [files: readonly string[], kilobytes: number])[] = [
  [['dist/action.cjs', 'dist/action-whole.cjs'], 450],
  [['dist/rotate.cjs'], 350],
  [['dist/react.cjs'], 350],
  [['dist/cli.cjs', 'dist/cli-lint.cjs'], 200],
  [['dist/cli-all.cjs'], 700],
  [['dist/credential-chain.cjs'], 340],
]

test('the bundles stay below their ceilings and load nothing dynamically', () => {
  const sizes = new Map(bundles.map(({ file, bytes }) => [file, bytes]))
  assert.deepEqual(CEILINGS.flatMap(([files]) => files).sort(), [...sizes.keys()].sort())
  for (const [files, kilobytes] of CEILINGS) {
    const bytes = files.reduce((sum, file) => sum + (sizes.get(file) ?? 0), 0)
    assert.ok(bytes <= kilobytes * 1_000, `${files.join(' and ')}: ${bytes} bytes`)
  }
  for (const { file, text } of bundles) assert.doesNotMatch(text, /\bimport\(/, file)
})
