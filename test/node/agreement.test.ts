/** The script reads files and registry auth as the real ecs-init and ECS agent did, and merges without a byte of loss. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { parseAuthData } from '../../src/core/auth-data.ts'
import { joinLines, readVariables, splitLines } from '../../src/core/ecs-config.ts'

const vectors = (name: string) => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const parts = fileURLToPath(new URL('../../deploy/node', import.meta.url))

/** Calls a function of the script once per list of arguments, in one process. Texts travel as JSON. */
function python<T>(expression: string, calls: readonly unknown[]): readonly T[] {
  const code = `
import json, sys
sys.path.insert(0, ${JSON.stringify(parts)})
sys.dont_write_bytecode = True
from ecs_config import *
def run(x):
    try:
        return ${expression}
    except Refused as refused:
        return {'refused': str(refused)}
print(json.dumps([run(x) for x in json.load(sys.stdin)]))`
  return JSON.parse(
    execFileSync('python3', ['-c', code], { input: JSON.stringify(calls), encoding: 'utf8', maxBuffer: 1 << 28 }),
  )
}

interface Text {
  readonly text?: string
  readonly textParts?: readonly (string | { readonly text: string; readonly times: number })[]
}

/** The texts of files that the real readers were given. */
const FILES: readonly string[] = [
  ...(vectors('envfile-readers').structure as readonly Text[]),
  ...(vectors('envfile-encodings').vectors as readonly Text[]),
].flatMap(({ text }) => (text === undefined ? [] : [text]))

/** Files made of what makes a difference: keys, line ends, blanks of every kind, broken bytes. */
const file = fc
  .array(
    fc.constantFrom(
      'ECS_ENGINE_AUTH_TYPE',
      'ECS_ENGINE_AUTH_DATA',
      'ECS_CLUSTER',
      '=',
      '=',
      '\n',
      '\n',
      '\r\n',
      '\r',
      ' ',
      '\t',
      '\u0085',
      '\u00a0',
      '\u001c',
      '\u2028',
      '\ufeff',
      '\udcff',
      '#',
      'dockercfg',
      '{"a":{"auth":"dTpw"}}',
      'x',
      '"',
      '\\',
      'é',
      '\0',
    ),
    { maxLength: 24 },
  )
  .map((tokens) => tokens.join(''))

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 1_000)

test('a file has the same variables for the script, for the core, and so for the real ecs-init', () => {
  const texts = [...FILES, ...fc.sample(file, RUNS)]
  assert.ok(FILES.length > 200)
  const found = python<Pairs>('list(environment(x).items())', texts)
  for (const [at, text] of texts.entries()) {
    assert.deepEqual(new Map(found[at]), readVariables(text), JSON.stringify(text))
  }
})

/** Not objects: JSON.parse of Node 24.21 takes every key of one character that is written with an escape for a backslash. */
type Pairs = readonly (readonly [key: string, value: string])[]

interface Merged {
  readonly merged: string
  readonly again: string
  readonly back: string
  readonly environment: Pairs
}

test('a merge sets the two variables, touches no other line, is at rest the second time, and can be undone to the byte', () => {
  const auth = { ECS_ENGINE_AUTH_TYPE: 'docker', ECS_ENGINE_AUTH_DATA: '{"new":{}}' }
  const expression = `(lambda auth, merged: {'merged': merged, 'again': merge(merged, auth), 'back': restored(merged, x),
    'environment': list(environment(merged).items())})(${JSON.stringify(auth)}, merge(x, ${JSON.stringify(auth)}))`
  const texts = [...FILES, ...fc.sample(file, RUNS)]
  for (const [at, { merged, again, back, environment }] of python<Merged>(expression, texts).entries()) {
    const text = texts[at] ?? ''
    const where = JSON.stringify(text)
    assert.deepEqual(new Map(environment), new Map([...readVariables(text), ...Object.entries(auth)]), where)
    assert.equal(withoutAuth(merged).replace(/[\r\n]+$/, ''), withoutAuth(text).replace(/[\r\n]+$/, ''), where)
    assert.ok(withoutAuth(merged).startsWith(withoutAuth(text)), where)
    assert.equal(again, merged, where)
    assert.equal(back, text, where)
  }
})

function withoutAuth(text: string): string {
  const isAuth = (line: string) => [...readVariables(line).keys()].some((key) => key.startsWith('ECS_ENGINE_AUTH_'))
  return joinLines(splitLines(text).filter((line) => !isAuth(line.text)))
}

