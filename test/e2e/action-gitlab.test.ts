/** The Action with a plan file: a token is minted, proven, promoted and rolled out; the old one is revoked. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionStep } from './action.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { actionParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { setStage } from './stage.ts'

test('a plan with a GitLab: everything goes well', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab, lag: true })
  const [first] = stage.instances
  const old = first?.credentialFor(stage.probe)
  assert.ok(old && (await stage.pulls(old)))

  const from = mark(stage)
  const run = await actionStep(stage, { inputs: { plan: stage.file('ecs-pull-auth.yaml', gitlabPlan(stage)) } })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator', 'node'], from)])

  for (const instance of stage.instances) {
    const loaded = instance.credentialFor(stage.probe)
    assert.ok(loaded && (await stage.pulls(loaded)), `${instance.id} cannot pull`)
  }
  assert.equal(await stage.pulls(old), false, 'the old token still pulls')
  assert.equal(stage.gitlab.deployTokens().length, 1)
})
