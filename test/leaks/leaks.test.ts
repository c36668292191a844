/** Every shell, with and without every switch, in good times and in bad: no credential is anywhere but where it must be. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { marked } from '../doubles/marks.ts'
import { actionStep } from '../e2e/action.ts'
import { cliCommand } from '../e2e/cli.ts'
import { gitlabPlan, rotatedByGitlab, staticPlan } from '../e2e/plans.ts'
import { NODE_24 } from '../e2e/run-process.ts'
import { KEPT, SECRET, setStage, storedConfig } from '../e2e/stage.ts'
import { Evidence } from './evidence.ts'

const SWITCHES = [[], ['--json'], ['--verbose'], ['--json', '--verbose']]

test('the commands on a plan show no credential, with every switch', async (t) => {
  const stage = await setStage(t, { config: rotatedByGitlab })
  const plan = ['--plan', stage.file('plan.yaml', gitlabPlan(stage))]
  for (const switches of SWITCHES) {
    for (const command of ['verify', 'rotate', 'reload', 'status', 'retire --yes']) {
      const run = await cliCommand(stage, [...command.split(' '), ...plan, ...switches])
      assert.equal(run.exitCode, 0, `${command} ${switches.join(' ')}: ${run.stderr}`)
    }
  }
  // The list of processes was really looked at, while the CLI and the script on an instance ran.
  stage.evidence.assertSeen(/cli\.cjs rotate --plan plan\.yaml/)
  stage.evidence.assertSeen(/python3 -I -/)
})

test('the commands on a file show no credential, whatever is wrong with the file', async (t) => {
  const stage = await setStage(t, { instances: 0 })
  const good = storedConfig({ host: 'ghcr.io', first: { username: 'puller', password: marked('in-a-file') } })
  const files: Readonly<Record<string, string>> = {
    good,
    truncated: good.replace('"}}', '"}'),
    'not-base64': good.replace(/"auth":"[^"]*"/, `"auth":"${marked('not-base64')}"`),
    docker: good.replace('=dockercfg', '=docker').replace(/\{"mirror.*\}/, dockerAuth(marked('docker-type'))),
    twins: good.replace('{"mirror', `{"https://ghcr.io":{"auth":"${btoa(`twin:${marked('twin')}`)}"},"mirror`),
    quoted: good.replace(/AUTH_DATA=(.*)/, "AUTH_DATA='$1'"),
    'key-value': JSON.stringify({
      ECS_CLUSTER: 'prod',
      ECS_ENGINE_AUTH_TYPE: marked('as-a-type'),
      ECS_ENGINE_AUTH_DATA: '{',
    }),
    'config.json': JSON.stringify({ auths: { 'ghcr.io': { auth: btoa(`puller:${marked('config-json')}`) } } }),
    nonsense: `${marked('nonsense')}\n`,
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(stage.workspace, name), text, { mode: 0o600 })
    const runs = [[], ['--json', '--verbose']].flatMap((switches) => [
      ['lint', name, ...switches],
      ['explain', name, 'ghcr.io/acme/app:1', 'mirror.acme.example/x', ...switches],
    ])
    for (const run of await Promise.all(runs.map((argv) => cliCommand(stage, argv)))) {
      assert.notEqual(run.exitCode, 2, run.stderr)
      assert.doesNotMatch(run.stdout, /"INTERNAL"/)
    }
  }
})

function dockerAuth(password: string): string {
  return JSON.stringify({ 'ghcr.io': { username: 'puller', password, email: '' } })
}

test('a credential that was refused is shown nowhere either, by the Action or by the CLI', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const refused = { username: 'puller', password: `${marked('refused')} "%\\` }
  const inputs = { secret: SECRET, registry: stage.registry.host, probe: stage.probe, ...refused }
  const run = await actionStep(stage, { inputs })
  assert.match(run.summary, /PROBE_REJECTED/)
  stage.keep(KEPT, JSON.stringify(refused))
  const plan = ['--plan', stage.file('plan.yaml', staticPlan(stage))]
  for (const switches of SWITCHES) {
    const { stderr } = await cliCommand(stage, ['rotate', ...plan, ...switches])
    assert.match(stderr, /PROBE_REJECTED/)
  }
  stage.evidence.assertSeen(/action\.cjs/)
})

test('AWS or a registry that repeats a credential in its answer is not quoted', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const echo = marked('echoed')
  stage.keep(KEPT, JSON.stringify({ username: 'puller', password: echo }))
  const plan = ['--plan', stage.file('plan.yaml', staticPlan(stage))]
  stage.aws.faults.add({
    kind: 'error',
    type: 'ValidationException',
    message: `Value ${echo} is not valid`,
    match: (operation) => operation === 'PutSecretValue',
  })
  const refused = await cliCommand(stage, ['rotate', ...plan, '--verbose'])
  assert.match(refused.stderr, /AWS_REFUSED/)
  stage.registry.fault = () => ({
    kind: 'answer',
    status: 401,
    body: echo,
    headers: { 'www-authenticate': `Bearer realm="https://${echo}.example/",error="${echo}"` },
  })
  const unclear = await cliCommand(stage, ['rotate', ...plan, '--verbose', '--json'])
  assert.match(unclear.stdout, /PROBE_UNKNOWN/)
})

test('a leak would be found: in a text, in a file that others can read, on a command line', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-leak-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const mark = marked('planted')
  const [plain, text, file, line] = ['', '', '', ''].map(() => new Evidence(folder))
  assert.ok(plain && text && file && line)

  writeFileSync(join(folder, 'closed'), mark, { mode: 0o600 })
  plain.add('a text', 'nothing')
  plain.assertClean()

  text.add('a text', `{"auth":"${btoa(`me:${mark}`)}"}`)
  assert.throws(() => text.assertClean(), /a text holds the credential .*base64/)

  chmodSync(join(folder, 'closed'), 0o640)
  assert.throws(() => file.assertClean(), /closed \(640\) holds/)
  chmodSync(join(folder, 'closed'), 0o600)

  const child = spawn(NODE_24, ['-e', 'process.stdin.resume(); console.log(1)', mark])
  await once(child.stdout, 'data')
  line.look()
  child.kill()
  if (process.platform === 'linux') assert.throws(() => line.assertClean(), /a command line holds/)
})