test('a merge keeps what Windows line ends and a missing one at the end are', () => {
  const auth = { ECS_ENGINE_AUTH_TYPE: 'docker', ECS_ENGINE_AUTH_DATA: '{}' }
  const cases: Readonly<Record<string, string>> = {
    '': 'ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={}\n',
    'A=1': 'A=1\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={}\n',
    'A=1\r\nB=2': 'A=1\r\nB=2\r\nECS_ENGINE_AUTH_TYPE=docker\r\nECS_ENGINE_AUTH_DATA={}\r\n',
    'ECS_ENGINE_AUTH_DATA=x\r\nA=1': 'ECS_ENGINE_AUTH_DATA={}\r\nA=1\r\nECS_ENGINE_AUTH_TYPE=docker\r\n',
    ' ECS_ENGINE_AUTH_DATA=x\nA=1\nECS_ENGINE_AUTH_DATA=y\nECS_ENGINE_AUTH_TYPE=z':
      'ECS_ENGINE_AUTH_DATA={}\nA=1\nECS_ENGINE_AUTH_TYPE=docker',
    'ECS_ENGINE_AUTH_TYPE =z\n': 'ECS_ENGINE_AUTH_TYPE =z\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={}\n',
  }
  assert.deepEqual(python(`merge(x, ${JSON.stringify(auth)})`, Object.keys(cases)), Object.values(cases))
})

test('lines that changed since the backup was taken stay when it is brought back', () => {
  const current = 'ECS_CLUSTER=prod\nECS_NEW=1\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={"bad":{}}\n'
  const backups = [
    'ECS_CLUSTER=old\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"good":{}}\n',
    'ECS_CLUSTER=old\n',
    '',
  ]
  assert.deepEqual(python(`restored(${JSON.stringify(current)}, x)`, backups), [
    'ECS_CLUSTER=prod\nECS_NEW=1\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"good":{}}\n',
    'ECS_CLUSTER=prod\nECS_NEW=1\n',
    'ECS_CLUSTER=prod\nECS_NEW=1\n',
  ])
})

type Auth = readonly [type: string, data: string]

/** Registry auth made of what makes a difference, most of it not valid. */
const entry = fc.constantFrom<unknown>(
  null,
  1,
  'x',
  [],
  {},
  { auth: 'dTpw' },
  { AUTH: 'dTpw' },
  { auth: 'dTpw', Auth: null },
  { auth: '' },
  { auth: 'dTpw\n' },
  { auth: 'dTp' },
  { auth: 'dQ==' },
  { auth: 'dTpw====' },
  { auth: 'd-pw' },
  { auth: 1 },
  { username: 'u', password: 'p' },
  { username: '' },
  { identitytoken: 't' },
  { IdentityToken: 't', email: null },
  { registrytoken: 't' },
  { password: 1 },
  { '\u017ferveraddress': 1 },
  { x: { y: [null] } },
)
const auth: fc.Arbitrary<Auth> = fc.tuple(
  fc.constantFrom('docker', 'dockercfg', ' dockercfg\t', 'DOCKER', ''),
  fc.oneof(
    fc
      .dictionary(fc.constantFrom('ghcr.io', 'https://index.docker.io/v1/', '__proto__', ''), entry)
      .map((value) => JSON.stringify(value)),
    fc.constantFrom(
      '',
      'null',
      '[]',
      '"x"',
      '1',
      '{',
      '{}}',
      '{"a":{"auth":"dTpw"},}',
      "{'a':1}",
      '\ufeff{}',
      '{"a":NaN}',
      '{"a":{"auth":"\\ud800"}}',
      '{"a":{"auth":"dTpw"}} ',
      '{"a":{"auth":"dTpw"},"a":null}',
      '{"a":{"auth":1},"a":{"auth":"dTpw"}}',
      '{"a":{"auth":"dTpw\\u0000"}}',
      '{"a":{"auth":"dTpw\t"}}',
    ),
  ),
)

test('registry auth is taken exactly when the agent gets at least one credential out of it', () => {
  const known = (vectors('auth-resolution').vectors as readonly { authType: string; authData: string }[]).map(
    ({ authType, authData }): Auth => [authType, authData],
  )
  const cases = [...known, ...fc.sample(auth, RUNS)].filter(([, data]) => !/[\r\n]|"auths"/.test(data))
  const texts = cases.map(([type, data]) => `ECS_ENGINE_AUTH_TYPE=${type}\nECS_ENGINE_AUTH_DATA=${data}\n`)
  const found = python<Readonly<Record<string, string>>>('read_auth(x)', texts)
  let taken = 0
  for (const [at, text] of texts.entries()) {
    const variables = readVariables(text)
    const { type, entries, fault } = parseAuthData(
      variables.get('ECS_ENGINE_AUTH_TYPE') ?? '',
      variables.get('ECS_ENGINE_AUTH_DATA') ?? '',
    )
    const last = new Map(entries.map((entry) => [entry.key, entry]))
    const usable = [...last.values()].some(({ credential, extra }) =>
      type === 'docker'
        ? credential?.username !== '' || extra.has('identitytoken') || extra.has('registrytoken')
        : credential !== null,
    )
    const refused = found[at]?.['refused']
    assert.equal(
      refused === undefined,
      fault === null && usable,
      `${JSON.stringify(text)}: ${refused ?? 'taken'}, ${fault}`,
    )
    taken += refused === undefined ? 1 : 0
  }
  assert.ok(taken > 250 && taken < texts.length - 100, `${taken} of ${texts.length} were taken`)
})
