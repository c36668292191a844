/** The boot hook: an agent starts with what is current, and starts whatever becomes of the hook. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { userData } from '../../deploy/boot/user-data.mjs'
import { parseNodeStatus } from '../../src/core/node-status.ts'
import { checkParameters } from '../aws/ssm-parameters.ts'
import { authLines, type Bench, DOCUMENT, startBench, storedConfig, V1, V2, V3 } from './bench.ts'
import { SECRET_ARN } from './secret-endpoint.ts'

const USER_DATA = userData(DOCUMENT, SECRET_ARN, 'auth-only')
const PROGRAM = 'usr/local/sbin/ecs-pull-auth'
const DROP_IN = 'etc/systemd/system/ecs.service.d/50-ecs-pull-auth.conf'

/** As systemd runs the drop-in's command. */
async function boot(bench: Bench, ...args: readonly string[]) {
  const command = ['boot', SECRET_ARN, ...args].map((word) => `'${word}'`).join(' ')
  const script = `#!/bin/bash\nexec "$ECS_PULL_AUTH_ROOT/${PROGRAM}" ${command}\n`
  const outcome = await bench.instance.run({ script, env: {}, timeoutSeconds: 60 })
  const status = parseNodeStatus(outcome.stdout)
  assert.ok(status, outcome.stdout + outcome.stderr)
  return { ...outcome, status }
}

/** An instance whose agent has not started yet, with the script in its place. */
async function startNewInstance(t: TestContext, options: Parameters<typeof startBench>[1] = {}): Promise<Bench> {
  const bench = await startBench(t, options)
  bench.instance.service.stop()
  mkdirSync(join(bench.folder, PROGRAM, '..'), { recursive: true })
  const script = DOCUMENT.mainSteps[0]?.inputs.runCommand.join('\n') ?? ''
  writeFileSync(join(bench.folder, PROGRAM), script, { mode: 0o700 })
  return bench
}

