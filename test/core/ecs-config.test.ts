import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseAuthData } from '../../src/core/auth-data.ts'
import { editLines, joinLines, readVariables, splitLines, trimSpace } from '../../src/core/ecs-config.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/core/utf8.ts'
import { bashSource, dockerCli, ecsInit, type Read, type Reader, systemd252 } from './readers.ts'

const KEY = 'ECS_ENGINE_AUTH_DATA'

interface Part {
  readonly text: string
  readonly times?: number
}

interface FileText {
  readonly text?: string
  readonly textBase64?: string
  readonly textParts?: readonly Part[]
}

type Value = string | { readonly length: number } | { readonly base64: string } | { readonly error: string } | null

function vectorsOf<Content>(name: string): Content {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'))
}

function textOf(file: FileText): string {
  if (file.textBase64 !== undefined) return decodeUtf8(Buffer.from(file.textBase64, 'base64'))
  return file.text ?? (file.textParts ?? []).map(({ text, times = 1 }) => text.repeat(times)).join('')
}

function sameValue(actual: string | null, expected: Value, message: string): void {
  if (typeof expected === 'string' || expected === null) {
    // A recorded U+FFFD stands for a byte that was not UTF-8.
    assert.equal(expected?.includes('\ufffd') ? actual?.toWellFormed() : actual, expected, message)
  } else if ('length' in expected) assert.equal(actual?.length, expected.length, message)
  else if ('base64' in expected)
    assert.equal(Buffer.from(encodeUtf8(actual ?? '')).toString('base64'), expected.base64, message)
  else assert.equal(actual, null, message)
}

function isRead(read: Read): read is ReadonlyMap<string, string> {
  return read instanceof Map
}

test('ecs-init, systemd, the docker CLI and bash read a whole file as the real ones did', () => {
  interface Case extends FileText {
    readonly case: string
    readonly readers: Readonly<
      Record<string, { readonly env?: Readonly<Record<string, Value>>; readonly error?: string }>
    >
  }
  const { structure } = vectorsOf<{ structure: readonly Case[] }>('envfile-readers.json')
  const models: readonly (readonly [string, Reader])[] = [
    ['ecs-init', ecsInit],
    ['systemd252', systemd252],
    ['docker-cli28', dockerCli],
    ['bash-source', bashSource],
  ]
  let compared = 0
  for (const vector of structure) {
    for (const [name, reader] of models) {
      const read = reader(textOf(vector))
      if (read === null) continue
      compared++
      const recorded = vector.readers[name]
      const message = `${name}: ${vector.case}`
      assert.equal(isRead(read), recorded?.error === undefined, message)
      if (!isRead(read)) continue
      assert.deepEqual([...read.keys()].sort(), Object.keys(recorded?.env ?? {}).sort(), message)
      for (const [key, value] of Object.entries(recorded?.env ?? {})) sameValue(read.get(key) ?? null, value, message)
    }
  }
  assert.ok(compared >= structure.length * 3.5, `${compared} comparisons`)
})

test('each encoding of each hard password arrives in each reader as it did in the real one', () => {
  interface Case extends FileText {
    readonly case: string
    readonly encoding?: string
    readonly readers: Readonly<Record<string, Value>>
  }
  const { vectors } = vectorsOf<{ vectors: readonly Case[] }>('envfile-encodings.json')
  const models: readonly (readonly [string, Reader])[] = [
    ['ecs-init', ecsInit],
    ['systemd', systemd252],
    ['docker', dockerCli],
    ['shell', bashSource],
  ]
  const compared = new Map<string, number>()
  for (const vector of vectors) {
    for (const [name, reader] of models) {
      const read = reader(textOf(vector))
      const recorded = vector.readers[name] ?? null
      // dash ran these: bash's limits differ, and where the shell complained its model does not reach.
      if (read === null || (name === 'shell' && recorded !== null && typeof recorded === 'object')) continue
      compared.set(name, (compared.get(name) ?? 0) + 1)
      sameValue(
        isRead(read) ? (read.get(KEY) ?? null) : null,
        recorded,
        `${name}: ${vector.case} ${vector.encoding ?? ''}`,
      )
    }
  }
  for (const name of ['ecs-init', 'systemd', 'docker']) assert.equal(compared.get(name), vectors.length)
  assert.ok((compared.get('shell') ?? 0) > 100)
})

