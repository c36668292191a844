/** `verify`: with a file alone no AWS is asked; with a plan alone the stored config is read and nothing else. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cliCommand } from './cli.ts'
import { gitlabPlan } from './plans.ts'
import { cliParts, matchSnapshot, requestParts } from './snapshot.ts'
import { setStage, storedConfig } from './stage.ts'

/** Nobody could ask AWS with these. */
const NO_AWS = {
  AWS_ACCESS_KEY_ID: undefined,
  AWS_SECRET_ACCESS_KEY: undefined,
  AWS_SESSION_TOKEN: undefined,
  AWS_REGION: undefined,
  AWS_ENDPOINT_URL: undefined,
}

test('verify pulls the probes of a plan with the stored config, reading one secret', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))]
  const run = await cliCommand(stage, ['verify', ...plan])
  assert.equal(run.exitCode, 0, run.stderr)
  const json = await cliCommand(stage, ['verify', ...plan, '--json', '--verbose'])
  const [only, ...more] = JSON.parse(json.stdout)
  assert.deepEqual([only.registry, only.image, only.verdict, more], [stage.registry.host, stage.probe, 'pull-ok', []])
  matchSnapshot(t, stage, [...cliParts(run), ...cliParts(json), ...requestParts(stage, ['operator'])])
})

test('verify pulls images with a config, asking AWS for nothing', async (t) => {
  const stage = await setStage(t, {
    instances: 1,
    registry: { publicRepositories: ['acme/vault'] },
  })
  const { host } = stage.registry
  const config = storedConfig({ host, first: stage.first })
  const images = ['acme/app:stable', 'acme/app:gone', 'acme/vault:stable', 'outside/app:1'].map(
    (name) => `${host}/${name}`,
  )
  const others = ['quay.io/acme/app:1', '111122223333.dkr.ecr.eu-central-1.amazonaws.com/app:1']
  const run = await cliCommand(stage, ['verify', '-', ...images, ...others], NO_AWS, config)
  assert.equal(run.exitCode, 1, run.stderr)
  const json = await cliCommand(stage, ['verify', '-', ...images, ...others, '--json'], NO_AWS, config)
  assert.deepEqual(
    JSON.parse(json.stdout).map(({ verdict }: { verdict: string }) => verdict),
    ['pull-ok', 'tag-missing', 'accepted-but-public', 'login-ok-pull-denied', 'no-credential', 'no-credential'],
  )
  assert.deepEqual(stage.aws.requests, [])
  matchSnapshot(t, stage, cliParts(run))
})

test('verify with a file and a plan takes the credentials of the file and the probes of the plan', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const { host } = stage.registry
  const dead = { username: stage.first.username, password: 'of-yesterday' }
  const argv = ['verify', '-', '--plan', stage.file('plan.yaml', gitlabPlan(stage)), '--json']
  const run = await cliCommand(stage, argv, NO_AWS, storedConfig({ host, first: dead }))
  assert.equal(run.exitCode, 1)
  const [only] = JSON.parse(run.stdout)
  assert.deepEqual([only.verdict, only.ok], ['rejected', false])
  assert.match(only.remedy, /token is alive/)
  assert.doesNotMatch(run.stdout + run.stderr, /of-yesterday/)
})

test('verify repeats no login that was refused', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const { host } = stage.registry
  const dead = { username: 'nobody', password: 'of-nobody' }
  const run = await cliCommand(stage, ['verify', '-', stage.probe], NO_AWS, storedConfig({ host, first: dead }))
  assert.equal(run.exitCode, 1)
  assert.equal(stage.registry.requests.filter(({ path }) => path.includes('/token')).length, 1)
})

test('verify of a registry that hangs up says that nothing is clear', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  stage.registry.fault = () => ({ kind: 'hang-up' })
  const config = storedConfig({ host: stage.registry.host, first: stage.first })
  const run = await cliCommand(stage, ['verify', '-', stage.probe, '--json'], NO_AWS, config)
  const [only] = JSON.parse(run.stdout)
  assert.deepEqual([run.exitCode, only.verdict, only.remedy], [1, 'unknown', 'Run again when the registry answers.'])
})

test('verify without images or a plan is bad usage', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const run = await cliCommand(stage, ['verify', 'ecs.config'], NO_AWS)
  assert.equal(run.exitCode, 2)
  assert.match(run.stderr, /^error USAGE: verify needs to know which images to pull\./)
})
