import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPointer, valueAt } from '../../src/registries/json-pointer.ts'

const DOCUMENT = { a: { b: [{ c: 'deep' }, 'second'] }, 'x/y': 1, 'm~n': 2, '~1': 3, '': 4 }

const PLACES: readonly (readonly [string, unknown])[] = [
  ['', DOCUMENT],
  ['/', 4],
  ['/a', DOCUMENT.a],
  ['/a/b/0/c', 'deep'],
  ['/a/b/1', 'second'],
  ['/x~1y', 1],
  ['/m~0n', 2],
  ['/~01', 3],
  ['/a/', undefined],
  ['/a/b/2', undefined],
  ['/a/b/01', undefined],
  ['/a/b/-', undefined],
  ['/a/b/length', undefined],
  ['/a/toString', undefined],
  ['/__proto__', undefined],
  ['/nothing/there', undefined],
  ['/x~1y/deeper', undefined],
]
for (const [pointer, expected] of PLACES) {
  test(`"${pointer}" is the place of ${JSON.stringify(expected) ?? 'nothing'}`, () => {
    assert.deepEqual(valueAt(DOCUMENT, pointer), expected)
  })
}

test('nothing is found in what is no JSON object', () => {
  for (const value of [undefined, null, 'text', 1, []]) assert.equal(valueAt(value, '/a'), undefined)
})

test('a pointer begins with a slash, and its tildes are escapes', () => {
  for (const good of ['', '/', '/a/b', '/m~0n', '/x~1y']) assert.equal(isPointer(good), true, good)
  for (const bad of ['a', 'a/b', '/a~b', '/~', '/a~2']) assert.equal(isPointer(bad), false, bad)
})