test('each character of a password survives in each style exactly where it did with the real readers', () => {
  interface Characters {
    readonly tested: readonly string[]
    readonly styles: readonly {
      readonly authType: string
      readonly mangledBy: Readonly<Record<string, readonly string[]>>
    }[]
  }
  const { characters } = vectorsOf<{ characters: Characters }>('envfile-readers.json')
  const escaped = (text: string) =>
    text.replace(/[^A-Za-z0-9]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const writers = [
    (password: string) => `{"ghcr.io":{"username":"u","password":${JSON.stringify(password)}}}`,
    (password: string) => `{"ghcr.io":{"username":"u","password":"${escaped(password)}"}}`,
    (password: string) => `{"ghcr.io":{"auth":"${basicCredential('u', new Secret(password)).reveal()}"}}`,
  ]
  const readers: Readonly<Record<string, Reader>> = { 'ecs-init': ecsInit, 'docker-cli28': dockerCli, systemd252 }
  for (const [at, { authType, mangledBy }] of characters.styles.entries()) {
    for (const [name, reader] of Object.entries(readers)) {
      const mangled = characters.tested.filter((character) => {
        const password = `p${character}q${character}`
        const read = reader(`${KEY}=${writers[at]?.(password)}\n`)
        const data = isRead(read) ? (read.get(KEY) ?? '') : ''
        return parseAuthData(authType, data).entries[0]?.credential?.password.reveal() !== password
      })
      assert.deepEqual(mangled.sort(), [...(mangledBy[name] ?? ['?'])].sort(), `${name}, style ${at}`)
    }
  }
})

test('a file is taken apart and put together again without losing a byte', () => {
  for (const bytes of ['', 'a', 'A=1\r\n\r\nB=2', '\r\r\n\n\r', '\ufeffA=1\n', 'A=\u0000\n']) {
    assert.equal(joinLines(splitLines(bytes)), bytes)
  }
  const broken = Uint8Array.of(0xff, 0x41, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82)
  const text = decodeUtf8(broken)
  assert.equal(text.isWellFormed(), false)
  assert.ok(text.includes('\u{1f600}'))
  assert.deepEqual(Uint8Array.from(encodeUtf8(text)), broken)
  assert.equal(Buffer.from(encodeUtf8('\ud800a\udfff\udcff')).toString('hex'), 'efbfbd61efbfbdff')
})

test('white space is what Go takes for it', () => {
  assert.equal(trimSpace(' \t\v\f\r\n\u0085\u00a0\u2003\u3000x\u2028 '), 'x')
  assert.equal(trimSpace('\ufeffx\u200b'), '\ufeffx\u200b')
})

test('the auth lines are added at the end, in the file’s own line ends', () => {
  const wanted = { type: 'dockercfg', data: '{}', state: 'ecs-pull-auth:v1:e30' }
  const block = ['ECS_ENGINE_AUTH_TYPE=dockercfg', 'ECS_ENGINE_AUTH_DATA={}', '# ecs-pull-auth:v1:e30', '']
  assert.equal(editLines('ECS_CLUSTER=c\n', wanted), `ECS_CLUSTER=c\n${block.join('\n')}`)
  assert.equal(editLines('ECS_CLUSTER=c', wanted), `ECS_CLUSTER=c\n${block.join('\n')}`)
  assert.ok(editLines('ECS_CLUSTER=c\r', wanted).startsWith('ECS_CLUSTER=c\r\nECS_'))
  assert.equal(editLines('ECS_CLUSTER=c\r\nX=1', wanted), `ECS_CLUSTER=c\r\nX=1\r\n${block.join('\r\n')}`)
})

test('of repeated lines the last is rewritten, because every reader takes the last', () => {
  const text = 'ECS_ENGINE_AUTH_DATA=old\n ECS_ENGINE_AUTH_DATA= {}  \nECS_ENGINE_AUTH_TYPE=docker\nX=1\n'
  const edited = editLines(text, { type: 'dockercfg', data: '{"a":{}}', state: null })
  const expected = 'ECS_ENGINE_AUTH_DATA=old\nECS_ENGINE_AUTH_DATA={"a":{}}\nECS_ENGINE_AUTH_TYPE=dockercfg\nX=1\n'
  assert.equal(edited, expected)
  for (const reader of [ecsInit, systemd252, dockerCli]) {
    const read = reader(edited)
    assert.equal(isRead(read) && read.get(KEY), '{"a":{}}')
  }
})

test('nothing is added after a line that systemd would join with it', () => {
  for (const text of ['A=1\nB=2\\', 'A=1\n# c\\\nB=\\\n', 'X=\\\n']) {
    const edited = editLines(text, { type: 'dockercfg', data: '{}', state: null })
    const read = systemd252(edited)
    assert.ok(isRead(read), edited)
    assert.deepEqual([read.get('ECS_ENGINE_AUTH_TYPE'), read.get(KEY)], ['dockercfg', '{}'], edited)
    assert.equal(readVariables(edited).get(KEY), '{}')
  }
})

test('an old state line gives way to the new one, and to none', () => {
  const text =
    '# ecs-pull-auth:v1:AAAA\nECS_CLUSTER=c\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={}\n#  note\n'
  const wanted = { type: 'dockercfg', data: '{}' }
  const without = 'ECS_CLUSTER=c\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={}\n'
  assert.equal(editLines(text, { ...wanted, state: null }), `${without}#  note\n`)
  assert.equal(
    editLines(text, { ...wanted, state: 'ecs-pull-auth:v1:BBBB' }),
    `${without}# ecs-pull-auth:v1:BBBB\n#  note\n`,
  )
})
