/** Bottlerocket: no python3, no ecs.config; the API's setting, which restarts the agent by itself. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { authLines, type Bench, filesOf, startBench, V1, V2 } from './bench.ts'
import { BottlerocketApi } from './bottlerocket-api.ts'

const TOOLS = ['jq', 'curl', 'sha256sum', 'base64', 'bash', 'cat', 'cut', 'grep', 'ln', 'mkdir', 'mv', 'readlink']
const MORE_TOOLS = ['rm', 'sleep', 'tr']

/** For an agent that stays unwell: it is looked at for so long, and each look starts two programs. */
const unwellFor = (seconds: number) => ({
  ECS_PULL_AUTH_HEALTH_SECONDS: String(seconds),
  ECS_PULL_AUTH_POLL_SECONDS: '0.3',
})

interface BottlerocketBench {
  readonly bench: Bench
  readonly api: BottlerocketApi
}

async function startBottlerocket(t: TestContext, environment: Record<string, string> = {}): Promise<BottlerocketBench> {
  const bench = await startBench(t, { environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '90', ...environment } })
  const { bin, agent } = bench.instance
  for (const name of ['python3', 'systemctl']) rmSync(join(bin, name))
  for (const name of [...TOOLS, ...MORE_TOOLS]) {
    const found = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path))
    assert.ok(found, `this test needs ${name}`)
    symlinkSync(found, join(bin, name))
  }
  mkdirSync(join(bench.folder, '.bottlerocket/host-containers/current'), { recursive: true })
  const api = new BottlerocketApi(agent)
  await api.install(bin)
  t.after(() => api.close())
  agent.stop()
  agent.start(api.variables())
  return { bench, api }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const cfg = (data: unknown, type = 'dockercfg') =>
  `ECS_ENGINE_AUTH_TYPE=${type}\nECS_ENGINE_AUTH_DATA=${typeof data === 'string' ? data : JSON.stringify(data)}\n`
const auth = base64('puller:MARK-one')

const REFUSED: Readonly<Record<string, readonly [text: string, reason: string]>> = {
  'no auth type': ['X=1\n', 'auth-type'],
  'an unknown type': [cfg({ 'ghcr.io': { auth } }, 'ecr'), 'auth-type'],
  'no data': ['ECS_ENGINE_AUTH_TYPE=docker\n', 'auth-data-missing'],
  'broken JSON': [cfg('{"ghcr.io":{"auth":"MARK"}'), 'auth-data-json'],
  'a list': [cfg('[]'), 'auth-data-json'],
  'no entry': [cfg({}), 'auth-data-empty'],
  'a pasted Docker config': [cfg({ auths: { 'ghcr.io': { auth } } }), 'auth-data-auths-wrapper'],
  'a string for an entry': [cfg({ 'ghcr.io': 'MARK' }), 'auth-data-field'],
  'an identity token': [cfg({ 'ghcr.io': { identitytoken: 'MARK' } }, 'docker'), 'auth-data-token'],
  'one entry without credentials': [cfg({ 'ghcr.io': { auth }, 'x.io': {} }), 'auth-data-auth'],
  'base64 that is none': [cfg({ 'ghcr.io': { auth: 'dTp_-w==' } }), 'auth-data-auth'],
  'base64 without a colon': [cfg({ 'ghcr.io': { auth: base64('MARK') } }), 'auth-data-auth'],
  'a key that the template would change': [cfg({ 'gh"cr.io': { auth } }), 'auth-data-key'],
  'one registry in two spellings': [cfg({ 'ghcr.io': { auth }, 'https://ghcr.io': { auth } }), 'auth-data-twins'],
  'broken key/value JSON': ['{"ECS_ENGINE_AUTH_TYPE":', 'stored-json'],
  'a type that is an object': ['{"ECS_ENGINE_AUTH_TYPE":{"MARK":1}}', 'auth-type'],
}

