/** The Action when one node's agent does not come back: red, the node named first, its credential alive. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionStep } from './action.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { actionParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { setStage } from './stage.ts'

test('one node does not come back', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const node = stage.instances[2]
  assert.ok(node)
  const old = node.credentialFor(stage.probe)
  assert.ok(old)
  // Its agent cannot start with the new file, and can with the one that it had.
  node.agent.health = () => (node.agent.starts === 2 ? 'exits' : 'healthy')

  const from = mark(stage)
  const run = await actionStep(stage, { inputs: { plan: stage.file('ecs-pull-auth.yaml', gitlabPlan(stage)) } })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator', 'node'], from)])

  const rows = run.summary.split('\n').filter((line) => line.startsWith('| [i-'))
  assert.match(rows[0] ?? '', new RegExp(`^\\| \\[${node.id}\\]\\(https://[^ )]+\\) \\| rolled-back \\|`))
  assert.ok(await stage.pulls(old), 'the old credential was revoked while an instance uses it')
  assert.equal(node.credentialFor(stage.probe)?.username, old.username)
  assert.equal(stage.gitlab.deployTokens().length, 2)
})
