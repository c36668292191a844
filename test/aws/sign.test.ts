/** Signature Version 4 of the few calls without an SDK client, checked as AWS checks it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createClients } from '../../src/aws/clients.ts'
import { createAwsSigner } from '../../src/aws/sign.ts'
import { isCode } from '../../src/core/errors.ts'
import type { AwsHeaders, AwsRequest } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { startApi } from '../doubles/token-api.ts'
import { authenticate, type Identity } from './signature.ts'
import { AwsRefusal } from './wire.ts'

const KEYS = { accessKeyId: 'ASIATESTERTESTER0001', secretAccessKey: marked('aws'), sessionToken: marked('session') }
const ROLE: Identity = { name: 'the role', ...KEYS, actions: [] }
const OTHER_SECRET = marked('other')
const OTHER: Identity = { name: 'the other', accessKeyId: 'AKIAOTHER', secretAccessKey: OTHER_SECRET, actions: [] }
const STS: AwsRequest = { service: 'sts', region: null, method: 'POST', url: null, body: 'Action=GetCallerIdentity' }

/** A client as the product makes it; only its credentials and Region are asked for. */
function signerOf(env: Readonly<Record<string, string>> = {}, region = 'eu-west-1') {
  const { ssm } = createClients({ region, only: { endpoint: 'http://127.0.0.1:1', ...KEYS }, userAgent: [] })
  return createAwsSigner(ssm, env)
}

function plain({ headers }: AwsHeaders): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : value.reveal(),
  ])
  return Object.fromEntries(entries)
}

/** Whom AWS would take the signed request from. */
function signerName(
  request: AwsRequest,
  signed: AwsHeaders,
  change: Partial<{ url: string; body: string }> = {},
): string {
  const { pathname, search, host } = new URL(change.url ?? signed.url)
  const body = Buffer.from(
    change.body ?? (request.body instanceof Secret ? request.body.reveal() : (request.body ?? '')),
  )
  return authenticate(
    { method: request.method, url: `${pathname}${search}`, headers: { ...plain(signed), host }, body },
    { service: request.service, region: signed.region, identities: [ROLE, OTHER] },
  ).name
}

