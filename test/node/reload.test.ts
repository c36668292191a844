/** The document's script on an instance, from the first apply to every way in which it goes wrong and comes back. */

import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { DATA_KEY } from '../../src/core/ecs-config.ts'
import type { AgentHealth, Variables } from '../doubles/instance-agent.ts'
import { authLines, filesOf, startBench, storedConfig, V1, V2, V3 } from './bench.ts'

/** Short enough to be waited for in full. */
const HASTY = { environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '2' } }

/** Writes down what is synced and what is renamed, in their order. */
const TRACE = `
import json, os, sys
fsync, rename = os.fsync, os.rename
def note(*step):
    with open(os.environ['ECS_PULL_AUTH_ROOT'] + '/trace', 'a') as file:
        file.write(json.dumps(step) + '\\n')
def traced_fsync(file):
    fsync(file)
    note('fsync', os.readlink('/proc/self/fd/%d' % file))
def traced_rename(old, new):
    rename(old, new)
    note('rename', new)
os.fsync, os.rename = traced_fsync, traced_rename
`

/** Writes down the bounds of every random number, and picks a small one. */
const DICE = `
import os, random, sys
def uniform(low, high):
    with open(os.environ['ECS_PULL_AUTH_ROOT'] + '/dice', 'a') as file:
        file.write('%g to %g\\n' % (low, high))
    return 0.01
random.uniform = uniform
`

/** An agent that fares ill with one credential. */
function breaksOn(password: string, health: AgentHealth) {
  const data = authLines(password)[1]?.slice(DATA_KEY.length + 1)
  return (variables: Variables) => (variables.get(DATA_KEY) === data ? health : 'healthy')
}

