/** An agent that was started by `docker run`: it is made anew exactly as it was, or left alone with the reason. */

import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { authLines, type Bench, startBench, storedConfig, V1, V2, version } from './bench.ts'
import { AGENT_CONTAINER, AGENT_ENV, type ContainerDouble, DockerDouble } from './docker-daemon.ts'

interface DockerBench {
  readonly bench: Bench
  readonly docker: DockerDouble
}

/** A machine without the package: the agent is a container. */
async function startDockerBench(t: TestContext, container: Record<string, unknown> = {}): Promise<DockerBench> {
  const bench = await startBench(t)
  rmSync(join(bench.instance.bin, 'systemctl'))
  bench.instance.service.stop()
  const docker = new DockerDouble(bench.instance.agent, bench.folder)
  await docker.listen()
  t.after(() => docker.close())
  docker.run({ ...AGENT_CONTAINER, Env: AGENT_ENV, ...container })
  return { bench, docker }
}

/** What a container is, but for what any other one would have as well. */
function essence({ config: { Env, ...config }, hostConfig, image, mounts }: ContainerDouble) {
  return { config, hostConfig, image, mounts, env: (Env as string[]).filter((pair) => !/AUTH_(TYPE|DATA)=/.test(pair)) }
}

/** Agents end at once with this password. */
function breakOn(bench: Bench, password: string): void {
  const data = authLines(password)[1]?.split('DATA=')[1]
  bench.instance.agent.health = (variables) => (variables.get('ECS_ENGINE_AUTH_DATA') === data ? 'exits' : 'healthy')
}

const env = (pair: string) => ({ Env: [...AGENT_ENV, pair] })
const host = (change: Record<string, unknown>) => ({ HostConfig: { ...AGENT_CONTAINER.HostConfig, ...change } })

const REFUSED: Readonly<Record<string, readonly [container: Record<string, unknown>, reason: string]>> = {
  'a process that waits for it': [{ AttachStdout: true }, 'container-in-foreground'],
  'a network of its own': [host({ NetworkMode: 'apps' }), 'container-network'],
  '--rm': [host({ AutoRemove: true }), 'container-removes-itself'],
  'no data directory': [{ Env: ['ECS_CLUSTER=prod'] }, 'agent-keeps-no-state'],
  'a data directory that is not mounted': [host({ Binds: ['/etc/ecs:/etc/ecs'] }), 'agent-keeps-no-state'],
  'credentials from elsewhere': [env('ECS_ENGINE_AUTH_DATA={"x":{}}'), 'container-not-from-file'],
  'an anonymous volume': [{ Volumes: { '/cache': {} } }, 'container-not-alike'],
}

const DISTORTED: Readonly<Record<string, (container: ContainerDouble) => void>> = {
  'a limit that Docker sets': (container) => {
    container.hostConfig = { ...container.hostConfig, Memory: 1 }
  },
  'a mount that is missing': (container) => {
    container.mounts.pop()
  },
  'a variable that is lost': (container) => {
    container.config = { ...container.config, Env: (container.config['Env'] as string[]).slice(1) }
  },
}

