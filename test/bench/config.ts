/** Measures the config engine against JSON.parse and JSON.stringify of the same data, in turns and in one process. */

import { parseArgs } from 'node:util'
import { lintStored } from '../../src/core/lint.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'
import { mergeEntries, readStoredConfig } from '../../src/core/stored-config.ts'

const STAGES = ['json', 'parse', 'lint', 'merge'] as const
type Stage = (typeof STAGES)[number]

interface Row {
  readonly entries: number
  /** How many of them the merge replaces. */
  readonly managed: number
  readonly bytes: number
  /** Medians in microseconds. `json`: JSON.stringify(JSON.parse(data)); `merge` ends with the new text. */
  readonly micros: Readonly<Record<Stage, number>>
  /** (parse + lint + merge) / json */
  readonly ratio: number
}

interface Case {
  readonly entries: number
  readonly managed: number
  /** Characters of a password; 93 bring 400 entries to the size limit of a stored config. */
  readonly password: number
}

const AT_THE_LIMIT: readonly Case[] = [
  { entries: 400, managed: 1, password: 93 },
  { entries: 400, managed: 400, password: 93 },
]
const BY_SIZE: readonly Case[] = [1, 10, 100, 1000].map((entries) => ({ entries, managed: 1, password: 6 }))

/** Time enough for both sides to be compiled; their samples are thrown away. */
const WARM_UP = 0.4

function measure({ entries, managed, password }: Case, rounds: number): Row {
  const credentials = Array.from({ length: entries }, (_, at) => {
    return { registry: `r${at}.example.com`, username: `u${at}`, password: new Secret('p'.repeat(password)) }
  })
  const auths = credentials.map((credential) => {
    const auth = basicCredential(credential.username, credential.password).reveal()
    return [credential.registry, { auth }] as const
  })
  const data = JSON.stringify(Object.fromEntries(auths))
  const text = new Secret(`ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${data}\n`)
  const fresh = credentials.slice(0, managed).map((entry) => ({ ...entry, password: new Secret('q'.repeat(password)) }))
  const options = { format: 'dockercfg', state: null, name: 'bench' } as const
  const samples: Record<Stage, number[]> = { json: [], parse: [], lint: [], merge: [] }
  // What takes microseconds is done often enough for the clock.
  const times = Math.ceil(100 / entries)
  for (let round = 0; round < rounds; round++) {
    const stage = <Result>(name: Stage, work: (turn: number) => Result): readonly Result[] => {
      const results: Result[] = []
      const start = process.hrtime.bigint()
      for (let turn = 0; turn < times; turn++) results.push(work(turn))
      const micros = Number(process.hrtime.bigint() - start) / 1000 / times
      if (round >= rounds * WARM_UP) samples[name].push(micros)
      return results
    }
    stage('json', () => JSON.stringify(JSON.parse(data)))
    // Each turn has a config of its own: what one has decoded already must not help the next.
    const configs = stage('parse', () => readStoredConfig(text, 'bench'))
    const configOf = (turn: number) => configs[turn] ?? readStoredConfig(text, 'bench')
    stage('lint', (turn) => lintStored(configOf(turn)))
    const [merged = ''] = stage('merge', (turn) => mergeEntries(configOf(turn), fresh, options).text.reveal())
    if (merged.length !== text.length) throw new Error('the merge changed more than the passwords')
  }
  const micros = {
    json: median(samples.json),
    parse: median(samples.parse),
    lint: median(samples.lint),
    merge: median(samples.merge),
  }
  const ratio = (micros.parse + micros.lint + micros.merge) / micros.json
  return { entries, managed, bytes: Buffer.byteLength(text.reveal()), micros, ratio }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function table(rows: readonly Row[]): string {
  const heads = ['entries', 'managed', 'bytes', ...STAGES.map((name) => `${name} µs`), 'µs/entry', 'ratio']
  const lines = rows.map(({ entries, managed, bytes, micros, ratio }) => {
    const perEntry = (micros.parse + micros.lint + micros.merge) / entries
    const times = STAGES.map((name) => micros[name].toFixed(1))
    return [entries, managed, bytes, ...times, perEntry.toFixed(2), `${ratio.toFixed(2)}×`].map(String)
  })
  const widths = heads.map((head, at) => Math.max(head.length, ...lines.map((line) => line[at]?.length ?? 0)))
  return [heads, ...lines].map((line) => line.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  ')).join('\n')
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '1500' } },
})
const rounds = Number(values.rounds)
const limit = AT_THE_LIMIT.map((each) => measure(each, rounds))
const sizes = BY_SIZE.map((each) => measure(each, rounds))
if (values.json) console.log(JSON.stringify({ node: process.version, rounds, limit, sizes }))
else {
  console.log(`Node ${process.version}, medians of ${Math.ceil(rounds * (1 - WARM_UP))} rounds in turns`)
  console.log(`\nAt the size limit: parse + lint + merge against JSON.parse + JSON.stringify\n${table(limit)}`)
  console.log(`\nBy size\n${table(sizes)}`)
}
