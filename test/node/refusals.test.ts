/** What the script does not apply, and how it says so: nothing is changed, nothing restarted, and no value is printed. */

import assert from 'node:assert/strict'
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { NODE_EXITS } from '../../src/core/node-status.ts'
import { type Bench, type Ran, startBench, storedConfig, V1 } from './bench.ts'

/** The run ended with that code and that reason, and left the instance as it was. */
function assertUntouched(
  bench: Bench,
  ran: Ran,
  exitCode: number,
  reason: string | RegExp,
  config = 'ECS_CLUSTER=prod\n',
): void {
  assert.equal(ran.exitCode, exitCode, ran.stdout)
  assert.equal(ran.status.result, NODE_EXITS[exitCode]?.result)
  if (typeof reason === 'string') assert.equal(ran.status.reason, reason)
  else assert.match(ran.status.reason ?? '', reason)
  assert.match(ran.stderr, /^ecs-pull-auth: [^\n]{20,120}\n\nfailed to run commands: exit status \d\d$/)
  assert.ok(ran.stdout.length < 200)
  assert.equal(bench.restarts(), 0)
  assert.equal(bench.config(), config)
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const AUTH = base64('puller:MARK-one')
const cfg = (data: string, type = 'dockercfg') => `ECS_ENGINE_AUTH_TYPE=${type}\nECS_ENGINE_AUTH_DATA=${data}\n`

const UNUSABLE: Readonly<Record<string, readonly [text: string, reason: string]>> = {
  'an empty secret': [' ', 'auth-type'],
  'no auth type': [`ECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"${AUTH}"}}`, 'auth-type'],
  'an unknown auth type': [cfg(`{"ghcr.io":{"auth":"${AUTH}"}}`, 'ecr'), 'auth-type'],
  'an auth type in quotes': [cfg(`{"ghcr.io":{"auth":"${AUTH}"}}`, '"dockercfg"'), 'auth-type'],
  'no auth data': ['ECS_ENGINE_AUTH_TYPE=dockercfg\n', 'auth-data-missing'],
  'a later line that switches the data off': [
    `${storedConfig('MARK-one')}ECS_ENGINE_AUTH_DATA=\n`,
    'auth-data-missing',
  ],
  'data in quotes': [cfg(`'{"ghcr.io":{"auth":"${AUTH}"}}'`), 'auth-data-json'],
  'data over several lines': [cfg(`{\n  "ghcr.io": {"auth":"${AUTH}"}\n}`), 'auth-data-json'],
  'a trailing comma': [cfg(`{"ghcr.io":{"auth":"${AUTH}"},}`), 'auth-data-json'],
  'text after the JSON': [cfg(`{"ghcr.io":{"auth":"${AUTH}"}} # note`), 'auth-data-json'],
  'a number that Go does not know': [cfg(`{"ghcr.io":{"auth":"${AUTH}","x":NaN}}`), 'auth-data-json'],
  'a list': [cfg('[]'), 'auth-data-json'],
  'JSON nested too deeply': [cfg('['.repeat(30_000)), 'auth-data-json'],
  'a pasted Docker config': [cfg(`{"auths":{"ghcr.io":{"auth":"${AUTH}"}}}`), 'auth-data-auths-wrapper'],
  'a wrong type beside a good entry': [cfg(`{"ghcr.io":{"auth":"${AUTH}"},"x.io":{"auth":1}}`), 'auth-data-field'],
  'a string for an entry': [cfg(`{"ghcr.io":{"auth":"${AUTH}"},"credsStore":"ecr"}`), 'auth-data-field'],
  'a wrong type in a docker field': [cfg('{"ghcr.io":{"username":"u","password":1}}', 'docker'), 'auth-data-field'],
  'no entry': [cfg('{}'), 'auth-data-empty'],
  'base64 without a colon only': [cfg(`{"ghcr.io":{"auth":"${base64('MARK-one')}"}}`), 'auth-data-empty'],
  'base64url only': [cfg('{"ghcr.io":{"auth":"dTp_-w=="}}'), 'auth-data-empty'],
  'base64 without padding only': [cfg('{"ghcr.io":{"auth":"dTpwdw"}}'), 'auth-data-empty'],
  'docker entries that Docker does not read': [cfg(`{"ghcr.io":{"auth":"${AUTH}"}}`, 'docker'), 'auth-data-empty'],
  'a NUL': [`${storedConfig('MARK-one')}X=\0`, 'nul'],
  'half a surrogate pair': [`${storedConfig('MARK-one')}X=\ud800`, 'not-utf8'],
  'JSON that is no object of strings': ['{"ECS_ENGINE_AUTH_TYPE":"dockercfg"', 'stored-json'],
  'a key/value form whose data is an object': [
    `{"ECS_ENGINE_AUTH_TYPE":"dockercfg","ECS_ENGINE_AUTH_DATA":{"ghcr.io":{"auth":"${AUTH}"}}}`,
    'stored-json-value',
  ],
  'a line feed in the data of the key/value form': [
    JSON.stringify({ ECS_ENGINE_AUTH_TYPE: 'dockercfg', ECS_ENGINE_AUTH_DATA: `{"ghcr.io":\n{"auth":"${AUTH}"}}` }),
    'stored-json-value',
  ],
  'a lone carriage return in the data': [cfg(`{"ghcr.io":\r{"auth":"${AUTH}"}}`), 'auth-data-line'],
  'more than a secret can hold': [storedConfig('MARK-one', `# ${'x'.repeat(66_000)}`), 'too-large'],
}

const USABLE: Readonly<Record<string, string>> = {
  'a broken entry beside a good one': cfg(`{"x.io":{"auth":"?"},"ghcr.io":{"auth":"${AUTH}"}}`),
  'a null entry beside a good one': cfg(`{"x.io":null,"ghcr.io":{"auth":"${AUTH}","auth":null}}`),
  'capitals in field names, wrong types that dockercfg ignores': cfg(`{"ghcr.io":{"AUTH":"${AUTH}","email":1}}`),
  'a repeated registry, the last one good': cfg(`{"ghcr.io":{"auth":"?"},"ghcr.io":{"auth":"${AUTH}"}}`),
  'a docker user name and password': cfg('{"ghcr.io":{"username":"puller","password":"MARK-one"}}', 'docker'),
  'blanks round the values and Windows line ends': ` ECS_ENGINE_AUTH_TYPE= dockercfg \r\n ECS_ENGINE_AUTH_DATA=\t{"ghcr.io": {"auth":"${AUTH}"}} \r\n`,
  'line feeds inside the base64': cfg(`{"ghcr.io":{"auth":"${AUTH.slice(0, 8)}\\n${AUTH.slice(8)}"}}`),
}

const CLUSTERS: Readonly<Record<string, readonly [file: string | null, stored: readonly string[], refused: boolean]>> =
  {
    'another name': ['ECS_CLUSTER=prod\n', ['ECS_CLUSTER=staging'], true],
    'a name that is missing': ['ECS_CLUSTER=prod\n', [], true],
    'a name where there was none': [null, ['ECS_CLUSTER=prod'], true],
    'an empty name for the default': [null, ['ECS_CLUSTER='], false],
    'the default by its name': ['ECS_X=1\n', ['ECS_CLUSTER=default'], false],
    'the last of two names': ['ECS_CLUSTER=prod\n', ['ECS_CLUSTER=prod', 'ECS_CLUSTER=staging'], true],
    'a name that the byte order mark spoils': ['ECS_CLUSTER=prod\n', ['\ufeffECS_CLUSTER=prod'], true],
  }

test('in replace mode the effective cluster must stay, because an agent in another cluster stops for good', async (t) => {
  for (const [name, [file, stored, refused]] of Object.entries(CLUSTERS)) {
    await t.test(name, async (t) => {
      const bench = await startBench(t, { config: file })
      bench.secret.text = storedConfig('MARK-one', ...stored)
      const ran = await bench.reload({ mode: 'replace' })
      if (!refused) return assert.equal(ran.status.result, 'applied')
      assert.deepEqual([ran.exitCode, ran.status.reason], [12, 'cluster-changed'])
      assert.equal(bench.restarts(), 0)
    })
  }
  await t.test("a name that stays in the instance's own file", async (t) => {
    const bench = await startBench(t, { config: 'ECS_CLUSTER=prod\n' })
    writeFileSync(join(bench.folder, 'var/lib/ecs/ecs.config'), 'ECS_CLUSTER=prod\n')
    assert.equal((await bench.reload({ mode: 'replace' })).status.result, 'applied')
  })
})

test('an agent that would not find its tasks again after a restart is left alone', async (t) => {
  const config = 'ECS_CLUSTER=prod\nECS_DATADIR=\n'
  const bench = await startBench(t, { config })
  assertUntouched(bench, await bench.reload(), 15, 'agent-keeps-no-state', config)
  const off = 'ECS_CLUSTER=prod\nECS_CHECKPOINT=false\n'
  writeFileSync(bench.instance.configFile, off)
  assertUntouched(bench, await bench.reload(), 15, 'agent-keeps-no-state', off)
  writeFileSync(bench.instance.configFile, 'ECS_CLUSTER=prod\n')
  bench.secret.text = storedConfig('MARK-one', 'ECS_CLUSTER=prod', 'ECS_DATADIR=')
  assertUntouched(bench, await bench.reload({ mode: 'replace' }), 12, 'agent-would-keep-no-state')
})

test('an agent beside the service manager is left alone: nothing here could reload it', async (t) => {
  const bench = await startBench(t)
  bench.instance.service.state = 'inactive'
  assertUntouched(bench, await bench.reload(), 15, 'unsupervised-agent')
})

test('machines without a service, without systemd, without python3, and Bottlerocket are told apart', async (t) => {
  const bench = await startBench(t)
  writeFileSync(join(bench.folder, '.bottlerocket'), '')
  assertUntouched(bench, await bench.reload(), 15, 'bottlerocket-without-jq')
  rmSync(join(bench.folder, '.bottlerocket'))
  symlinkSync('/bin/true', join(bench.instance.bin, 'apiclient'))
  assertUntouched(bench, await bench.reload(), 15, 'bottlerocket-without-jq')
  rmSync(join(bench.instance.bin, 'apiclient'))
  rmSync(join(bench.instance.bin, 'systemctl'))
  assertUntouched(bench, await bench.reload(), 15, 'no-ecs-agent')
  rmSync(join(bench.instance.bin, 'python3'))
  assertUntouched(bench, await bench.reload(), 15, 'no-python3')
  assert.equal(existsSync(join(bench.folder, 'var/lib/ecs-pull-auth')), false)
})

test('an instance whose agent is no service is told as unsupported', async (t) => {
  const bench = await startBench(t)
  writeFileSync(join(bench.instance.bin, 'systemctl'), '#!/bin/bash\necho LoadState=not-found\n', { mode: 0o700 })
  assertUntouched(bench, await bench.reload(), 15, 'no-ecs-agent')
})

test('a secret that cannot be had leaves everything as it is', async (t) => {
  const bench = await startBench(t)
  const elsewhere = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:other-AbCdEf'
  assertUntouched(
    bench,
    await bench.reload({ secretArn: elsewhere }),
    11,
    'secretsmanager-http-400-ResourceNotFoundException',
  )
  bench.secret.refusals = { status: 400, type: 'com.amazonaws#AccessDeniedException', times: 1 }
  assertUntouched(bench, await bench.reload(), 11, 'secretsmanager-http-400-AccessDeniedException')
  assert.equal(bench.secret.requests.length, 2, 'a refusal is not tried again')
  bench.instance.metadata.fault = 'no-role'
  assertUntouched(bench, await bench.reload(), 11, 'imds-http-404')
  bench.instance.metadata.fault = 'down'
  assertUntouched(bench, await bench.reload(), 11, /^imds-unreachable-/)
  bench.instance.metadata.fault = 'works'
  bench.secret.version = 'a version\nresult=applied'
  assertUntouched(bench, await bench.reload(), 11, 'secretsmanager-answer')
})

test('throttling and server errors are tried again, at most twice', async (t) => {
  const bench = await startBench(t)
  bench.secret.refusals = { status: 500, type: 'InternalServiceError', times: 3 }
  assertUntouched(bench, await bench.reload(), 11, 'secretsmanager-http-500-InternalServiceError')
  bench.secret.refusals = { status: 400, type: 'ThrottlingException', times: 2 }
  assert.equal((await bench.reload()).status.result, 'applied')
})

test('the version that the agent still runs is told with every failure', async (t) => {
  const bench = await startBench(t)
  await bench.reload()
  bench.secret.text = 'nothing'
  assert.deepEqual([(await bench.reload()).status.result, (await bench.reload()).status.version], ['refused', V1])
  bench.instance.metadata.fault = 'no-role'
  assert.equal((await bench.reload()).status.version, V1)
})

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  secretArn: [
    '',
    'prod/ecs',
    'arn:aws:secretsmanager:eu-central-1:111122223333:secret:x"; id #',
    `${'arn'}\n`,
    '$(id)',
  ],
  versionId: ['', 'latest', `${V1}\n`, `${V1};id`],
  mode: ['', 'auth-only ', 'all'],
  bootHook: ['', 'yes'],
  jitterSeconds: ['', '-1', '1e9', '0x10', '1000'],
}