describe('an agent that was started by docker run', { concurrency: 4 }, () => {
  test('is made anew with the new credentials and nothing else that differs', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    const before = essence(docker.find('ecs-agent') as ContainerDouble)
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version, status.agent], [0, 'applied', V1, '1.105.1'])
    assert.deepEqual(docker.names, ['ecs-agent running'])
    assert.deepEqual(essence(docker.find('ecs-agent') as ContainerDouble), before)
    assert.equal(bench.password(), 'MARK-one')
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
    assert.equal((await bench.reload()).status.result, 'unchanged')
    assert.equal(bench.instance.agent.starts, 3, 'by systemd, by docker run, by the script')
  })

  test("with the host's UTS namespace, which takes no host name, it is made anew too", async (t) => {
    const { bench } = await startDockerBench(t, host({ UTSMode: 'host' }))
    assert.equal((await bench.reload()).status.result, 'applied')
  })

  test('is left alone if the new container could not be the same', async (t) => {
    for (const [name, [container, reason]] of Object.entries(REFUSED)) {
      await t.test(name, async (t) => {
        const { bench, docker } = await startDockerBench(t, container)
        const { exitCode, status } = await bench.reload()
        assert.deepEqual([exitCode, status.result, status.reason], [15, 'unsupported', reason])
        assert.deepEqual(docker.names, ['ecs-agent running'])
        assert.equal(bench.config(), 'ECS_CLUSTER=prod\n')
      })
    }
  })

  test('is left alone if Docker makes something else of the same words', async (t) => {
    for (const [name, distort] of Object.entries(DISTORTED)) {
      await t.test(name, async (t) => {
        const { bench, docker } = await startDockerBench(t)
        docker.distort = distort
        const { exitCode, status } = await bench.reload()
        assert.deepEqual([exitCode, status.reason], [15, 'container-not-alike'])
        assert.deepEqual(docker.names, ['ecs-agent running'])
        assert.equal(bench.config(), 'ECS_CLUSTER=prod\n')
      })
    }
  })

  test('is left alone if its tag stands for another image now', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    docker.imageId = 'sha256:two'
    assert.equal((await bench.reload()).status.reason, 'container-not-alike')
    assert.deepEqual(docker.names, ['ecs-agent running'])
  })

  test('is left alone in replace mode, while it is paused, and while Docker does not answer', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    assert.equal((await bench.reload({ mode: 'replace' })).status.reason, 'container-takes-auth-only')
    const container = docker.find('ecs-agent') as ContainerDouble
    container.status = 'paused'
    assert.equal((await bench.reload()).status.reason, 'container-paused')
    await docker.close()
    assert.equal((await bench.reload()).status.reason, 'no-ecs-agent')
  })

  test('gets its old credentials back when it is not well with the new ones', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    breakOn(bench, 'MARK-two')
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version], [13, 'rolled-back', V1])
    assert.equal(bench.password(), 'MARK-one')
    assert.deepEqual(docker.names, ['ecs-agent running'])
    assert.equal(bench.config(), `ECS_CLUSTER=prod\n${storedConfig('MARK-one')}`)
  })

  test('is not started if it was stopped on purpose, and has the new credentials when somebody starts it', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    const container = docker.find('ecs-agent') as ContainerDouble
    container.status = 'exited'
    bench.instance.agent.stop()
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.version, status.reason], ['written', V1, 'service-inactive'])
    assert.equal(bench.instance.agent.running, false)
    const env = () => docker.find('ecs-agent')?.config['Env'] as string[]
    assert.ok(env().includes(authLines('MARK-one')[1] ?? ''))
    for (const [id, password] of [
      [V1, 'MARK-one'],
      [V2, 'MARK-two'],
    ] as const) {
      bench.publish(id, password)
      const again = await bench.reload()
      assert.deepEqual([again.status.result, again.status.version], ['written', id], 'it is left stopped')
      assert.ok(env().includes(authLines(password)[1] ?? ''))
    }
    assert.equal(bench.instance.agent.running, false)
  })

  test('that ended with an error by itself is told as down, and not started', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    const container = docker.find('ecs-agent') as ContainerDouble
    container.status = 'exited'
    container.exitCode = 5
    bench.instance.agent.stop()
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version, status.reason], [17, 'agent-down', V1, 'service-failed'])
    assert.equal(bench.instance.agent.running, false)
    assert.equal((await bench.reload()).exitCode, 17, 'and a second time')
  })

  test('is made anew again when somebody made it without credentials meanwhile', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    await bench.reload()
    docker.containers.pop()
    bench.instance.agent.stop()
    docker.run({ ...AGENT_CONTAINER, Env: [...AGENT_ENV, ...authLines('MARK-one')] })
    assert.equal((await bench.reload()).status.result, 'unchanged')
    docker.containers.pop()
    bench.instance.agent.stop()
    docker.run({ ...AGENT_CONTAINER, Env: AGENT_ENV })
    assert.equal((await bench.reload()).status.result, 'applied')
    assert.equal(bench.password(), 'MARK-one')
  })

  test('killed before any call that changes something, the next run applies the version, and one agent runs', async (t) => {
    const { bench, docker } = await startDockerBench(t)
    await bench.reload()
    for (let step = 1; ; step += 1) {
      bench.publish(version(step), `MARK-${step}`)
      let left = step
      docker.before = () => {
        left -= 1
        if (left !== 0) return
        bench.instance.kill()
        return new Promise(() => {})
      }
      const { exitCode } = await bench.run()
      docker.before = () => {}
      if (exitCode !== 137) return assert.ok(step > 5, `only ${step} calls were seen`)
      const { status } = await bench.reload()
      assert.deepEqual([status.result, status.version], ['applied', version(step)], `killed before call ${step}`)
      assert.deepEqual(docker.names, ['ecs-agent running'])
      assert.equal(bench.password(), `MARK-${step}`)
    }
  })

  test('no credential is in a command line, and none is printed', async (t) => {
    const { bench } = await startDockerBench(t)
    const { stdout, stderr } = await bench.reload()
    assert.doesNotMatch(stdout + stderr, /MARK/)
    const stamp = readFileSync(join(bench.folder, 'var/lib/ecs-pull-auth/applied.json'), 'utf8')
    assert.doesNotMatch(stamp, /MARK/)
  })
})

test('an agent under systemd whose container was made with other credentials is not taken for healthy', async (t) => {
  const bench = await startBench(t, { environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '3' } })
  const docker = new DockerDouble(bench.instance.agent, bench.folder)
  await docker.listen()
  t.after(() => docker.close())
  docker.run({ ...AGENT_CONTAINER, Env: AGENT_ENV })
  writeFileSync(bench.instance.configFile, 'ECS_CLUSTER=prod\n')
  const { exitCode, status } = await bench.reload()
  assert.deepEqual([exitCode, status.result, status.reason], [13, 'rolled-back', 'agent-has-other-auth'])
  assert.equal(bench.config(), 'ECS_CLUSTER=prod\n')
})

describe('an agent under systemd whose file names no cluster any more', () => {
  for (const [name, env, expected] of [
    ['is left alone if the file named one when it started', AGENT_ENV, [15, 'cluster-changed-in-file']],
    ['is reloaded if it has its cluster from elsewhere', ['ECS_DATADIR=/data'], [13, 'agent-has-other-auth']],
  ] as const) {
    test(name, async (t) => {
      const bench = await startBench(t, { environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '3' } })
      const docker = new DockerDouble(bench.instance.agent, bench.folder)
      await docker.listen()
      t.after(() => docker.close())
      docker.run({ ...AGENT_CONTAINER, Env: [...env] })
      bench.instance.agent.clusterElsewhere = 'prod'
      writeFileSync(bench.instance.configFile, '# nothing\n')
      const { exitCode, status } = await bench.reload()
      assert.deepEqual([exitCode, status.reason], expected)
    })
  }
})
