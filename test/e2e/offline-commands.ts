/** What the commands that ask nobody say, whichever Node starts them. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { cliProcess } from './cli.ts'
import type { Ended } from './run-process.ts'

const ROOT = resolve(import.meta.dirname, '../..')

const CONFIG = `ECS_CLUSTER=prod
ECS_IMAGE_PULL_BEHAVIOR=always
ECS_ENGINE_AUTH_TYPE=dockercfg
ECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"${Buffer.from('puller:in-the-file').toString('base64')}"}}
`

interface Bench {
  readonly folder: string
  run(argv: readonly string[], input?: string): Promise<Ended>
}

function bench(t: TestContext, node: string): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const order = { folder, cwd: folder, env: {}, node }
  return {
    folder,
    run: (argv, input) => cliProcess({ ...order, argv, ...(input === undefined ? {} : { input }) }),
  }
}

/** `skip`: why there is no such Node here; false = there is. */
export function offlineCommands(name: string, node: string, skip: string | false): void {
  test(`${name}: help for everybody and for every command`, { skip }, async (t) => {
    const { run } = bench(t, node)
    const help = await run(['--help'])
    assert.deepEqual([help.exitCode, help.stderr], [0, ''])
    for (const command of COMMANDS.keys()) assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'))
    const alone = await run([])
    assert.deepEqual([alone.exitCode, alone.stdout], [2, help.stdout])
    await Promise.all(
      [...COMMANDS.keys()].map(async (command) => {
        const { exitCode, stdout, stderr } = await run([command, '--help'])
        assert.deepEqual([exitCode, stderr], [0, ''])
        assert.match(stdout, new RegExp(`^Usage: ecs-pull-auth ${command} .*\\[options\\]$`, 'm'))
      }),
    )
  })

  test(`${name}: lint of a good and of a bad file, and of standard input`, { skip }, async (t) => {
    const { folder, run } = bench(t, node)
    writeFileSync(join(folder, 'good'), CONFIG)
    writeFileSync(join(folder, 'bad'), CONFIG.replace('"}}', '"}'))
    const good = await run(['lint', 'good', '--json'])
    assert.deepEqual([good.exitCode, good.stderr, JSON.parse(good.stdout)], [0, '', { ok: true, findings: [] }])
    assert.equal((await run(['lint', '-'], CONFIG)).exitCode, 0)
    const bad = await run(['lint', 'bad', '--json'])
    const { ok, findings } = JSON.parse(bad.stdout)
    assert.deepEqual([bad.exitCode, bad.stderr, ok], [1, '', false])
    assert.ok(findings.length > 0)
    for (const { code, severity, message, hint } of findings) {
      assert.ok([code, severity, message, hint].every((text) => typeof text === 'string' && text !== ''))
    }
    assert.equal((await run(['lint', 'bad'])).exitCode, 1)
    const missing = await run(['lint', 'missing', '--json'])
    assert.deepEqual([missing.exitCode, JSON.parse(missing.stdout).error.code], [1, 'FILE_UNREADABLE'])
  })

  test(`${name}: explain says which entry the agent uses`, { skip }, async (t) => {
    const { folder, run } = bench(t, node)
    writeFileSync(join(folder, 'config'), CONFIG)
    const { exitCode, stdout, stderr } = await run([
      'explain',
      'config',
      'ghcr.io/acme/app:1',
      'quay.io/acme/app',
      '--json',
    ])
    assert.deepEqual([exitCode, stderr], [0, ''])
    assert.doesNotMatch(stdout, /in-the-file/)
    const [ghcr, quay] = JSON.parse(stdout)
    assert.deepEqual(
      [ghcr.image, ghcr.key, ghcr.username, ghcr.ambiguous],
      ['ghcr.io/acme/app:1', 'ghcr.io', 'puller', false],
    )
    assert.deepEqual([quay.image, quay.key, quay.username, quay.ambiguous], ['quay.io/acme/app', null, null, false])
    const table = await run(['explain', 'config', 'ghcr.io/acme/app:1'])
    assert.match(table.stdout, /^ghcr\.io\/acme\/app:1 +ghcr\.io +puller$/m)
  })

  test(`${name}: document prints the SSM document, providers what each source needs`, { skip }, async (t) => {
    const { run } = bench(t, node)
    const shipped = JSON.parse(readFileSync(join(ROOT, 'deploy/document.json'), 'utf8'))
    for (const argv of [['document'], ['document', '--json']]) {
      const { exitCode, stdout, stderr } = await run(argv)
      assert.deepEqual([exitCode, stderr, JSON.parse(stdout)], [0, '', shipped])
    }
    const providers = await run(['providers', '--json'])
    const kinds = JSON.parse(providers.stdout).map(({ provider }: { provider: string }) => provider)
    assert.deepEqual([providers.exitCode, providers.stderr], [0, ''])
    assert.ok(kinds.includes('static') && kinds.includes('gitlab'))
    assert.match((await run(['providers'])).stdout, /^gitlab /m)
  })

  test(`${name}: --version is the package's`, { skip }, async (t) => {
    const { run } = bench(t, node)
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    assert.deepEqual(await run(['--version']), { exitCode: 0, stdout: `${version}\n`, stderr: '' })
  })

  test(`${name}: plan, iam, init and completion ask nobody either`, { skip }, async (t) => {
    const { folder, run } = bench(t, node)
    writeFileSync(join(folder, 'ecs.config'), CONFIG)
    const init = ['init', 'ecs.config', '--secret', 'prod/ecs/agent', '--image', 'ghcr.io/acme/app:1']
    const where = ['--region', 'eu-west-1', '--account', '111122223333']
    const plan = ['--plan', 'ecs-pull-auth.yaml']
    for (const argv of [
      [...init, ...where],
      ['plan', ...plan],
      ['iam', ...plan, ...where],
      ['completion', 'bash'],
    ]) {
      const { exitCode, stdout, stderr } = await run(argv)
      assert.deepEqual([exitCode, stderr], [0, ''], argv.join(' '))
      assert.ok(stdout.length > 200)
    }
  })
}
