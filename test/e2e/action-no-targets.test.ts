/** The Action when no instance has the tag: red, although Run Command calls it a success. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionStep } from './action.ts'
import { cliCommand } from './cli.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { actionParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { setStage } from './stage.ts'

const FLEET = `
fleet:
  targets: { "tag:ecs-pull-auth": [prdo] }`

test('no instance matches the targets', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const old = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(old)

  const from = mark(stage)
  const run = await actionStep(stage, { inputs: { plan: stage.file('ecs-pull-auth.yaml', gitlabPlan(stage, FLEET)) } })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator', 'node'], from)])

  assert.ok(await stage.pulls(old), 'the old credential was revoked')
})

test('a plan with allowEmpty accepts a fleet that is scaled to zero, and status agrees', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const plan = stage.file('ecs-pull-auth.yaml', gitlabPlan(stage, `${FLEET}\n  allowEmpty: true\n  drain: 0s`))
  const run = await actionStep(stage, { inputs: { plan } })
  assert.equal(run.exitCode, 0, run.stdout)
  assert.match(run.summary, /no instance matched, which the plan allows/)
  const status = await cliCommand(stage, ['status', '--plan', plan])
  assert.equal(status.exitCode, 0, status.stdout)
})