describe('what is not applied', { concurrency: 4 }, () => {
  test('a stored config that would lose the agent its registry auth is refused', async (t) => {
    const bench = await startBench(t)
    for (const [name, [text, reason]] of Object.entries(UNUSABLE)) {
      await t.test(name, async () => {
        bench.secret.text = text
        assertUntouched(bench, await bench.reload(), 12, reason)
      })
    }
  })

  test('what the agent reads is applied', async (t) => {
    for (const [name, text] of Object.entries(USABLE)) {
      await t.test(name, async (t) => {
        const bench = await startBench(t)
        bench.secret.text = text
        assert.equal((await bench.reload()).status.result, 'applied')
        assert.equal(bench.password(), 'MARK-one')
      })
    }
  })

  test('a parameter that its pattern does not allow is refused on the instance too', async (t) => {
    const bench = await startBench(t)
    for (const [name, values] of Object.entries(PARAMETERS)) {
      for (const value of values) assertUntouched(bench, await bench.reload({ [name]: value }), 12, `parameter-${name}`)
    }
    assert.deepEqual(bench.secret.requests, [])
  })

  test('a disk that takes nothing more leaves the old file and the running agent', async (t) => {
    const bench = await startBench(t)
    await bench.reload()
    bench.publish('0'.repeat(36), 'MARK-two')
    const before = bench.config()
    bench.limitFiles()
    const { exitCode, status } = await bench.reload()
    assert.deepEqual([exitCode, status.result, status.version, status.reason], [16, 'write-failed', V1, 'EFBIG'])
    assert.equal(bench.config(), before)
    assert.equal(bench.password(), 'MARK-one')
    assert.equal(bench.restarts(), 1)
  })
})
