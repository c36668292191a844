/** The Action when the secret has a rotation function: it asks for a rotation, waits for it, then reloads the fleet. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionStep } from './action.ts'
import { FUNCTION_ARN } from './function-story.ts'
import { asJson, gitlabPlan, rotatedByGitlab } from './plans.ts'
import { type LambdaFunction, startFunction } from './runtime-api.ts'
import { actionParts, mark, matchSnapshot, part, requestParts } from './snapshot.ts'
import { SECRET, setStage } from './stage.ts'

test('a secret with a rotation function', async (t) => {
  let rotate: LambdaFunction | null = null
  const looked = Promise.withResolvers<void>()
  const stage = await setStage(t, {
    config: rotatedByGitlab,
    invokeLambda: async (_, event) => {
      // The first look comes too early, so that the Action is seen to wait.
      await looked.promise
      const { error } = (await rotate?.invoke(event)) ?? { error: null }
      return error === null ? {} : { error: error.errorMessage }
    },
  })
  const plan = gitlabPlan(stage)
  rotate = await startFunction(t, { ...stage, bundle: 'rotate', env: { ...stage.env('rotate'), PLAN: asJson(plan) } })
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  const asked = () => stage.aws.requests.some(({ operation }) => operation === 'RotateSecret')
  const looks = stage.aws.faults.add({
    kind: 'before',
    match: (operation) => operation === 'DescribeSecret' && asked(),
    run: () => void setImmediate(looked.resolve),
  })

  const from = mark(stage)
  const run = await actionStep(stage, { inputs: { plan: stage.file('ecs-pull-auth.yaml', plan) } })
  stage.evidence.add('the log of the function', rotate.log())
  matchSnapshot(t, stage, [
    ...actionParts(run),
    part('log of the function', rotate.log()),
    ...requestParts(stage, ['operator', 'rotate', 'node'], from),
  ])
  assert.equal(looks.struck, 1)
})
