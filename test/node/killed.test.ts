/** The script is killed before each single step that leaves a trace, and the next run heals what it left. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { DATA_KEY } from '../../src/core/ecs-config.ts'
import { type Bench, filesOf, startBench, storedConfig, version } from './bench.ts'

/**
 * Python tells its audit hooks what it is about to do. The hook kills the script with SIGKILL before the n-th thing that
 * leaves a trace: a file that is opened to write, renamed or removed, a directory, a command other than `show`.
 */
const killBefore = (n: number) => `
import os, signal, sys
left = ${n}
def leaves_trace(event, args):
    if event == 'open':
        return isinstance(args[0], str) and args[0] != os.devnull and args[2] & (os.O_WRONLY | os.O_RDWR)
    if event == 'subprocess.Popen':
        return 'show' not in args[1]
    return event in ('os.rename', 'os.mkdir') or event == 'os.remove' and os.path.exists(args[0])
def hook(event, args):
    global left
    if leaves_trace(event, args):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
`

interface Scenario {
  prepare(round: number): void
  /** The run after the killed one, and what must be true then. */
  heal(round: number): Promise<void>
}

/** Kills a run before its n-th step, for n from 1 until a run gets through. */
async function killEverywhere(bench: Bench, { prepare, heal }: Scenario): Promise<void> {
  for (let round = 1; ; round++) {
    prepare(round)
    bench.preludePython(killBefore(round))
    const { exitCode, stdout } = await bench.run()
    bench.preludePython('import sys')
    if (exitCode !== 137) return assert.ok(round > 10, `only ${round} steps were seen`)
    assert.equal(stdout, '')
    await heal(round)
    assert.deepEqual(
      [...filesOf(bench).keys()].filter((name) => /new$|good|written/.test(name)),
      [],
    )
    assert.deepEqual(new Set(filesOf(bench).values()), new Set([0o600]))
  }
}

const BAD = 'MARK-bad'
/** Agents end at once with this password. */
function breakOnBad(bench: Bench): void {
  const data = storedConfig(BAD).split(`${DATA_KEY}=`)[1]?.trim()
  bench.instance.agent.health = (variables) => (variables.get(DATA_KEY) === data ? 'exits' : 'healthy')
}

/** The version of the stamp: what a run has proven. */
function proven(bench: Bench): string | null {
  const file = join(bench.folder, 'var/lib/ecs-pull-auth/applied.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : null
}

describe('a run that was killed', { concurrency: true }, () => {
  test('killed anywhere, the next run applies the version, and the agent runs it', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    await killEverywhere(bench, {
      prepare: (round) => bench.publish(version(round), `MARK-${round}`),
      async heal(round) {
        const { exitCode, status } = await bench.reload()
        assert.equal(exitCode, 0)
        assert.match(status.result, /^(applied|unchanged)$/)
        assert.equal(status.version, version(round))
        assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig(`MARK-${round}`)}`)
        assert.equal(bench.password(), `MARK-${round}`)
      },
    })
  })

  test('an agent that is still dying after that is waited for, not taken for one that was stopped on purpose', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish(version(2), 'MARK-2')
    bench.preludePython(`
import os, signal, sys
def hook(event, args):
    if event == 'subprocess.Popen' and 'try-restart' in args[1]:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
`)
    assert.equal((await bench.run()).exitCode, 137)
    bench.preludePython('import sys')
    const { service } = bench.instance
    service.stop()
    // What systemd says of a unit that fails, for as long as its ExecStopPost takes.
    service.state = 'deactivating'
    let looks = 0
    service.before = ([verb]) => {
      if (verb === 'show' && ++looks === 5) service.state = 'failed'
    }
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version], [0, 'applied', version(2)])
    assert.equal(bench.password(), 'MARK-2')
  })

  test('killed anywhere in a first apply, a bad version after that gives the last good file back, not the unproven one', async (t) => {
    const bench = await startBench(t)
    breakOnBad(bench)
    const original = `ECS_CLUSTER=prod\r\n\t${storedConfig('MARK-original')}ECS_X=1`
    await killEverywhere(bench, {
      prepare(round) {
        rmSync(join(bench.folder, 'var/lib/ecs-pull-auth'), { recursive: true, force: true })
        writeFileSync(bench.instance.configFile, original, { mode: 0o600 })
        bench.instance.service.stop()
        bench.instance.service.start()
        bench.publish(version(round), 'MARK-one')
      },
      async heal(round) {
        const applied = proven(bench) !== null
        bench.publish(version(round + 1000), BAD)
        const { status } = await bench.reload()
        assert.equal(status.result, 'rolled-back')
        assert.equal(status.version, applied ? version(round) : null)
        assert.equal(bench.password(), applied ? 'MARK-one' : 'MARK-original')
        if (!applied) assert.equal(bench.config(), original)
      },
    })
  })

  test('killed anywhere in an apply that ends in a rollback, the next run rolls back', async (t) => {
    const bench = await startBench(t)
    breakOnBad(bench)
    await bench.reload()
    const good = bench.config()
    await killEverywhere(bench, {
      prepare: (round) => bench.publish(version(round), BAD),
      async heal() {
        const { exitCode, status } = await bench.reload()
        assert.deepEqual([exitCode, status.version], [13, version(1)])
        assert.equal(bench.config(), good)
        assert.equal(bench.password(), 'MARK-one')
      },
    })
  })

  test('killed by the time limit while systemd restarts, the restart goes on and the next run only has to look', async (t) => {
    const bench = await startBench(t)
    bench.instance.service.before = ([verb]) => {
      if (verb === 'try-restart') bench.instance.kill()
    }
    assert.equal((await bench.run()).exitCode, 137)
    bench.instance.service.before = () => {}
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.password(), 'MARK-one')
    assert.equal(bench.restarts(), 1)
  })
})
