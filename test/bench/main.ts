/**
 * `npm run bench`: everything that users pay for, measured in turns with the nearest others, as ratios. Prints a table (with
 * --json one object) and writes docs/performance.md. `--rounds N` of the start-up, `--no-write`.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildAll } from '../../build.mjs'
import { type Measured, page, ratioOf } from './page.ts'
import { requestsOfProofs } from './proofs.ts'
import { rotationByItself, rotationByTheFunction } from './rotation.ts'
import { type Program, startUp } from './start-up.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: true },
    rounds: { type: 'string', default: '25' },
  },
  allowNegative: true,
})

/** A part that is a program of its own: its memory is measured, or its clock is. */
function part<Result>(name: string, ...argv: readonly string[]): Result {
  const options = {
    encoding: 'utf8' as const,
    stdio: ['ignore', 'pipe', 'inherit'] as ('ignore' | 'pipe' | 'inherit')[],
    maxBuffer: 1 << 26,
  }
  return JSON.parse(
    execFileSync(process.execPath, [join(import.meta.dirname, `${name}.ts`), '--json', ...argv], options),
  )
}

const locked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
const versionOf = (name: string): string => locked[`node_modules/${name}`].version
const rounds = Number(values.rounds)
const runs = await startUp(rounds)
const { bundles } = await buildAll()
const measured: Measured = {
  machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 1e9)} GB, Linux ${release()}`,
  versions: `Node ${process.version.slice(1)}, esbuild ${versionOf('esbuild')}, @aws-sdk/client-ssm ${versionOf('@aws-sdk/client-ssm')}, @actions/core ${versionOf('@actions/core')}`,
  rounds,
  runs,
  bundles: bundles.map(({ file, bytes, packages }) => ({ file, bytes, packages: packages.length })),
  rotation: {
    function: await rotationByTheFunction(1),
    itself: await rotationByItself(1),
    fifty: await rotationByTheFunction(50),
  },
  proofs: await requestsOfProofs(),
  rollout: part('rollout'),
  config: part('config', '--rounds', '600'),
  registries: part('registries'),
  node: part('node'),
}

const text = page(measured)
if (values.write) writeFileSync(join(ROOT, 'docs/performance.md'), text)
if (values.json) {
  const names = Object.keys(runs) as Program[]
  const ratios = Object.fromEntries(names.map((name) => [name, ratioOf(runs, name)]))
  console.log(JSON.stringify({ ...measured, ratios }))
} else console.log(text)
