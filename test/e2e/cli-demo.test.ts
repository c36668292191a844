/** The demo as a stranger starts it: what it prints, what it leaves behind, and what is left when it is interrupted. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findMark } from '../doubles/marks.ts'
import { cliProcess, NODE_20 } from './cli.ts'
import { type Ended, NODE_24 } from './run-process.ts'

const KEYS = ['ok', 'rotations', 'instances', 'version', 'onVersion', 'stragglers', 'retired', 'pulls', 'seconds']
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

interface DemoRun extends Ended {
  /** What is in the temporary folder when it is over. */
  readonly left: readonly string[]
  /** Processes that have the demo's environment when it is over. */
  readonly processes: readonly string[]
  /** Files that were seen with a token in them. */
  readonly withToken: readonly TokenFile[]
}

interface TokenFile {
  readonly path: string
  readonly mode: number
}

/** `interruptAt`: Ctrl-C as soon as this was said. */
async function demo(
  t: TestContext,
  argv: readonly string[],
  { interruptAt, node = NODE_24 }: { interruptAt?: string; node?: string } = {},
): Promise<DemoRun> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-demo-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  let interrupted = false
  let heard = ''
  const withToken: TokenFile[] = []
  const run = await cliProcess({
    folder,
    node,
    argv: ['demo', ...argv],
    cwd: folder,
    // A shell, python3, and nothing of AWS: what there is could not be reached.
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, TMPDIR: temporary, HTTPS_PROXY: 'http://127.0.0.1:9' },
    onOutput: (text, signal) => {
      if (text.includes('▸ Retire')) withToken.push(...tokenFiles(temporary))
      // A busy machine may hand it over in pieces.
      heard += text
      if (interruptAt === undefined || interrupted || !heard.includes(interruptAt)) return
      interrupted = true
      signal('SIGINT')
    },
  })
  assert.equal(interrupted, interruptAt !== undefined)
  for (const beginning of ['glpat-', 'gldt-']) {
    assert.equal(findMark(run.stdout + run.stderr, beginning), null, `the demo shows a token: ${beginning}…`)
  }
  return { ...run, left: readdirSync(temporary), processes: processesWith(temporary), withToken }
}

/** What is removed while this looks holds nothing any more. */
function tokenFiles(folder: string): readonly TokenFile[] {
  return ifThere(() => readdirSync(folder, { withFileTypes: true }), []).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return tokenFiles(path)
    const holds =
      entry.isFile() &&
      findMark(
        ifThere(() => readFileSync(path, 'latin1'), ''),
        'gldt-',
      ) !== null
    const mode = holds ? ifThere(() => statSync(path).mode & 0o777, 0) : 0
    return holds ? [{ path, mode }] : []
  })
}

function ifThere<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}

function processesWith(text: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text)
    } catch {
      return false
    }
  })
}

const skip = process.platform === 'linux' ? false : 'looks at /proc'

test('the demo', { concurrency: true, skip }, async (parent) => {
  await Promise.all([
    parent.test('--json prints exactly one object, and all is well', async (t) => {
      const { exitCode, stdout, left, processes, withToken } = await demo(t, ['--json'])
      const { version, pulls, seconds, ...rest } = JSON.parse(stdout)
      assert.equal(exitCode, 0)
      assert.deepEqual(Object.keys(JSON.parse(stdout)), KEYS)
      assert.deepEqual(rest, { ok: true, rotations: 3, instances: 3, onVersion: 3, stragglers: [], retired: 3 })
      assert.match(version, UUID)
      assert.deepEqual(Object.keys(pulls), ['attempted', 'failed'])
      assert.ok(pulls.attempted > 0)
      assert.equal(pulls.failed, 0)
      assert.ok(seconds > 0)
      assert.equal(stdout.trimEnd().split('\n').length, 1)
      assert.ok(withToken.length > 0, 'no file with a token was found')
      assert.deepEqual(
        withToken.filter(({ mode }) => (mode & 0o077) !== 0),
        [],
      )
      assert.deepEqual([left, processes], [[], []])
    }),

    ...['registry', 'node', 'lost-response'].map((broken) =>
      parent.test(`--break ${broken} shows a failure, and that nothing was lost`, async (t) => {
        const { exitCode, stdout, stderr, left, processes } = await demo(t, ['--break', broken, '--json'])
        const result = JSON.parse(stdout)
        assert.equal(exitCode, 0, stderr)
        assert.deepEqual([result.ok, result.break, result.onVersion, result.pulls.failed], [true, broken, 3, 0])
        assert.match(stderr, SHOWN[broken] ?? /^$/)
        assert.deepEqual([left, processes], [[], []])
      }),
    ),

    parent.test('a table for people ends it without --json, also on the Node of an older machine', async (t) => {
      const { exitCode, stdout } = await demo(t, ['--break', 'lost-response'], { node: NODE_20 ?? NODE_24 })
      assert.equal(exitCode, 0)
      assert.match(stdout, /^instances on the last version +3 of 3$/m)
      assert.match(stdout, /^pulls meanwhile +\d+, 0 failed$/m)
    }),

    ...['▸ Stored config before', '▸ Mint and merge', '▸ Reload the fleet', 'Sent Run Command', '▸ Retire'].map(
      (said) =>
        parent.test(`Ctrl-C at "${said}" leaves no folder and no process`, async (t) => {
          const { exitCode, stdout, stderr, left, processes } = await demo(t, ['--json'], { interruptAt: said })
          assert.equal(exitCode, 1)
          assert.equal(JSON.parse(stdout).error.code, 'DEMO_FAILED')
          t.assert.snapshot(stdout, { serializers: [String] })
          assert.match(stderr, /The demo was interrupted/)
          assert.deepEqual([left, processes], [[], []])
        }),
    ),

    parent.test('something else to break is bad usage', async (t) => {
      const { exitCode, stdout } = await demo(t, ['--break', 'everything', '--json'])
      assert.deepEqual([exitCode, JSON.parse(stdout).error.code], [2, 'USAGE'])
    }),
  ])
})

const SHOWN: Readonly<Record<string, RegExp>> = {
  registry: /warning: PROBE_DENIED: .*\n.*The stored config is what it was/,
  node: /warning: ROLLOUT_INCOMPLETE: 2 of 3 instances .*\n.*its credential was not revoked/,
  'lost-response': /The answer of SendCommand was lost.*[\s\S]*One token, one version, one rollout/,
}
