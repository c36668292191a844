/** The scripts of the job that publishes, run as GitHub runs them, with a gh that writes down what it is asked for. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { OURS } from './files.ts'

const workflow = OURS.find(({ file }) => file.endsWith('/release.yml'))
const scripts = (workflow?.jobs['publish']?.steps ?? []).flatMap(({ run }) => run ?? [])
const [publish = '', move = ''] = scripts

/** Answers from files: `tags` are the refs of the major version, `major` is there when its tag is, `fails` a call that fails. */
const GH = `#!/usr/bin/env bash
echo "$*" >> calls
[ ! -e fails ] || ! grep -qF -- "$(cat fails)" <<< "$*" || exit 1
case "$*" in
  *matching-refs*) cat tags ;;
  *commits/*) echo 0123456789abcdef0123456789abcdef01234567 ;;
  *git/ref/tags/*) [ -e major ] ;;
esac
`

interface World {
  readonly tag: string
  readonly tags: readonly string[]
  readonly major?: boolean
  readonly fails?: string
}

function run(t: TestContext, script: string, { tag, tags, major = false, fails }: World) {
  const folder = mkdtempSync(join(tmpdir(), 'publish-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'release'))
  writeFileSync(join(folder, 'bin/gh'), GH)
  chmodSync(join(folder, 'bin/gh'), 0o755)
  for (const name of ['a.zip', 'SHA256SUMS']) writeFileSync(join(folder, 'release', name), '')
  writeFileSync(join(folder, 'tags'), tags.map((name) => `refs/tags/${name}\n`).join(''))
  if (major) writeFileSync(join(folder, 'major'), '')
  if (fails !== undefined) writeFileSync(join(folder, 'fails'), fails)
  // As GitHub runs a step whose shell is bash.
  const { status, stdout } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, TAG: tag, GITHUB_REPOSITORY: 'acme/it' },
  })
  const calls = existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : []
  return { status, stdout, calls, writes: calls.filter((call) => call.includes('--method')) }
}

test('its two scripts are the whole of what it does', () => {
  assert.equal(scripts.length, 2)
  assert.match(workflow?.text ?? '', /^defaults:\n {2}run:\n {4}shell: bash$/m)
})

test('a release is a draft with every file before it is published for good', (t) => {
  const { status, calls } = run(t, publish, { tag: 'v1.2.3', tags: [] })
  assert.equal(status, 0)
  assert.equal(calls.length, 2)
  assert.match(calls[0] ?? '', /^release create v1\.2\.3 release\/SHA256SUMS release\/a\.zip --draft --verify-tag /)
  assert.equal(calls[1], 'release edit v1.2.3 --draft=false')
})

test('what could not be uploaded is not published', (t) => {
  const { status, calls } = run(t, publish, { tag: 'v1.2.3', tags: [], fails: 'release create' })
  assert.notEqual(status, 0)
  assert.equal(calls.length, 1)
})

const SHA = 'sha=0123456789abcdef0123456789abcdef01234567'

test('the newest version of a major version moves its tag', (t) => {
  const { status, writes } = run(t, move, { tag: 'v1.10.0', tags: ['v1.10.0', 'v1.2.0', 'v1.9.1'], major: true })
  assert.equal(status, 0)
  assert.deepEqual(writes, [`api --method PATCH repos/acme/it/git/refs/tags/v1 -f ${SHA} -F force=true --silent`])
})

test('the first version of a major version makes its tag', (t) => {
  const { status, writes } = run(t, move, { tag: 'v2.0.0', tags: ['v2.0.0'] })
  assert.equal(status, 0)
  assert.deepEqual(writes, [`api --method POST repos/acme/it/git/refs -f ref=refs/tags/v2 -f ${SHA} --silent`])
})

test('a fix of an older version leaves the tag where it is', (t) => {
  const { status, stdout, writes } = run(t, move, { tag: 'v1.9.2', tags: ['v1.10.0', 'v1.9.2'], major: true })
  assert.deepEqual([status, writes], [0, []])
  assert.match(stdout, /refs\/tags\/v1\.10\.0 is newer; v1 stays\./)
})

test('a tag is not moved on the word of a list that did not come', (t) => {
  const { status, writes } = run(t, move, { tag: 'v1.2.3', tags: ['v1.2.3'], major: true, fails: 'matching-refs' })
  assert.notEqual(status, 0)
  assert.deepEqual(writes, [])
})
