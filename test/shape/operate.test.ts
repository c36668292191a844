/** docs/operate.md: an entry for every error code and every alarm, each with a command that there is. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { ALARMS } from '../../deploy/stack/alarms.mjs'
import { COMMANDS } from '../../src/cli/commands.ts'
import { ERROR_CODES } from '../../src/core/errors.ts'

const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/operate.md'), 'utf8')

/** The entries under a heading of the page: each with its own heading, and its text. */
function entries(part: string): ReadonlyMap<string, string> {
  const text = page.split(`\n## ${part}\n`)[1]?.split('\n## ')[0] ?? ''
  return new Map(
    text
      .split('\n### ')
      .slice(1)
      .map((entry) => [entry.slice(0, entry.indexOf('\n')), entry.slice(entry.indexOf('\n')).trim()]),
  )
}

/** As GitHub makes it of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-')
}

const alarms = entries('Alarms')
const codes = entries('Error codes')
const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, command = '']) => command)

test('every error code has an entry, in the order of the table, that begins with its meaning', () => {
  assert.deepEqual([...codes.keys()], Object.keys(ERROR_CODES))
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    const said = codes.get(code)?.split('\n\n')[0]?.replaceAll('\n', ' ')
    assert.equal(said, meaning)
  }
})

test('every entry says what is safe and what to look at, and ends in a command', () => {
  for (const [heading, text] of [...alarms, ...codes]) {
    assert.match(text, /^- \*\*Safe:\*\* \S/m, heading)
    assert.match(text, /^- \*\*Look at:\*\* \S/m, heading)
    assert.match(text, /\n```sh\n[^`]+\n```$/, heading)
  }
})

test('every command is one that a shell can read', () => {
  for (const command of commands) {
    const { status, stderr } = spawnSync('bash', ['-n', '-c', command], { encoding: 'utf8' })
    assert.equal(status, 0, `${command}${stderr}`)
  }
})

test('every command of ours has options that it takes', () => {
  const common = ['json', 'verbose', 'help', 'region']
  const outer = commands.map((text) => text.replaceAll(/\$\([^)]*\)/g, ''))
  const ours = outer.flatMap((text) => [...text.matchAll(/(?:ecs-pull-auth|cli\.cjs) ([a-z-]+)((?: [^&|;\n)]+)?)/g)])
  assert.ok(ours.length > 40)
  for (const [call, name = '', rest = ''] of ours) {
    if (name === '--help') continue
    const command = COMMANDS.get(name)
    assert.ok(command, call)
    const options = [...rest.matchAll(/ --([a-z-]+)/g)].map(([, option = '']) => option)
    for (const option of options)
      assert.ok(option in command.options || common.includes(option), `${call}: --${option}`)
  }
})

test('every link within the page and to another one leads somewhere', () => {
  const headings = (file: string) =>
    [...readFileSync(join(root, 'docs', file), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => anchor(text))
  for (const [link, file = '', part] of page.matchAll(/\]\(([a-z-]+\.md)?(?:#([a-z0-9_-]+))?\)/g)) {
    const found = headings(file === '' ? 'operate.md' : file)
    assert.ok(part === undefined || found.includes(part), link)
  }
})

test('every alarm of the stack has an entry under its name, in their order', () => {
  assert.deepEqual(
    [...alarms.keys()],
    ALARMS.map(({ id }) => id),
  )
})

test('every alarm of the stack links to its entry', () => {
  const stack = readdirSync(join(root, 'deploy'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:yaml|json|tf)$/.test(file))
    .map((file) => readFileSync(join(root, 'deploy', file), 'utf8'))
  const links = stack.flatMap((text) => [...text.matchAll(/docs\/operate\.md#([a-z0-9_-]+)/g)].map(([, to = '']) => to))
  assert.deepEqual([...new Set(links)].sort(), [...alarms.keys()].map(anchor).sort())
})
