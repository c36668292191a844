/** action.yml, and every workflow with it, through GitHub's own language service: what its editors and its web page say. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { load } from 'js-yaml'
import { isMissing } from './software.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const tools = join(root, '.tools/github')
const folder = mkdtempSync(join(tmpdir(), 'language-service-'))
after(() => rmSync(folder, { recursive: true }))

interface Service {
  validate(document: unknown, config: object): Promise<readonly { readonly message: string; readonly range: object }[]>
  readonly TextDocument: { create(uri: string, language: string, version: number, text: string): unknown }
}

/** Bundled first: it imports JSON in a way that Node does not take. */
async function startService(): Promise<Service> {
  const outfile = join(folder, 'service.mjs')
  const names = ['@actions/languageservice/validate', 'vscode-languageserver-textdocument']
  await build({
    stdin: { contents: names.map((name) => `export * from '${name}'`).join('\n'), resolveDir: tools },
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    outfile,
    logLevel: 'error',
  })
  return await import(pathToFileURL(outfile).href)
}

let service: Promise<Service> | undefined
let files = 0

/** Messages about one file. It takes inputs of actions of others as they are: what those have is asked elsewhere. */
async function messages(path: string, text: string): Promise<readonly string[]> {
  service ??= startService()
  const { validate, TextDocument } = await service
  // It remembers what it has read, by address.
  const document = TextDocument.create(`file:///${files++}/${path}`, 'yaml', 1, text)
  const names = [...text.matchAll(/([a-z-]+): /g)].map(([, name = '']) => name)
  const others = { inputs: Object.fromEntries(names.map((name) => [name, { description: name }])) }
  const actionsMetadataProvider = {
    fetchActionMetadata: async ({ owner }: { owner: string }) =>
      owner === 'ecs-pull-auth' ? load(read('action.yml')) : others,
  }
  return (await validate(document, { actionsMetadataProvider })).map(({ message }) => message)
}

const hasService = (t: TestContext) =>
  !isMissing(t, { 'the language service of GitHub': existsSync(join(tools, 'node_modules')) })

test('action.yml is as GitHub wants it', async (t) => {
  if (!hasService(t)) return
  assert.deepEqual(await messages('action.yml', read('action.yml')), [])
})

for (const [what, from, to] of [
  ['a key that there is not', 'author:', 'autor:'],
  ['a Node that there is not', 'using: node24', 'using: node99'],
  ['an icon that there is not', 'icon: refresh-cw', 'icon: refresh-xx'],
  ['a colour that there is not', 'color: orange', 'color: beige'],
  ['an Action without a program', '  main: dist/action.cjs\n', ''],
] as const) {
  test(`it would report ${what}`, async (t) => {
    if (!hasService(t)) return
    const broken = read('action.yml').replace(from, to)
    assert.notEqual(broken, read('action.yml'))
    assert.notDeepEqual(await messages('action.yml', broken), [])
  })
}

const WORKFLOWS = ['.github/workflows', 'examples'].flatMap((place) =>
  readdirSync(join(root, place))
    .filter((name) => name.endsWith('.yml'))
    .map((name) => `${place}/${name}`),
)

test('so is every workflow, with the inputs that action.yml has', async (t) => {
  if (!hasService(t)) return
  for (const file of WORKFLOWS) assert.deepEqual(await messages(`.github/workflows/${file}`, read(file)), [], file)
})

test('it would report an input that action.yml does not have', async (t) => {
  if (!hasService(t)) return
  const broken = read('examples/rotate.yml').replace('plan: ecs-pull-auth.yaml', 'plam: ecs-pull-auth.yaml')
  assert.match((await messages('.github/workflows/rotate.yml', broken)).join(), /plam/)
})
