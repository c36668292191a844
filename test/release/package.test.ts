/** What is loaded is shipped: the zip of the functions and the npm package work in a folder where nothing else is. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { functionsZip } from '../../make-release.mjs'

const root = resolve(import.meta.dirname, '../..')

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'package-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Without a variable of this machine: no NODE_PATH, no credentials, no home. */
function node(cwd: string, ...args: readonly string[]): string {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', env: { HOME: cwd } })
}

test('each function loads in a folder that has the zip alone', (t) => {
  const folder = emptyFolder(t)
  writeFileSync(join(folder, 'functions.zip'), functionsZip())
  execFileSync('python3', ['-m', 'zipfile', '-e', 'functions.zip', 'code'], { cwd: folder })
  for (const name of ['rotate', 'react']) {
    const script = `process.stdout.write(typeof require('./${name}.cjs').handler)`
    assert.equal(node(join(folder, 'code'), '-e', script), 'function', name)
  }
})

const BESIDE: Readonly<Record<string, readonly string[]>> = {
  'action.cjs': ['./action-whole.cjs'],
  'action-whole.cjs': ['./credential-chain.cjs'],
  'cli.cjs': ['./cli-lint.cjs', './cli-all.cjs'],
  'cli-all.cjs': ['./credential-chain.cjs'],
}

test('a bundle loads nothing beside Node’s own modules but files of dist', () => {
  const files = readdirSync(join(root, 'dist'))
  for (const file of files) {
    const text = readFileSync(join(root, 'dist', file), 'utf8')
    const loaded = [...text.matchAll(/\b(?:require|import)\("(\.{1,2}\/[^"]+)"\)/g)].map(([, path = '']) => path)
    const beside = BESIDE[file] ?? []
    assert.deepEqual([...new Set(loaded)], beside, file)
    for (const path of beside) assert.ok(files.includes(path.replace('./', '')), path)
  }
})

test('the npm package has what its commands load, and what the docs tell people to take from it', (t) => {
  const folder = emptyFolder(t)
  const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [{ files }] = JSON.parse(listing) as [{ files: readonly { path: string }[] }]
  const paths = files.map(({ path }) => path)
  const bundles = readdirSync(join(root, 'dist')).map((name) => `dist/${name}`)
  const wanted = [...bundles, 'action.yml', 'deploy/template.yaml', 'deploy/document.json', 'LICENSE', 'THIRD-PARTY']
  for (const path of wanted) assert.ok(paths.includes(path), path)
  assert.deepEqual(
    paths.filter((path) => /^(?:test|src|node_modules|\.)/.test(path)),
    [],
  )
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(root, path), join(folder, path))
  }
  assert.equal(node(folder, 'dist/cli.cjs', 'document'), node(root, 'dist/cli.cjs', 'document'))
  const script = `process.stdout.write(typeof require('./dist/credential-chain.cjs'))`
  assert.equal(node(folder, '-e', script), 'object')
})
