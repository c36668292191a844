/** Every property of the core, tried far more often than a commit can wait for. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { RUNS } from '../core/configs.ts'
import { ENVIRONMENT, type Ran, run } from './software.ts'

const TRIES = 100_000

const folder = join(import.meta.dirname, '../core')

interface Property {
  readonly file: string
  readonly name: string
}

/** Tests that hold one or more properties, as the sources name them. */
function properties(): readonly Property[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.test.ts'))
  return files.flatMap((file) => {
    const source = readFileSync(join(folder, file), 'utf8')
    const tests = source.split(/^(?=test\()/m).filter((part) => part.includes('fc.assert('))
    for (const part of tests) {
      assert.equal(part.split('fc.assert(').length, part.split('RUNS,\n').length, `${file}: each takes RUNS`)
    }
    return tests.map((part) => ({ file, name: /^test\('(.*)', /.exec(part)?.[1] ?? '' }))
  })
}

const { PROPERTY_SEED } = process.env
const seed = PROPERTY_SEED === undefined ? {} : { PROPERTY_SEED }

async function runNode(args: readonly string[]): Promise<Ran> {
  return await run(process.execPath, args, { env: { ...ENVIRONMENT, PROPERTY_RUNS: String(TRIES), ...seed } })
}

test('the number of tries is what this asks for', async () => {
  assert.equal(RUNS.numRuns, 200)
  const print = `import { RUNS } from '${join(folder, 'configs.ts')}'; console.log(RUNS.numRuns)`
  const { stdout } = await runNode(['--input-type=module', '-e', print])
  assert.equal(stdout.toString().trim(), String(TRIES))
})

describe(`${TRIES} tries of each property`, { concurrency: availableParallelism() }, () => {
  const all = properties()
  assert.ok(all.length >= 15, `${all.length} properties`)
  for (const { file, name } of all) {
    test(name, async () => {
      const pattern = `^${name.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`
      const args = ['--test-reporter=tap', `--test-name-pattern=${pattern}`, join(folder, file)]
      const { status, stdout, stderr } = await runNode(args)
      assert.equal(status, 0, `${stdout}${stderr}`)
      assert.match(stdout.toString(), /^# pass 1$/m)
    })
  }
})
