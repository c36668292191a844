/** Both functions through the runtime that Lambda itself runs: its loader, its context, its errors, its logging. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { before, test } from 'node:test'
import { promisify } from 'node:util'
import { rotateThroughFunctions } from '../e2e/function-story.ts'
import { asJson, gitlabPlan } from '../e2e/plans.ts'
import { NODE_24 } from '../e2e/run-process.ts'
import { startFunction } from '../e2e/runtime-api.ts'
import { setStage } from '../e2e/stage.ts'

const TOOL = resolve(import.meta.dirname, '../tools/lambda-runtime')

const RUNTIME = [
  NODE_24,
  '--require',
  join(TOOL, 'rapid-shim.cjs'),
  join(TOOL, 'node_modules/aws-lambda-ric/index.mjs'),
]

before(async () => {
  await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', TOOL])
})

test('a rotation by Secrets Manager, from RotateSecret to the revoked old credential', async (t) => {
  await rotateThroughFunctions(t, RUNTIME)
})

test('an error is told to the caller with its code, and logged without a secret', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const env = { ...stage.env('rotate'), PLAN: asJson(gitlabPlan(stage)) }
  const order = { folder: stage.folder, bundle: 'rotate', env, runtime: RUNTIME } as const
  const rotate = await startFunction(t, order)
  const event = {
    Step: 'createSecret',
    SecretId: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:other-AbCdEf',
    ClientRequestToken: '00000000-0000-4000-8000-000000000001',
    RotationToken: '9e5c0d8a-7b1f-4c55-9a8e-0123456789ab',
  }
  const { error } = await rotate.invoke(event)
  assert.equal(error?.errorType, 'PullAuthError')
  assert.match(error?.errorMessage ?? '', /^ROTATION_EVENT: The event is for /)
  assert.doesNotMatch(rotate.log() + JSON.stringify(error), new RegExp(event.RotationToken))
  stage.evidence.add('the log of rotate', rotate.log())
})

test('a handler that is not there is told as Lambda tells it', async (t) => {
  const stage = await setStage(t, { instances: 0 })
  const env = { ...stage.env('react'), _HANDLER: 'react.main' }
  const react = await startFunction(t, { folder: stage.folder, bundle: 'react', env, runtime: RUNTIME })
  await assert.rejects(react.invoke({}), /Runtime\.HandlerNotFound/)
})
