/** A bad version in a cluster with a forgotten instance: found by name, gone back from, and nothing lost. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cliCommand } from './cli.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { cliParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { setStage } from './stage.ts'

test('a version that some instances cannot run is rolled back, on all that the cluster has', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const forgotten = 'i-0a11c0ffee0000009'
  const seeds = [...stage.instances.map(({ id }) => id), forgotten].map((instanceId) => ({ instanceId }))
  stage.aws.ecs.register('prod', ...seeds)
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', `${gitlabPlan(stage).trimEnd()}\n  cluster: prod\n`)]
  const old = stage.instances[0]?.credentialFor(stage.probe)
  const node = stage.instances[1]
  assert.ok(old && node)
  node.agent.health = () => (node.agent.starts === 2 ? 'exits' : 'healthy')

  const parts: string[] = []
  const step = async (exitCode: number, ...argv: readonly string[]) => {
    const from = mark(stage)
    const run = await cliCommand(stage, [...argv, ...plan])
    assert.equal(run.exitCode, exitCode, run.stderr)
    parts.push(`════ ${argv.join(' ')}`, ...cliParts(run), ...requestParts(stage, ['operator'], from))
    return run.stdout
  }
  await step(0, 'rotate')
  const red = await step(1, 'reload')
  assert.match(red, new RegExp(`${forgotten} +not-managed`))
  assert.match(red, new RegExp(`${node.id} +rolled-back`))
  // Somebody takes the forgotten one out of the cluster, and the bad version back.
  stage.aws.ecs.deregister('prod', forgotten)
  const { how, rollout, retire, registries } = JSON.parse(await step(0, 'rollback', '--yes', '--json'))
  assert.deepEqual([how, rollout.outcomes, registries[0].verdict], ['merged', { 'on-version': 3 }, 'pull-ok'])
  assert.deepEqual([rollout.coverage.instances, rollout.coverage.uncovered], [3, []])
  assert.equal(retire.retired.length, 1)
  assert.ok(stage.instances.every((one) => one.credentialFor(stage.probe)?.username === old.username))
  assert.ok(await stage.pulls(old))
  assert.equal(stage.gitlab.deployTokens().length, 1)
  await step(0, 'rollback', '--yes')
  await step(0, 'status')
  matchSnapshot(t, stage, parts)
})
