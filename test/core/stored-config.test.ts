import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { ENTRY_FAULTS } from '../../src/core/auth-entry.ts'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import { normaliseKey, registryHost } from '../../src/core/registry-key.ts'
import { Secret } from '../../src/core/secret.ts'
import type { State } from '../../src/core/state.ts'
import {
  type AuthFormat,
  mergeEntries,
  type NewEntry,
  readStoredConfig,
  resolveImage,
  stateOf,
  unmanagedDigest,
} from '../../src/core/stored-config.ts'

const STATE: State = {
  entries: [{ registry: 'ghcr.io', provider: 'static', issuedAt: 1, expiresAt: null, handle: null }],
  superseded: [],
}

function auth(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

function entry(registry: string, password = 'new', username = 'bot'): NewEntry {
  return { registry, username, password: new Secret(password) }
}

function envFile(data: string, type = 'dockercfg'): string {
  return `ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=${type}\nECS_ENGINE_AUTH_DATA=${data}\nECS_LOGLEVEL=info\n`
}

interface Options {
  readonly format?: AuthFormat
  readonly state?: State | null
}

function merge(text: string, entries: readonly NewEntry[], { format = 'dockercfg', state = null }: Options = {}) {
  const config = readStoredConfig(new Secret(text), 'prod/ecs')
  const merged = mergeEntries(config, entries, { format, state, name: 'prod/ecs' })
  return { config, text: merged.text.reveal(), notes: merged.notes, read: readStoredConfig(merged.text, 'prod/ecs') }
}

function failure(run: () => unknown): PullAuthError {
  try {
    run()
  } catch (thrown) {
    assert.ok(thrown instanceof PullAuthError, String(thrown))
    return thrown
  }
  return assert.fail('nothing was thrown')
}

function refuses(code: ErrorCode, pattern: RegExp, run: () => unknown): void {
  const { code: actual, message, hint } = failure(run)
  assert.equal(actual, code, message)
  assert.match(message, pattern)
  assert.notEqual(hint, '')
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a text that is no ecs.config is refused, and the message says what it is', () => {
  const cases: readonly (readonly [string, ErrorCode, RegExp])[] = [
    ['', 'CONFIG_EMPTY', /has no text/],
    [' \r\n\ufeff', 'CONFIG_EMPTY', /has no text/],
    ['ghp_0123456789', 'CONFIG_NOT_ECS', /no line that sets an ECS_… variable/],
    ['# only a comment with ECS_CLUSTER=x\n', 'CONFIG_NOT_ECS', /no line/],
    ['{"auths":{"ghcr.io":{"auth":"dTpw"}}}', 'CONFIG_NOT_ECS', /a docker config\.json/],
    ['{"username":"u","password":"p"}', 'CONFIG_NOT_ECS', /a credential/],
    ['{"EngineAuthType":"dockercfg"}', 'CONFIG_NOT_ECS', /agent's own JSON/],
    ['{"ghcr.io":{"auth":"dTpw"}}', 'CONFIG_NOT_ECS', /bare map/],
    ['{}', 'CONFIG_NOT_ECS', /without any ECS_/],
    ['{"ECS_CLUSTER":"x",}', 'CONFIG_NOT_ECS', /comma/],
    ['\ufeff{"ECS_CLUSTER":"x"}', 'CONFIG_NOT_ECS', /byte order mark/],
  ]
  for (const [text, code, pattern] of cases)
    refuses(code, pattern, () => readStoredConfig(new Secret(text), 'prod/ecs'))
})

test('registry auth that the agent cannot read is refused, with the agent’s reason, and never repaired in silence', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [envFile("'{}'"), /single quote/],
    [envFile('{'), /text ends/],
    [envFile('{"ghcr.io":{"auth":"dTpw"}} # note'), /text after the end/],
    [envFile('{"ghcr.io":{"auth":1}}'), /auth is a JSON number/],
    [envFile('{"ghcr.io":{"auth":"dTpw"},"credsStore":"x"}'), /credsStore/],
    [envFile('{"ghcr.io":{"email":1}}', 'docker'), /email is a JSON number/],
    [envFile('[]'), /JSON array/],
    [envFile('{"ghcr.io":{"auth":"dTpw"}}', 'Docker'), /neither docker nor dockercfg/],
    [envFile('{"ghcr.io":{"auth":"dTpw"}}', ''), /AUTH_TYPE is empty/],
    ['ECS_CLUSTER=c\nECS_ENGINE_AUTH_DATA ={}\n', /line 2 means to set registry auth/],
    ['ECS_CLUSTER=c\nexport ECS_ENGINE_AUTH_TYPE=docker\n', /line 2/],
    ['\ufeffECS_ENGINE_AUTH_DATA={}\nECS_CLUSTER=c\n', /line 1/],
    ['ECS_CLUSTER=c\rECS_ENGINE_AUTH_DATA={}\n', /line 1/],
    ['ECS_ENGINE_AUTH_TYPE=docker\rECS_ENGINE_AUTH_DATA={}\n', /line 1/],
    ['ecs_engine_auth_data={}\nECS_CLUSTER=c\n', /line 1/],
    ['{"ECS_CLUSTER":"c","ECS_ENGINE_AUTH_DATA":{}}', /not a JSON string/],
    ['{"ECS_CLUSTER":"c","ECS_ENGINE_AUTH_TYPE":1}', /not a JSON string/],
  ]
  for (const [text, pattern] of cases) {
    refuses('CONFIG_AUTH_UNREADABLE', pattern, () => readStoredConfig(new Secret(text), 'prod/ecs'))
  }
})

