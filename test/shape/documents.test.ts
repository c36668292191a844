/** What is written twice must say the same: action.yml, code, README; error codes; the plan's schema; the document. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { shippedDocument } from '../../deploy/make-document.mjs'
import { planPage } from '../../make-schema.mjs'
import { INPUT_NAMES } from '../../src/action/input-rules.ts'
import { OUTPUT_NAMES } from '../../src/action/run.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { ERROR_CODES } from '../../src/core/errors.ts'
import { planSchema, readPlan } from '../../src/core/plan.ts'
import { PROVIDERS } from '../../src/registries/table.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

interface ActionFile {
  readonly inputs: Readonly<Record<string, { description: string }>>
  readonly outputs: Readonly<Record<string, { description: string }>>
  readonly runs: { readonly using: string; readonly main: string }
}

const action = load(read('action.yml')) as ActionFile

/** The rows of a table between two marks, as `name` → text. */
function tableOf(page: string, mark: string): Readonly<Record<string, string>> {
  const part = read(page).split(`<!-- ${mark} -->`)[1]?.split(`<!-- /${mark} -->`)[0] ?? ''
  return Object.fromEntries(
    [...part.matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(([, name = '', text = '']) => [name, text]),
  )
}

function descriptions(fields: ActionFile['inputs']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields).map(([name, { description }]) => [name, description]))
}

for (const page of ['README.md', 'docs/action.md']) {
  test(`action.yml, the code and ${page} list the same inputs and outputs`, () => {
    assert.deepEqual(Object.keys(action.inputs), [...INPUT_NAMES])
    assert.deepEqual(tableOf(page, 'inputs'), descriptions(action.inputs))
    assert.deepEqual(Object.keys(action.outputs), [...OUTPUT_NAMES])
    assert.deepEqual(tableOf(page, 'outputs'), descriptions(action.outputs))
  })
}

test('the Action runs the bundle on Node 24', () => {
  assert.equal(action.runs.using, 'node24')
  assert.equal(action.runs.main, 'dist/action.cjs')
})

test('docs/errors.md lists every error code with its meaning', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| (.+) \|$/gm)].map(([, code, meaning]) => [
    code,
    meaning,
  ])
  assert.deepEqual(Object.fromEntries(rows), ERROR_CODES)
})

test('every error code is used by the code', () => {
  const sources = ['src/core', 'src/aws', 'src/registries', 'src/action', 'src/cli', 'src', 'lambda']
  const text = sources
    .flatMap((folder) => filesOf(folder))
    .map(read)
    .join('\n')
  assert.deepEqual(
    Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`)),
    [],
  )
})

function filesOf(folder: string): readonly string[] {
  return readdirSync(join(root, folder)).flatMap((name) =>
    name.endsWith('.ts') && name !== 'errors.ts' ? [`${folder}/${name}`] : [],
  )
}

test('plan.schema.json is what the plan’s tables say', () => {
  assert.deepEqual(JSON.parse(read('plan.schema.json')), planSchema(PROVIDERS))
})

test('docs/plan.md has every field of the schema, as it is there', () => {
  assert.equal(read('docs/plan.md'), planPage())
})

test('the plan in the README is a valid plan', () => {
  const block = [...read('README.md').matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, text = '']) => text)
    .find((text) => text.startsWith('version: 1'))
  const plan = readPlan(load(block ?? ''), 'in the README', PROVIDERS)
  assert.deepEqual(
    plan.registries.map(({ key }) => key),
    ['ghcr.io', 'registry.gitlab.com'],
  )
})

test('deploy/document.json is what deploy/node makes', () => {
  assert.equal(read('deploy/document.json'), shippedDocument())
})

test('README and CHANGELOG name every command', () => {
  for (const name of COMMANDS.keys()) {
    assert.ok(read('CHANGELOG.md').includes(`\`${name}\``), `CHANGELOG: ${name}`)
  }
})

test('README opens with the two commands', () => {
  assert.match(read('README.md'), /^# ecs-pull-auth\n\n```sh\nnode dist\/cli\.cjs demo .*\nnpm cit .*\n```\n/)
})
