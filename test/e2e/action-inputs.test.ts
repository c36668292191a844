/** The Action without a plan file: one registry, and a credential that comes with the run. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marked } from '../doubles/marks.ts'
import { actionStep } from './action.ts'
import { actionParts, mark, matchSnapshot, requestParts } from './snapshot.ts'
import { SECRET, setStage } from './stage.ts'

test('simple inputs with a credential of the workflow', async (t) => {
  const stage = await setStage(t)
  const fresh = { username: 'robot$ci', password: `${marked('workflow')}"'\\+/=%&` }
  stage.tokens.add({ ...fresh, pulls: ['acme/*'], expiresAt: null })

  const from = mark(stage)
  const inputs = { secret: SECRET, registry: stage.registry.host, probe: stage.probe, ...fresh }
  const run = await actionStep(stage, { inputs: { ...inputs, targets: '\n  tag:ecs-pull-auth=prod,staging\n' } })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator', 'node'], from)])

  const spellings = [fresh.password, JSON.stringify(fresh.password).slice(1, -1), encodeURIComponent(fresh.password)]
  const basic = Buffer.from(`${fresh.username}:${fresh.password}`).toString('base64')
  for (const form of [...spellings, basic])
    assert.ok(run.masks.includes(form), 'a spelling of the password is not masked')
  assert.ok(!run.masks.includes(fresh.username), 'a user name is no secret')
  for (const { credentialFor } of stage.instances) assert.equal(credentialFor(stage.probe)?.username, fresh.username)
})
