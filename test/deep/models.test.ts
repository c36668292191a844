/** The models of the readers, on which the fast tests stand, are held against the real programs once more. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeUtf8 } from '../../src/core/utf8.ts'
import { dockerCli as dockerModel, type Read, type Reader } from '../core/readers.ts'
import { dockerCli, type RealReader, systemd, systemdEnvironment } from './real-readers.ts'
import { dockerCommands, hasNamespaces, isMissing, programPath } from './software.ts'

interface FileText {
  readonly text?: string
  readonly textBase64?: string
  readonly textParts?: readonly { readonly text: string; readonly times?: number }[]
}

interface Vectors {
  readonly structure?: readonly FileText[]
  readonly vectors?: readonly FileText[]
}

/** All files of the shared vectors, each once. */
const TEXTS = [...new Set(['envfile-readers', 'envfile-encodings'].flatMap(textsIn))]

function textsIn(name: string): readonly string[] {
  const file = new URL(`../vectors/${name}.json`, import.meta.url)
  const { structure, vectors }: Vectors = JSON.parse(readFileSync(file, 'utf8'))
  return (structure ?? vectors ?? []).map(({ text, textBase64, textParts }) => {
    if (textBase64 !== undefined) return decodeUtf8(Buffer.from(textBase64, 'base64'))
    return text ?? (textParts ?? []).map((part) => part.text.repeat(part.times ?? 1)).join('')
  })
}

async function agree(reader: RealReader, model: Reader, name: string): Promise<void> {
  assert.ok(TEXTS.length > 200)
  const reads = await reader(TEXTS)
  for (const [at, text] of TEXTS.entries()) {
    assert.deepEqual(shown(reads[at]), shown(model(text)), `${name}: ${JSON.stringify(text.slice(0, 1000))}`)
  }
}

/** A refusal is compared as one, whatever its words. */
function shown(read: Read | undefined): ReadonlyMap<string, string> | 'refused' {
  return read instanceof Map ? read : 'refused'
}

test('systemd reads every file of the shared vectors as its model does', async (t) => {
  if (isMissing(t, { 'systemd-nspawn': programPath('systemd-nspawn') !== null, namespaces: hasNamespaces() })) return
  await agree(systemd, systemdEnvironment, 'systemd')
})

test('every docker CLI here reads every file of the shared vectors as its model does', async (t) => {
  const commands = dockerCommands()
  if (isMissing(t, { 'a docker CLI': commands.length > 0 })) return
  for (const command of commands) await agree(dockerCli(command), dockerModel, command)
})