const REQUESTS: readonly AwsRequest[] = [
  STS,
  { ...STS, body: new Secret(marked('body')) },
  { ...STS, region: 'us-west-2', headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' } },
  {
    service: 'sts',
    region: 'us-east-1',
    method: 'GET',
    url: 'https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15',
    headers: { 'x-amz-region-set': 'us-east-1' },
  },
  { service: 'ecr', region: null, method: 'POST', url: 'http://127.0.0.1:8443/', body: '{}' },
]
for (const [index, request] of REQUESTS.entries()) {
  test(`AWS takes request ${index} from the role of the SDK client, and no changed one`, async () => {
    const signed = await signerOf()(request)
    assert.equal(signed.region, request.region ?? 'eu-west-1')
    assert.equal(signerName(request, signed), 'the role')
    for (const change of [{ body: 'Action=Other' }, { url: 'https://evil.test/' }]) {
      assert.throws(() => signerName(request, signed, change), AwsRefusal)
    }
  })
}

test('signature and session token are wrapped, so nothing of them can be shown', async () => {
  const signed = await signerOf()(STS)
  assert.ok(signed.headers['authorization'] instanceof Secret)
  assert.ok(signed.headers['x-amz-security-token'] instanceof Secret)
  for (const shown of [inspect(signed, { depth: 9 }), JSON.stringify(signed)]) {
    assertNoMarks(shown, 'the signed request')
    assert.doesNotMatch(shown, /Signature=/)
  }
})

test('a stored key of another account signs instead, without the session token of ours', async () => {
  const keys = { accessKeyId: 'AKIAOTHER', secretAccessKey: new Secret(OTHER_SECRET) }
  const signed = await signerOf()({ ...STS, keys })
  assert.equal(signerName(STS, signed), 'the other')
  assert.equal(signed.headers['x-amz-security-token'], undefined)
})

const ENDPOINTS: readonly (readonly [
  string,
  Record<string, string>,
  Pick<AwsRequest, 'service' | 'region'>,
  string,
])[] = [
  ['STS', {}, { service: 'sts', region: null }, 'https://sts.eu-west-1.amazonaws.com/'],
  ['STS elsewhere', {}, { service: 'sts', region: 'us-gov-west-1' }, 'https://sts.us-gov-west-1.amazonaws.com/'],
  ['STS in China', {}, { service: 'sts', region: 'cn-north-1' }, 'https://sts.cn-north-1.amazonaws.com.cn/'],
  [
    'STS in the sovereign cloud',
    {},
    { service: 'sts', region: 'eusc-de-east-1' },
    'https://sts.eusc-de-east-1.amazonaws.eu/',
  ],
  ['STS in secret', {}, { service: 'sts', region: 'us-isob-east-1' }, 'https://sts.us-isob-east-1.sc2s.sgov.gov/'],
  ['ECR', {}, { service: 'ecr', region: null }, 'https://api.ecr.eu-west-1.amazonaws.com/'],
  ['ECR in China', {}, { service: 'ecr', region: 'cn-north-1' }, 'https://api.ecr.cn-north-1.amazonaws.com.cn/'],
  ['ECR Public', {}, { service: 'ecr-public', region: 'us-east-1' }, 'https://api.ecr-public.us-east-1.amazonaws.com/'],
  [
    'the common variable',
    { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' },
    { service: 'sts', region: null },
    'http://127.0.0.1:1/',
  ],
  [
    'the variable of the service',
    { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:2' },
    { service: 'sts', region: null },
    'http://127.0.0.1:2/',
  ],
  [
    'the variable of another service',
    { AWS_ENDPOINT_URL_SSM: 'http://127.0.0.1:1' },
    { service: 'sts', region: null },
    'https://sts.eu-west-1.amazonaws.com/',
  ],
  [
    'a name with a hyphen',
    { AWS_ENDPOINT_URL_ECR_PUBLIC: 'http://127.0.0.1:3' },
    { service: 'ecr-public', region: 'us-east-1' },
    'http://127.0.0.1:3/',
  ],
  [
    'an empty variable of the service',
    { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_STS: '' },
    { service: 'sts', region: null },
    'http://127.0.0.1:1/',
  ],
  [
    'variables that are to be ignored',
    { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
    { service: 'sts', region: null },
    'https://sts.eu-west-1.amazonaws.com/',
  ],
]
for (const [what, env, { service, region }, expected] of ENDPOINTS) {
  test(`the address of a call: ${what}`, async () => {
    const signed = await signerOf(env)({ ...STS, service, region })
    assert.equal(signed.url, expected)
    assert.equal(plain(signed)['host'], new URL(expected).host)
  })
}

test('what is signed is what arrives: a question of the product’s own clients, sent by its own HTTP', async () => {
  const callers: string[] = []
  const api = await startApi([
    [
      'POST',
      /^\/$/,
      ({ method, path, headers, body }) => {
        const request = { method, url: path, headers, body: Buffer.from(body) }
        const expected = { service: 'ecr', region: 'eu-west-1', identities: [ROLE] }
        callers.push(authenticate(request, expected).name)
        return { status: 200, body: {} }
      },
    ],
  ])
  try {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Any.Thing' }
    const signed = await signerOf({ AWS_ENDPOINT_URL: api.url })({ ...STS, service: 'ecr', headers, body: '{}' })
    const answer = await createHttp().send({ method: 'POST', url: signed.url, headers: signed.headers, body: '{}' })
    assert.equal(answer.kind === 'answer' && answer.status, 200)
    assert.deepEqual(callers, ['the role'])
  } finally {
    await api.close()
  }
})

test('without credentials or a Region nothing is signed, and AWS_CREDENTIALS says so', async (context) => {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nonexistent' })
  context.after(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  })
  for (const region of [{ region: 'eu-west-1' }, {}]) {
    const { ssm } = createClients({ ...region, userAgent: [] })
    await assert.rejects(createAwsSigner(ssm, {})(STS), (error) => isCode(error, 'AWS_CREDENTIALS'))
  }
})