test('data that nobody can lose are no obstacle: none, empty, or an empty object of any type', () => {
  const texts = [
    'ECS_CLUSTER=c\n',
    envFile(''),
    envFile('{}'),
    envFile('{ }', ''),
    envFile('', 'Docker'),
    envFile('null'),
    '{"ECS_CLUSTER":"c","ECS_ENGINE_AUTH_TYPE":"dockercfg"}',
    '# ECS_ENGINE_AUTH_DATA={"old"\nECS_CLUSTER=c',
  ]
  for (const text of texts) {
    const { read } = merge(text, [entry('ghcr.io')])
    assert.equal(resolveImage(read, 'ghcr.io/acme/app').credential?.password.reveal(), 'new', text)
  }
})

test('a stored config prints no secret', () => {
  const config = readStoredConfig(new Secret(envFile('{"ghcr.io":{"username":"u","password":"MARK"}}', 'docker')), 'x')
  assert.ok(!inspect(config, { depth: 20, showHidden: true }).includes('MARK'))
  assert.ok(!JSON.stringify(config).includes('MARK'))
})

// ── Merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a new entry goes into a config without auth, and everything else stays', () => {
  const { text } = merge('# mine\nECS_CLUSTER=prod', [entry('ghcr.io')])
  const value = `{"ghcr.io":{"auth":"${auth('bot', 'new')}"}}`
  assert.equal(text, `# mine\nECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${value}\n`)
})

test('entries that nobody asked to change stay byte for byte, white space and odd fields included', () => {
  const kept = '"quay.io" : { "auth" : "dTpw" , "note":[1,{"a":null}] }'
  const { text, notes } = merge(
    envFile(`{ ${kept}, "https://ghcr.io":{"auth":"b2xkOm9sZA==","email":"e"} , "bad":{"auth":"?"} }`),
    [entry('ghcr.io')],
  )
  assert.equal(text, envFile(`{ ${kept}, "https://ghcr.io":{"auth":"${auth('bot', 'new')}"} , "bad":{"auth":"?"} }`))
  assert.deepEqual(notes, [])
})

test('the key/value form keeps its layout, its order and its other keys', () => {
  const data = JSON.stringify('{"quay.io":{"auth":"dTpw"}}')
  const text = `{\n  "ECS_CLUSTER" : "prod",\n  "ECS_ENGINE_AUTH_DATA" : ${data},\n  "ECS_ENGINE_AUTH_TYPE" : "dockercfg"\n}\n`
  const merged = merge(text, [entry('ghcr.io')], { state: STATE })
  const value = JSON.stringify(`{"quay.io":{"auth":"dTpw"},"ghcr.io":{"auth":"${auth('bot', 'new')}"}}`)
  assert.ok(merged.text.startsWith(text.slice(0, text.indexOf(data))))
  assert.ok(
    merged.text.includes(
      `"ECS_ENGINE_AUTH_DATA" : ${value},\n  "ECS_ENGINE_AUTH_TYPE" : "dockercfg",\n  "ecs-pull-auth" : "`,
    ),
  )
  assert.ok(merged.text.endsWith('"\n}\n'))
  assert.deepEqual(stateOf(merged.read), STATE)
})

