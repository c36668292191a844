import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeState, encodeState, type State } from '../../src/core/state.ts'
import { RUNS } from './configs.ts'

const PLAIN = { noNullPrototype: true } as const
const entry = fc.record(
  {
    registry: fc.string(),
    provider: fc.string(),
    issuedAt: fc.nat(),
    expiresAt: fc.option(fc.nat()),
    handle: fc.oneof(fc.constantFrom(null, true, 7, 'id'), fc.array(fc.string())),
  },
  PLAIN,
)
const state = fc.record({ entries: fc.array(entry), superseded: fc.array(entry) }, PLAIN)

function encodedJson(value: unknown): string {
  return `ecs-pull-auth:v1:${Buffer.from(JSON.stringify(value)).toString('base64url')}`
}

test('a state comes back as it was written, from one word that no reader of the file trips over', () => {
  fc.assert(
    fc.property(state, (written: State) => {
      const text = encodeState(written)
      assert.match(text, /^ecs-pull-auth:v1:[A-Za-z0-9_-]+$/)
      assert.deepEqual(decodeState(text), written)
    }),
    RUNS,
  )
})

test('what we did not write is no state', () => {
  const good = { registry: 'ghcr.io', provider: 'static', issuedAt: 1, expiresAt: null, handle: null }
  const damaged: readonly unknown[] = [
    null,
    [],
    'text',
    {},
    { entries: [] },
    { entries: {}, superseded: [] },
    { entries: [null], superseded: [] },
    { entries: [{ ...good, issuedAt: '1' }], superseded: [] },
    { entries: [{ ...good, expiresAt: '1' }], superseded: [] },
    { entries: [{ ...good, handle: undefined }], superseded: [] },
    { entries: [], superseded: [{ ...good, registry: 1 }] },
  ]
  for (const value of damaged) assert.equal(decodeState(encodedJson(value)), null, JSON.stringify(value))
  for (const text of ['', 'ecs-pull-auth:v1:', 'ecs-pull-auth:v1:!!!', 'ecs-pull-auth:v2:e30', 'x'])
    assert.equal(decodeState(text), null)
})

test('fields of a newer version do not come along', () => {
  assert.deepEqual(decodeState(encodedJson({ entries: [], superseded: [], more: 1 })), { entries: [], superseded: [] })
})
