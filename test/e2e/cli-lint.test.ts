/** `lint` with its options and `explain`, as shipped. */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { BUNDLES, cliProcess } from './cli.ts'
import type { Ended } from './run-process.ts'

const auth = Buffer.from(`puller:${marked('lint')}`).toString('base64')
/** Quotes that the agent would take for a part of the value. */
const BAD = `ECS_CLUSTER=prod\nECS_IMAGE_PULL_BEHAVIOR=always\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA='{"ghcr.io":{"auth":"${auth}"}}'\n`

interface Bench {
  readonly folder: string
  readonly file: string
  run(...argv: readonly string[]): Promise<Ended>
}

function bench(t: TestContext, text: string): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-lint-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'ecs.config')
  writeFileSync(file, text, { mode: 0o644 })
  return { folder, file, run: (...argv) => cliProcess({ folder, argv, cwd: folder, env: {} }) }
}

test('lint --fix mends the file, shows the redacted difference, and leaves nothing else behind', async (t) => {
  const { folder, file, run } = bench(t, BAD)
  assert.equal((await run('lint', file)).exitCode, 1)
  const fixed = await run('lint', file, '--fix', '--json')
  assert.equal(fixed.exitCode, 0, fixed.stdout)
  const { ok, changed, fixed: notes, difference, findings } = JSON.parse(fixed.stdout)
  assert.deepEqual([ok, changed, findings], [true, true, []])
  assert.equal(notes.length, 1)
  assertNoMarks(fixed.stdout + fixed.stderr + difference, 'the output')
  assert.equal(readFileSync(file, 'utf8'), BAD.replaceAll("'", ''))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder).sort(), [...BUNDLES, 'ecs.config'].sort())
  const again = await run('lint', file, '--fix')
  assert.match(again.stdout, /nothing to mend/)
})

test('lint --fix follows a link to the file instead of replacing it', async (t) => {
  const { folder, file, run } = bench(t, BAD)
  const link = join(folder, 'link')
  symlinkSync(file, link)
  assert.equal((await run('lint', link, '--fix')).exitCode, 0)
  assert.equal(readFileSync(file, 'utf8'), BAD.replaceAll("'", ''))
})

test('lint --fix of standard input is refused', async (t) => {
  const { run } = bench(t, BAD)
  const refused = await run('lint', '-', '--fix')
  assert.equal(refused.exitCode, 2)
  assert.match(refused.stderr, /^error USAGE: /)
})

test('lint --sarif names rule, level, file and line of every finding', async (t) => {
  const { file, run } = bench(t, BAD)
  const { exitCode, stdout } = await run('lint', file, '--sarif')
  assert.equal(exitCode, 1)
  assertNoMarks(stdout, 'SARIF')
  const sarif = JSON.parse(stdout)
  assert.equal(sarif.version, '2.1.0')
  const [{ tool, results }] = sarif.runs
  const known = new Set(tool.driver.rules.map((rule: { id: string }) => rule.id))
  assert.ok(results.length > 0)
  for (const result of results) {
    assert.ok(known.has(result.ruleId))
    assert.ok(['error', 'warning', 'note'].includes(result.level))
    assert.equal(result.locations[0].physicalLocation.artifactLocation.uri, file)
    assert.ok(result.locations[0].physicalLocation.region.startLine >= 1)
  }
})

test('explain says which entry an image gets, also when it gets none or ECR comes first', async (t) => {
  const { file, run } = bench(t, BAD.replaceAll("'", ''))
  const images = ['ghcr.io/acme/app:1', 'nginx', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1']
  const { exitCode, stdout } = await run('explain', file, ...images, '--json')
  assert.equal(exitCode, 0)
  const [ghcr, hub, ecr] = JSON.parse(stdout)
  assert.deepEqual([ghcr.key, ghcr.username, ghcr.ambiguous], ['ghcr.io', 'puller', false])
  assert.deepEqual([hub.key, hub.username], [null, null])
  assert.match(ecr.reason, /ECR/)
  const unreadable = await run('explain', file, 'ghcr.io/acme/app:1')
  assert.match(unreadable.stdout, /ghcr\.io\/acme\/app:1 +ghcr\.io +puller/)
})