test('auth data over several lines inside the key/value form become one line', () => {
  const data = '{\n\t"quay.io": {\r\n  "auth": "dTpw"}\n}'
  const text = JSON.stringify({ ECS_CLUSTER: 'c', ECS_ENGINE_AUTH_TYPE: 'dockercfg', ECS_ENGINE_AUTH_DATA: data })
  const { text: merged } = merge(text, [entry('ghcr.io')])
  const value: string = JSON.parse(merged).ECS_ENGINE_AUTH_DATA
  assert.equal(value, `{"quay.io":{"auth":"dTpw"},"ghcr.io":{"auth":"${auth('bot', 'new')}"}}`)
})

test('the state is one comment line, or one key, and the newest replaces all others', () => {
  const old = '# ecs-pull-auth:v1:b2xk\n'
  const env = merge(`${old}ECS_CLUSTER=c\n${old}`, [entry('ghcr.io')], { state: STATE })
  assert.deepEqual(stateOf(env.read), STATE)
  assert.equal(env.text.match(/ecs-pull-auth:v1:/g)?.length, 1)
  const json = merge('{"ecs-pull-auth":"x","ECS_CLUSTER":"c","ecs-pull-auth":"y"}', [entry('ghcr.io')], {
    state: STATE,
  })
  assert.deepEqual(stateOf(json.read), STATE)
  assert.equal(json.text.match(/"ecs-pull-auth":/g)?.length, 1)
  assert.equal(stateOf(readStoredConfig(new Secret(`ECS_CLUSTER=c\n${old}`), 'x')), null)
  assert.equal(stateOf(merge(env.text, [entry('ghcr.io')]).read), null)
})

test('other spellings of a managed key go, because they would race with it, hide it or do nothing', () => {
  const data = (keys: readonly string[]) => `{${keys.map((key) => `"${key}":{"auth":"dTpw"}`).join(',')}}`
  const cases: readonly (readonly [string, readonly string[], string])[] = [
    ['ghcr.io', ['https://ghcr.io', 'ghcr.io/', 'http://ghcr.io', 'quay.io'], 'https://ghcr.io'],
    ['ghcr.io', ['ghcr.io/', 'quay.io'], 'ghcr.io'],
    ['https://ghcr.io/org', ['ghcr.io/org/', 'ghcr.io/org', 'quay.io'], 'ghcr.io/org'],
    [
      'docker.io',
      ['docker.io', 'index.docker.io/v1', 'quay.io', 'https://index.docker.io/v2/'],
      'https://index.docker.io/v1/',
    ],
    ['https://index.docker.io/v1/', ['registry-1.docker.io', 'index.docker.io/v1/', 'quay.io'], 'index.docker.io/v1/'],
  ]
  for (const [registry, keys, left] of cases) {
    const { read, notes } = merge(envFile(data(keys)), [entry(registry)])
    assert.deepEqual(read.auth.entries.map(({ key }) => key).sort(), ['quay.io', left].sort())
    assert.equal(notes.length, 1, notes.join())
    const image = registryHost(left) === 'docker.io' ? 'nginx' : `${normaliseKey(left)}/app`.replace('//', '/')
    assert.equal(resolveImage(read, image).credential?.password.reveal(), 'new')
  }
})

test('a repeated managed key is left once', () => {
  const { read } = merge(envFile('{"ghcr.io":{"auth":"dTpw"},"ghcr.io":{"auth":"dTpx"}}'), [entry('ghcr.io')])
  assert.equal(read.auth.entries.length, 1)
})