describe('the document on an instance', { concurrency: 4 }, () => {
  test('the first apply merges the two lines, restarts the agent once and tells the version', async (t) => {
    const bench = await startBench(t)
    const { exitCode, stdout, stderr, status } = await bench.reload({ versionId: V1 })
    assert.equal(exitCode, 0)
    assert.deepEqual(
      { ...status, seconds: 0 },
      { result: 'applied', version: V1, agent: '1.105.1', seconds: 0, reason: null },
    )
    assert.match(stdout, /^ecs-pull-auth [^\n]{1,180}\n$/)
    assert.equal(stderr, '')
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    assert.equal(bench.password(), 'MARK-one')
    assert.equal(bench.restarts(), 1)
  })

  test('every file that it leaves is 0600, and neither the last good file nor a temporary one stays', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    const files = filesOf(bench)
    assert.deepEqual(
      [...files.keys()],
      ['etc/ecs/ecs.config', 'run/ecs-pull-auth.lock', 'var/lib/ecs-pull-auth/applied.json'],
    )
    assert.deepEqual(new Set(files.values()), new Set([0o600]))
  })

  test('what it writes is on the disk before it takes the place of what was there, and the name after that', async (t) => {
    const bench = await startBench(t)
    bench.preludePython(TRACE)
    assert.equal((await bench.reload()).status.result, 'applied')
    const lines = readFileSync(join(bench.folder, 'trace'), 'utf8').trimEnd().split('\n')
    const steps = lines.map((line) => JSON.parse(line) as readonly [kind: string, name: string])
    const renamed = steps.filter(([kind]) => kind === 'rename').map(([, name]) => basename(name))
    assert.deepEqual(renamed, ['last-good.config', 'ecs.config', 'written.json', 'applied.json'])
    for (const [at, [kind, name]] of steps.entries()) {
      if (kind !== 'rename') continue
      assert.deepEqual(steps[at - 1], ['fsync', `${name}.ecs-pull-auth-new`])
      assert.deepEqual(steps[at + 1], ['fsync', dirname(name)])
    }
  })

  test('a second run changes nothing and restarts nothing', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    const { exitCode, status } = await bench.reload()
    assert.equal(exitCode, 0)
    assert.deepEqual([status.result, status.version, status.agent], ['unchanged', V1, '1.105.1'])
    assert.equal(bench.restarts(), 1)
  })

  test('only a restart waits, a random part of the jitter', async (t) => {
    const bench = await startBench(t)
    bench.preludePython(DICE)
    const parameters = { jitterSeconds: '300' }
    assert.equal((await bench.reload(parameters)).status.result, 'applied')
    assert.equal((await bench.reload(parameters)).status.result, 'unchanged')
    bench.publish(V2, 'MARK-two')
    bench.instance.service.stop()
    assert.equal((await bench.reload(parameters)).status.result, 'written')
    assert.equal(readFileSync(join(bench.folder, 'dice'), 'utf8'), '0 to 300\n')
  })

  test('a new version is applied; the one before it is gone from the disk', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    const { status } = await bench.reload({ versionId: V2 })
    assert.deepEqual([status.result, status.version], ['applied', V2])
    assert.equal(bench.password(), 'MARK-two')
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-two')}`)
  })

  test('a new version with the same credentials needs no restart, and is the one that is told', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-one')
    for (const _ of [1, 2]) {
      const { status } = await bench.reload()
      assert.deepEqual([status.result, status.version], ['unchanged', V2])
    }
    assert.equal(bench.restarts(), 1)
  })

  test('a late command applies what is current and tells that, not the version it was sent for', async (t) => {
    const bench = await startBench(t)
    bench.publish(V2, 'MARK-two')
    const { exitCode, status } = await bench.reload({ versionId: V1 })
    assert.equal(exitCode, 0)
    assert.deepEqual([status.result, status.version, status.reason], ['applied', V2, 'other-version'])
  })

  test('a file with the wanted text that no run has proven counts as never applied', async (t) => {
    const bench = await startBench(t, { config: `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}` })
    const { status } = await bench.reload()
    assert.equal(status.result, 'applied')
    assert.equal(bench.restarts(), 1)
  })

  test('lines that somebody put into the file meanwhile stay, and auth lines that somebody changed are set right', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    writeFileSync(bench.instance.configFile, `ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\n${storedConfig('edited')}`)
    const { status } = await bench.reload()
    assert.equal(status.result, 'applied')
    assert.equal(bench.config(), `ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\n${storedConfig('MARK-one')}`)
  })

  test('an agent that does not register gets its old file back to the byte, and is healthy again', async (t) => {
    const config = '\t ECS_CLUSTER=prod \r\n# note\n ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={}\nECS_X=1'
    const bench = await startBench(t, { config, ...HASTY })
    bench.instance.agent.health = breaksOn('MARK-one', 'unregistered')
    const { exitCode, status, stderr } = await bench.reload()
    assert.equal(exitCode, 13)
    assert.deepEqual(
      [status.result, status.version, status.agent, status.reason],
      ['rolled-back', null, '1.105.1', 'agent-unhealthy'],
    )
    assert.match(stderr, /the old file is back/)
    assert.equal(bench.config(), config)
    assert.equal(bench.instance.service.state, 'active')
  })

  test('after a rollback the version that still runs is told, and the next good version is applied', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.agent.health = breaksOn('MARK-two', 'exits')
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.version], ['rolled-back', V1])
    assert.equal(bench.password(), 'MARK-one')
    bench.publish(V3, 'MARK-three')
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.password(), 'MARK-three')
  })

  test('the same version is tried again after a rollback, and applied when the agent bears it', async (t) => {
    const bench = await startBench(t)
    bench.instance.agent.health = breaksOn('MARK-one', 'exits')
    await bench.reload()
    bench.instance.agent.health = () => 'healthy'
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.password(), 'MARK-one')
  })

  test('an agent that registers and dies again and again is not healthy', async (t) => {
    const bench = await startBench(t, HASTY)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.agent.health = (variables) =>
      breaksOn('MARK-two', 'exits')(variables) === 'healthy' ? 'healthy' : 'flaps'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version], [13, 'rolled-back', V1])
    assert.equal(bench.password(), 'MARK-one')
  })

  test('an agent that ends at once leaves a failed unit, which is started again with the old file', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.agent.health = (variables) =>
      breaksOn('MARK-two', 'exits')(variables) === 'healthy' ? 'healthy' : 'exits'
    const { exitCode } = await bench.reload()
    assert.equal(exitCode, 13)
    assert.ok(bench.instance.service.calls.includes('reset-failed ecs.service'))
    assert.equal(bench.password(), 'MARK-one')
  })

  test('a restart that systemd does not carry out leaves the old agent running, and the file as it was', async (t) => {
    const bench = await startBench(t, { environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '2' } })
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.service.restart = 'ignored'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.version, status.reason], [13, V1, 'not-restarted'])
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
  })

  test('a systemctl that never answers is given up', async (t) => {
    const waits = { ECS_PULL_AUTH_RESTART_SECONDS: '0.2', ECS_PULL_AUTH_HEALTH_SECONDS: '2' }
    const bench = await startBench(t, { environment: waits })
    bench.instance.service.restart = 'hangs'
    const { exitCode } = await bench.reload()
    assert.equal(exitCode, 13)
    assert.equal(bench.config(), 'ECS_CLUSTER=prod\n')
  })

  test('an agent that is well with neither file is reported, and healed by the next run', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.agent.health = () => 'exits'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version], [14, 'rollback-failed', null])
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    assert.equal(bench.instance.service.state, 'failed')
    bench.instance.agent.health = () => 'healthy'
    const next = await bench.reload()
    assert.deepEqual([next.status.result, next.status.version], ['applied', V2])
    assert.equal(bench.password(), 'MARK-two')
  })

  test('two runs at once make one restart', async (t) => {
    const bench = await startBench(t)
    const results = (await Promise.all([bench.reload(), bench.reload()])).map(({ status }) => status.result)
    assert.deepEqual(results.sort(), ['applied', 'unchanged'])
    assert.equal(bench.restarts(), 1)
  })

  test('a run that cannot get the lock does nothing', async (t) => {
    const bench = await startBench(t, { environment: { ECS_PULL_AUTH_LOCK_SECONDS: '0.05' } })
    let release = () => {}
    const held = new Promise<void>((done) => {
      release = done
    })
    const reached = new Promise<void>((arrived) => {
      bench.secret.before = async () => {
        arrived()
        await held
      }
    })
    const first = bench.reload()
    await reached
    const second = await bench.reload()
    assert.deepEqual([second.exitCode, second.status.result], [10, 'busy'])
    release()
    assert.equal((await first).status.result, 'applied')
  })

  test('a file that changes while the secret is fetched keeps what was put into it', async (t) => {
    const bench = await startBench(t)
    bench.secret.before = () => writeFileSync(bench.instance.configFile, 'ECS_CLUSTER=prod\nECS_LATE=1\n')
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.config(), `ECS_CLUSTER=prod\nECS_LATE=1\n${storedConfig('MARK-one')}`)
  })

  test('with the service stopped the file is written and nothing is started; the agent reads it when it starts', async (t) => {
    const bench = await startBench(t)
    bench.instance.service.stop()
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version, status.reason], [0, 'written', V1, 'service-inactive'])
    assert.equal(bench.restarts(), 0)
    bench.instance.service.start()
    assert.equal(bench.password(), 'MARK-one')
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.restarts(), 0, 'the agent has started since the file was written')
    assert.equal((await bench.reload()).status.result, 'unchanged')
  })

  test('a service that is starting is waited for, and proven with the file without one more restart', async (t) => {
    const bench = await startBench(t)
    const { service } = bench.instance
    service.stop()
    service.state = 'activating'
    let shown = 0
    service.before = ([verb]) => {
      if (
        verb === 'show' &&
        service.state === 'activating' &&
        existsSync(join(bench.folder, 'var/lib/ecs-pull-auth/written.json')) &&
        ++shown > 3
      )
        service.start()
    }
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version, status.reason], [0, 'applied', V1, null])
    assert.equal(bench.restarts(), 0)
    assert.equal(bench.password(), 'MARK-one')
  })

  for (const state of ['failed', 'activating'] as const) {
    test(`an agent that is ${state} without end by no doing of ours gets the file, is not started, and is no success`, async (t) => {
      const bench = await startBench(t, { environment: { ECS_PULL_AUTH_RESTART_SECONDS: '0.2' } })
      await bench.reload()
      const starts = bench.restarts()
      for (const [id, password] of [
        [V1, 'MARK-one'],
        [V2, 'MARK-two'],
      ] as const) {
        bench.publish(id, password)
        bench.instance.service.stop()
        bench.instance.service.state = state
        const { exitCode, status, stderr } = await bench.reload()
        assert.deepEqual(
          [exitCode, status.result, status.version, status.reason],
          [17, 'agent-down', id, `service-${state}`],
        )
        assert.match(stderr, /no agent is up/)
        assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig(password)}`)
      }
      assert.equal(bench.restarts(), starts)
      bench.instance.service.start()
      assert.equal(bench.password(), 'MARK-two')
      assert.deepEqual((await bench.reload()).status.result, 'applied')
    })
  }

  test('a file whose cluster somebody changed is not what the agent is restarted with: it would stop for good', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    const moved = `ECS_CLUSTER=other\n${storedConfig('MARK-one')}`
    writeFileSync(bench.instance.configFile, moved)
    const { exitCode, status } = await bench.reload()
    assert.deepEqual(
      [exitCode, status.result, status.version, status.reason],
      [15, 'unsupported', V1, 'cluster-changed-in-file'],
    )
    assert.equal(bench.config(), moved)
    assert.equal(bench.password(), 'MARK-one')
    assert.equal(bench.restarts(), 1)
    writeFileSync(bench.instance.configFile, `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    assert.deepEqual((await bench.reload()).status.version, V2)
  })

  test("replace mode puts the cluster right only if the file's own is the agent's", async (t) => {
    const bench = await startBench(t)
    writeFileSync(bench.instance.configFile, 'ECS_CLUSTER=other\n')
    bench.secret.text = storedConfig('MARK-one', 'ECS_CLUSTER=other')
    const { exitCode, status } = await bench.reload({ mode: 'replace' })
    assert.deepEqual([exitCode, status.reason], [15, 'cluster-changed-in-file'])
    assert.equal(bench.restarts(), 0)
  })

  test('a start limit that is reached is told as that, not as an agent that is unwell', async (t) => {
    const bench = await startBench(t, HASTY)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.service.restart = 'limit'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version, status.reason], [13, 'rolled-back', V1, 'start-limit'])
    assert.equal(bench.password(), 'MARK-one')
  })

  test('an agent that was well with this version and is not registered any more is no success, and not restarted', async (t) => {
    const bench = await startBench(t, HASTY)
    await bench.reload()
    bench.instance.agent.health = () => 'unregistered'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual(
      [exitCode, status.result, status.version, status.reason],
      [17, 'agent-down', V1, 'agent-not-registered'],
    )
    assert.equal(bench.restarts(), 1)
    bench.instance.agent.health = () => 'healthy'
    assert.equal((await bench.reload()).status.result, 'unchanged')
  })

  test('a stopped service with the current version on disk is told as written', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.instance.service.stop()
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.version, status.reason], ['written', V1, 'service-inactive'])
  })

  test('a service that is stopped while the restart waits is not started', async (t) => {
    const bench = await startBench(t)
    bench.instance.service.before = ([verb]) => {
      if (verb === 'try-restart') bench.instance.service.stop()
    }
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.reason], ['written', 'service-inactive'])
    assert.equal(bench.instance.agent.running, false)
  })

  test('the unit of SUSE is found', async (t) => {
    const bench = await startBench(t, { unit: 'amazon-ecs.service' })
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.password(), 'MARK-one')
  })

  test('an instance without ecs.config gets one', async (t) => {
    const bench = await startBench(t, { config: null })
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.config(), storedConfig('MARK-one'))
  })

  test('a file that others could read becomes 0600, also when nothing else is to be done', async (t) => {
    const bench = await startBench(t)
    for (const result of ['applied', 'unchanged']) {
      chmodSync(bench.instance.configFile, 0o644)
      assert.equal((await bench.reload()).status.result, result)
      assert.equal(filesOf(bench).get('etc/ecs/ecs.config'), 0o600)
    }
  })

  test('replace mode writes the whole stored config', async (t) => {
    const bench = await startBench(t)
    bench.secret.text = storedConfig('MARK-one', 'ECS_CLUSTER=prod', 'ECS_RESERVED_MEMORY=128')
    for (const result of ['applied', 'unchanged'])
      assert.equal((await bench.reload({ mode: 'replace' })).status.result, result)
    assert.equal(bench.config(), bench.secret.text)
  })

  test('in replace mode an unhealthy agent gets the whole old file back', async (t) => {
    const bench = await startBench(t)
    bench.secret.text = storedConfig('MARK-one', 'ECS_CLUSTER=prod', 'ECS_RESERVED_MEMORY=128')
    bench.instance.agent.health = breaksOn('MARK-one', 'exits')
    assert.equal((await bench.reload({ mode: 'replace' })).exitCode, 13)
    assert.equal(bench.config(), 'ECS_CLUSTER=prod\n')
  })

  test('the key/value form of the console is written as lines', async (t) => {
    const bench = await startBench(t)
    const [type = '', data = ''] = authLines('MARK-one').map((line) => line.slice(line.indexOf('=') + 1))
    const stored = {
      ECS_CLUSTER: 'prod',
      ECS_ENGINE_AUTH_TYPE: type,
      ECS_ENGINE_AUTH_DATA: data,
      'ecs-pull-auth': 'state',
    }
    bench.secret.text = JSON.stringify({ ...stored, number: 1 })
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
  })

  test('the stamp names secret and version and holds nothing secret', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    const stamp = readFileSync(join(bench.folder, 'var/lib/ecs-pull-auth/applied.json'), 'utf8')
    assert.deepEqual(Object.keys(JSON.parse(stamp)).sort(), ['mode', 'secret', 'sha256', 'version'])
    assert.doesNotMatch(stamp, /MARK|puller|ghcr/)
  })
})
