/** `mode: plan`, as a pull request has it: the whole plan in the summary, nobody asked, nothing changed, no comment. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionStep } from './action.ts'
import { FLEET, gitlabPlan } from './plans.ts'
import { actionParts, errorsPart, matchSnapshot } from './snapshot.ts'
import { SECRET, type Stage, setStage } from './stage.ts'

/** What a pull request of a fork has: no AWS credentials, no secrets, no ID token. */
const OF_A_FORK = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined }

function assertNobodyAsked({ aws, gitlab, registry }: Stage): void {
  assert.deepEqual([aws.requests.length, gitlab.requests.length, registry.requests.length], [0, 0, 0])
}

test('the whole plan, with everything that it asks for', async (t) => {
  const stage = await setStage(t, { instances: 0 })
  const fleet = `${FLEET}
  cluster: prod
  canary: 1
outputs:
  - { kind: ecr-pull-through-cache, registry: '${stage.registry.host}', secret: ecr-pullthroughcache/acme }
`
  const inputs = { mode: 'plan', plan: stage.file('plan.yaml', gitlabPlan(stage, fleet)) }
  const run = await actionStep(stage, { inputs, env: OF_A_FORK })
  matchSnapshot(t, stage, actionParts(run))
  assert.equal(run.exitCode, 0)
  assert.match(run.summary, /^## Plan only: nothing was asked, nothing changed\n/)
  assertNobodyAsked(stage)
})

test('without a plan file it needs no credential', async (t) => {
  const stage = await setStage(t, { instances: 0 })
  const inputs = { mode: 'plan', secret: SECRET, registry: stage.registry.host, probe: stage.probe }
  const run = await actionStep(stage, { inputs, env: OF_A_FORK })
  assert.equal(run.exitCode, 0, run.stdout)
  assert.match(run.summary, /^- \*\*.*\*\*: pull .*acme\/app:stable$/m)
  assertNobodyAsked(stage)
})

test('a plan whose schedule lets credentials die is red, and shown all the same', async (t) => {
  const stage = await setStage(t, { instances: 0 })
  const plan = `${gitlabPlan(stage)}rotation: { schedule: rate(30 days) }\n`
  const run = await actionStep(stage, { inputs: { mode: 'plan', plan: stage.file('plan.yaml', plan) }, env: OF_A_FORK })
  assert.equal(run.exitCode, 1)
  assert.match(run.stdout, /^::error title=CADENCE_UNSAFE::/m)
  assert.match(run.summary, /^## Plan only: this plan is not safe\n\n> \[!CAUTION\]\n> \*\*CADENCE_UNSAFE\*\*/)
  assert.match(run.summary, /^### Schedule$/m)
  matchSnapshot(t, stage, [errorsPart(run)])
  assertNobodyAsked(stage)
})
