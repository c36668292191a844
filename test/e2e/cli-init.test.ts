/** `init`: files that every other command takes, from a config, from options, or from a few answers. No secret in them. */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { load } from 'js-yaml'
import { marked } from '../doubles/marks.ts'
import { cliProcess, placeBundles } from './cli.ts'
import { NODE_24 } from './run-process.ts'
import { converse } from './terminal.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PASSWORD = marked('init')

function config(...keys: readonly string[]): string {
  const auth = keys.map((key) => [key, { auth: Buffer.from(`puller:${PASSWORD}`).toString('base64') }])
  return `ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${JSON.stringify(Object.fromEntries(auth))}\n`
}

function bench(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-init-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const bundles = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-bundle-'))
  t.after(() => rmSync(bundles, { recursive: true, force: true }))
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return {
    folder,
    read,
    run: (argv: readonly string[], input?: string) =>
      cliProcess({ folder: bundles, cwd: folder, env: {}, argv, ...(input === undefined ? {} : { input }) }),
    converse: (argv: readonly string[], answers: readonly (readonly [string, string])[]) => {
      placeBundles(bundles)
      return converse({ argv: [NODE_24, join(bundles, 'cli.cjs'), ...argv], cwd: folder, env: {}, answers })
    },
    assertNoSecret: () => {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || entry.name === 'ecs.config') continue
        const text = readFileSync(join(entry.parentPath, entry.name), 'utf8')
        assert.ok(!text.includes(PASSWORD) && !text.includes(Buffer.from(`puller:${PASSWORD}`).toString('base64')))
      }
    },
  }
}

const OPTIONS = ['--secret', 'prod/ecs/agent-config', '--image', 'ghcr.io/acme/app:stable', '--region', 'eu-west-1']
const FILES = ['ecs-pull-auth.yaml', '.github/workflows/ecs-pull-auth.yml']

test('init writes a plan and a workflow that hold, from options alone', async (t) => {
  const { run, read, folder } = bench(t)
  const ended = await run(['init', ...OPTIONS])
  assert.deepEqual([ended.exitCode, ended.stderr], [0, ''])
  t.assert.snapshot([ended.stdout, read('ecs-pull-auth.yaml')].join('\n'), { serializers: [String] })
  assert.equal(read(FILES[1] ?? ''), readFileSync(join(ROOT, 'examples/rotate.yml'), 'utf8'))
  assert.equal(statSync(join(folder, FILES[0] ?? '')).mode & 0o777, 0o644 & ~process.umask())
  const plan = await run(['plan', '--plan', FILES[0] ?? '', '--json'])
  assert.deepEqual([plan.exitCode, JSON.parse(plan.stdout).registries[0].provider], [0, 'ghcr'])
})

test('init reads an existing config, takes its keys and none of its credentials', async (t) => {
  const { run, read, folder, assertNoSecret } = bench(t)
  const text = config(
    'ghcr.io',
    'https://index.docker.io/v1/',
    'quay.io/acme',
    '111122223333.dkr.ecr.eu-west-1.amazonaws.com',
  )
  writeFileSync(join(folder, 'ecs.config'), text)
  const images = 'docker.io/acme/app:1,quay.io/acme/app:1'
  const ended = await run(['init', 'ecs.config', ...OPTIONS, '--image', images, '--account', '111122223333', '--json'])
  assert.equal(ended.exitCode, 0, ended.stdout)
  const { ok, written, left } = JSON.parse(ended.stdout)
  assert.deepEqual([ok, written, left], [true, [...FILES, 'ecs-pull-auth.parameters.json'], ['ghcr.io']])
  const { registries } = load(read('ecs-pull-auth.yaml')) as { registries: Record<string, { provider: string }> }
  assert.deepEqual(Object.keys(registries), ['https://index.docker.io/v1/', 'quay.io/acme'])
  const parameters = await run([
    'iam',
    '--plan',
    FILES[0] ?? '',
    '--account',
    '111122223333',
    '--region',
    'eu-west-1',
    '--parameters',
  ])
  assert.deepEqual(JSON.parse(read('ecs-pull-auth.parameters.json')), JSON.parse(parameters.stdout))
  assertNoSecret()
})

