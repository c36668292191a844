import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClients } from '../../src/aws/clients.ts'
import { createObjectStore } from '../../src/aws/object-store.ts'
import { createAwsSigner } from '../../src/aws/sign.ts'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { NewObject, ObjectStore, VersionId } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import type { Fault } from '../doubles/faults.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { type S3Double, startS3 } from '../doubles/s3.ts'

const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: marked('secret-key') }
const V1 = '11111111-1111-4111-8111-111111111111' as VersionId
const V2 = '22222222-2222-4222-8222-222222222222' as VersionId

async function withS3(run: (s3: S3Double, store: ObjectStore) => Promise<void>, secretAccessKey = KEY.secretAccessKey) {
  const region = 'eu-west-1'
  const s3 = await startS3({
    region,
    buckets: ['acme-ecs'],
    identities: [{ name: 'role', actions: ['*'], ...KEY }],
  })
  const clients = createClients({
    region,
    userAgent: [],
    only: { endpoint: 'http://127.0.0.1:1', ...KEY, secretAccessKey },
  })
  const signAws = createAwsSigner(clients.ssm, { AWS_ENDPOINT_URL_S3: s3.endpoint })
  try {
    await run(s3, createObjectStore({ http: createHttp(), signAws }))
  } finally {
    await s3.close()
  }
}

function object(text: string, version: VersionId, more: Partial<NewObject> = {}): NewObject {
  return { text: new Secret(text), version, kmsKey: null, replaces: null, ...more }
}

async function fails(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assertNoMarks(`${error.stack} ${error.hint}`, 'the error')
    return true
  })
}

test('an object is written once, found with its version, and replaced only as the one that was seen', () =>
  withS3(async (s3, store) => {
    assert.equal(await store.head('acme-ecs', 'a/ecs.config'), null)
    const first = object('one', V1, { kmsKey: 'alias/ecs' })
    assert.equal(await store.put('acme-ecs', 'a/ecs.config', first), 'written')
    assert.equal(s3.objects.get('acme-ecs/a/ecs.config')?.text, 'one')
    assert.equal(s3.objects.get('acme-ecs/a/ecs.config')?.kmsKey, 'alias/ecs')
    const seen = await store.head('acme-ecs', 'a/ecs.config')
    assert.equal(seen?.version, V1)
    assert.equal(await store.put('acme-ecs', 'a/ecs.config', object('two', V2)), 'conflict')
    const replaces = seen?.etag ?? null
    s3.overwrite('acme-ecs/a/ecs.config', 'somebody else')
    assert.equal(await store.put('acme-ecs', 'a/ecs.config', object('two', V2, { replaces })), 'conflict')
    const again = (await store.head('acme-ecs', 'a/ecs.config'))?.etag ?? null
    assert.equal(await store.put('acme-ecs', 'a/ecs.config', object('two', V2, { replaces: again })), 'written')
    assert.equal(s3.objects.get('acme-ecs/a/ecs.config')?.kmsKey, null)
  }))

const UNCLEAR: readonly Fault[] = [{ kind: 'hang-up' }, { kind: 'answer', status: 503 }]
for (const fault of UNCLEAR) {
  test(`a put with ${JSON.stringify(fault)} after it is a conflict, and the next look shows that it took effect`, () =>
    withS3(async (s3, store) => {
      s3.fault = (method) => (method === 'PUT' ? { when: 'after', fault } : null)
      assert.equal(await store.put('acme-ecs', 'x', object('one', V1)), 'conflict')
      assert.equal((await store.head('acme-ecs', 'x'))?.version, V1)
    }))

  test(`a look with ${JSON.stringify(fault)} is asked once more`, () =>
    withS3(async (s3, store) => {
      let struck = 0
      s3.fault = () => (struck++ === 0 ? { when: 'before', fault } : null)
      assert.equal(await store.head('acme-ecs', 'x'), null)
      s3.fault = () => ({ when: 'before', fault })
      await fails(store.head('acme-ecs', 'x'), 'AWS_UNAVAILABLE', /s3:GetObject on s3:\/\/acme-ecs\/x/)
    }))
}

test('a wrong key is ACCESS_DENIED, a missing bucket and a wrong Region AWS_REFUSED; nothing is shown', async () => {
  await withS3(async (_s3, store) => {
    await fails(store.head('acme-ecs', 'x'), 'ACCESS_DENIED', /\(403\)/)
    await fails(store.put('acme-ecs', 'x', object('one', V1)), 'ACCESS_DENIED', /\(403 SignatureDoesNotMatch\)/)
  }, marked('wrong-key'))
  await withS3(async (s3, store) => {
    await fails(store.put('nobody', 'x', object('one', V1)), 'AWS_REFUSED', /\(404 NoSuchBucket\)/)
    s3.fault = () => ({
      when: 'before',
      fault: { kind: 'answer', status: 301, headers: { location: 'https://evil.test' } },
    })
    await fails(store.put('acme-ecs', 'x', object('one', V1)), 'AWS_REFUSED', /\(301\)/)
  })
})
