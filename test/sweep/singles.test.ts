/** Every single fault at every call, and the schedules that once broke a promise; `npm run sweep` explores further. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { explore } from './crew.ts'
import { NAMES } from './explore.ts'
import { parseScheduleId } from './faults.ts'
import { MUTATIONS } from './mutations.ts'
import { REGRESSIONS } from './regressions.ts'
import { runSchedule } from './schedule.ts'

test('no single fault, at any call, breaks a promise', async () => {
  const parts = [0, 1].map((from) => ({ kind: 'singles' as const, names: NAMES, from, of: 2, whole: false }))
  const { schedules, broken } = await explore(parts)
  assert.deepEqual(broken, [], 'npm run sweep -- --replay ID shows what happens')
  assert.ok(schedules > 4_000, `${schedules} schedules only`)
})

test('every planted defect of the deeper check has its place in the sources', () => {
  const root = join(import.meta.dirname, '../..')
  const sources = globSync(['src/**/*.ts', 'lambda/*.ts'], { cwd: root }).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  )
  const places = (find: string) => sources.reduce((count, text) => count + text.split(find).length - 1, 0)
  assert.deepEqual(
    MUTATIONS.filter(({ find }) => places(find) !== 1).map(({ name }) => name),
    [],
  )
})

for (const { id, was } of REGRESSIONS) {
  test(`${id} is mended: ${was}`, async () => {
    const parsed = parseScheduleId(id)
    assert.ok(parsed)
    const { violations, whole } = await runSchedule(parsed.scenario, parsed.strikes)
    assert.deepEqual(violations, [])
    assert.ok(whole, 'its faults find no call any more')
  })
}
