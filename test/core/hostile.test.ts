import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { isNativeError } from 'node:util/types'
import { runInNewContext } from 'node:vm'
import { readVariables } from '../../src/core/ecs-config.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { explainImages } from '../../src/core/explain.ts'
import { fixConfig } from '../../src/core/fix.ts'
import { lintConfig } from '../../src/core/lint.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'
import {
  type AuthFormat,
  mergeEntries,
  type NewEntry,
  readStoredConfig,
  resolveImage,
  stateOf,
  unmanagedDigest,
} from '../../src/core/stored-config.ts'

const MEGABYTE = 1_000_000
/** Quadratic work on so many characters outlasts the patience below; linear work takes some milliseconds. */
const MUCH = 100_000
/** Milliseconds for a text: they grow with it, since linear work does. */
const patienceFor = (text: string) => Math.max(2_000, Math.ceil(text.length / 200))
const FRESH: NewEntry = { registry: 'ghcr.io', username: 'bot', password: new Secret('fresh') }

/** Runs what must end; what does not is stopped, so that it fails here instead of blocking every other test. */
function ending<Result>(name: string, timeout: number, work: () => Result): Result {
  try {
    return runInNewContext('work()', { work }, { timeout })
  } catch (thrown) {
    // The error is of the other realm, so that instanceof does not know it.
    if (isNativeError(thrown) && Reflect.get(thrown, 'code') === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      return assert.fail(`${name}: does not end`)
    }
    throw thrown
  }
}

/** Everything that a config can go through. An error of ours is an answer, and it is short. */
function everything(name: string, text: string, format: AuthFormat = 'dockercfg'): string | null {
  const steps: Readonly<Record<string, () => unknown>> = {
    lint: () => lintConfig(text),
    fix: () => fixConfig(text).notes,
    explain: () => explainImages(text, ['ghcr.io/a/b', '/'.repeat(MUCH), 'nginx']),
  }
  const patience = patienceFor(text)
  for (const [step, work] of Object.entries(steps)) ending(`${name}: ${step}`, patience, work)
  return ending(`${name}: read and merge`, patience, () => {
    try {
      const config = readStoredConfig(new Secret(text), 'hostile')
      resolveImage(config, 'ghcr.io/a/b')
      stateOf(config)
      unmanagedDigest(config, ['ghcr.io'])
      return mergeEntries(config, [FRESH], { format, state: null, name: 'hostile' }).text.reveal()
    } catch (thrown) {
      assert.ok(thrown instanceof PullAuthError, `${name}: ${inspect(thrown)}`)
      assert.ok(thrown.message.length < 2000, name)
      return null
    }
  })
}

function envFile(data: string, type = 'dockercfg'): string {
  return `ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=${type}\nECS_ENGINE_AUTH_DATA=${data}\n`
}

function keyValue(data: string): string {
  return JSON.stringify({ ECS_CLUSTER: 'prod', ECS_ENGINE_AUTH_TYPE: 'dockercfg', ECS_ENGINE_AUTH_DATA: data })
}

/** What regular expressions, scanners and recursion stumble over when it comes often. */
const UNITS = [
  'a',
  '\n',
  '\r',
  ' ',
  '=',
  '#',
  '"',
  "'",
  '\\',
  '{',
  '[',
  '/',
  '\0',
  '\ufeff',
  '\ud800',
  'A=1\n',
  ';\\\n',
  '\r ',
  '//@',
]

test('much of one thing, wherever it stands, is read to the end or refused', () => {
  for (const unit of UNITS) {
    const much = unit.repeat(MUCH / unit.length)
    const places = [
      much,
      `ECS_CLUSTER=${much}x`,
      `# ${much}x\nECS_CLUSTER=x\n;${much}x\n`,
      envFile(`${much}x`),
      envFile(`{"${much}x":{}}`),
      envFile(`{"docker.io/${much}x":{"auth":"dTpw"}}`),
      envFile(`{"quay.io/${much}x/":{"auth":"dTpw"}}`),
      keyValue(`${much}x`),
    ]
    for (const text of places) assert.equal(everything(JSON.stringify(unit), text), null)
  }
})

test('ten megabytes are read to the end or refused', () => {
  assert.equal(everything('a value', `ECS_CLUSTER=${'x'.repeat(10 * MEGABYTE)}`), null)
  assert.equal(everything('lines', 'ECS_CLUSTER=x\n'.repeat(MEGABYTE / 2)), null)
  assert.equal(everything('base64', envFile(`{"quay.io":{"auth":"${'QUFB'.repeat(2.5 * MEGABYTE)}"}}`)), null)
})

