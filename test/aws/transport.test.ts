/** The way to AWS: proxies, what they are not for, and certificates that no public authority has signed. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { caBundle } from '../../src/aws/ca-bundle.ts'
import { createClients } from '../../src/aws/clients.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { isCode } from '../../src/core/errors.ts'
import { selfSigned } from '../doubles/certificate.ts'
import { type Place, start } from './credential-fixture.ts'

const CERTIFICATE = selfSigned(['aws.test', '127.0.0.1'])
const CA = [CERTIFICATE.cert]
const STATIC = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'secret' }

/** Sends every CONNECT to one place. */
async function startProxy(context: TestContext, { base }: Place) {
  const asked: string[] = []
  const proxy = createServer().on('connect', (request, socket) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    const onward = connect(Number(new URL(base).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    for (const end of [socket, onward]) end.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  context.after(() => proxy.close())
  return { asked, url: `127.0.0.1:${(proxy.address() as AddressInfo).port}` }
}

function described(place: Place, proxyEnv: Readonly<Record<string, string>>, ca: readonly string[] = CA) {
  const { secrets } = createClients({ userAgent: [], proxyEnv, ca, sleep: async () => undefined })
  return createSecretStore(secrets)
    .describe('s')
    .finally(() => secrets.destroy())
    .then(() => place.calls.map(({ what, by }) => `${what} by ${by}`))
}

const DESCRIBED = 'secretsmanager.DescribeSecret by AKIAENV'

describe('a proxy', () => {
  for (const name of ['HTTPS_PROXY', 'https_proxy']) {
    test(`of ${name} carries the call, which it cannot read, and is told who asks`, async (context) => {
      const place = await start(context, CERTIFICATE)
      const proxy = await startProxy(context, place)
      place.env({ ...STATIC, AWS_ENDPOINT_URL: 'https://aws.test' })
      assert.deepEqual(await described(place, { [name]: `http://me:hidden@${proxy.url}` }), [DESCRIBED])
      assert.deepEqual(proxy.asked, [`aws.test:443 Basic ${Buffer.from('me:hidden').toString('base64')}`])
    })
  }

  test('carries the question to STS too', async (context) => {
    const place = await start(context, CERTIFICATE)
    const proxy = await startProxy(context, place)
    place.env({
      AWS_ENDPOINT_URL: 'https://aws.test',
      AWS_ENDPOINT_URL_STS: 'https://aws.test:8443',
      AWS_WEB_IDENTITY_TOKEN_FILE: place.file('token', 'a.b.c'),
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/oidc',
    })
    const calls = await described(place, { HTTPS_PROXY: `http://${proxy.url}` })
    assert.deepEqual(calls, ['AssumeRoleWithWebIdentity by ', 'secretsmanager.DescribeSecret by ASIAOIDC'])
    assert.deepEqual(proxy.asked, ['aws.test:8443', 'aws.test:443'])
  })

  test('is not asked for what NO_PROXY names', async (context) => {
    const place = await start(context, CERTIFICATE)
    const proxy = await startProxy(context, place)
    place.env(STATIC)
    const proxyEnv = { HTTPS_PROXY: `http://${proxy.url}`, NO_PROXY: 'localhost,127.0.0.1' }
    assert.deepEqual(await described(place, proxyEnv), [DESCRIBED])
    assert.deepEqual(proxy.asked, [])
  })

  test('is not asked for metadata of an instance or a container, nor for an emulator', async (context) => {
    const place = await start(context)
    const proxy = await startProxy(context, place)
    place.env({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${place.base}/container` })
    const proxyEnv = { HTTPS_PROXY: `http://${proxy.url}`, HTTP_PROXY: `http://${proxy.url}` }
    const calls = await described(place, proxyEnv)
    assert.deepEqual(calls, ['GET /container by ', 'secretsmanager.DescribeSecret by ASIACONTAINER'])
    assert.deepEqual(proxy.asked, [])
  })

  test('that is no URL is a usage error which does not repeat it', () => {
    const proxyEnv = { HTTPS_PROXY: 'http://me:hidden@:no proxy' }
    const refused = (error: unknown) => isCode(error, 'USAGE') && !`${error.message}${error.hint}`.includes('hidden')
    assert.throws(() => createClients({ userAgent: [], proxyEnv }), refused)
  })
})

describe('a certificate of a private authority', () => {
  test('is refused where nobody trusts it, by its reason', async (context) => {
    const place = await start(context, CERTIFICATE)
    place.env(STATIC)
    const untrusted = (error: unknown) => isCode(error, 'AWS_UNAVAILABLE') && /CERT/.test(error.message)
    await assert.rejects(described(place, {}, []), untrusted)
  })

  test('is trusted by AWS_CA_BUNDLE', async (context) => {
    const place = await start(context, CERTIFICATE)
    place.env(STATIC)
    const ca = caBundle({ AWS_CA_BUNDLE: place.file('ca.pem', CERTIFICATE.cert) })
    assert.deepEqual(await described(place, {}, ca), [DESCRIBED])
  })

  test('is trusted by NODE_EXTRA_CA_CERTS, also beside another AWS_CA_BUNDLE', async (context) => {
    const place = await start(context, CERTIFICATE)
    const NODE_EXTRA_CA_CERTS = place.file('extra.pem', CERTIFICATE.cert)
    const other = place.file('other.pem', selfSigned(['other.test']).cert)
    const module = (name: string) => JSON.stringify(new URL(`../../src/aws/${name}.ts`, import.meta.url).href)
    const script = `
      const [{ createClients }, { createSecretStore }, { caBundle }] = await Promise.all([
        import(${module('clients')}), import(${module('secret-store')}), import(${module('ca-bundle')})])
      const { secrets } = createClients({ userAgent: [], ca: caBundle(process.env) })
      console.log((await createSecretStore(secrets).describe('s')).name)
      secrets.destroy()`
    for (const bundle of [{}, { AWS_CA_BUNDLE: other }]) {
      place.env({ ...STATIC, NODE_EXTRA_CA_CERTS, ...bundle })
      const argv = ['--input-type=module', '-e', script]
      const { stdout } = await promisify(execFile)(process.execPath, argv, { env: process.env })
      assert.equal(stdout.trim(), 's')
    }
  })

  test('that cannot be read is a usage error', () => {
    const refused = (error: unknown) => isCode(error, 'USAGE') && /AWS_CA_BUNDLE names \/nowhere/.test(error.message)
    assert.throws(() => caBundle({ AWS_CA_BUNDLE: '/nowhere' }), refused)
    assert.deepEqual(caBundle({ AWS_CA_BUNDLE: '' }), [])
  })
})
