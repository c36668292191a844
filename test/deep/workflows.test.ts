/** Every workflow, ours and the examples', through actionlint and zizmor in its strictest persona: no finding. */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isMissing, isProgram, programPath, run } from './software.ts'

const root = resolve(import.meta.dirname, '../..')
const tool = (name: string) => join(root, '.tools/lint/bin', name)
const filesIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(root, folder, name))
const WORKFLOWS = [...filesIn('.github/workflows'), ...filesIn('examples')]
const CONFIG = ['--config', join(root, '.github/zizmor.yml')]

function hasLinters(t: TestContext): boolean {
  const needs = { actionlint: isProgram(tool('actionlint')), zizmor: isProgram(tool('zizmor')) }
  return !isMissing(t, { ...needs, shellcheck: programPath('shellcheck') !== null })
}

/** Without pyflakes: no script of ours is Python. */
const actionlint = (...files: string[]) =>
  run(tool('actionlint'), ['-no-color', '-shellcheck', programPath('shellcheck') ?? '', '-pyflakes', '', ...files])

const zizmor = (...files: string[]) =>
  run(tool('zizmor'), ['--offline', '--no-progress', '--persona', 'pedantic', ...CONFIG, ...files])

test('actionlint finds nothing', async (t) => {
  if (!hasLinters(t)) return
  assert.ok(WORKFLOWS.length >= 6)
  const { status, stdout, stderr } = await actionlint(...WORKFLOWS)
  assert.equal(status, 0, `${stdout}${stderr}`)
})

test('zizmor finds nothing, and audits every file', async (t) => {
  if (!hasLinters(t)) return
  const files = [...WORKFLOWS, join(root, 'action.yml'), join(root, '.github/dependabot.yml')]
  const { status, stdout, stderr } = await zizmor(...files)
  assert.equal(status, 0, `${stdout}${stderr}`)
  assert.match(String(stdout), /No findings to report/)
  for (const file of files) assert.ok(stderr.includes(`completed ${file}`), file)
})

const EXPRESSION = `$${'{{ github.head_ref }}'}`

/** A finding that nothing reports would make the two tests above worth nothing. */
const BROKEN: readonly (readonly [string, (text: string) => string])[] = [
  ['unpinned-uses', (text) => text.replace(/@[0-9a-f]{40} # v\d\S*/, '@main')],
  ['template-injection', (text) => text.replace('npm ci\n', `echo "${EXPRESSION}"\n`)],
  ['excessive-permissions', (text) => text.replace('permissions: {}', 'permissions: write-all')],
]

for (const [audit, breakIt] of BROKEN) {
  test(`zizmor would report ${audit}`, async (t) => {
    if (!hasLinters(t)) return
    const folder = mkdtempSync(join(tmpdir(), 'workflow-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const good = readFileSync(join(root, '.github/workflows/ci.yml'), 'utf8')
    assert.notEqual(breakIt(good), good)
    writeFileSync(join(folder, 'broken.yml'), breakIt(good))
    const { status, stdout } = await zizmor(join(folder, 'broken.yml'))
    assert.notEqual(status, 0)
    assert.ok(String(stdout).includes(audit), String(stdout))
  })
}

test('actionlint would report a job that is needed and not there, and what shellcheck says of a script', async (t) => {
  if (!hasLinters(t)) return
  const folder = mkdtempSync(join(tmpdir(), 'workflow-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const good = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8')
  const broken = good
    .replace('needs: attest', 'needs: tests')
    .replace('"repos/$GITHUB_REPOSITORY/commits/$TAG"', '$TAG')
  writeFileSync(join(folder, 'broken.yml'), broken)
  const { status, stdout } = await actionlint(join(folder, 'broken.yml'))
  assert.notEqual(status, 0)
  assert.match(String(stdout), /needs job "tests"/)
  assert.match(String(stdout), /SC2086/)
})
