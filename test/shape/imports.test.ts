/** The import rules of the layout: arrows point one way, the SDK and the process stay where they belong. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '../..')

function sources(folder: string): readonly string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

/** What a file imports: packages and node: modules as they are, files as paths from the root. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const names = [...text.matchAll(/^(?:(?:import|export|\})[^'\n]*\bfrom|import) '([^']+)'/gm)].map(
    (match) => match[1] ?? '',
  )
  const dynamic = [...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)].map((match) => match[1] ?? '')
  return [...names, ...dynamic].map((name) =>
    name.startsWith('.') ? relative(root, resolve(root, dirname(file), name)) : name,
  )
}

function offenders(folder: string, allowed: (name: string) => boolean): readonly string[] {
  return sources(folder).flatMap((file) =>
    importsOf(file)
      .filter((name) => !allowed(name))
      .map((name) => `${file} → ${name}`),
  )
}

test('the core imports itself and node:crypto only', () => {
  assert.deepEqual(
    offenders('src/core', (name) => name.startsWith('src/core/') || name === 'node:crypto'),
    [],
  )
})

test('the core knows no process, console, wall clock or random timer', () => {
  const forbidden = /\b(?:process\.|console\.|Date\.now|new Date\(\)|setTimeout|setInterval|Math\.random)/
  const found = sources('src/core').filter((file) => {
    const code = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return forbidden.test(code)
  })
  assert.deepEqual(found, [])
})

test('providers import the core and each other, nothing else', () => {
  assert.deepEqual(
    offenders(
      'src/registries',
      (name) => name.startsWith('src/core/') || name.startsWith('src/registries/') || name === 'node:crypto',
    ),
    [],
  )
})

test('only src/aws imports the AWS SDK', () => {
  const all = [...sources('src'), ...sources('lambda')].filter((file) => !file.startsWith('src/aws/'))
  const found = all.flatMap((file) =>
    importsOf(file)
      .filter((name) => /^@(?:aws-sdk|smithy|aws)\//.test(name))
      .map((name) => `${file} → ${name}`),
  )
  assert.deepEqual(found, [])
})

test('only the Action imports @actions/core', () => {
  const all = [...sources('src'), ...sources('lambda')].filter((file) => !file.startsWith('src/action/'))
  assert.deepEqual(
    all.filter((file) => importsOf(file).some((name) => name.startsWith('@actions/'))),
    [],
  )
})

test('the functions never import the Action or the CLI, and src never imports the functions', () => {
  assert.deepEqual(
    offenders('lambda', (name) => !name.startsWith('src/action/') && !name.startsWith('src/cli/')),
    [],
  )
  assert.deepEqual(
    offenders('src', (name) => !name.startsWith('lambda/')),
    [],
  )
})

test('only the demo reaches for the doubles under test', () => {
  const found = sources('src').filter((file) => importsOf(file).some((name) => name.startsWith('test/')))
  assert.deepEqual(
    found.filter((file) => !file.startsWith('src/cli/demo')),
    [],
  )
})

test('the environment is read in shells only', () => {
  // esbuild replaces the one in version.ts by the version.
  const shells = [
    'src/action/github-desk.ts',
    'src/action/whole.ts',
    'src/cli/main.ts',
    'src/cli/process.ts',
    'lambda/rotate.ts',
    'lambda/react.ts',
    'src/version.ts',
  ]
  const found = [...sources('src'), ...sources('lambda')].filter((file) =>
    /\bprocess\.env\b/.test(readFileSync(join(root, file), 'utf8')),
  )
  assert.deepEqual(
    found.filter((file) => !shells.includes(file) && file !== 'src/aws/environment-credentials.ts'),
    [],
  )
})

test('a credential is revealed in few, known places', () => {
  const found = [...sources('src'), ...sources('lambda')].filter((file) =>
    /\.reveal\(\)/.test(readFileSync(join(root, file), 'utf8')),
  )
  assert.deepEqual(found.sort(), REVEALED_IN)
})

/**
 * Each has a reason: the type itself; what writes to HTTP, to Secrets Manager and to a stored config; the parsers of
 * wrapped text; the providers and the verifier, which read tokens out of wrapped answers. The demo seeds its own world.
 */
const REVEALED_IN: readonly string[] = [
  'src/aws/cluster.ts',
  'src/aws/inspector.ts',
  'src/aws/object-store.ts',
  'src/aws/secret-store.ts',
  'src/aws/sign.ts',
  'src/cli/demo/stage.ts',
  'src/core/auth-convert.ts',
  'src/core/auth-merge.ts',
  'src/core/auth-repair.ts',
  'src/core/lint-auth.ts',
  'src/core/lint.ts',
  'src/core/outputs.ts',
  'src/core/secret.ts',
  'src/core/stored-config.ts',
  'src/http.ts',
  'src/identity.ts',
  'src/registries/ecr-api.ts',
  'src/registries/entra.ts',
  'src/registries/gar-identity.ts',
  'src/registries/ghcr.ts',
  'src/registries/gitlab-api.ts',
  'src/registries/gitlab.ts',
  'src/registries/kept.ts',
  'src/registries/quay-robots-api.ts',
  'src/registries/root-login.ts',
  'src/registries/root-place.ts',
  'src/registries/secrets-manager.ts',
  'src/registries/static.ts',
  'src/registries/template.ts',
  'src/registries/token-api.ts',
  'src/registries/verify.ts',
]
