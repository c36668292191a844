/** No secret of the instance or of the stored config leaves the script, however it ends. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Bench, filesOf, type Ran, startBench, storedConfig, V2 } from './bench.ts'

/** Every spelling in which a marked value could show: as it is, in base64 at each offset, percent-encoded. */
const SPELLINGS = [
  'MARK',
  ...['', 'x', 'xx'].map((before) => inBase64(before, 'puller:MARK')),
  ...['MARK-one', 'MARK-secret-key/+='].map(encodeURIComponent),
]

function inBase64(before: string, text: string): string {
  const whole = Buffer.from(before + text).toString('base64')
  return whole.slice(before === '' ? 0 : 4, -4)
}

function assertClean(name: string, text: string): void {
  const found = SPELLINGS.find((spelling) => text.includes(spelling))
  assert.equal(found, undefined, `${name} shows a secret`)
}

/** Ways to end, and how to get there. */
const ENDS: Readonly<Record<string, (bench: Bench) => Promise<Ran>>> = {
  applied: (bench) => bench.reload(),
  'applied by an old SSM agent': (bench) => bench.reload({}, '3.2.0.0'),
  unchanged: async (bench) => {
    await bench.reload()
    return await bench.reload()
  },
  'rolled back': async (bench) => {
    await bench.reload()
    bench.publish(V2, 'MARK-two')
    bench.instance.agent.health = (variables) =>
      bench.instance.agent.starts % 2 === 1 && variables.size > 1 ? 'exits' : 'healthy'
    return await bench.reload()
  },
  'no way back': async (bench) => {
    bench.instance.agent.health = () => 'exits'
    return await bench.reload()
  },
  'a refused config': async (bench) => {
    bench.secret.text = storedConfig('MARK-one').replace('"}}', '"}')
    return await bench.reload()
  },
  'a config that trips the parser': async (bench) => {
    bench.secret.text = JSON.stringify({ ECS_ENGINE_AUTH_TYPE: 'MARK', ECS_ENGINE_AUTH_DATA: ['MARK'] })
    return await bench.reload()
  },
  'a refused request': async (bench) => {
    bench.secret.refusals = { status: 403, type: 'AccessDeniedException', times: 9 }
    return await bench.reload()
  },
  'a full disk': async (bench) => {
    bench.limitFiles()
    return await bench.reload()
  },
  'a defect': async (bench) => {
    bench.preludePython(`import sys, json\njson.dumps = lambda value: {}['MARK-one']`)
    return await bench.reload()
  },
}

test('no secret is in an output, a command line, an environment or a file that others can read', async (t) => {
  for (const [name, end] of Object.entries(ENDS)) {
    await t.test(name, async (t) => {
      const bench = await startBench(t)
      const { stdout, stderr } = await end(bench)
      assertClean('stdout', stdout)
      assertClean('stderr', stderr)
      assertClean('a command line of systemctl', bench.instance.service.calls.join('\n'))
      assertClean('a command line or environment in /proc', bench.instance.service.callers.join('\n'))
      for (const [file, mode] of filesOf(bench)) {
        const mayHold = /ecs\.config$|last-good\.config$/.test(file) && (mode & 0o077) === 0
        if (!mayHold) assertClean(file, readFileSync(join(bench.folder, file), 'utf8'))
      }
    })
  }
})

test('what /proc shows is really looked at', { skip: process.platform !== 'linux' }, async (t) => {
  const bench = await startBench(t)
  await bench.reload()
  assert.match(bench.instance.service.callers.join('\n'), /^SSM_secretArn=arn:aws:secretsmanager:/m)
  assert.match(bench.instance.service.callers.join('\n'), /python3\n-I\n-/)
})
