/** docs/start.md, and one night docs/troubleshooting.md, followed literally in an empty root: what they show is what is printed. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { actsOf, readPage } from '../docs/page.ts'
import { hasNamespaces, isMissing, programPath, run } from './software.ts'

const READER = join(import.meta.dirname, 'start-reader.ts')
/** In the order in which start-reader.ts follows them. */
const PAGES = ['docs/start.md', 'docs/troubleshooting.md']
const NAMESPACES = [
  '--net',
  '--mount',
  '--propagation',
  'private',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child=KILL',
]

/** Without what differs from run to run: times, ids, and how often a rollout was looked at. */
function normalise(text: string): string {
  return text
    .replaceAll(/^ {2}(?:Pending\.|InProgress: .*)\n/gm, '')
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
    .replaceAll(/20(?!99)\d\d-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d+( pulls, none|, 0 failed$)/gm, 'N$1')
    .replaceAll(/^(seconds +)[\d.]+$|─{3,}/gm, '$1N')
}

/** What is shown, where `…` alone on a line stands for any lines. */
function shows(page: string): RegExp {
  const escaped = page.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll(/^…(?:\n|$)/gm, '(?:.*(?:\\n|$))*?')}$`)
}

test('docs/start.md and the night of docs/troubleshooting.md, typed into an empty root, print what they show', async (t) => {
  const needs = { git: programPath('git') !== null, ip: programPath('ip') !== null, namespaces: hasNamespaces() }
  if (isMissing(t, needs)) return
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-start-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { status, stdout, stderr } = await run('unshare', [...NAMESPACES, process.execPath, READER, folder])
  assert.equal(status, 0, stderr)
  const printed = JSON.parse(stdout.toString()) as readonly string[]
  const commands = PAGES.flatMap((file) => actsOf(readPage(file))).filter((act) => act.kind === 'command')
  assert.equal(printed.length, commands.length)
  for (const [at, { command, shown }] of commands.entries()) {
    const said = normalise(printed[at] ?? '')
    assert.match(said, shows(normalise(shown)), `$ ${command}\nprinted\n${said}`)
  }
  assert.match(printed.at(-1) ?? '', /^2 of 2 instances run version /m, 'the fleet has the last good credential again')
})
