/** Ctrl-C while a rollout is followed: the process from its sources, with the strict doubles behind it. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/wiring.ts'
import { type AwsDouble, startAws } from '../aws/server.ts'
import { status } from '../core/fleet-world.ts'
import { type Ended, interruptAt, runProcess } from '../e2e/run-process.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const DOCUMENT = readFileSync(resolve(import.meta.dirname, '../../deploy/document.json'), 'utf8')
const VERSION = '00000000-0000-4000-8000-000000000001'
const PLAN = {
  version: 1,
  secret: 'agent',
  registries: { 'ghcr.io': { provider: 'ghcr', credential: 'pull', probe: 'ghcr.io/acme/app:stable' } },
  fleet: { targets: { 'tag:ecs-pull-auth': ['prod'] }, maxErrors: '100%' },
}

interface Scene {
  readonly aws: AwsDouble
  run(argv: readonly string[], interrupt?: NodeJS.Signals): Promise<Ended>
}

/** One of three instances is offline, so that the rollout goes on for as long as anybody likes. */
async function setScene(context: TestContext): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-'))
  const ids = [1, 2, 3].map((n) => `i-${String(n).padStart(17, '0')}`)
  const aws = await startAws({
    clock: systemClock,
    instances: ids.map((id, index) => ({ id, tags: { 'ecs-pull-auth': 'prod' }, online: index > 0 })),
    runner: { run: async () => ({ exitCode: 0, stdout: status('applied', VERSION), stderr: '' }) },
  })
  context.after(async () => {
    await aws.close()
    rmSync(folder, { recursive: true })
  })
  aws.secrets.create('agent', 'ECS_CLUSTER=prod\n', VERSION)
  aws.ssm.publishDocument('ecs-pull-auth-reload', DOCUMENT)
  const plan = join(folder, 'plan.json')
  writeFileSync(plan, JSON.stringify(PLAN))
  const env = {
    PATH: process.env['PATH'] ?? '',
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: 'test',
  }
  return {
    aws,
    run: (argv, interrupt) =>
      runProcess({
        argv: [process.execPath, MAIN, ...argv, '--plan', plan],
        cwd: folder,
        env,
        ...(interrupt === undefined ? {} : { onOutput: interruptAt('2 of 3', interrupt) }),
      }),
  }
}

const commandId = ({ aws }: Scene) => aws.ssm.rollouts()[0]?.order.id ?? ''
const stateOf = ({ aws }: Scene) => aws.ssm.rollouts().map((rollout) => rollout.state())

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: the rollout goes on, the exit code is 1, and the message says how to follow it`, async (context) => {
    const scene = await setScene(context)
    const { exitCode, stdout, stderr } = await scene.run(['reload'], signal)
    assert.equal(exitCode, 1, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, /\n {2}InProgress: 2 of 3 instances done\.\n/)
    assert.match(stderr, /error ROLLOUT_DETACHED: Stopped following Run Command [0-9a-f-]+, which goes on\./)
    assert.ok(stderr.includes(`ecs-pull-auth reload --command ${commandId(scene)}`))
    assert.deepEqual(stateOf(scene), ['InProgress'])
  })
}

test('it is followed again by its id, to its end, and not sent twice', async (context) => {
  const scene = await setScene(context)
  await scene.run(['reload'], 'SIGINT')
  scene.aws.ssm.register({ id: 'i-00000000000000001', online: true })
  await scene.aws.idle()
  const { exitCode, stdout } = await scene.run(['reload', '--command', commandId(scene), '--json'])
  assert.equal(exitCode, 0)
  const { rollout } = JSON.parse(stdout)
  assert.deepEqual([rollout.commandId, rollout.onVersion, rollout.canary], [commandId(scene), 3, undefined])
  assert.equal(stateOf(scene).length, 1)
})

test('--on-interrupt cancel: the rollout is cancelled', async (context) => {
  const scene = await setScene(context)
  const { exitCode, stderr } = await scene.run(['reload', '--on-interrupt', 'cancel'], 'SIGINT')
  assert.equal(exitCode, 1)
  assert.match(stderr, /error ROLLOUT_CANCELLED: Run Command [0-9a-f-]+ was cancelled, as asked\./)
  assert.deepEqual(stateOf(scene), ['Cancelled'])
})

test('what makes no sense is bad usage', async (context) => {
  const scene = await setScene(context)
  for (const argv of [
    ['--on-interrupt', 'ignore'],
    ['--command', 'latest'],
  ]) {
    const { exitCode, stderr } = await scene.run(['reload', ...argv])
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, /error USAGE: /)
  }
  assert.deepEqual(stateOf(scene), [])
})
