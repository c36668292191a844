import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pointedAt, pointerProblem } from '../../src/registries/json-pointer.ts'

const DOCUMENT = { a: { b: [{ c: 'deep' }, 'second'] }, 'x/y': 1, 'm~n': 2, 'e.f': 3, '': 4, __proto__: null }

const POINTED: readonly (readonly [string, unknown])[] = [
  ['/a/b/0/c', 'deep'],
  ['/a/b/1', 'second'],
  ['/x~1y', 1],
  ['/m~0n', 2],
  ['e.f', 3],
  ['x/y', 1],
  ['a', DOCUMENT.a],
  ['/a/', undefined],
  ['/a/b/2', undefined],
  ['/a/b/01', undefined],
  ['/a/b/-', undefined],
  ['/a/b/length', undefined],
  ['/a/toString', undefined],
  ['/nothing/there', undefined],
  ['/x~1y/deeper', undefined],
]
for (const [pointer, expected] of POINTED) {
  test(`${pointer} points at ${JSON.stringify(expected) ?? 'nothing'}`, () => {
    assert.deepEqual(pointedAt(DOCUMENT, pointer), expected)
  })
}

test('nothing is found in what is no JSON object', () => {
  for (const value of [undefined, null, 'text', 1, []]) assert.equal(pointedAt(value, 'a'), undefined)
})

test('a pointer of the plan that cannot work is named', () => {
  for (const good of ['a', '/a/b', 'e.f', '/m~0n', '/x~1y']) assert.equal(pointerProblem(good), null)
  for (const bad of ['', '/']) assert.equal(pointerProblem(bad), 'must name a member')
  for (const bad of ['/a~b', '~', '/a~2']) assert.match(pointerProblem(bad) ?? '', /a ~ that is not ~0 or ~1/)
})
