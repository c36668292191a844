/** The person on call: status, rotate, reload, retire, each on its own, as a table and as JSON. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cliCommand } from './cli.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { cliParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { setStage } from './stage.ts'

test('a rotation step by step', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))]
  const old = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(old)
  const node = stage.instances[1]
  assert.ok(node)
  // It does not come back once, at its first reload.
  node.agent.health = () => (node.agent.starts === 2 ? 'exits' : 'healthy')

  const parts: string[] = []
  const step = async (exitCode: number, ...argv: readonly string[]) => {
    const from = mark(stage)
    const run = await cliCommand(stage, [...argv, ...plan])
    assert.equal(run.exitCode, exitCode, run.stderr)
    parts.push(`════ ${argv.join(' ')}`, ...cliParts(run), ...requestParts(stage, ['operator'], from))
    return run.stdout
  }

  await step(1, 'status')
  await step(0, 'rotate')
  await step(1, 'reload')
  assert.ok(await stage.pulls(old), 'revoked while an instance uses it')
  await step(1, 'retire', '--yes', '--json')
  await step(0, 'reload', '--json')
  assert.equal(await stage.pulls(old), false)
  const status = JSON.parse(await step(0, 'status', '--json', '--verbose'))
  assert.equal(status.rollout.onVersion, 3)
  await step(0, 'retire', '--yes')
  matchSnapshot(t, stage, parts)
})

test('a plan on standard input, and the Region as an option', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const env = { AWS_REGION: undefined }
  const argv = ['rotate', '--plan', '-', '--region', 'eu-central-1', '--json']
  const run = await cliCommand(stage, argv, env, gitlabPlan(stage))
  assert.equal(run.exitCode, 0, run.stderr)
  const { ok, changed, rotatedBy, registries } = JSON.parse(run.stdout)
  assert.deepEqual([ok, changed, rotatedBy, registries[0].verdict], [true, true, 'itself', 'pull-ok'])
})
