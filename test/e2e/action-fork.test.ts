/** What a first run forgets: the error says which line of the workflow to change, and the annotation stands there. */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { actionStep } from './action.ts'
import { gitlabPlan } from './plans.ts'
import { type Stage, setStage } from './stage.ts'

const WORKFLOW = readFileSync(resolve(import.meta.dirname, '../../examples/rotate.yml'), 'utf8')
const FILE = '.github/workflows/rotate.yml'
const NO_AWS = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined }

async function checkedOut(t: TestContext): Promise<{ stage: Stage; env: Record<string, string | undefined> }> {
  const stage = await setStage(t, { instances: 0 })
  mkdirSync(join(stage.workspace, '.github/workflows'), { recursive: true })
  stage.file(FILE, WORKFLOW)
  const env = {
    ...NO_AWS,
    GITHUB_ACTION_REPOSITORY: 'ecs-pull-auth/ecs-pull-auth',
    GITHUB_WORKFLOW_REF: `acme/infrastructure/${FILE}@refs/heads/main`,
  }
  return { stage, env }
}

/** The line of the workflow at which the error is shown. */
function lineOf({ properties }: { readonly properties: Readonly<Record<string, string>> }): string {
  assert.equal(properties['file'], FILE)
  return WORKFLOW.split('\n')[Number(properties['line']) - 1]?.trim() ?? ''
}

test('a job that may not ask for an ID token', async (t) => {
  const { stage, env } = await checkedOut(t)
  const run = await actionStep(stage, { inputs: { plan: stage.file('plan.yaml', gitlabPlan(stage)) }, env })
  const [error = assert.fail('there is no error')] = run.commands.filter(({ name }) => name === 'error')
  assert.equal(error.properties['title'], 'AWS_CREDENTIALS')
  assert.equal(lineOf(error), 'permissions:')
  assert.match(
    error.message,
    /In \.github\/workflows\/rotate\.yml, line \d+: add id-token: write to the permissions of job rotate\./,
  )
  assert.match(run.summary, /> In \.github\/workflows\/rotate\.yml, line \d+: add id-token: write/)
})

test('a pull request of a fork', async (t) => {
  const { stage, env } = await checkedOut(t)
  const event = { pull_request: { head: { repo: { full_name: 'mallory/infrastructure' } } } }
  stage.file('event.json', JSON.stringify(event))
  const run = await actionStep(stage, {
    inputs: { plan: stage.file('plan.yaml', gitlabPlan(stage)) },
    env: { ...env, GITHUB_EVENT_NAME: 'pull_request', GITHUB_EVENT_PATH: join(stage.workspace, 'event.json') },
  })
  const [error = assert.fail('there is no error')] = run.commands.filter(({ name }) => name === 'error')
  assert.match(lineOf(error), /^- uses: ecs-pull-auth\/ecs-pull-auth@/)
  assert.match(
    error.message,
    /the fork mallory\/infrastructure, to which GitHub gives neither secrets nor an ID token\. Add mode: plan/,
  )
  assert.deepEqual(stage.aws.requests, [])
})
