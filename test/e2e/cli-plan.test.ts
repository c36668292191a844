/** `plan` as shipped: everything a rotation would do, without asking anybody, and with the secret's own schedule. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cliCommand, cliProcess } from './cli.ts'
import { FLEET, gitlabPlan, rotatedByGitlab } from './plans.ts'
import type { Ended } from './run-process.ts'
import { SECRET, setStage } from './stage.ts'

const PLAN = `version: 1
secret: prod/ecs/agent-config
registries:
  ghcr.io:
    provider: ghcr
    credential: prod/ghcr/pull
    probe: ghcr.io/acme/app:stable
  registry.gitlab.com:
    provider: gitlab
    group: acme
    root: prod/gitlab/root
    ttl: 6h
    probe: registry.gitlab.com/acme/app:stable
    realm: login.acme.net
outputs:
  - { kind: repository-credentials, registry: registry.gitlab.com, secret: prod/ecs/gitlab }
  - { kind: s3, uri: s3://acme-ecs/ecs.config }
fleet:
  targets: { "tag:ecs-pull-auth": [prod, stage], "tag:team": [blue] }
  maxErrors: 5%
rotation: { schedule: rate(4 hours), window: 4h }
`

/** Without any credential, Region or network: an empty environment. */
function offline(t: TestContext, plan: string): (...argv: readonly string[]) => Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-plan-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'plan.yaml'), plan)
  return (...argv) => cliProcess({ folder, argv: ['plan', '--plan', 'plan.yaml', ...argv], cwd: folder, env: {} })
}

const SHOWN = `Mint, and merge into prod/ecs/agent-config (dockercfg)
  ghcr.io              ghcr (static), no known expiry, with secret prod/ghcr/pull
  registry.gitlab.com  gitlab (create-delete), lives 6 h, with secret prod/gitlab/root

Prove
  ghcr.io              pull ghcr.io/acme/app:stable
  registry.gitlab.com  pull registry.gitlab.com/acme/app:stable; the credential goes to
                       login.acme.net

Promote
  AWSCURRENT  by compare-and-swap, and only if every proof is good

Write what was promoted to other places
  repository-credentials  registry.gitlab.com to prod/ecs/gitlab
  s3                      the whole stored config to s3://acme-ecs/ecs.config

Reload
  targets   tag:ecs-pull-auth = prod or stage, and tag:team = blue
  document  ecs-pull-auth-reload (auth-only)
  waves     10% at a time, 30 s jitter, stopped by more than 5% errors
  timeout   1 h
  drain     5 min

How long that takes, for example
  10 instances      1 at a time, 10 waves, about 5 min, 1 h 26 min 40 s at most
  100 instances     10 at a time, 13 waves, about 6 min 30 s, 1 h 26 min 40 s at most
  1,000 instances   100 at a time, 16 waves, about 8 min, 1 h 26 min 40 s at most
  10,000 instances  1,000 at a time, 19 waves, about 9 min 30 s, 1 h 26 min 40 s at most

Retire, when every instance has the new version and the drain time is over
  ghcr.io              left alone: whoever made it revokes it
  registry.gitlab.com  the old credential is revoked

Schedule
  plan       rate(4 hours), window 4 h, by Secrets Manager: 6 fleet reloads a day
  no-expiry  ghcr.io: lives as long as it was made for; the plan cannot know
  unsafe     registry.gitlab.com: 6 h life < 4 h interval + 4 h window + 30 min retries + 1 h
             rollout + 5 min margin = 9 h 35 min
  proposal   Use rotation: { schedule: rate(2 hours) }, for EventBridge Scheduler calling
             RotateSecret: 12 fleet reloads a day, 12 of the about 100 versions that Secrets Manager
             keeps; survives one missed run. Or lower fleet.timeout to 25m: then Secrets Manager's
             own rate(4 hours), window 1h, is enough.
`

test('a plan whose schedule is unsafe is shown whole, with a schedule that works, in 100 columns', async (t) => {
  const run = offline(t, PLAN)
  assert.deepEqual(await run(), { exitCode: 1, stdout: SHOWN, stderr: '' })
  assert.ok(SHOWN.split('\n').every((line) => line.length <= 100))
})

test('--json is one object: names of secrets, the arithmetic and the proposal as data', async (t) => {
  const { exitCode, stdout, stderr } = await offline(t, PLAN)('--json')
  assert.deepEqual([exitCode, stderr], [1, ''])
  const { ok, secret, format, registries, outputs, fleet, rotation, proposal, live } = JSON.parse(stdout)
  assert.deepEqual([ok, secret, format, live], [false, 'prod/ecs/agent-config', 'dockercfg', null])
  assert.deepEqual(registries[1], {
    registry: 'registry.gitlab.com',
    provider: 'gitlab',
    class: 'create-delete',
    life: 21_600,
    secrets: ['prod/gitlab/root'],
    identity: ['stored-root'],
    probe: 'registry.gitlab.com/acme/app:stable',
    proof: 'pull',
    realm: 'login.acme.net',
    revoke: 'immediate',
  })
  assert.deepEqual([fleet.timeout, fleet.drain, rotation.need.total, rotation.reloadsPerDay], [3600, 300, 34_500, 6])
  assert.deepEqual(outputs[0], {
    kind: 'repository-credentials',
    registry: 'registry.gitlab.com',
    secret: 'prod/ecs/gitlab',
  })
  const verdicts = rotation.registries.map(({ verdict }: { verdict: string }) => verdict)
  assert.deepEqual(verdicts, ['no-expiry', 'unsafe'])
  assert.deepEqual([proposal.kind, proposal.cadence.schedule.expression], ['schedule', 'rate(2 hours)'])
})

