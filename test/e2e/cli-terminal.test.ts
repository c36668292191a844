/** What people see on a terminal and programs do not: questions before what cannot be undone, colours, progress on one line. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cliCommand, cliConversation } from './cli.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import { SECRET, setStage } from './stage.ts'

const ESCAPE = '\u001b['

test('retire asks before it revokes, and anything but yes leaves everything as it is', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab, instances: 1 })
  // An hour of drain keeps reload from retiring by itself.
  const text = gitlabPlan(stage)
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', text)]
  const slow = ['--plan', stage.file('slow.yaml', text.replace('drain: 0s', 'drain: 1h'))]
  const old = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(old)
  assert.equal((await cliCommand(stage, ['rotate', ...plan])).exitCode, 0)
  const reload = await cliConversation(stage, ['reload', ...slow], [['This may be interrupted', '\u0003']])
  assert.match(reload.shown, /RETIRE_NOT_YET/)
  for (const answer of ['n\n', '\n', 'maybe\n', '\u0003', '\u0004']) {
    const { exitCode, shown } = await cliConversation(stage, ['retire', ...plan], [['[y/N] ', answer]])
    assert.equal(exitCode, 1, JSON.stringify(answer))
    assert.match(shown, /1 of 1 instances run version .* Revoke every older credential of it, for good\? \[y\/N\]/)
    assert.match(shown, /Nothing was changed\./)
  }
  assert.ok(await stage.pulls(old))
  const { exitCode, shown } = await cliConversation(stage, ['retire', ...plan], [['[y/N] ', 'y\n']])
  assert.equal(exitCode, 0, shown)
  assert.equal(await stage.pulls(old), false)
})

test('rollback asks before it changes anything', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab, instances: 1 })
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))]
  assert.equal((await cliCommand(stage, ['rotate', ...plan])).exitCode, 0)
  const { versions } = stage.aws.secrets.secret(SECRET)
  const before = versions.holder('AWSCURRENT')
  const refused = await cliConversation(stage, ['rollback', ...plan], [['[y/N] ', 'no\n']])
  assert.equal(refused.exitCode, 1, refused.shown)
  assert.match(refused.shown, /restart the ECS agent on every instance\?/)
  assert.equal(versions.holder('AWSCURRENT'), before)
  const agreed = await cliConversation(stage, ['rollback', ...plan], [['[y/N] ', 'YES\n']])
  assert.equal(agreed.exitCode, 0, agreed.shown)
  assert.notEqual(versions.holder('AWSCURRENT'), before)
})

test('colours are for terminals only, and NO_COLOR takes them away', async (t) => {
  const stage = await setStage(t, { instances: 1, document: false })
  const argv = ['doctor', '--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))]
  const painted = await cliConversation(stage, argv)
  assert.ok(painted.shown.includes(`${ESCAPE}31mmend   ${ESCAPE}0m  document ecs-pull-auth-reload`), painted.shown)
  assert.ok(painted.shown.includes(`${ESCAPE}32mok     ${ESCAPE}0m`))
  const plain = [{ NO_COLOR: '1' }, { TERM: 'dumb' }].map((env) => cliConversation(stage, argv, [], env))
  for (const { shown } of await Promise.all(plain)) assert.ok(!shown.includes(ESCAPE), shown)
  const empty = await cliConversation(stage, argv, [], { NO_COLOR: '' })
  assert.ok(empty.shown.includes(ESCAPE))
  const lint = await cliConversation(stage, [
    'lint',
    stage.file('ecs.config', 'ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=x\n'),
  ])
  assert.ok(lint.shown.includes(`${ESCAPE}31merror${ESCAPE}0m `), lint.shown)
  const { stdout, stderr } = await cliCommand(stage, argv)
  assert.ok(!(stdout + stderr).includes(ESCAPE))
})

test('what takes longer than a moment says what it does, on standard error', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage)), '--json']
  for (const command of ['verify', 'doctor', 'plan --live', 'rotate', 'reload', 'status', 'retire --yes']) {
    const { stdout, stderr } = await cliCommand(stage, [...command.split(' '), ...plan])
    assert.match(stderr, /^▸ /m, command)
    assert.doesNotThrow(() => JSON.parse(stdout), command)
  }
})