test('Docker Hub is written under the one key that the agent looks up, and a note says so', () => {
  const { text, notes } = merge('ECS_CLUSTER=c\n', [entry('docker.io')])
  assert.ok(text.includes('{"https://index.docker.io/v1/":'))
  assert.match(notes.join(), /Wrote docker\.io as https:\/\/index\.docker\.io\/v1\//)
})

test('docker becomes dockercfg where that loses nothing', () => {
  const data = '{"quay.io":{"username":"u","password":"p\\"\\u00e4","email":"e","auth":"stale"},"empty.io":null}'
  const { text, notes, config, read } = merge(envFile(data, 'docker'), [entry('ghcr.io')])
  const quay = `"quay.io":{"auth":"${auth('u', 'p"ä')}","email":"e"}`
  assert.equal(text, envFile(`{${quay},"empty.io":{"auth":"Og=="},"ghcr.io":{"auth":"${auth('bot', 'new')}"}}`))
  assert.match(notes.join(), /Converted ECS_ENGINE_AUTH_DATA from type docker to dockercfg/)
  assert.equal(unmanagedDigest(read, ['ghcr.io']), unmanagedDigest(config, ['ghcr.io']))
})

test('docker stays docker when that is asked for, and dockercfg becomes docker', () => {
  const docker = merge(envFile('{"quay.io":{"identitytoken":"t"}}', 'docker'), [entry('ghcr.io')], { format: 'docker' })
  const value = '{"quay.io":{"identitytoken":"t"},"ghcr.io":{"username":"bot","password":"new"}}'
  assert.equal(docker.text, envFile(value, 'docker'))
  const converted = merge(envFile('{"quay.io":{"auth":"dTpw","x":1}}'), [entry('ghcr.io')], { format: 'docker' })
  const plain = '{"quay.io":{"username":"u","password":"p","x":1},"ghcr.io":{"username":"bot","password":"new"}}'
  assert.equal(converted.text, envFile(plain, 'docker'))
})

test('an entry that cannot be converted without loss is refused by name', () => {
  const cases: readonly (readonly [string, AuthFormat, AuthFormat, RegExp])[] = [
    ['{"q.io":{"identitytoken":"t"}}', 'docker', 'dockercfg', /q\.io.*identity or registry token/],
    ['{"q.io":{"registrytoken":"t","username":"u","password":"p"}}', 'docker', 'dockercfg', /token/],
    ['{"q.io":{"auth":"dTpw"}}', 'docker', 'dockercfg', /holds only auth/],
    ['{"q.io":{"username":"a:b","password":"p"}}', 'docker', 'dockercfg', /colon/],
    ['{"q.io":{"auth":"?"}}', 'dockercfg', 'docker', new RegExp(ENTRY_FAULTS['bad-base64'])],
    ['{"q.io":{"auth":"dTpw","identitytoken":"t"}}', 'dockercfg', 'docker', /identitytoken.*would come to life/],
    ['{"q.io":{"auth":"dTpw","email":1}}', 'dockercfg', 'docker', /email/],
    ['{"q.io":{"username":"u","password":"p\\"q"}}', 'docker', 'docker', /backslash/],
    ['{"q\\"io":{"auth":"dTpw"}}', 'dockercfg', 'dockercfg', /backslash/],
  ]
  for (const [data, type, format, pattern] of cases) {
    refuses('CONFIG_UNWRITABLE', pattern, () => merge(envFile(data, type), [entry('ghcr.io')], { format }))
  }
})

test('escapes that JSON does not need are written out, because systemd would take the backslash away', () => {
  const { text } = merge(envFile('{"quay.io":{"auth":"dTpw\\u002b\\/AA","note":["\\u0061"]}}'), [entry('ghcr.io')])
  assert.ok(text.includes('{"quay.io":{"auth":"dTpw+/AA","note":["a"]},'))
})

test('base64 that was wrapped over lines is written without the line breaks, which the agent skips anyway', () => {
  const { text, config, read } = merge(envFile('{"quay.io":{"auth":"dT\\r\\npw","email":"e"}}'), [entry('ghcr.io')])
  assert.ok(text.includes('{"quay.io":{"auth":"dTpw","email":"e"},'))
  assert.equal(unmanagedDigest(read, ['ghcr.io']), unmanagedDigest(config, ['ghcr.io']))
})

test('a pasted docker config.json is unwrapped, and a note says what was left out', () => {
  const pasted = '{"auths":{"quay.io":{"auth":"dTpw"}},"credsStore":"osxkeychain"}'
  for (const type of ['docker', 'dockercfg', '']) {
    const { text, notes, config } = merge(envFile(pasted, type), [entry('ghcr.io')])
    assert.equal(text, envFile(`{"quay.io":{"auth":"dTpw"},"ghcr.io":{"auth":"${auth('bot', 'new')}"}}`))
    assert.match(notes.join(), /pasted docker config\.json.*credsStore/)
    assert.equal(resolveImage(config, 'quay.io/a/b').credential, null)
  }
})

test('a credential that some reader would take otherwise is refused', () => {
  const cases: readonly (readonly [string, string, AuthFormat, RegExp])[] = [
    ['bot', 'pass\n', 'dockercfg', /line break/],
    ['bot', 'a\0b', 'dockercfg', /control character/],
    ['b:ot', 'p', 'dockercfg', /colon/],
    ['bo\r\nt', 'p', 'docker', /line break/],
    ['bot', '', 'dockercfg', /password is empty/],
    ['', 'p', 'dockercfg', /user name is empty/],
    ['bot', '\ud800', 'dockercfg', /not valid Unicode/],
    ['bot', 'a"b', 'docker', /format docker/],
    ['bot', 'a\\b', 'docker', /format docker/],
  ]
  for (const [username, password, format, pattern] of cases) {
    refuses('CONFIG_UNWRITABLE', pattern, () =>
      merge('ECS_CLUSTER=c\n', [entry('ghcr.io', password, username)], { format }),
    )
  }
})

test('a registry key that no image could ever match is refused', () => {
  const keys = [
    'registry',
    'https://',
    'HTTPS://ghcr.io',
    'ghcr.io\nX=1',
    'ghcr.io"',
    '*.ghcr.io',
    'docker.io/acme',
    '',
  ]
  for (const key of keys) refuses('CONFIG_UNWRITABLE', /registry key/, () => merge('ECS_CLUSTER=c\n', [entry(key)]))
})

test('two spellings of one registry in one plan are refused', () => {
  const entries = [entry('ghcr.io'), entry('https://ghcr.io/')]
  refuses('PLAN_INVALID', /ghcr\.io and https:\/\/ghcr\.io\//, () => merge('ECS_CLUSTER=c\n', entries))
})

test('a config that would outgrow a secret or a line is refused before it is written', () => {
  const merged = (password: number, comment = 0) => {
    return () => merge(`ECS_CLUSTER=c\n#${'x'.repeat(comment)}\n`, [entry('ghcr.io', 'p'.repeat(password))])
  }
  refuses('CONFIG_TOO_LARGE', /prod\/ecs.*the whole text/, merged(49_152))
  refuses('CONFIG_TOO_LARGE', /the whole text/, merged(10, 65_500))
  assert.doesNotThrow(merged(48_000))
  const spare = 65_536 - merged(10, 0)().text.length
  assert.equal(merged(10, spare)().text.length, 65_536)
  refuses('CONFIG_TOO_LARGE', /65537 bytes/, merged(10, spare + 1))
})

test('the digest tells when anything else was edited, and only then', () => {
  const text = envFile('{"quay.io":{"auth":"dTpw","email":"e"},"ghcr.io":{"auth":"dTpw"}}')
  const digest = (edited: string) => unmanagedDigest(readStoredConfig(new Secret(edited), 'x'), ['ghcr.io'])
  const same = [
    text.replace('"ghcr.io":{"auth":"dTpw"}', '"https://ghcr.io/":{"auth":"AAAA"}'),
    `${text}# ecs-pull-auth:v1:b2xk\n`,
    text.replaceAll('\n', '\r\n'),
  ]
  const other = [
    text.replace('prod', 'test'),
    text.replace('"auth":"dTpw","email"', '"auth":"dTpx","email"'),
    text.replace('"email":"e"', '"email":"f"'),
    text.replace('"quay.io"', '"https://quay.io"'),
    text.replace('{"quay.io', '{"new.io":{"auth":"dTpw"},"quay.io'),
    `${text}X=1\n`,
    `# note\n${text}`,
    text.replace('ECS_LOGLEVEL=info\n', ''),
  ]
  for (const edited of same) assert.equal(digest(edited), digest(text), edited)
  for (const edited of other) assert.notEqual(digest(edited), digest(text), edited)
  const keyValue = '{"ECS_CLUSTER":"c","A":"1"}'
  assert.notEqual(digest(keyValue), digest(keyValue.replace('1', '2')))
  assert.match(digest(text), /^[0-9a-f]{64}$/)
})

test('the digest does not see what a merge has to write otherwise: line ends, white space, escapes', () => {
  const pretty = '{\n "quay.io": {"auth": "dTpw", "note": [1,\n "\\u0061\\/"]}}'
  const texts = [
    'ECS_CLUSTER=prod\r',
    JSON.stringify({ ECS_CLUSTER: 'c', ECS_ENGINE_AUTH_TYPE: 'dockercfg', ECS_ENGINE_AUTH_DATA: pretty }),
  ]
  for (const text of texts) {
    const { config, read } = merge(text, [entry('ghcr.io')], { state: STATE })
    assert.equal(unmanagedDigest(read, ['ghcr.io']), unmanagedDigest(config, ['ghcr.io']))
  }
})

test('no message and no note quotes a credential, a value or user information in a key', () => {
  const texts = [
    envFile('{"ghcr.io":{"auth":"MARK"'),
    envFile('{"https://u:MARK@ghcr.io":{"auth":1}}'),
    envFile("'MARK'"),
    'MARK',
    '{"password":"MARK"}',
    envFile('{"https://u:MARK@ghcr.io":{"identitytoken":"MARK"}}', 'docker'),
    envFile('{"auths":{},"https://u:MARK@x":"MARK"}'),
  ]
  for (const text of texts) {
    let told = ''
    try {
      told = merge(text, [entry('ghcr.io')]).notes.join()
    } catch (thrown) {
      assert.ok(thrown instanceof PullAuthError)
      told = inspect(thrown)
    }
    assert.ok(!told.includes('MARK'), told)
  }
  assert.ok(!inspect(failure(() => merge('ECS_CLUSTER=c\n', [entry('ghcr.io', 'MARK\n', 'MARK:')]))).includes('MARK'))
})

test('a config of 10 MB, 100,000 keys or great depth is handled or refused', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => `"r${at}.io":{"auth":"dTpw"}`).join(',')
  refuses('CONFIG_TOO_LARGE', /allowed/, () => merge(envFile(`{${many}}`), [entry('r7.io')]))
  const large = readStoredConfig(new Secret(envFile(`{${many}}`)), 'x')
  assert.equal(resolveImage(large, 'r99999.io/app').key, 'r99999.io')
  assert.match(unmanagedDigest(large, ['r7.io']), /^[0-9a-f]{64}$/)
  refuses('CONFIG_TOO_LARGE', /allowed/, () => merge(`ECS_CLUSTER=c\n#${' '.repeat(10_000_000)}x`, [entry('r7.io')]))
  refuses('CONFIG_TOO_LARGE', /allowed/, () => merge('ECS_CLUSTER=c\n\r\n'.repeat(200_000), [entry('r7.io')]))
  refuses('CONFIG_AUTH_UNREADABLE', /nested/, () => merge(envFile(`{"a":{"b":${'['.repeat(200_000)}`), []))
  refuses('CONFIG_AUTH_UNREADABLE', /text ends/, () => merge(envFile(`{"a":${' '.repeat(10_000_000)}`), []))
  refuses('CONFIG_NOT_ECS', /text ends/, () => merge('{"a":'.repeat(9_000), []))
  refuses('CONFIG_NOT_ECS', /no line/, () => merge(`=${'\r'.repeat(5_000_000)}x`, []))
})

