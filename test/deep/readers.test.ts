/** What a merge writes, read back by the real programs that read the file. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAuthData } from '../../src/core/auth-data.ts'
import { DATA_KEY, readVariables, TYPE_KEY } from '../../src/core/ecs-config.ts'
import { isCode } from '../../src/core/errors.ts'
import { STATE_KEY } from '../../src/core/key-value.ts'
import { lintConfig } from '../../src/core/lint.ts'
import { Secret } from '../../src/core/secret.ts'
import { mergeEntries, readStoredConfig } from '../../src/core/stored-config.ts'
import { bashSource, dockerCli as dockerModel, type Read, type Reader } from '../core/readers.ts'
import { ENV_FILES, entry, hardPasswords, KEY_VALUE, type StoredCase } from './configs.ts'
import { dockerCli, linesOfPairs, type RealReader, shell, systemd, systemdEnvironment } from './real-readers.ts'
import { dockerCommands, hasNamespaces, isMissing, programPath } from './software.ts'

interface Merge {
  readonly stored: StoredCase
  readonly before: string
  readonly after: string
}

function merge(stored: StoredCase): string {
  const { text, entries, format, state, name } = stored
  return mergeEntries(readStoredConfig(new Secret(text), name), entries, { format, state, name }).text.reveal()
}

/** Each hard password in each format that takes it. */
function passwordCases(): readonly StoredCase[] {
  return [...hardPasswords()].flatMap(([name, password]) => {
    return (['dockercfg', 'docker'] as const).flatMap((format) => {
      const text = 'ECS_CLUSTER=prod\n'
      const stored = { name: `${name}, ${format}`, text, entries: [entry('ghcr.io', password)], format, state: null }
      return isWritable(stored) ? [stored] : []
    })
  })
}

function isWritable(stored: StoredCase): boolean {
  try {
    merge(stored)
    return true
  } catch (thrown) {
    if (isCode(thrown, 'CONFIG_UNWRITABLE')) return false
    throw thrown
  }
}

const ENV_MERGES: readonly Merge[] = [...ENV_FILES, ...passwordCases()].map((stored) => {
  return { stored, before: stored.text, after: merge(stored) }
})

/** The node writes the key/value form as lines. */
async function allMerges(): Promise<readonly Merge[]> {
  const pairs = await linesOfPairs(KEY_VALUE.flatMap((stored) => [stored.text, merge(stored)]))
  const written = KEY_VALUE.map((stored, at) => {
    return { stored, before: pairs[2 * at] ?? '', after: pairs[2 * at + 1] ?? '' }
  })
  return [...ENV_MERGES, ...written]
}

function isRead(read: Read | undefined): read is ReadonlyMap<string, string> {
  return read instanceof Map
}

/** All variables but ours. */
function others(read: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...read].filter(([name]) => ![TYPE_KEY, DATA_KEY, STATE_KEY].includes(name)))
}

/**
 * Reads every case before and after its merge. Where the program could read the file before, it still can, and gets
 * the same variables beside ours. Returns what it got of each merged file; null: it could not read the file before.
 */
async function readMerges(merges: readonly Merge[], { read, model }: Program): Promise<readonly Read[]> {
  const texts = merges.flatMap(({ before, after }) => [before, after])
  const distinct = [...new Set(texts)]
  const results = await read(distinct)
  const reads = texts.map((text) => results[distinct.indexOf(text)])
  for (const [at, text] of texts.entries()) {
    const modelled = model(text)
    if (modelled !== null) assert.deepEqual(shown(reads[at]), shown(modelled), `${nameOf(merges, at)}: as its model`)
  }
  return merges.map(({ stored }, at) => {
    const [before, after] = [reads[2 * at], reads[2 * at + 1]]
    if (!isRead(before)) return null
    assert.ok(isRead(after), `${stored.name}: readable after the merge`)
    if (stored.hidden === undefined) assert.deepEqual(others(after), others(before), `${stored.name}: other variables`)
    return after
  })
}

