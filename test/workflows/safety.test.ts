/** What a workflow may do. The deeper checks lint them all with actionlint and zizmor; these are rules of our own. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL, OURS, read, stepsOf, type Workflow } from './files.ts'

const ACTION = 'ecs-pull-auth/ecs-pull-auth@v0'

function named(name: string): Workflow {
  const found = OURS.find(({ file }) => file === `.github/workflows/${name}.yml`)
  assert.ok(found, name)
  return found
}

test('every action is pinned by its commit, with its version beside it, and one version everywhere', () => {
  const pins = new Map<string, string>()
  for (const { file, text } of ALL) {
    const uses = [...text.matchAll(/^\s*(?:- )?uses: (.+)$/gm)].map(([, what = '']) => what)
    assert.ok(uses.length > 0, file)
    for (const what of uses.filter((action) => action !== ACTION)) {
      const [, action = '', pin = ''] = /^([\w-]+\/[\w-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$/.exec(what) ?? []
      assert.notEqual(pin, '', `${file}: ${what}`)
      assert.equal(pin, pins.get(action) ?? pin, `${file}: ${action} is pinned twice`)
      pins.set(action, pin)
    }
  }
})

test('no workflow has a permission that its jobs do not ask for one by one', () => {
  for (const { file, permissions, jobs } of ALL) {
    assert.deepEqual(permissions, {}, file)
    for (const [name, job] of Object.entries(jobs)) assert.ok(job.permissions, `${file}: ${name}`)
  }
})

test('no checkout leaves a credential behind for what runs after it', () => {
  for (const workflow of ALL) {
    for (const { uses, with: given } of stepsOf(workflow).filter((step) => step.uses?.startsWith('actions/checkout@')))
      assert.equal(given?.['persist-credentials'], false, `${workflow.file}: ${uses}`)
  }
})

test('no script holds an expression: what others chose comes as a variable', () => {
  for (const workflow of ALL) {
    for (const { run } of stepsOf(workflow)) assert.doesNotMatch(run ?? '', /\$\{\{/, workflow.file)
  }
})

test('no workflow runs the code of a fork with rights of ours', () => {
  for (const { file, on } of ALL) {
    for (const trigger of ['pull_request_target', 'workflow_run', 'issue_comment']) assert.ok(!(trigger in on), file)
  }
})

test('every job of ours ends in time', () => {
  for (const { file, jobs } of OURS) {
    for (const [name, job] of Object.entries(jobs)) assert.ok((job['timeout-minutes'] ?? 360) <= 60, `${file}: ${name}`)
  }
})

test('no workflow that rotates or releases is cut off by the next one', () => {
  for (const { file, concurrency } of ALL.filter(({ file }) => !/\/(?:ci|called)\.yml$/.test(file)))
    assert.equal(concurrency?.['cancel-in-progress'], false, file)
})

test('of a release, the job that builds cannot write, and the jobs that write run no code of the repository', () => {
  const { jobs, on } = named('release')
  assert.deepEqual(on, { push: { tags: ['v[0-9]+.[0-9]+.[0-9]+'] } })
  assert.deepEqual(Object.keys(jobs), ['build', 'attest', 'publish', 'npm'])
  assert.deepEqual(jobs['build']?.permissions, { contents: 'read' })
  assert.deepEqual(jobs['attest']?.permissions, { attestations: 'write', 'id-token': 'write' })
  assert.deepEqual(jobs['publish']?.permissions, { contents: 'write' })
  assert.equal(jobs['attest']?.needs, 'build')
  assert.equal(jobs['publish']?.needs, 'attest')
  assert.equal(jobs['publish']?.environment, 'release')
  // The package that was attested, as a file: nothing of it runs.
  const { needs, environment, permissions, steps = [] } = jobs['npm'] ?? {}
  assert.deepEqual([needs, environment, permissions], ['publish', 'release', { 'id-token': 'write' }])
  assert.ok(steps.every(({ uses }) => !uses?.startsWith('actions/checkout@')))
  const commands = steps.flatMap(({ run }) => run ?? [])
  assert.deepEqual(commands, ['npm publish ./release/*.tgz --provenance --access public --ignore-scripts'])
  for (const job of [jobs['attest'], jobs['publish']]) {
    for (const { uses, run } of job?.steps ?? []) {
      assert.ok(!uses?.startsWith('actions/checkout@'))
      assert.doesNotMatch(run ?? '', /\b(?:npm|npx|node|bash|sh)\b/)
    }
  }
})

test('the release is checked and built as every commit is', () => {
  const runs = (workflow: Workflow, job: string) =>
    (workflow.jobs[job]?.steps ?? []).flatMap(({ run }) => (run ?? '').split('\n').map((line) => line.trim()))
  const release = runs(named('release'), 'build')
  for (const command of [
    'npm cit',
    'npm run check',
    'npm run build',
    'git diff --exit-code --stat -- dist THIRD-PARTY',
  ]) {
    assert.ok(release.includes(command), command)
    assert.ok(runs(named('ci'), 'check').includes(command), command)
  }
})

test('every script of package.json that a workflow runs is there', () => {
  const { scripts } = JSON.parse(read('package.json'))
  for (const { file, text } of OURS) {
    for (const [, name = ''] of text.matchAll(/npm run ([a-z:-]+)/g)) assert.ok(name in scripts, `${file}: ${name}`)
  }
})
