import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterSeconds } from '../../src/registries/retry-after.ts'

const NOW = Date.UTC(2026, 10, 24, 12)
const CASES: readonly (readonly [Readonly<Record<string, string>>, number | null])[] = [
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after': '120' }, 120],
  [{ 'retry-after': 'Tue, 24 Nov 2026 12:00:30 GMT' }, 30],
  [{ 'retry-after': 'Tue, 24 Nov 2026 11:59:00 GMT' }, 0],
  [{ 'x-retry-after': String(NOW / 1000 + 7) }, 7],
  [{ 'ratelimit-reset': String(NOW / 1000 + 60) }, 60],
  [{ 'retry-after': '5', 'ratelimit-reset': String(NOW / 1000 + 60) }, 5],
  [{ 'retry-after': 'soon' }, null],
  [{ 'retry-after': '-1', 'x-retry-after': 'later' }, null],
  [{}, null],
]
for (const [headers, expected] of CASES) {
  test(`${JSON.stringify(headers)} asks to wait ${expected === null ? 'for nobody knows how long' : `${expected} s`}`, () => {
    assert.equal(retryAfterSeconds(headers, NOW), expected)
  })
}
