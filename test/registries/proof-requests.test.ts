/** How much a registry is asked for the proof of one image: a budget of docs/performance.md, which shows the same figures. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestsOfProofs } from '../bench/proofs.ts'

const NOBODY = 'HEAD manifest'
const BASIC = [NOBODY, 'HEAD manifest with Basic']
const REFUSED = [NOBODY, 'GET token with Basic']
const MISSING = [...REFUSED, 'GET token with Basic', 'HEAD manifest with Bearer']
const BEARER = [...MISSING, 'GET token', 'HEAD manifest with Bearer']

const BUDGETS = {
  'a token realm': BEARER,
  // No token is good for both: a pull token is of one repository.
  'a token realm, two images': [...BEARER, ...BEARER],
  'a token realm, anybody may pull': BEARER,
  'a token realm, no such tag (404)': MISSING,
  'a token realm, the login refused (401)': REFUSED,
  Basic: BASIC,
  'Basic, as ECR asks for it': BASIC,
  'Basic, no such tag (404)': BASIC,
  'Basic, the login refused (401)': BASIC,
  'no login at all': [NOBODY, 'GET base', 'HEAD manifest with Basic'],
}

test('a proof is six requests with a token and two with Basic, a manifest is never fetched, a refusal is not repeated', async () => {
  const asked = (await requestsOfProofs()).map(({ flow, requests }) => [flow, requests])
  assert.deepEqual(Object.fromEntries(asked), BUDGETS)
})
