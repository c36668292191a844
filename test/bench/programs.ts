/** The programs that are started and timed: ours as they ship, and the nearest others, built beside them. */

import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { build, type Plugin, type PluginBuild } from 'esbuild'
import { BUNDLES, buildAll, bundle } from '../../build.mjs'

const ROOT = resolve(import.meta.dirname, '../..')

export interface Programs {
  readonly folder: string
  readonly action: string
  readonly cli: string
  /** Folders of functions. */
  readonly functions: string
  readonly functionsWithSdk: string
  readonly emptyAction: string
  readonly threeCalls: string
  readonly threeCallsWithoutKinds: string
  readonly threeCallsBare: string
  readonly threeCallsClient: string
  readonly threeCallsSdk: string
  readonly threeCallsSdkUnbundled: string
}

const job = (name: string) => `test/bench/jobs/${name}.ts`
const SDK = ['@aws-sdk/*', '@smithy/*']

/** As if each kind of registry, and YAML, were loaded when a plan needs it, and this one needed none. */
const withoutKinds = {
  name: 'without-kinds',
  setup({ onLoad }: PluginBuild) {
    onLoad({ filter: /registries.table\.ts$/ }, () => ({ contents: 'export const PROVIDERS = new Map()' }))
    onLoad({ filter: /js-yaml/ }, () => ({ contents: 'export const load = JSON.parse' }))
  },
} satisfies Plugin

/** Below node_modules, so that what is not bundled is found. */
export async function makePrograms(): Promise<Programs> {
  const parent = join(ROOT, 'node_modules/.cache')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'ecs-pull-auth-bench-'))
  const { bundles } = await buildAll()
  for (const { file, text } of bundles) write(join(folder, file), text)
  const like = async (
    file: string,
    entry: string,
    to: string,
    other: { external?: string[]; plugin?: Plugin } = {},
  ) => {
    const options = BUNDLES.find((known) => known.file === file)
    const plugins = [...(options?.plugins ?? []), ...(other.plugin === undefined ? [] : [other.plugin])]
    const { text } = await bundle({ ...options, entry, plugins, external: other.external })
    return write(join(folder, to), text)
  }
  const calls = (name: string, to = name, plugin?: Plugin) =>
    like('dist/action-whole.cjs', job(name), `jobs/${to}.cjs`, plugin === undefined ? {} : { plugin })
  const withDefaults = async (name: string, to: string, external: readonly string[] = []) => {
    const outfile = join(folder, to)
    await build({
      entryPoints: [join(ROOT, job(name))],
      bundle: true,
      platform: 'node',
      outfile,
      external: [...external],
      logLevel: 'error',
    })
    return outfile
  }
  const withSdk = await like('dist/rotate.cjs', job('handler-sdk'), 'with-sdk/rotate.cjs', { external: SDK })
  // Begun as the Action is, by its small first file.
  await like('dist/action-whole.cjs', job('three-calls'), 'jobs/action-whole.cjs')
  for (const name of ['action.cjs', 'credential-chain.cjs'])
    copyFileSync(join(folder, 'dist', name), join(folder, 'jobs', name))
  return {
    folder,
    action: join(folder, 'dist/action.cjs'),
    cli: join(folder, 'dist/cli.cjs'),
    functions: join(folder, 'dist'),
    functionsWithSdk: dirname(withSdk),
    emptyAction: await withDefaults('empty-action', 'jobs/empty-action.cjs'),
    threeCalls: join(folder, 'jobs/action.cjs'),
    threeCallsBare: await calls('three-calls-bare'),
    threeCallsWithoutKinds: await calls('three-calls', 'three-calls-without-kinds', withoutKinds),
    threeCallsClient: await calls('three-calls-client'),
    threeCallsSdk: await withDefaults('three-calls-sdk', 'jobs/three-calls-sdk.cjs'),
    threeCallsSdkUnbundled: await withDefaults('three-calls-sdk', 'jobs/three-calls-sdk-unbundled.cjs', SDK),
  }
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}
