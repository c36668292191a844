import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpAnswer } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { askApi, expiryOf, jwtClaims, refusal } from '../../src/registries/token-api.ts'
import { NOW, recordedContext } from './context.ts'

function answer(status: number, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { kind: 'answer', status, headers, body: new Secret('{}') }
}

const PAUSES: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
  ['a short pause in seconds is waited for once', { 'retry-after': '7' }, 2],
  ['a short pause until a date is waited for once', { 'retry-after': new Date(NOW + 9_000).toUTCString() }, 2],
  ['a long pause is not waited for', { 'retry-after': '11' }, 1],
  ['no named pause is not waited for', {}, 1],
]
for (const [what, headers, asked] of PAUSES) {
  test(`429: ${what}`, async () => {
    let requests = 0
    const send = async () => {
      requests += 1
      return requests === 1 ? answer(429, headers) : answer(200)
    }
    const got = await askApi(recordedContext({}, { send }), { method: 'POST', url: 'https://api.test/', json: {} })
    assert.equal(requests, asked)
    assert.equal(got.kind === 'answer' && got.status, asked === 2 ? 200 : 429)
  })
}

test('forms and JSON carry wrapped values whole, with their content type', async () => {
  const sent: unknown[] = []
  const send = async ({ headers, body }: { headers?: object; body?: string | Secret }) => {
    sent.push([headers, body instanceof Secret ? body.reveal() : body])
    return answer(200)
  }
  const cx = recordedContext({}, { send })
  await askApi(cx, { method: 'POST', url: 'https://api.test/', form: { a: new Secret('x&y'), b: '1' } })
  await askApi(cx, { method: 'POST', url: 'https://api.test/', json: { a: new Secret('x"y'), b: [1] } })
  await askApi(cx, { method: 'GET', url: 'https://api.test/' })
  const accept = 'application/json'
  assert.deepEqual(sent, [
    [{ accept, 'content-type': 'application/x-www-form-urlencoded' }, 'a=x%26y&b=1'],
    [{ accept, 'content-type': 'application/json' }, '{"a":"x\\"y","b":[1]}'],
    [{ accept }, undefined],
  ])
})

test('an expiry comes from expires_in, else from the JWT, else nobody knows', () => {
  const jwt = new Secret(`e30.${Buffer.from('{"exp":1800000000}').toString('base64url')}.c2ln`)
  assert.equal(expiryOf(jwt, 60, NOW), NOW + 60_000)
  assert.equal(expiryOf(jwt, undefined, NOW), 1_800_000_000_000)
  for (const odd of [0, -1, Number.NaN, '60', null]) assert.equal(expiryOf(new Secret('opaque'), odd, NOW), null)
  assert.equal(jwtClaims(new Secret('a.b')), null)
  assert.equal(jwtClaims(new Secret('a.b.c')), null)
})

const REFUSALS: readonly (readonly [number, string, string, string])[] = [
  [400, '{"error":"invalid_grant","error_description":"secret"}', 'MINT_REJECTED', 'it answered 400 (invalid_grant)'],
  [400, '{"error":"invalid_client"}', 'MINT_REJECTED', 'it answered 400 (invalid_client)'],
  [400, '{"error":"unauthorized_client"}', 'MINT_NOT_PERMITTED', 'it answered 400 (unauthorized_client)'],
  [400, '{"error":"invalid_request"}', 'MINT_UNAVAILABLE', 'it answered 400'],
  [400, '{"error":"toString"}', 'MINT_UNAVAILABLE', 'it answered 400'],
  [400, '{"error":{"code":1}}', 'MINT_UNAVAILABLE', 'it answered 400'],
  [401, '{"error":"access_denied"}', 'MINT_REJECTED', 'it answered 401'],
  [404, '', 'MINT_NOT_PERMITTED', 'it answered 404'],
]
for (const [status, body, code, said] of REFUSALS) {
  test(`a refusal with ${status} and ${body || 'nothing'} is ${code}`, () => {
    const api = { name: 'API', hints: { rejected: 'a', notPermitted: 'b' } }
    const refused = { kind: 'answer', status, headers: {}, body: new Secret(body) } as const
    const { code: found, message } = refusal(recordedContext({}), api, refused)
    assert.deepEqual([found, message], [code, `API: ${said}.`])
  })
}
