import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseChallenges } from '../../src/registries/challenge.ts'

const CASES: readonly (readonly [string, readonly (readonly [string, Readonly<Record<string, string>>])[]])[] = [
  [
    'Bearer realm="https://a.test/t",service="x",scope="repository:a/b:pull,push"',
    [['bearer', { realm: 'https://a.test/t', service: 'x', scope: 'repository:a/b:pull,push' }]],
  ],
  [
    'Basic realm="x, Bearer realm=y", Bearer realm="https://r.test", service=s',
    [
      ['basic', { realm: 'x, Bearer realm=y' }],
      ['bearer', { realm: 'https://r.test', service: 's' }],
    ],
  ],
  ['BEARER Realm = "r" , SERVICE = "s"', [['bearer', { realm: 'r', service: 's' }]]],
  ['Basic realm="a \\"quoted\\" \\\\ word"', [['basic', { realm: 'a "quoted" \\ word' }]]],
  [
    'Negotiate abc==, NTLM, Basic',
    [
      ['negotiate', {}],
      ['ntlm', {}],
      ['basic', {}],
    ],
  ],
  [
    'Digest qop="auth, auth-int", nonce=n, Basic realm="b"',
    [
      ['digest', { qop: 'auth, auth-int', nonce: 'n' }],
      ['basic', { realm: 'b' }],
    ],
  ],
  ['Bearer realm="first", realm="second"', [['bearer', { realm: 'first' }]]],
  ['Bearer __proto__="x"', [['bearer', { ['__proto__']: 'x' }]]],
  ['Bearer realm="never closed', [['bearer', {}]]],
  [' , ,Basic realm=""', [['basic', { realm: '' }]]],
  ['', []],
  ['="', []],
]

for (const [header, expected] of CASES) {
  test(`challenges of ${JSON.stringify(header)}`, () => {
    const found = parseChallenges(header).map(({ scheme, parameters }) => [scheme, [...parameters]])
    assert.deepEqual(
      found,
      expected.map(([scheme, parameters]) => [scheme, Object.entries(parameters)]),
    )
  })
}

test('no header makes it throw', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: fc.constantFrom(...'aB =,"\\\t/:') }), (header) => {
      parseChallenges(header)
    }),
  )
})

test('what is written as challenges is read back', () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
  const parameter = fc.tuple(token, fc.string({ maxLength: 12 }))
  const parameters = fc.uniqueArray(parameter, { minLength: 1, maxLength: 4, selector: ([name]) => name })
  fc.assert(
    fc.property(fc.array(fc.tuple(token, parameters), { minLength: 1, maxLength: 4 }), (challenges) => {
      const written = ([name, value]: readonly [string, string]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`
      const header = challenges.map(([scheme, pairs]) => `${scheme} ${pairs.map(written).join(', ')}`).join(', ')
      const found = parseChallenges(header)
      assert.deepEqual(
        found.map(({ scheme, parameters: read }) => [scheme, [...read]]),
        challenges,
      )
    }),
  )
})
