/** How the script reaches the metadata service and Secrets Manager. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBench } from './bench.ts'

const parts = fileURLToPath(new URL('../../deploy/node', import.meta.url))

/** The addresses that a secret of each ARN is asked for at, with the variables given. */
function addresses(arns: readonly string[], env: Readonly<Record<string, string>> = {}): readonly string[] {
  const code = `
import json, sys
sys.path.insert(0, ${JSON.stringify(parts)})
sys.dont_write_bytecode = True
import fetch
fetch.role_credentials = lambda *_: {'AccessKeyId': 'a', 'SecretAccessKey': 's', 'Token': 't'}
class Asked(Exception): pass
def ask(who, opener, make_request, *rest): raise Asked(make_request().full_url)
fetch.ask = ask
for arn in json.load(sys.stdin):
    try: fetch.fetch_secret(arn, 0)
    except Asked as asked: print(asked)`
  const options = { input: JSON.stringify(arns), encoding: 'utf8' as const, env: { PATH: process.env['PATH'], ...env } }
  return execFileSync('python3', ['-c', code], options).trim().split('\n')
}

const arn = (partition: string, region: string) =>
  `arn:${partition}:secretsmanager:${region}:111122223333:secret:x-AbCdEf`

test('the secret is asked for in its own Region and partition', () => {
  const arns = [
    arn('aws', 'eu-central-1'),
    arn('aws-us-gov', 'us-gov-west-1'),
    arn('aws-cn', 'cn-north-1'),
    arn('aws-eusc', 'eusc-de-east-1'),
    arn('aws-iso-b', 'us-isob-east-1'),
  ]
  assert.deepEqual(addresses(arns), [
    'https://secretsmanager.eu-central-1.amazonaws.com/',
    'https://secretsmanager.us-gov-west-1.amazonaws.com/',
    'https://secretsmanager.cn-north-1.amazonaws.com.cn/',
    'https://secretsmanager.eusc-de-east-1.amazonaws.eu/',
    'https://secretsmanager.us-isob-east-1.sc2s.sgov.gov/',
  ])
})

test("the SDKs' own endpoint variables are honoured, the service's before the general one", () => {
  const general = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }
  assert.deepEqual(addresses([arn('aws', 'eu-central-1')], general), ['http://127.0.0.1:1/'])
  const both = { ...general, AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:2/' }
  assert.deepEqual(addresses([arn('aws', 'eu-central-1')], both), ['http://127.0.0.1:2/'])
})

/** A server that remembers what it is asked for, and answers everything with one redirect. */
async function startRedirect(to: string) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(302, { location: to }).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const close = () => new Promise((done) => server.close(done))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close }
}

test('a proxy is asked for Secrets Manager and never for the metadata service', async (t) => {
  const proxy = await startRedirect('http://127.0.0.1:9/')
  t.after(proxy.close)
  const bench = await startBench(t, { environment: { http_proxy: proxy.url } })
  const { exitCode, status } = await bench.reload()
  assert.deepEqual([exitCode, status.reason], [11, 'secretsmanager-http-302'])
  assert.deepEqual(proxy.asked, [`POST ${bench.secret.url}/`])
})

test('a redirect is not followed: it would carry the session token away', async (t) => {
  const elsewhere = await startRedirect('http://127.0.0.1:9/')
  const redirecting = await startRedirect(`${elsewhere.url}/`)
  t.after(() => Promise.all([elsewhere.close(), redirecting.close()]))
  const bench = await startBench(t, { environment: { AWS_ENDPOINT_URL_SECRETS_MANAGER: redirecting.url } })
  assert.equal((await bench.reload()).status.reason, 'secretsmanager-http-302')
  assert.deepEqual([redirecting.asked.length, elsewhere.asked.length], [1, 0])
})

test('an answer that is no answer of Secrets Manager is not one', async (t) => {
  const bench = await startBench(t)
  bench.secret.text = undefined as unknown as string
  assert.equal((await bench.reload()).status.reason, 'secretsmanager-binary')
})

const KEYS = [
  '[default]',
  'aws_access_key_id = ASIAEXAMPLE',
  'aws_secret_access_key=MARK-secret-key/+=',
  'aws_session_token = MARK-session-token==',
]

test("on ECS Anywhere the SSM agent's file of credentials is read, and never the metadata service", async (t) => {
  for (const [config, profile] of [
    ['ECS_EXTERNAL=true\n', 'default'],
    ['ECS_EXTERNAL=1\nECS_ALTERNATE_CREDENTIAL_PROFILE=ecs\n', 'ecs'],
  ] as const) {
    const bench = await startBench(t, { config: `ECS_CLUSTER=prod\n${config}` })
    bench.instance.metadata.fault = 'down'
    assert.equal((await bench.reload()).status.reason, 'anywhere-no-credentials')
    mkdirSync(join(bench.folder, 'root/.aws'), { recursive: true })
    const file = join(bench.folder, 'root/.aws/credentials')
    writeFileSync(file, '[default]\nMARK not an assignment\n')
    const { exitCode, status, stdout, stderr } = await bench.reload()
    assert.deepEqual([exitCode, status.reason], [11, 'anywhere-no-credentials'])
    assert.doesNotMatch(stdout + stderr, /MARK/)
    writeFileSync(file, `${KEYS.join('\n')}\n`.replace('default', profile))
    assert.equal((await bench.reload()).status.result, 'applied')
  }
})
