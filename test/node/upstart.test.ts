/** Amazon Linux 1: an upstart job instead of a unit. */

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { CommandDouble, type Reply } from '../doubles/instance-command.ts'
import { authLines, type Bench, startBench, storedConfig, V1, V2 } from './bench.ts'

interface UpstartBench {
  readonly bench: Bench
  readonly calls: string[]
  /** `before`: called with every command before it is carried out. */
  readonly job: { process: number | null; before: (name: string) => void }
}

async function startUpstartBench(t: TestContext): Promise<UpstartBench> {
  const bench = await startBench(t)
  rmSync(join(bench.instance.bin, 'systemctl'))
  const { agent } = bench.instance
  const calls: string[] = []
  let started = 1
  const job: UpstartBench['job'] = { process: started, before: () => {} }
  const commands = new CommandDouble(async (name, argv) => {
    calls.push([name, ...argv].join(' '))
    job.before(name)
    return carryOut(name, argv)
  })
  function carryOut(name: string, argv: readonly string[]): Reply {
    if (argv.at(-1) !== 'ecs') return { code: 1, output: '' }
    switch (name) {
      case 'initctl':
        return {
          code: 0,
          output: job.process === null ? 'ecs stop/waiting\n' : `ecs start/running, process ${job.process}\n`,
        }
      case 'stop':
        if (job.process === null) return { code: 1, output: '' }
        agent.stop()
        job.process = null
        return { code: 0, output: 'ecs stop/waiting\n' }
      default:
        started += 1
        job.process = agent.start() ? started : null
        return { code: 0, output: 'ecs start/running\n' }
    }
  }
  await commands.install(bench.instance.bin, ['initctl', 'stop', 'start'])
  t.after(() => commands.close())
  return { bench, calls, job }
}

const changing = (calls: readonly string[]) => calls.filter((call) => !call.startsWith('initctl'))

describe('Amazon Linux 1', { concurrency: 2 }, () => {
  test('the job is stopped and started, once, and the version is told', async (t) => {
    const { bench, calls } = await startUpstartBench(t)
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.version, status.agent], ['applied', V1, '1.105.1'])
    assert.equal(bench.password(), 'MARK-one')
    assert.equal((await bench.reload()).status.result, 'unchanged')
    assert.deepEqual(changing(calls), ['stop ecs', 'start ecs'])
  })

  test('an agent that is not well gets its old file back and is started again', async (t) => {
    const { bench } = await startUpstartBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    const bad = authLines('MARK-two')[1]?.split('DATA=')[1]
    bench.instance.agent.health = (variables) => (variables.get('ECS_ENGINE_AUTH_DATA') === bad ? 'exits' : 'healthy')
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version], [13, 'rolled-back', V1])
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    assert.equal(bench.password(), 'MARK-one')
  })

  test('a job that is stopped stays so', async (t) => {
    const { bench, calls, job } = await startUpstartBench(t)
    bench.instance.agent.stop()
    job.process = null
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.reason], ['written', 'service-inactive'])
    assert.deepEqual(changing(calls), [])
  })

  test('a job that is stopped while the restart waits stays so', async (t) => {
    const { bench, calls, job } = await startUpstartBench(t)
    job.before = (name) => {
      if (name === 'stop') job.process = null
    }
    assert.deepEqual((await bench.reload()).status.reason, 'service-inactive')
    assert.deepEqual(changing(calls), ['stop ecs'])
  })
})
