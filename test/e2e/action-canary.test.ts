/** The Action with a canary: everybody else after it, and nobody when it is not green. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionStep } from './action.ts'
import { FLEET, gitlabPlan, rotatedByGitlab } from './plans.ts'
import { actionParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { type Stage, setStage } from './stage.ts'

/** Which instances each command reached, in the order of the commands. */
function reached({ aws }: Stage): readonly (readonly string[])[] {
  return aws.ssm.rollouts().map(({ invocations }) => invocations.map(({ instance }) => instance.id))
}

const plan = (stage: Stage) => ({
  plan: stage.file('ecs-pull-auth.yaml', gitlabPlan(stage, `${FLEET}\n  canary: 1`)),
})

test('the canary, then everybody', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const from = mark(stage)
  const run = await actionStep(stage, { inputs: plan(stage) })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator', 'node'], from)])

  const ids = stage.instances.map(({ id }) => id)
  assert.deepEqual(reached(stage), [ids.slice(0, 1), ids])
  assert.equal(stage.gitlab.deployTokens().length, 1)
})

test('a canary that does not come back keeps everybody else as they are', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const [canary, ...others] = stage.instances
  assert.ok(canary)
  const old = canary.credentialFor(stage.probe)
  assert.ok(old)
  canary.agent.health = () => (canary.agent.starts === 2 ? 'exits' : 'healthy')

  const from = mark(stage)
  const run = await actionStep(stage, { inputs: plan(stage) })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator', 'node'], from)])

  assert.deepEqual(reached(stage), [[canary.id]])
  assert.ok(others.every(({ agent }) => agent.starts === 1))
  assert.ok(await stage.pulls(old), 'the old credential was revoked while every instance uses it')
})