test('init overwrites nothing without --yes, and writes nothing when one file is there', async (t) => {
  const { run, read, folder } = bench(t)
  writeFileSync(join(folder, 'ecs-pull-auth.yaml'), 'mine')
  const refused = await run(['init', ...OPTIONS])
  assert.equal(refused.exitCode, 2)
  assert.match(
    refused.stderr,
    /^error USAGE: ecs-pull-auth\.yaml is there already; nothing was written\.\n {2}Say --yes/,
  )
  assert.deepEqual([read('ecs-pull-auth.yaml'), readdirSync(folder)], ['mine', ['ecs-pull-auth.yaml']])
  assert.equal((await run(['init', ...OPTIONS, '--yes'])).exitCode, 0)
  assert.match(read('ecs-pull-auth.yaml'), /^# What ecs-pull-auth rotates/)
})

test('init does not write through a link that leads nowhere', async (t) => {
  const { run, folder } = bench(t)
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'ecs-pull-auth.yaml'))
  assert.equal((await run(['init', ...OPTIONS])).exitCode, 2)
  assert.ok(!readdirSync(folder).includes('elsewhere'))
})

test('init into a folder that cannot be made says so', async (t) => {
  const { run, folder } = bench(t)
  writeFileSync(join(folder, 'file'), '')
  const ended = await run(['init', ...OPTIONS, '--folder', 'file/below'])
  assert.deepEqual([ended.exitCode, ended.stderr.split(':')[0]], [1, 'error FILE_UNREADABLE'])
})

const REFUSED: readonly (readonly [what: string, argv: readonly string[], says: RegExp])[] = [
  ['nobody to ask', [], /no terminal to ask on/],
  ['a text that is no image', ['--image', 'Ghcr.io/Acme'], /is not an image/],
  [
    'a private ECR registry',
    ['--image', '111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1'],
    /logs in there by itself/,
  ],
  ['two images of one registry', ['--image', 'ghcr.io/a/b:1,ghcr.io/c/d:1'], /Two images are of ghcr\.io/],
  ['an account that is none', ['--account', '12'], /twelve digits/],
]

for (const [what, argv, says] of REFUSED) {
  test(`init refuses ${what}`, async (t) => {
    const { run, folder } = bench(t)
    const ended = await run(['init', ...(argv.length === 0 ? [] : OPTIONS), ...argv])
    assert.equal(ended.exitCode, 2)
    assert.match(ended.stderr, says)
    assert.deepEqual(readdirSync(folder), [])
  })
}

test('init asks on a terminal for what no option says, once for each registry of the config', async (t) => {
  const { converse: talk, read, folder, assertNoSecret } = bench(t)
  writeFileSync(join(folder, 'ecs.config'), config('ghcr.io', 'quay.io'))
  const { exitCode, shown } = await talk(
    ['init', 'ecs.config', '--region', 'eu-west-1'],
    [
      ['[prod/ecs/agent-config]: ', '\n'],
      ['ghcr.io must pull', 'ghcr.io/acme/app:stable\n'],
      ['quay.io must pull', '\n'],
      ['[prod]: ', 'blue\n'],
      ['none is compared): ', 'prod\n'],
      ['no stack): ', '\n'],
    ],
  )
  assert.equal(exitCode, 0, shown)
  assert.deepEqual(load(read('ecs-pull-auth.yaml')), {
    version: 1,
    secret: 'prod/ecs/agent-config',
    registries: { 'ghcr.io': { provider: 'ghcr', credential: 'prod/ghcr.io/pull', probe: 'ghcr.io/acme/app:stable' } },
    fleet: { targets: { 'tag:ecs-pull-auth': ['blue'] }, cluster: 'prod' },
  })
  assert.match(shown, /No image was named for quay\.io: left alone by the plan\./)
  assertNoSecret()
})

test('an init that is left with Ctrl-C writes nothing', async (t) => {
  const { converse: talk, folder } = bench(t)
  const { exitCode } = await talk(
    ['init', '--region', 'eu-west-1'],
    [
      ['agent-config]: ', '\n'],
      ['commas: ', '\u0003'],
    ],
  )
  assert.equal(exitCode, 2)
  assert.deepEqual(readdirSync(folder), [])
})
