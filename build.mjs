/** Builds dist from the sources: CommonJS bundles, byte for byte the same on every machine, and THIRD-PARTY. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = import.meta.dirname
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** @type {import('esbuild').BuildOptions} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'none',
  // The SDK's ES files, so that unused commands are dropped.
  mainFields: ['module', 'main'],
  conditions: ['module'],
  minify: true,
  // Stack traces keep their meaning, and the SDK finds its classes by name.
  keepNames: true,
  // The SDK's `await import("node:http")` becomes a require, which does not load Node's own undici.
  supported: { 'dynamic-import': false },
  define: { 'process.env.ECS_PULL_AUTH_VERSION': JSON.stringify(version) },
  metafile: true,
  write: false,
  logLevel: 'warning',
}

/** The SDK's reader of the shared config files needs no more of it. */
const filesAtOnce = { 'node:fs/promises': join(root, 'src/aws/read-file.ts') }
/** In Lambda the role is always in AWS_*: the other providers of the chain would only cost start time. */
const lambdaCredentials = { '@aws-sdk/credential-provider-node': join(root, 'src/aws/environment-credentials.ts') }
/** `@actions/core` brings an HTTP client and a shell for what nobody here asks of it: loading them is a third of a start. */
const unused = join(root, 'src/action/unused.ts')
/** Only `@actions/core` names Node's modules without `node:`. */
const node = join(root, 'src/action/node-for-core.ts')
const coreAlone = {
  '@actions/http-client': unused,
  '@actions/http-client/lib/auth': unused,
  '@actions/exec': unused,
  ...{ crypto: node, fs: node, os: node, path: node },
}
/**
 * What not every run needs is a file of its own, loaded from beside the first: the work of the Action, once its inputs are
 * known to go together; elsewhere than in Lambda the chain, when the
 * environment has no keys (src/aws/credentials.ts); all commands of the CLI but those that read a config file.
 */
const BESIDE = {
  '@aws-sdk/credential-provider-node': './credential-chain.cjs',
  './whole.ts': './action-whole.cjs',
  './some-commands.ts': './cli-lint.cjs',
  './all-commands.ts': './cli-all.cjs',
}
const beside = {
  name: 'beside',
  setup: ({ onResolve }) =>
    onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'dynamic-import' && Object.hasOwn(BESIDE, path) ? { path: BESIDE[path], external: true } : undefined,
    ),
}

export const BUNDLES = [
  { entry: 'src/action/main.ts', file: 'dist/action.cjs', alias: coreAlone, plugins: [beside] },
  {
    entry: 'src/action/whole.ts',
    file: 'dist/action-whole.cjs',
    alias: { ...coreAlone, ...filesAtOnce },
    plugins: [beside],
  },
  { entry: 'src/cli/main.ts', file: 'dist/cli.cjs', banner: '#!/usr/bin/env node', plugins: [beside] },
  { entry: 'src/cli/some-commands.ts', file: 'dist/cli-lint.cjs', plugins: [beside] },
  { entry: 'src/cli/all-commands.ts', file: 'dist/cli-all.cjs', alias: filesAtOnce, plugins: [beside] },
  { entry: 'src/aws/credential-chain.ts', file: 'dist/credential-chain.cjs' },
  { entry: 'lambda/rotate.ts', file: 'dist/rotate.cjs', alias: { ...lambdaCredentials, ...filesAtOnce } },
  { entry: 'lambda/react.ts', file: 'dist/react.cjs', alias: { ...lambdaCredentials, ...filesAtOnce } },
]

/** The files of a build as text, with what went into each bundle. Writes nothing. */
export async function buildAll() {
  const bundles = await Promise.all(BUNDLES.map(bundle))
  const packages = [...new Set(bundles.flatMap((built) => built.packages))].sort()
  return { bundles, thirdParty: thirdParty(packages) }
}

/** One of BUNDLES, or another entry built like it. @param {any} order */
export async function bundle({ entry, file, alias = {}, plugins = [], banner, external = [] }) {
  const options = {
    ...shared,
    entryPoints: [entry],
    outfile: file,
    alias,
    plugins,
    external,
    ...(banner ? { banner: { js: banner } } : {}),
  }
  const { metafile, outputFiles, warnings } = await build(options)
  // A stand-in without something that is asked of it would only be warned about.
  if (warnings.length > 0) throw new Error(`${file}: ${warnings[0].text}`)
  const output = metafile.outputs[file]
  return { file, text: outputFiles[0].text, bytes: output.bytes, packages: packagesOf(Object.keys(output.inputs)) }
}

function packagesOf(inputs) {
  const names = inputs.map((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]).filter(Boolean)
  return [...new Set(names)].sort()
}

function thirdParty(packages) {
  const parts = packages.map((name) => {
    const { version: release, license } = JSON.parse(readFileSync(join(packageFolder(name), 'package.json'), 'utf8'))
    return { title: `${name} ${release} (${license})`, text: licenceText(name) }
  })
  const texts = new Map()
  for (const { title, text } of parts) texts.set(text, [...(texts.get(text) ?? []), title])
  const blocks = [...texts].map(([text, titles]) => `${titles.join('\n')}\n\n${text.trim()}\n`)
  return `The files in dist contain code of these packages.\n\n${blocks.join(`\n${'-'.repeat(80)}\n\n`)}`
}

function packageFolder(name) {
  return join(root, 'node_modules', name)
}

function licenceText(name) {
  for (const file of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE']) {
    try {
      return readFileSync(join(packageFolder(name), file), 'utf8').replaceAll('\r\n', '\n')
    } catch {
      // Some packages name it otherwise, or say it only in package.json.
    }
  }
  return 'No licence file in the package; see its package.json.'
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { bundles, thirdParty: notices } = await buildAll()
  mkdirSync(join(root, 'dist'), { recursive: true })
  for (const { file, text, bytes, packages } of bundles) {
    writeFileSync(join(root, file), text)
    console.log(`${file}  ${Math.round(bytes / 1024)} KiB  ${packages.length} packages`)
  }
  writeFileSync(join(root, 'THIRD-PARTY'), notices)
}