describe('the boot hook', { concurrency: 4 }, () => {
  test('writes the file, starts nothing, and the next run of the document finds the agent well', async (t) => {
    const bench = await startNewInstance(t)
    const { exitCode, status } = await boot(bench)
    assert.deepEqual([exitCode, status.result, status.version, status.reason], [0, 'written', V1, 'boot'])
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    assert.equal(bench.restarts(), 0)
    bench.instance.service.start()
    assert.equal(bench.password(), 'MARK-one')
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.restarts(), 0)
  })

  test('gives a restarted agent the new version, and its old file back if it is not well with that', async (t) => {
    const bench = await startNewInstance(t, { environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '5' } })
    bench.instance.service.start()
    await bench.reload()
    bench.instance.service.stop()
    bench.publish(V2, 'MARK-two')
    assert.equal((await boot(bench)).status.version, V2)
    const bad = authLines('MARK-two')[1]?.split('DATA=')[1]
    bench.instance.agent.health = (variables) =>
      variables.get('ECS_ENGINE_AUTH_DATA') === bad ? 'unregistered' : 'healthy'
    bench.instance.service.start()
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.version], [13, V1])
    assert.equal(bench.password(), 'MARK-one')
  })

  test('never brings back what the document rolled back, but takes the version after that', async (t) => {
    const bench = await startNewInstance(t)
    bench.instance.service.start()
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    const bad = authLines('MARK-two')[1]?.split('DATA=')[1]
    bench.instance.agent.health = (variables) => (variables.get('ECS_ENGINE_AUTH_DATA') === bad ? 'exits' : 'healthy')
    assert.equal((await bench.reload()).status.result, 'rolled-back')
    const { status } = await boot(bench)
    assert.deepEqual([status.result, status.version, status.reason], ['unchanged', V1, 'rolled-back-before'])
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    bench.publish(V3, 'MARK-three')
    assert.equal((await boot(bench)).status.version, V3)
    bench.instance.agent.health = () => 'healthy'
    bench.publish(V2, 'MARK-two')
    await bench.reload()
    assert.equal(bench.password(), 'MARK-two')
    assert.equal((await boot(bench)).status.reason, 'boot')
  })

  test('does not wait for the run whose restart waits for it', async (t) => {
    const bench = await startNewInstance(t)
    bench.instance.service.start()
    const seen: string[] = []
    bench.instance.service.before = async ([verb]) => {
      if (verb === 'try-restart') seen.push((await boot(bench)).status.result)
    }
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.deepEqual(seen, ['busy'])
  })

  test('waits for the network and for the role, but not longer than its time', async (t) => {
    const bench = await startNewInstance(t)
    bench.instance.metadata.fault = 'down'
    const waiting = boot(bench)
    setTimeout(() => {
      bench.instance.metadata.fault = 'no-role'
      setTimeout(() => {
        bench.instance.metadata.fault = 'works'
      }, 200)
    }, 200)
    assert.equal((await waiting).status.result, 'written')

    const late = await startNewInstance(t, { environment: { ECS_PULL_AUTH_BOOT_SECONDS: '0.5' } })
    late.instance.metadata.fault = 'down'
    const { exitCode, status } = await boot(late)
    assert.deepEqual([exitCode, status.result, status.reason], [11, 'fetch-failed', 'boot-time-is-up'])
    assert.equal(late.config(), 'ECS_CLUSTER=prod\n')
  })

  test('does not wait where waiting does not help, and leaves the file alone', async (t) => {
    const bench = await startNewInstance(t)
    bench.secret.refusals = { status: 400, type: 'AccessDeniedException', times: 1 }
    assert.equal((await boot(bench)).status.reason, 'secretsmanager-http-400-AccessDeniedException')
    assert.equal(bench.secret.requests.length, 1)
    bench.secret.text = 'nothing'
    assert.equal((await boot(bench)).exitCode, 12)
    assert.equal((await boot(bench, 'all')).status.reason, 'parameter-mode')
    assert.equal(bench.config(), 'ECS_CLUSTER=prod\n')
  })

  test('in replace mode a new instance gets its cluster, and one that has run in another keeps it', async (t) => {
    const bench = await startNewInstance(t, { config: null })
    bench.secret.text = storedConfig('MARK-one', 'ECS_CLUSTER=prod')
    assert.equal((await boot(bench, 'replace')).status.result, 'written')
    assert.equal(bench.config(), bench.secret.text)
    mkdirSync(join(bench.folder, 'var/lib/ecs/data'), { recursive: true })
    writeFileSync(join(bench.folder, 'var/lib/ecs/data/agent.db'), '')
    bench.secret.text = storedConfig('MARK-two', 'ECS_CLUSTER=other')
    assert.equal((await boot(bench, 'replace')).status.reason, 'cluster-changed')
  })

  test('is set up by the document when asked for, once, and taken away again', async (t) => {
    const bench = await startBench(t)
    const reloads = () => bench.instance.service.calls.filter((call) => call === 'daemon-reload').length
    for (const result of ['applied', 'unchanged']) {
      assert.equal((await bench.reload({ bootHook: 'install' })).status.result, result)
      const dropIn = readFileSync(join(bench.folder, DROP_IN), 'utf8')
      assert.match(dropIn, /^ExecStartPre=-\/usr\/local\/sbin\/ecs-pull-auth boot arn:aws:\S+ auth-only$/m)
      assert.equal(statSync(join(bench.folder, DROP_IN)).mode & 0o777, 0o644)
      assert.equal(statSync(join(bench.folder, PROGRAM)).mode & 0o777, 0o700)
      assert.equal(reloads(), 1)
    }
    assert.equal((await boot(bench)).status.result, 'written')
    await bench.reload()
    assert.ok(existsSync(join(bench.folder, DROP_IN)), 'kept unless asked')
    await bench.reload({ bootHook: 'remove' })
    assert.equal(existsSync(join(bench.folder, DROP_IN)) || existsSync(join(bench.folder, PROGRAM)), false)
    assert.equal(reloads(), 2)
  })

  test('that cannot be set up is told, and does not spoil the reload', async (t) => {
    const bench = await startBench(t)
    writeFileSync(join(bench.folder, 'usr'), '')
    const { exitCode, status } = await bench.reload({ bootHook: 'install' })
    assert.deepEqual([exitCode, status.result, status.reason], [0, 'applied', 'boot-hook-ENOTDIR'])
  })

  test('is not set up by a run that failed', async (t) => {
    const bench = await startBench(t)
    bench.secret.text = 'nothing'
    assert.equal((await bench.reload({ bootHook: 'install' })).exitCode, 12)
    assert.equal(existsSync(join(bench.folder, PROGRAM)), false)
  })
})

