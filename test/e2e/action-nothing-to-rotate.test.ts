/** The Action once more with the credential that the stored config already has: no new version, nobody is restarted. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marked } from '../doubles/marks.ts'
import { actionStep } from './action.ts'
import { actionParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { SECRET, setStage } from './stage.ts'

test('nothing to rotate', async (t) => {
  const stage = await setStage(t)
  const fresh = { username: 'robot', password: marked('workflow') }
  stage.tokens.add({ ...fresh, pulls: ['acme/*'], expiresAt: null })
  const inputs = {
    ...{ secret: SECRET, registry: stage.registry.host, probe: stage.probe, ...fresh },
    targets: 'tag:ecs-pull-auth=prod',
  }
  assert.equal((await actionStep(stage, { inputs })).exitCode, 0)
  const starts = stage.instances.map(({ agent }) => agent.starts)

  const from = mark(stage)
  const again = await actionStep(stage, { inputs, env: { GITHUB_RUN_ID: '1234567891' } })
  matchSnapshot(t, stage, [...actionParts(again), ...requestParts(stage, ['operator', 'node'], from)])

  assert.deepEqual(
    stage.instances.map(({ agent }) => agent.starts),
    starts,
    'an agent was restarted',
  )
  assert.equal(stage.aws.secrets.secret(SECRET).versions.view().versions.size, 2)
})