test('names of object prototypes are registry keys like any other', () => {
  const { read } = merge(envFile('{"__proto__":{"auth":"dTpw"},"constructor":{"auth":"dTpw"}}'), [entry('ghcr.io')])
  assert.deepEqual(
    read.auth.entries.map(({ key }) => key),
    ['__proto__', 'constructor', 'ghcr.io'],
  )
})

test('a text that ends in a lone CR is the same after a second merge', () => {
  const merge = (text: string) => {
    const options = { format: 'dockercfg', state: { entries: [], superseded: [] }, name: 'test' } as const
    const entry = { registry: 'ghcr.io', username: 'u', password: new Secret('p') }
    return mergeEntries(readStoredConfig(new Secret(text), 'test'), [entry], options).text.reveal()
  }
  const once = merge('ECS_CLUSTER=prod\r')
  assert.equal(merge(once), once)
})

test('new auth lines stand before a value with an open quote, in which systemd would lose them', () => {
  const options = { format: 'dockercfg', state: null, name: 'test' } as const
  const entry = { registry: 'ghcr.io', username: 'u', password: new Secret('p') }
  const config = readStoredConfig(new Secret('ECS_CLUSTER=prod\nECS_A="open\nECS_B=1\n'), 'test')
  const lines = mergeEntries(config, [entry], options).text.reveal().split('\n')
  assert.deepEqual(
    lines.map((line) => line.split('=')[0]),
    ['ECS_CLUSTER', 'ECS_ENGINE_AUTH_TYPE', 'ECS_ENGINE_AUTH_DATA', 'ECS_A', 'ECS_B', ''],
  )
})