describe('user data', () => {
  /** What Amazon Linux has beside bash and python3. */
  function giveTools(bench: Bench): void {
    for (const name of ['bash', 'cat', 'mktemp', 'rm']) {
      const [found = ''] = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).filter((path) => existsSync(path))
      symlinkSync(found, join(bench.instance.bin, name))
    }
  }

  test('writes the file before the agent starts, sets up the hook, and restarts nothing', async (t) => {
    const bench = await startBench(t)
    bench.instance.service.stop()
    giveTools(bench)
    const { exitCode, stdout } = await bench.instance.run({ script: USER_DATA, env: {}, timeoutSeconds: 60 })
    assert.equal(exitCode, 0)
    assert.match(stdout, /^ecs-pull-auth result=written version=\S+ agent=- seconds=\d+ reason=boot\n$/)
    assert.deepEqual(
      bench.instance.service.calls.filter((call) => /start/.test(call) && !/^show/.test(call)),
      [],
    )
    bench.instance.service.start()
    assert.equal(bench.password(), 'MARK-one')
    assert.equal((await boot(bench)).status.result, 'written')
  })

  test('sets up the hook also when the secret cannot be had, and lets the rest of the user data run', async (t) => {
    const bench = await startBench(t, { environment: { ECS_PULL_AUTH_BOOT_SECONDS: '0.5' } })
    giveTools(bench)
    bench.instance.metadata.fault = 'down'
    const { exitCode, stdout } = await bench.instance.run({ script: USER_DATA, env: {}, timeoutSeconds: 60 })
    assert.equal(exitCode, 0)
    assert.match(stdout, /result=fetch-failed/)
    assert.ok(existsSync(join(bench.folder, DROP_IN)))
  })

  test('fits into what EC2 takes once it is packed', () => {
    assert.ok(gzipSync(USER_DATA, { level: 9 }).length < 16_000)
  })

  test('bash and shellcheck read it', () => {
    assert.equal(spawnSync('bash', ['-n'], { input: USER_DATA, encoding: 'utf8' }).stderr, '')
    const checked = spawnSync('shellcheck', ['--shell=bash', '-'], { input: USER_DATA, encoding: 'utf8' })
    if (checked.error === undefined) assert.equal(checked.stdout, '')
  })
})

test('the association is what the document and CreateAssociation take', () => {
  const association = JSON.parse(readFileSync(new URL('../../deploy/association.json', import.meta.url), 'utf8'))
  checkParameters(DOCUMENT, association.Parameters)
  assert.equal(association.Parameters.bootHook[0], 'install')
  assert.match(association.ScheduleExpression, /^rate\((30 minutes|[1-9]\d* hours?|[1-9]\d* days?)\)$/)
  for (const limit of [association.MaxConcurrency, association.MaxErrors]) assert.match(limit, /^([1-9]\d?|100)%$/)
  assert.match(association.AssociationName, /^[a-zA-Z0-9_.-]{3,128}$/)
  // The members of the API's request (botocore, ssm 2014-11-06), as far as one is used here.
  const known = ['AssociationName', 'Name', 'DocumentVersion', 'Targets', 'Parameters', 'ScheduleExpression']
  const more = ['ApplyOnlyAtCronInterval', 'MaxConcurrency', 'MaxErrors', 'ComplianceSeverity', 'SyncCompliance']
  assert.deepEqual(Object.keys(association).sort(), [...known, ...more].sort())
})