interface Program {
  readonly read: RealReader
  readonly model: Reader
}

function nameOf(merges: readonly Merge[], at: number): string {
  return `${merges[Math.floor(at / 2)]?.stored.name}, ${at % 2 === 0 ? 'before' : 'after'} the merge`
}

/** A refusal is compared as one, whatever its words. */
function shown(read: Read | undefined): ReadonlyMap<string, string> | 'refused' {
  return isRead(read) ? read : 'refused'
}

/** What the agent gets: ecs-init's reading, which holds every credential that was put in. */
function agentAuth({ stored, after }: Merge): readonly (string | undefined)[] {
  const variables = readVariables(after)
  const [type, data] = [variables.get(TYPE_KEY), variables.get(DATA_KEY)]
  const { entries } = parseAuthData(type ?? '', data ?? '')
  const passwords = entries.map(({ credential }) => credential?.password.reveal())
  for (const { password } of stored.entries) assert.ok(passwords.includes(password.reveal()), stored.name)
  return [type, data]
}

function authOf(read: ReadonlyMap<string, string>): readonly (string | undefined)[] {
  return [read.get(TYPE_KEY), read.get(DATA_KEY)]
}

test('a booted systemd gets the auth that ecs-init gets, and all else as before', async (t) => {
  if (isMissing(t, { 'systemd-nspawn': programPath('systemd-nspawn') !== null, namespaces: hasNamespaces() })) return
  const merges = await allMerges()
  const reads = await readMerges(merges, { read: systemd, model: systemdEnvironment })
  let same = 0
  for (const [at, merge] of merges.entries()) {
    const read = reads[at]
    if (!isRead(read)) continue
    const { name, hidden } = merge.stored
    const [auth, expected] = [authOf(read), agentAuth(merge)]
    if (hidden === undefined) {
      assert.deepEqual(auth, expected, name)
      same++
    } else {
      assert.notDeepEqual(auth, expected, name)
      assert.ok(
        lintConfig(merge.after).some(({ code }) => code === hidden),
        `${name}: lint tells`,
      )
    }
  }
  assert.ok(same >= 100, `${same} read`)
})

test('every docker CLI here gets the auth that ecs-init gets, and all else as before', async (t) => {
  const commands = dockerCommands()
  if (isMissing(t, { 'a docker CLI': commands.length > 0 })) return
  const merges = await allMerges()
  for (const command of commands) {
    const reads = await readMerges(merges, { read: dockerCli(command), model: dockerModel })
    for (const [at, merge] of merges.entries()) {
      const read = reads[at]
      if (isRead(read)) assert.deepEqual(authOf(read), agentAuth(merge), `${merge.stored.name}, ${command}`)
    }
    assert.ok(reads.filter(isRead).length >= 100)
  }
})

/** The model does not know that a backslash at the very end stays. */
const shellModel: Reader = (text) => (text.endsWith('\\') ? null : bashSource(text))

for (const name of ['bash', 'dash']) {
  test(`${name} gets the type and all else as before; of the JSON it takes the quotes away`, async (t) => {
    const command = programPath(name)
    if (isMissing(t, { [name]: command !== null }) || command === null) return
    // A shell takes a CR for a part of the value, and what type docker has in plain text for code.
    const merges = ENV_MERGES.filter(({ stored: { format, hidden }, after }) => {
      return format === 'dockercfg' && hidden === undefined && !after.includes('\r')
    })
    const reads = await readMerges(merges, { read: shell(command), model: shellModel })
    for (const [at, merge] of merges.entries()) {
      const read = reads[at]
      if (!isRead(read)) continue
      const [type, data] = agentAuth(merge)
      // No spelling of JSON survives a shell and the agent both; the shell's reader is not ours to serve.
      assert.deepEqual(authOf(read), [type, data?.replaceAll('"', '')], merge.stored.name)
    }
    assert.ok(reads.filter(isRead).length >= 40, `${reads.filter(isRead).length} read`)
  })
}
