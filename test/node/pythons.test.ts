/** The script under every Python that this machine has, not only the syntax of the oldest that it is for. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { authLines, startBench, V1, V2 } from './bench.ts'

const FOLDERS = [
  '/usr/bin',
  '/usr/local/bin',
  ...entries(join(homedir(), '.pyenv/versions')).map((one) => `${one}/bin`),
]

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** The paths of one interpreter for each minor version of Python 3. */
function pythons(): ReadonlyMap<string, string> {
  const found = FOLDERS.flatMap(entries).filter((path) => /\/python3\.\d+$/.test(path))
  const working = found.filter((path) => spawnSync(path, ['-I', '-c', 'import ssl']).status === 0)
  return new Map(working.map((path) => [path.slice(path.lastIndexOf('python') + 6), path]))
}

const minor = (version: string) => Number(version.slice(2))
const FOUND = [...pythons()].sort(([a], [b]) => minor(a) - minor(b))

describe('the script', {
  concurrency: 3,
  skip: FOUND.length === 0 ? 'there is only the python3 of the tests' : false,
}, () => {
  for (const [version, path] of FOUND.filter(([version]) => minor(version) >= 7)) {
    test(`applies, rests and rolls back under Python ${version}`, async (t) => {
      const bench = await startBench(t)
      rmSync(join(bench.instance.bin, 'python3'))
      symlinkSync(path, join(bench.instance.bin, 'python3'))
      assert.equal((await bench.reload()).status.result, 'applied')
      assert.equal((await bench.reload({ bootHook: 'install' })).status.result, 'unchanged')
      bench.publish(V2, 'MARK-two')
      const bad = authLines('MARK-two')[1]?.split('DATA=')[1]
      bench.instance.agent.health = (variables) => (variables.get('ECS_ENGINE_AUTH_DATA') === bad ? 'exits' : 'healthy')
      const { exitCode, status } = await bench.reload()
      assert.deepEqual([exitCode, status.result, status.version], [13, 'rolled-back', V1])
      bench.secret.refusals = { status: 400, type: 'AccessDeniedException', times: 1 }
      assert.equal((await bench.reload()).status.reason, 'secretsmanager-http-400-AccessDeniedException')
    })
  }

  for (const [version, path] of FOUND.filter(([version]) => minor(version) < 7)) {
    test(`refuses Python ${version} by its name`, async (t) => {
      const bench = await startBench(t)
      rmSync(join(bench.instance.bin, 'python3'))
      symlinkSync(path, join(bench.instance.bin, 'python3'))
      const { exitCode, status } = await bench.reload()
      assert.deepEqual([exitCode, status.result, status.reason], [15, 'unsupported', 'python-before-3.7'])
    })
  }
})