test('what is proposed is safe, and a plan without a schedule is shown one', async (t) => {
  const safe = await offline(t, PLAN.replace(/^rotation.*/m, 'rotation: { schedule: rate(2 hours) }'))()
  assert.deepEqual([safe.exitCode, safe.stderr], [0, ''])
  assert.match(safe.stdout, /^ {2}plan +rate\(2 hours\), by EventBridge Scheduler .* 12 fleet reloads a day/m)
  assert.doesNotMatch(safe.stdout, /proposal|unsafe/)
  const none = await offline(t, PLAN.replace(/^rotation.*/m, ''))()
  assert.equal(none.exitCode, 0)
  assert.match(none.stdout, /plan +has no schedule.*\n +proposal +Use rotation: \{ schedule: rate\(2 hours\) \}/)
})

test('a mistake in the plan, no plan, and --live without credentials are errors', async (t) => {
  const wrong = await offline(t, PLAN.replace('4h }', '5h }'))('--json')
  const { error } = JSON.parse(wrong.stdout)
  assert.deepEqual([wrong.exitCode, error.code], [1, 'PLAN_INVALID'])
  assert.match(error.message, /rotation\.window must be at most 4h here/)
  const live = await offline(t, PLAN)('--live', '--json')
  assert.deepEqual([live.exitCode, JSON.parse(live.stdout).error.code], [1, 'AWS_CREDENTIALS'])
})

test('the secret’s own schedule: plan --live and status find it unsafe, rotate refuses a plan that says the same', async (t) => {
  const stage = await setStage(t, { instances: 0, config: rotatedByGitlab })
  const arn = 'arn:aws:lambda:eu-central-1:111122223333:function:rotate'
  stage.aws.secrets.configureRotation(SECRET, arn, { ScheduleExpression: 'rate(1 day)' })
  const plan = ['--plan', stage.file('ecs-pull-auth.yaml', gitlabPlan(stage))]
  const live = await cliCommand(stage, ['plan', ...plan, '--live', '--json'])
  const shown = JSON.parse(live.stdout)
  assert.deepEqual([live.exitCode, shown.ok, shown.live.cadence.need.window], [1, false, 86_400])
  assert.match(shown.live.finding, /12 h life < 1 d interval \+ 1 d window .* = 2 d 1 h 35 min\. Use rotation: /)
  assert.match(
    (await cliCommand(stage, ['plan', ...plan, '--live'])).stdout,
    /^ {2}finding +With the schedule rate\(1 day\)/m,
  )
  const status = JSON.parse((await cliCommand(stage, ['status', ...plan, '--json'])).stdout)
  assert.ok(status.findings.includes(shown.live.finding))

  const same = stage.file('same.yaml', `${gitlabPlan(stage)}rotation: { schedule: rate(1 day) }\n`)
  const before = stage.aws.requests.length
  const refused = await cliCommand(stage, ['rotate', '--plan', same, '--json'])
  assert.deepEqual([refused.exitCode, JSON.parse(refused.stdout).error.code], [1, 'CADENCE_UNSAFE'])
  assert.equal(stage.aws.requests.length, before)
})

test('for a number of instances the plan tells how long a rollout takes, and fails when it does not end in time', async (t) => {
  const safe = PLAN.replace(/^rotation.*/m, '').replace('maxErrors: 5%', "maxConcurrency: '20'")
  const small = await offline(t, safe)('--instances', '1000', '--json')
  const { ok, instances, pace } = JSON.parse(small.stdout)
  assert.deepEqual([small.exitCode, ok, instances, pace.length, pace[0].verdict], [0, true, 1000, 1, 'fits'])
  const large = await offline(t, safe)('--instances', '20000')
  assert.equal(large.exitCode, 1)
  assert.match(large.stdout, /^How long that takes\n {2}20,000 instances {2}20 at a time, 1004 waves/m)
  assert.match(large.stdout, /raise\s+fleet\.maxConcurrency to 1%, or raise fleet\.timeout to 502m/)
})

test('a credential that lives through a rollout, and not through one with a canary before it, is told and refused', async (t) => {
  const stage = await setStage(t, { instances: 0 })
  const fleet = (canary: string) => `${FLEET}\n  timeout: 29m${canary}`
  const plan = (canary: string) => gitlabPlan(stage, fleet(canary)).replace('ttl: 12h', 'ttl: 1h')
  const shown = async (canary: string) =>
    await cliCommand(stage, ['plan', '--instances', '10', '--json', '--plan', stage.file('plan.yaml', plan(canary))])
  assert.equal((await shown('')).exitCode, 0)
  const refused = await shown('\n  canary: 1')
  assert.equal(refused.exitCode, 1)
  assert.match(JSON.parse(refused.stdout).pace[0].finding, /lives 1 h, and 1 h 3 min are needed/)
  const rotate = await cliCommand(stage, ['rotate', '--plan', 'plan.yaml', '--json'])
  assert.deepEqual([rotate.exitCode, JSON.parse(rotate.stdout).error.code], [1, 'CREDENTIAL_EXPIRING'])
  assert.ok(stage.aws.requests.every(({ operation }) => operation !== 'PutSecretValue'))
})

test('plan --live counts the container instances of the cluster', async (t) => {
  const stage = await setStage(t, { instances: 0, config: rotatedByGitlab })
  stage.aws.ecs.register('prod', ...Array.from({ length: 130 }, (_, index) => ({ instanceId: `i-${index}` })))
  const plan = `${gitlabPlan(stage).trimEnd()}\n  cluster: prod\n`
  const live = await cliCommand(stage, ['plan', '--plan', stage.file('plan.yaml', plan), '--live', '--json'])
  const { instances, pace } = JSON.parse(live.stdout)
  assert.deepEqual([instances, pace[0].concurrency, pace[0].waves], [130, 3, 45])
})
