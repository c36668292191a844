/** Everything that README and docs show is real: commands, plans, JSON, pictures. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import packageFile from '../../package.json' with { type: 'json' }
import { readPlan } from '../../src/core/plan.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { callsOf, problemOf, shellTexts } from './calls.ts'
import { type Block, blocksOf, readPage, readPages, root } from './page.ts'

const PAGES = readPages()
const BLOCKS = PAGES.flatMap(blocksOf)
const placeOf = ({ page, line }: Block) => `${page}:${line}`
const inLanguage = (...languages: readonly string[]) => BLOCKS.filter(({ language }) => languages.includes(language))

/** `text` is what is not typed or saved: formulas; the help texts of docs/cli.md, which have a test of their own. */
const LANGUAGES = ['sh', 'console', 'yaml', 'json', 'mermaid', 'text', 'ini', 'hcl']

test('every block has a language that is checked', () => {
  assert.ok(BLOCKS.length > 100)
  for (const block of BLOCKS) assert.ok(LANGUAGES.includes(block.language), `${placeOf(block)}: ${block.language}`)
})

test('every command is one that a shell can read', () => {
  for (const page of PAGES) {
    for (const text of shellTexts(page)) {
      const { status, stderr } = spawnSync('bash', ['-n', '-c', text], { encoding: 'utf8' })
      assert.equal(status, 0, `${page.file}: ${text}${stderr}`)
    }
  }
})

test('every call of ours, in blocks and in prose, is one that the command takes', () => {
  let found = 0
  for (const page of PAGES) {
    for (const call of callsOf(page)) {
      assert.equal(problemOf(call), null, `${page.file}: ecs-pull-auth ${call.join(' ')}`)
      found++
    }
  }
  assert.ok(found > 100, `${found}`)
})

test('a call that the command would refuse is found', () => {
  for (const call of ['rotat --plan x', 'rotate --plan x --yess', 'rotate x', 'explain x', '--halp'])
    assert.notEqual(problemOf(call.split(' ')), null, call)
})

test('every script of npm and every file of this repository that a command runs is there', () => {
  for (const page of PAGES) {
    const text = shellTexts(page).join('\n')
    for (const [, script = ''] of text.matchAll(/npm run ([a-z:-]+)/g))
      assert.ok(script in packageFile.scripts, `${page.file}: npm run ${script}`)
    for (const [, file = ''] of text.matchAll(/\b(?:node|bash) ((?:\.?[\w-]+\/)*[\w-]+(?:\.[a-z]+)?)\b/g))
      assert.ok(existsSync(join(root, file)), `${page.file}: ${file}`)
  }
})

const KEPT = { provider: 'static', credential: 'prod/registry/pull' }
const BASE = {
  version: 1,
  secret: 'prod/ecs/agent-config',
  registries: {
    'acme.jfrog.io': { ...KEPT, probe: 'acme.jfrog.io/docker/app:stable' },
    'ghcr.io': { ...KEPT, provider: 'ghcr', probe: 'ghcr.io/acme/app:stable' },
  },
}
const FIELDS = ['version', 'secret', 'format', 'registries', 'fleet', 'rotation', 'outputs']
const FLEET = ['targets', 'cluster', 'canary', 'alarm', 'runbook', 'timeout', 'drain', 'maxConcurrency', 'maxErrors']

function planOf(block: Block): unknown {
  const fields = load(block.text)
  assert.ok(typeof fields === 'object' && fields !== null, placeOf(block))
  const names = Object.keys(fields)
  if (names.every((name) => FIELDS.includes(name))) return { ...BASE, ...fields }
  if (names.every((name) => FLEET.includes(name)))
    return { ...BASE, fleet: { targets: { 'tag:ecs-pull-auth': ['prod'] }, ...fields } }
  if (names.every((name) => name.includes('.'))) return { ...BASE, registries: fields }
  return null
}

test('every plan, whole or a part of one, is one that would be taken', () => {
  let found = 0
  for (const block of inLanguage('yaml')) {
    if (/^\s*(?:- )?uses:|^\s*runs-on:/m.test(block.text)) continue
    const plan = planOf(block)
    assert.ok(plan !== null, `${placeOf(block)} is no plan:\n${block.text}`)
    assert.doesNotThrow(() => readPlan(plan, placeOf(block), PROVIDERS), placeOf(block))
    found++
  }
  assert.ok(found > 20)
})

test('all JSON is JSON', () => {
  for (const block of inLanguage('json')) assert.doesNotThrow(() => JSON.parse(block.text), placeOf(block))
})

test('the module of Terraform that is shown is there, and takes what it is given', () => {
  const variables = readPage('deploy/terraform/variables.tf').text
  for (const block of inLanguage('hcl')) {
    assert.match(block.text, /\/\/deploy\/terraform\?ref=/, placeOf(block))
    const names = [...block.text.matchAll(/^ {2}([a-z_]+) *=/gm)].map(([, name = '']) => name)
    for (const name of names.filter((given) => given !== 'source'))
      assert.ok(variables.includes(`variable "${name}"`), `${placeOf(block)}: ${name}`)
    assert.ok(names.length > 3, placeOf(block))
  }
})

test('every file of ECS has lines that the agent would read, and every unit is one that the script writes', () => {
  const hook = readPage('deploy/node/hook.py').text
  for (const block of inLanguage('ini')) {
    if (!block.text.startsWith('[')) {
      assert.match(block.text, /^(?:ECS_[A-Z_]+=.+\n)+$/, placeOf(block))
      continue
    }
    const [, program = '', ...values] = /=-(\S+) boot (\S+) (\S+)\n$/.exec(block.text) ?? []
    const written = block.text.replace(program, '%s').replaceAll(new RegExp(`\\b(?:${values.join('|')})\\b`, 'g'), '%s')
    assert.ok(hook.includes(JSON.stringify(written).slice(1, -1)), `${placeOf(block)}: ${written}`)
    assert.ok(hook.includes(program.split('/').at(-1) ?? ''), placeOf(block))
  }
})

/** The kinds that GitHub draws and these pages need. */
const PICTURE = /^(?:flowchart (?:LR|TB)|sequenceDiagram|stateDiagram-v2|timeline|gantt)\n/

test('every picture is of a known kind, and no bracket or quote of it stays open', () => {
  for (const block of inLanguage('mermaid')) {
    assert.match(block.text, PICTURE, placeOf(block))
    for (const [open, close] of ['[]', '()', '{}'].map((pair) => pair.split('') as [string, string]))
      assert.equal(block.text.split(open).length, block.text.split(close).length, `${placeOf(block)}: ${open}${close}`)
    assert.equal(block.text.split('"').length % 2, 1, `${placeOf(block)}: "`)
  }
})
