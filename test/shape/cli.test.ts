/** The help of every command: it fits a screen, and docs/cli.md shows it as it is. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { helpFor, helpForAll } from '../../src/cli/help.ts'

const page = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/cli.md'), 'utf8')
const HELPS = new Map([
  ['', helpForAll(COMMANDS)],
  ...[...COMMANDS].map(([name, command]) => [name, helpFor(name, command)] as const),
])

test('docs/cli.md shows the help of every command, in their order', () => {
  const sections = page.split(/^## (?=[a-z])/m)
  assert.deepEqual(
    sections.slice(1).map((section) => section.split('\n')[0]),
    [...COMMANDS.keys()],
  )
  for (const [at, [name, help]] of [...HELPS].entries())
    assert.ok(
      sections[at]?.includes(`\`\`\`text\n${help}\n\`\`\`\n`),
      `the help of ${name} in docs/cli.md is another one`,
    )
})

test('every help fits a screen of 24 lines and 105 columns', () => {
  for (const [name, help] of HELPS) {
    const lines = help.split('\n')
    assert.ok(lines.length <= 24, `${name} has ${lines.length} lines`)
    assert.ok(
      lines.every((line) => line.length <= 105),
      name,
    )
  }
})

test('every option says what it is for', () => {
  for (const [name, { options, optionHelp = {} }] of COMMANDS)
    assert.deepEqual(Object.keys(optionHelp).sort(), Object.keys(options).sort(), name)
})
