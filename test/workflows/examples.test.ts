/** Example workflows are files: what README and docs show is one of them, and fits the action. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { INPUT_NAMES, type Inputs } from '../../src/action/input-rules.ts'
import { readRequest } from '../../src/action/inputs.ts'
import { EXAMPLES, read, root, type Step, stepsOf } from './files.ts'

const action = load(read('action.yml')) as Readonly<Record<'inputs' | 'outputs', Readonly<Record<string, unknown>>>>
const PAGES = ['README.md', ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })]
  .map((file) => (file === 'README.md' ? file : `docs/${file}`))
  .filter((file) => file.endsWith('.md'))

const isOurs = ({ uses }: Step) => uses?.startsWith('ecs-pull-auth/ecs-pull-auth@') === true

const PLAN = JSON.stringify({
  version: 1,
  secret: 'prod/ecs/agent-config',
  registries: {
    'registry.acme.com': {
      provider: 'static',
      credential: 'prod/registry/pull',
      probe: 'registry.acme.com/team/app:stable',
    },
  },
})

test('every example uses the action with inputs that it has and that fit together', () => {
  for (const workflow of EXAMPLES) {
    const steps = stepsOf(workflow).filter(isOurs)
    assert.equal(steps.length, 1, workflow.file)
    const given = steps[0]?.with ?? {}
    for (const name of Object.keys(given)) assert.ok(name in action.inputs, `${workflow.file}: ${name}`)
    const inputs = Object.fromEntries(INPUT_NAMES.map((name) => [name, String(given[name] ?? '')])) as Inputs
    assert.doesNotThrow(() => readRequest(inputs, () => PLAN), workflow.file)
  }
})

test('every output of the action that an example reads is one that it has', () => {
  let found = 0
  for (const { file, text, ...workflow } of EXAMPLES) {
    const ids = stepsOf({ file, text, ...workflow })
      .filter(isOurs)
      .flatMap(({ id }) => id ?? [])
    for (const [, id = '', name = ''] of text.matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/g)) {
      assert.ok(ids.includes(id), `${file}: there is no step ${id}`)
      assert.ok(name in action.outputs, `${file}: ${name}`)
      found++
    }
  }
  assert.ok(found > 0)
})

test('a password comes from a secret', () => {
  for (const workflow of EXAMPLES) {
    const password = stepsOf(workflow).find(isOurs)?.with?.['password']
    assert.ok(password === undefined || /^\$\{\{ secrets\.[A-Z_]+ \}\}$/.test(String(password)), workflow.file)
  }
})

test('every workflow that a page shows is the example that it names, byte for byte', () => {
  let shown = 0
  for (const page of PAGES) {
    for (const [block, mark, text = ''] of read(page).matchAll(/(?:<!-- (\S+) -->\n)?```ya?ml\n([\s\S]*?)```/g)) {
      if (mark === undefined && !/^\s*(?:- )?uses:|^\s*runs-on:/m.test(text)) continue
      assert.ok(mark !== undefined, `${page} shows a workflow that is no file of examples/:\n${block}`)
      assert.equal(text, read(mark), `${page}: ${mark}`)
      shown++
    }
  }
  assert.ok(shown > 0)
})

test('every example is shown or linked', () => {
  const pages = PAGES.map(read).join('\n')
  for (const { file } of EXAMPLES) assert.ok(pages.includes(file), file)
})