describe('Bottlerocket', { concurrency: 3 }, () => {
  test('takes the setting, its agent starts anew with it, and a second run changes nothing', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    const { exitCode, status, stderr } = await bench.reload({ versionId: V1 })
    assert.deepEqual([exitCode, status.result, status.version, status.agent], [0, 'applied', V1, '1.105.1'], stderr)
    assert.deepEqual(api.credentials, [{ auth, registry: 'ghcr.io' }])
    assert.equal(bench.password(), 'MARK-one')
    const starts = bench.instance.agent.starts
    const again = await bench.reload()
    assert.deepEqual([again.exitCode, again.status.result, again.status.version], [0, 'unchanged', V1])
    assert.equal(bench.instance.agent.starts, starts)
  })

  test('gets several registries through its template, Docker Hub by its short name', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    const hub = { username: 'puller', password: 'MARK-one' }
    bench.secret.text = cfg(
      { 'https://index.docker.io/v1/': hub, 'https://ghcr.io': hub, 'x.io:5000/team': hub },
      'docker',
    )
    assert.equal((await bench.reload()).status.result, 'applied')
    for (const image of ['ghcr.io/acme/app:1', 'alpine', 'x.io:5000/team/app'])
      assert.equal(bench.instance.agent.resolve(image)?.credential?.password.reveal(), 'MARK-one', image)
    assert.ok(api.credentials.some(({ registry }) => registry === 'docker.io'))
  })

  test('takes the key/value form of the console', async (t) => {
    const { bench } = await startBottlerocket(t)
    const [type = '', data = ''] = authLines('MARK-one').map((line) => line.slice(line.indexOf('=') + 1))
    bench.secret.text = JSON.stringify({ ECS_ENGINE_AUTH_TYPE: type, ECS_ENGINE_AUTH_DATA: data, other: 'x' })
    assert.equal((await bench.reload()).status.result, 'applied')
  })

  test('gets its old setting back when the agent is not well, and tells the version that it still runs', async (t) => {
    const { bench, api } = await startBottlerocket(t, unwellFor(10))
    await bench.reload()
    const good = api.credentials
    bench.publish(V2, 'MARK-two')
    const bad = base64('puller:MARK-two')
    bench.instance.agent.health = (variables) =>
      variables.get('ECS_ENGINE_AUTH_DATA')?.includes(bad) ? 'unregistered' : 'healthy'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version], [13, 'rolled-back', V1])
    assert.deepEqual(api.credentials, good)
    assert.equal(bench.password(), 'MARK-one')
  })

  test('is not said to run what its agent was not restarted for', async (t) => {
    const { bench, api } = await startBottlerocket(t, unwellFor(4))
    api.fault = 'ignored'
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result], [14, 'rollback-failed'])
    assert.deepEqual(api.credentials, [])
  })

  test('whose agent does not register gets the setting, which the agent starts with, and is no success', async (t) => {
    const { bench, api } = await startBottlerocket(t, { ECS_PULL_AUTH_HEALTH_SECONDS: '1' })
    bench.instance.agent.stop()
    const { exitCode, status, stderr } = await bench.reload()
    assert.deepEqual(
      [exitCode, status.result, status.version, status.reason],
      [17, 'agent-down', V1, 'agent-not-registered'],
    )
    assert.match(stderr, /agent-down, agent-not-registered/)
    bench.instance.agent.start(api.variables())
    assert.equal(bench.password(), 'MARK-one')
  })

  test('whose agent is only starting is waited for', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    const { agent } = bench.instance
    agent.stop()
    const started = api.startAsked(3)
    assert.equal((await bench.reload()).status.result, 'applied')
    await started
    assert.equal(bench.password(), 'MARK-one')
  })

  test('whose agent is too busy to answer in time is not taken for one that was restarted', async (t) => {
    const { bench, api } = await startBottlerocket(t, unwellFor(4))
    api.fault = 'ignored'
    api.before = () => {
      bench.instance.agent.silences = 1
    }
    const { exitCode, status } = await bench.reload()
    assert.equal(bench.instance.agent.silences, 0, 'a question was left without an answer')
    assert.deepEqual([exitCode, status.result], [14, 'rollback-failed'])
  })

  test('refuses what would not reach the agent, changes nothing, prints no value', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    for (const [name, [text, reason]] of Object.entries(REFUSED)) {
      await t.test(name, async () => {
        bench.secret.text = text
        const { exitCode, status, stdout, stderr } = await bench.reload()
        assert.deepEqual([exitCode, status.reason], [12, reason])
        assert.deepEqual(api.credentials, [])
        assert.doesNotMatch(stdout + stderr, /MARK/)
      })
    }
  })

  test('tells why it cannot be had', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    const reasons = async (parameters = {}) => {
      const { exitCode, status } = await bench.reload(parameters)
      return [exitCode, status.reason]
    }
    assert.deepEqual(await reasons({ mode: 'replace' }), [15, 'bottlerocket-takes-auth-only'])
    assert.deepEqual(await reasons({ secretArn: '$(id)' }), [12, 'parameter-secretArn'])
    bench.secret.refusals = { status: 400, type: 'com.amazonaws#AccessDeniedException', times: 1 }
    assert.deepEqual(await reasons(), [11, 'secretsmanager-http-400-AccessDeniedException'])
    assert.equal(bench.secret.requests.length, 1, 'a refusal is not tried again')
    bench.secret.refusals = { status: 400, type: 'ThrottlingException', times: 2 }
    assert.deepEqual(await reasons(), [0, null])
    bench.instance.metadata.fault = 'no-role'
    assert.deepEqual(await reasons(), [11, 'imds-http-404'])
    bench.instance.metadata.fault = 'down'
    assert.deepEqual(await reasons(), [11, 'imds-http-000'])
    bench.instance.metadata.fault = 'works'
    bench.publish(V2, 'MARK-two')
    api.fault = 'refused'
    assert.deepEqual(await reasons(), [16, 'apiclient'])
    rmSync(join(bench.instance.bin, 'jq'))
    assert.deepEqual(await reasons(), [15, 'bottlerocket-without-jq'])
  })

  test('killed while the setting is applied, the next run restarts the agent once more and is sure', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    api.before = () => bench.instance.kill()
    assert.equal((await bench.run()).exitCode, 137)
    api.before = () => {}
    const { status } = await bench.reload()
    assert.deepEqual([status.result, status.version], ['applied', V1])
    assert.equal(bench.password(), 'MARK-one')
  })

  test('has no credential in a command line or in a file that others can read', async (t) => {
    const { bench, api } = await startBottlerocket(t)
    let seen = ''
    api.before = () => {
      for (const process of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          seen += readFileSync(`/proc/${process}/cmdline`, 'utf8').replaceAll('\0', ' ')
        } catch {
          // It has ended meanwhile.
        }
      }
    }
    await bench.reload()
    assert.match(seen, /apiclient/)
    assert.doesNotMatch(seen, new RegExp(`MARK|${auth}`))
    assert.deepEqual(
      api.calls.filter((call) => call !== 'apply'),
      ['get settings.container-registry'],
    )
    for (const [file, mode] of filesOf(bench)) {
      if ((mode & 0o077) !== 0) assert.doesNotMatch(readFileSync(join(bench.folder, file), 'utf8'), /MARK/, file)
    }
  })
})
