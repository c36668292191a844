/** The npm package as its users get it: installed from the tarball, with no registry in reach, and started by its name. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makePackage, packageManifest } from '../../make-package.mjs'
import { runProcess } from '../e2e/run-process.ts'

const root = resolve(import.meta.dirname, '../..')

/** An empty cache and `offline`: whatever is not in the tarball cannot be had. */
function installed(t: TestContext) {
  const home = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-npx-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const project = join(home, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"name":"somebody","private":true}')
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    npm_config_cache: join(home, 'cache'),
    npm_config_offline: 'true',
    // Nobody asks the machine that runs the tests for credentials.
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const tarball = makePackage(home)
  execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: project, env, stdio: 'pipe' })
  return { project, env, tarball }
}

test('npx starts the CLI from a package that was installed without any registry', async (t) => {
  const { project, env } = installed(t)
  const { version } = packageManifest()
  const npx = (...argv: readonly string[]) =>
    runProcess({ argv: ['/usr/bin/env', 'npx', '--no-install', 'ecs-pull-auth', ...argv], cwd: project, env })
  const said = await npx('--version')
  assert.deepEqual([said.exitCode, said.stdout], [0, `${version}\n`], said.stderr)
  writeFileSync(join(project, 'ecs.config'), 'ECS_CLUSTER=prod\n')
  assert.equal((await npx('lint', 'ecs.config')).exitCode, 0)
  const document = await npx('document')
  assert.deepEqual(JSON.parse(document.stdout), JSON.parse(readFileSync(join(root, 'deploy/document.json'), 'utf8')))
  // The chain of credential providers is a file of its own, which only a run without keys in the environment loads.
  writeFileSync(join(project, 'plan.json'), JSON.stringify(PLAN))
  const status = await npx('status', '--plan', 'plan.json', '--region', 'eu-west-1')
  assert.match(status.stderr, /^error AWS_CREDENTIALS: /m)
})

const PLAN = {
  version: 1,
  secret: 'agent',
  registries: { 'ghcr.io': { provider: 'ghcr', credential: 'pull', probe: 'ghcr.io/acme/app:stable' } },
}

test('the package holds what its users need and nothing of the workshop', (t) => {
  const { tarball } = installed(t)
  const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name !== '')
  const folders = [
    ...new Set(names.map((name) => name.replace(/^package\//, '').replace(/(?:(?<=terraform)|(?<=dist))\/.*/, ''))),
  ]
  assert.deepEqual(folders.sort(), [
    'LICENSE',
    'README.md',
    'THIRD-PARTY',
    'action.yml',
    'deploy/association.json',
    'deploy/document.json',
    'deploy/runbook.json',
    'deploy/template.yaml',
    'deploy/terraform',
    'dist',
    'package.json',
    'plan.schema.json',
  ])
})

test('the manifest is ready for a provenance, and depends on nothing', () => {
  const manifest = packageManifest()
  assert.deepEqual(manifest.publishConfig, { access: 'public', provenance: true })
  assert.equal(manifest.repository.url, 'git+https://github.com/ecs-pull-auth/ecs-pull-auth.git')
  for (const name of ['dependencies', 'devDependencies', 'scripts', 'knip']) assert.ok(!(name in manifest), name)
  assert.equal(manifest.engines.node, '>=20')
})
