/** How long a rollout takes, and whether the credentials live that long. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { countText, type Pace, paceOf, paceText } from '../../src/core/pace.ts'
import { type Plan, readUnjudgedPlan } from '../../src/core/plan.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { RUNS } from './configs.ts'

function planWith(fleet: Readonly<Record<string, unknown>>, ttl = '30d'): Plan {
  const registry = { provider: 'gitlab', group: 'acme', root: 'root', ttl, probe: 'registry.gitlab.com/acme/app:1' }
  return readUnjudgedPlan(
    {
      version: 1,
      secret: 's',
      registries: { 'registry.gitlab.com': registry },
      fleet: { targets: { 'tag:a': ['b'] }, ...fleet },
    },
    'of this test',
    PROVIDERS,
  )
}

function pace(instances: number, fleet: Readonly<Record<string, unknown>> = {}, ttl?: string): Pace {
  const found = paceOf(planWith({ timeout: '12h', ...fleet }, ttl), instances)
  assert.ok(found)
  return found
}

/** facts/ssm-fleet-reload.md section 8: at 30 s per node, which the default jitter makes it. */
const PUBLISHED: readonly (readonly [number, string, number, number])[] = [
  [1_000, '10%', 16, 8],
  [50_000, '10%', 22, 11],
  [50_000, '1%', 108, 54],
  [50_000, '50', 1_005, 502.5],
]
for (const [instances, maxConcurrency, waves, minutes] of PUBLISHED) {
  test(`${countText(instances)} instances, ${maxConcurrency} at a time, take ${minutes} minutes`, () => {
    const found = pace(instances, { maxConcurrency })
    assert.deepEqual([found.waves, found.expected / 60, found.verdict], [waves, minutes, 'fits'])
  })
}

const SMALL: readonly (readonly [number, string, number, number])[] = [
  [0, '10%', 1, 0],
  [1, '10%', 1, 1],
  [3, '10%', 1, 3],
  [3, '100%', 3, 2],
  [7, '4', 4, 3],
  [10, '50%', 5, 4],
  [10, '5000', 10, 4],
]
for (const [instances, maxConcurrency, concurrency, waves] of SMALL) {
  test(`${instances} instances with ${maxConcurrency} are ${waves} waves of at most ${concurrency}`, () => {
    const found = pace(instances, { maxConcurrency })
    assert.deepEqual([found.concurrency, found.waves], [concurrency, waves])
  })
}

test('a rollout never needs more waves than it has instances, nor fewer than its concurrency allows', () => {
  const rates = fc.oneof(
    fc.integer({ min: 1, max: 9_999_999 }).map(String),
    fc.integer({ min: 1, max: 100 }).map((percent) => `${percent}%`),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), rates, (instances, maxConcurrency) => {
      const { concurrency, waves } = pace(instances, { maxConcurrency })
      assert.ok(concurrency >= 1 && concurrency <= instances)
      assert.ok(waves <= instances && waves >= Math.ceil(instances / concurrency))
      assert.ok(waves <= Math.ceil(instances / concurrency) + Math.ceil(Math.log2(concurrency)))
    }),
    RUNS,
  )
})

test('the worst is when Systems Manager gives up: fleet.timeout and the timeout of the document', () => {
  const document = JSON.parse(readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8'))
  const timeouts = document.mainSteps.map(({ inputs }: { inputs: { timeoutSeconds: string } }) => inputs.timeoutSeconds)
  const longest = Math.max(...timeouts.map(Number))
  assert.equal(pace(1, { timeout: '1h' }).worst, 3_600 + longest)
})

test('a rollout whose last wave would never begin is told with the concurrency and the timeout that suffice', () => {
  const found = pace(10_000, { maxConcurrency: '50', timeout: '1h' })
  assert.equal(found.verdict, 'unfinished')
  assert.match(
    found.finding ?? '',
    /^the last of 205 waves would begin after 1 h 42 min, later than fleet\.timeout \(1 h\)/,
  )
  const [, percent, minutes] =
    /maxConcurrency to (\d+%), or raise fleet\.timeout to (\d+m)$/.exec(found.finding ?? '') ?? []
  assert.equal(pace(10_000, { maxConcurrency: percent, timeout: '1h' }).verdict, 'fits')
  assert.equal(pace(10_000, { maxConcurrency: '50', timeout: minutes }).verdict, 'fits')
})

test('a credential of an hour does not live through a rollout of 54 minutes, nor through a timeout of its own length', () => {
  const slow = pace(50_000, { maxConcurrency: '1%', timeout: '54m' }, '1h')
  assert.equal(slow.verdict, 'dies')
  assert.match(slow.finding ?? '', /^registry\.gitlab\.com lives 1 h, and 2 h 42 min are needed/)
  assert.equal(pace(10, { timeout: '1h' }, '1h').verdict, 'dies')
  assert.equal(pace(10, { timeout: '55m' }, '1h').verdict, 'fits')
})

test('canaries have waves and a timeout of their own, which the credentials must live through too', () => {
  const plain = pace(1_000)
  for (const [canary, waves] of [
    [1, 1],
    [3, 3],
    [{ 'tag:ring': ['canary'] }, 1],
  ] as const) {
    const found = pace(1_000, { canary })
    assert.deepEqual([found.waves, found.expected], [plain.waves, plain.expected + waves * 30])
    assert.equal(found.worst, 2 * plain.worst)
  }
  assert.equal(pace(10, { timeout: '29m' }, '1h').verdict, 'fits')
  const dies = pace(10, { timeout: '29m', canary: 1 }, '1h')
  assert.equal(dies.verdict, 'dies')
  assert.match(dies.finding ?? '', /^registry\.gitlab\.com lives 1 h, and 1 h 3 min are needed/)
})

test('a plan without a fleet has no pace', () => {
  assert.equal(paceOf({ ...planWith({}), fleet: null }, 10), null)
})

test('a pace is one line', () => {
  assert.equal(
    paceText(pace(1_000, { timeout: '1h' })),
    '100 at a time, 16 waves, about 8 min, 1 h 26 min 40 s at most',
  )
  assert.equal(countText(1_234_567), '1,234,567')
})