test('a credential, a user name or a field name of any length ends where it should', () => {
  for (const unit of UNITS.filter((each) => each.isWellFormed())) {
    const long = `u:${unit.repeat(MUCH / unit.length)}x`
    const auth = basicCredential('u', new Secret(long.slice(2))).reveal()
    everything(`auth of ${JSON.stringify(unit)}`, envFile(JSON.stringify({ 'quay.io': { auth } })))
    const docker = JSON.stringify({ 'quay.io': { username: long, password: long, [long]: long } })
    everything(`fields of ${JSON.stringify(unit)}`, envFile(docker, 'docker'), 'docker')
  }
})

test('fifty thousand keys are read to the end, whether they differ or not', () => {
  const shapes: Readonly<Record<string, (at: number) => string>> = {
    'hosts of their own': (at) => `r${at}.example.com`,
    'one key': () => 'quay.io',
    'paths, each in the one before': (at) => `quay.io/${'a/'.repeat(at % 40)}${at}`,
  }
  for (const [name, keyOf] of Object.entries(shapes)) {
    const entries = Array.from({ length: 50_000 }, (_, at) => `${JSON.stringify(keyOf(at))}:{"auth":"dTpw"}`)
    assert.equal(everything(name, envFile(`{${entries.join(',')}}`)), null)
  }
  const variables = Array.from({ length: 50_000 }, (_, at) => `ECS_${at}=1\n`).join('')
  assert.equal(everything('variables', variables), null)
  const members = Array.from({ length: 50_000 }, (_, at) => `"ECS_${at}":"1"`).join(',')
  assert.equal(everything('members', `{${members}}`), null)
})

test('deep nesting is followed without recursion, and refused where the agent refuses it', () => {
  const nested = (depth: number) => `{"quay.io":{"auth":"dTpw","note":${'['.repeat(depth)}${']'.repeat(depth)}}}`
  assert.ok(everything('9,990 deep', envFile(nested(9990)))?.includes(nested(9990).slice(1, -1)))
  assert.equal(everything('beyond the limit of Go', envFile(nested(10_001))), null)
  for (const unit of ['[', '{"a":', '[{"a":']) {
    for (const text of [envFile(unit.repeat(200_000)), unit.repeat(200_000), keyValue(unit.repeat(200_000))]) {
      assert.equal(everything(`${unit} without an end`, text), null)
    }
  }
})

test('names that JavaScript gives a meaning are names like any other', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'length', 'prototype']
  const members = names.map((name) => `"${name}":{"auth":"dTpw","__proto__":{"auth":"x"}}`).join(',')
  const merged = everything('in the data', envFile(`{${members}}`))
  assert.equal(
    readVariables(merged ?? '')
      .get('ECS_ENGINE_AUTH_DATA')
      ?.includes(members),
    true,
  )
  const pairs = names.map((name) => `"${name}":"x"`).join(',')
  assert.ok(everything('as variables', `{"ECS_CLUSTER":"prod",${pairs}}`)?.includes(pairs))
  const lines = names.map((name) => `${name}=x\n`).join('')
  assert.ok(everything('as lines', `ECS_CLUSTER=prod\n${lines}`)?.startsWith(`ECS_CLUSTER=prod\n${lines}`))
  assert.equal(Object.keys(Object.prototype).length, 0)
})

test('no key, user name or password ever becomes a second line of the file', () => {
  const breaks = ['\n', '\r', '\r\n', '\0', '\t', '\u001b', '\u007f', '\u2028', '\u0085', 'x\nECS_CLUSTER=evil\n']
  for (const broken of breaks) {
    for (const format of ['dockercfg', 'docker'] as const) {
      const evil: readonly NewEntry[] = [
        { ...FRESH, registry: `ghcr.io${broken}` },
        { ...FRESH, username: `bot${broken}` },
        { ...FRESH, password: new Secret(`a${broken}b`) },
      ]
      for (const entry of evil) {
        const text = mergedOrNull(entry, format)
        if (text !== null) assert.deepEqual([...readVariables(text).keys()], [...readVariables(envFile('')).keys()])
        if (text !== null) assert.equal(text.split(/[\n\r\0]/).length, 4)
      }
    }
  }
  const stored = JSON.stringify({ 'quay.io\nECS_CLUSTER=evil': { auth: 'dTpw', 'a\nECS_CLUSTER=evil': 'x\ny' } })
  const kept = everything('control characters in stored keys', envFile(stored))
  if (kept !== null) assert.equal(readVariables(kept).get('ECS_CLUSTER'), 'prod')
})

function mergedOrNull(entry: NewEntry, format: AuthFormat): string | null {
  try {
    const config = readStoredConfig(new Secret(envFile('{}')), 'hostile')
    return mergeEntries(config, [entry], { format, state: null, name: 'hostile' }).text.reveal()
  } catch (thrown) {
    assert.ok(thrown instanceof PullAuthError, inspect(thrown))
    return null
  }
}
