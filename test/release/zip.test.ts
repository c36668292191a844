/** The zip of the functions, read by an implementation that we did not write. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { functionsZip } from '../../make-release.mjs'
import { makeZip } from '../../make-zip.mjs'

const READ = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as zip:
    assert zip.testzip() is None
    print(json.dumps([{"name": i.filename, "mode": i.external_attr >> 16, "time": list(i.date_time), "method": i.compress_type,
        "text": zip.read(i).decode()} for i in zip.infolist()]))
`

interface Entry {
  readonly name: string
  readonly mode: number
  readonly time: readonly number[]
  readonly method: number
  readonly text: string
}

function readZip(t: TestContext, zip: Buffer): readonly Entry[] {
  const folder = mkdtempSync(join(tmpdir(), 'zip-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'it.zip'), zip)
  const options = { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const
  return JSON.parse(execFileSync('python3', ['-c', READ, join(folder, 'it.zip')], options)) as Entry[]
}

const FILES = [
  ['b.cjs', 'exports.handler = () => 1\n'],
  ['a/größe.txt', 'ä\n'],
  ['empty', ''],
] as const

test('what goes in comes out, readable for everybody, in the order of the names', (t) => {
  const zip = makeZip(new Map(FILES.map(([name, text]) => [name, Buffer.from(text)])))
  const wanted = [...FILES].sort(([a], [b]) => (a < b ? -1 : 1))
  assert.deepEqual(
    readZip(t, zip).map(({ name, text }) => [name, text]),
    wanted,
  )
  for (const { mode, time, method } of readZip(t, zip)) {
    assert.equal(mode, 0o100644)
    assert.deepEqual(time, [1980, 1, 1, 0, 0, 0])
    assert.equal(method, 0)
  }
})

test('the bytes are these, on every machine', () => {
  const zip = makeZip(new Map(FILES.map(([name, text]) => [name, Buffer.from(text)])))
  const other = makeZip(new Map([...FILES].reverse().map(([name, text]) => [name, Buffer.from(text)])))
  assert.ok(zip.equals(other))
  assert.equal(
    createHash('sha256').update(zip).digest('hex'),
    '2ca4f25dffe54c6c847dbe5a71e17c0b5a14903b6328831f6d79d92db3b7004f',
  )
})

test('the zip holds both functions as they are in dist, with the licences', (t) => {
  const entries = new Map(readZip(t, functionsZip()).map(({ name, text }) => [name, text]))
  assert.deepEqual([...entries.keys()], ['LICENSE', 'THIRD-PARTY', 'react.cjs', 'rotate.cjs'])
  for (const name of ['rotate.cjs', 'react.cjs'])
    assert.equal(entries.get(name), readFileSync(join(import.meta.dirname, '../../dist', name), 'utf8'))
})
