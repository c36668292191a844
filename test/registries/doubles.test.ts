import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { assertNoMarks, findMark, marked } from '../doubles/marks.ts'
import { pullImage } from '../doubles/pull.ts'
import { type RegistryDouble, startRegistry } from '../doubles/registry.ts'
import { digestOf, tinyImage } from '../doubles/tiny-image.ts'

const mark = marked('leak')
const base64 = (text: string) => Buffer.from(text).toString('base64')

const LEAKS: readonly (readonly [string, string])[] = [
  ['raw', `token ${mark}!`],
  ['in base64', base64(mark)],
  ['in base64 after a user name', base64(`u:${mark}`)],
  ['in base64 after a longer user name', base64(`us:${mark}`)],
  ['in base64 inside JSON', base64(JSON.stringify({ password: mark, other: 1 }))],
  ['in base64url', Buffer.from(`>>>???${mark}`).toString('base64url')],
  ['in base64 of 76 columns', (base64(`${'x'.repeat(50)}${mark}`).match(/.{1,76}/g) ?? []).join('\n')],
  ['in hex', Buffer.from(mark).toString('hex')],
]
for (const [how, text] of LEAKS) {
  test(`a credential ${how} is found`, () =>
    assert.throws(() => assertNoMarks(text), /holds the credential mark-leak-/))
}

test('a credential with odd characters is found JSON- and URL-escaped', () => {
  const odd = 'a"b\\c/d é+&='
  for (const text of [JSON.stringify(odd), JSON.stringify(JSON.stringify(odd)), encodeURIComponent(odd), base64(odd)]) {
    assert.notEqual(findMark(text, odd), null, text)
  }
  assert.equal(findMark('a"b', odd), null)
})

test('a text without credentials passes', () => assertNoMarks(`${base64('mark-leak-')} mark-leak-`))

const http = createHttp()

async function statusOf(registry: RegistryDouble, path: string, headers: Record<string, string> = {}): Promise<number> {
  const answer = await http.send({ method: 'GET', url: `http://${registry.host}${path}`, headers })
  assert.ok(answer.kind === 'answer')
  return answer.status
}

async function bearerFor(registry: RegistryDouble, repository: string): Promise<string> {
  const scope = `scope=repository:${repository}:pull`
  const headers = { authorization: `Basic ${base64('puller:good')}` }
  const answer = await http.send({
    method: 'GET',
    url: `http://${registry.host}/token?service=test-registry&${scope}`,
    headers,
  })
  assert.ok(answer.kind === 'answer')
  return JSON.parse(answer.body.reveal()).token
}

const OCI = 'application/vnd.oci.image.index.v1+json'

test('the registry double refuses what docker-registry refuses', async () => {
  let now = 0
  const registry = await startRegistry({ now: () => now, images: ['acme/app:stable', 'acme/other:stable'] })
  const id = registry.tokens.add({ username: 'puller', password: 'good', pulls: ['acme/*'], expiresAt: null })
  const manifest = '/v2/acme/app/manifests/stable'
  const bearer = await bearerFor(registry, 'acme/app')
  const get = (authorization: string, accept = OCI, path = manifest) =>
    statusOf(registry, path, { authorization, accept })

  assert.equal(await get(`Bearer ${bearer}`), 200)
  assert.equal(await get(`Bearer ${bearer}`, 'application/json'), 404, 'a type that is not accepted')
  assert.equal(await get(`Bearer ${bearer}`, OCI, '/v2/acme/other/manifests/stable'), 401, 'another repository')
  assert.equal(await get(`Bearer ${bearer.slice(0, -2)}xx`), 401, 'a tampered bearer')
  assert.equal(await get(`Basic ${base64('puller:good')}`), 401, 'Basic straight to the registry')
  assert.equal(await statusOf(registry, '/v2/'), 401)
  assert.equal(await statusOf(registry, '/token?service=other&scope=repository:acme/app:pull'), 400)
  assert.equal(await statusOf(registry, '/token?service=test-registry&scope=everything'), 400)
  assert.equal(await statusOf(registry, '/token?service=test-registry'), 401, 'a login without a user')

  registry.tokens.remove(id)
  assert.equal(await get(`Bearer ${bearer}`), 200, 'a bearer outlives its revoked credential')
  now += 300_000
  assert.equal(await get(`Bearer ${bearer}`), 401, 'but not its own five minutes')
  await registry.close()
})

test('the image is real: digests, sizes, and a layer with a file', () => {
  const { index, manifest, config, layer } = tinyImage('hello\n')
  const [{ digest, size }] = JSON.parse(index.content.toString()).manifests
  assert.deepEqual([digest, size], [digestOf(manifest.content), manifest.content.length])
  const parsed = JSON.parse(manifest.content.toString())
  assert.deepEqual([parsed.config.digest, parsed.layers[0].digest], [digestOf(config.content), digestOf(layer.content)])
  const tar = gunzipSync(layer.content)
  assert.deepEqual(JSON.parse(config.content.toString()).rootfs.diff_ids, [digestOf(tar)])
  assert.equal(tar.toString('utf8', 512, 518), 'hello\n')
})

test('a pull goes through Basic registries too, and tells where it ended', async () => {
  const registry = await startRegistry({ mode: 'basic' })
  registry.tokens.add({ username: 'puller', password: 'good', pulls: ['acme/*'], expiresAt: null })
  const order = { host: registry.host, repository: 'acme/app', reference: 'stable' }
  const withPassword = (password: string) =>
    pullImage({ ...order, credential: { username: 'puller', password: new Secret(password) } })
  assert.deepEqual(await withPassword('good'), { ok: true, step: 'done', status: 200 })
  assert.deepEqual(await withPassword('bad'), { ok: false, step: 'manifest', status: 401 })
  registry.fault = ({ step }) => (step === 'blob' ? { kind: 'answer', status: 200, body: 'other bytes' } : null)
  assert.deepEqual(await withPassword('good'), { ok: false, step: 'blob', status: 200 })
  await registry.close()
  assert.deepEqual(await withPassword('good'), { ok: false, step: 'base', status: 0 })
})
