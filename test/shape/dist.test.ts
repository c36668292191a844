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
const PACKAGES: Readonly<Record<string, RegExp>> = {
  'dist/action.cjs': /^@actions\/(?:core|exec|http-client|io)$|^tunnel$|^js-yaml$/,
  'dist/cli.cjs': /^js-yaml$/,
  'dist/credential-chain.cjs': /^$/,
  'dist/rotate.cjs': /^$/,
  'dist/react.cjs': /^$/,
}

test('a bundle holds no package that nobody asked for', () => {
  for (const { file, packages } of bundles) {
    assert.deepEqual(
      packages.filter((name) => !SDK.test(name) && !PACKAGES[file]?.test(name)),
      [],
      file,
    )
  }
})

test('the credential chain is a file of its own, which the functions do without', () => {
  for (const { file, packages, text } of bundles.filter(({ file }) => file !== 'dist/credential-chain.cjs')) {
    assert.deepEqual(
      packages.filter((name) => name.startsWith('@aws-sdk/')),
      [],
      file,
    )
    assert.equal(text.includes('require("./credential-chain.cjs")'), /action|cli/.test(file), file)
  }
})

/** KiB, minified with names kept. A rise is a decision, not an accident. */
const CEILINGS: Readonly<Record<string, number>> = {
  'dist/action.cjs': 1070,
  'dist/cli.cjs': 1280,
  'dist/rotate.cjs': 690,
  'dist/react.cjs': 690,
}

test('each bundle stays below its ceiling and loads nothing dynamically', () => {
  for (const { file, bytes, text } of bundles) {
    assert.ok(bytes <= (CEILINGS[file] ?? 0) * 1024, `${file} has ${bytes} bytes`)
    assert.doesNotMatch(text, /\bimport\(/, file)
  }
})
