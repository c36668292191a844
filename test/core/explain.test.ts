import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainImages } from '../../src/core/explain.ts'
import { Secret } from '../../src/core/secret.ts'
import { readStoredConfig, resolveImage } from '../../src/core/stored-config.ts'
import { envFile, GOOD } from './lint-cases.ts'

test('an image is explained with its key, or with the reason why it gets nothing', () => {
  const text = envFile(
    '{"ghcr.io":{"auth":"dTpw"},"quay.io/a":{"auth":"dTpw"},"quay.io/b":{"auth":"dTpx"},"q.io":{"auth":"?"}}',
  )
  const images = [
    'ghcr.io/acme/app',
    'quay.io/a/app',
    'nginx',
    'q.io/app',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/app',
    'ghcr.io/Acme/App',
  ]
  const answers = explainImages(text, images)
  assert.deepEqual(
    answers.map(({ image, key, username, ambiguous, candidates }) => [image, key, username, ambiguous, candidates]),
    [
      [images[0], 'ghcr.io', 'u', false, ['ghcr.io']],
      [images[1], null, null, true, ['quay.io/a', 'quay.io/b']],
      [images[2], null, null, false, []],
      [images[3], null, null, false, []],
      [images[4], null, null, false, []],
      [images[5], 'ghcr.io', 'u', false, ['ghcr.io']],
    ],
  )
  const reasons = [
    /longest key/,
    /at random/,
    /https:\/\/index\.docker\.io\/v1\//,
    /drops q\.io/,
    /ECR/,
    /Docker takes no image/,
  ]
  for (const [at, reason] of reasons.entries()) assert.match(answers[at]?.reason ?? '', reason)
  assert.match(answers[0]?.reason ?? '', /repositoryCredentials/)
})

test('a config that the agent cannot read is a reason, not an error', () => {
  const cases: Readonly<Record<string, RegExp>> = {
    [envFile("'x'")]: /no registry auth at all.*not valid JSON/,
    [envFile(GOOD, 'x')]: /neither docker nor dockercfg/,
    [envFile(GOOD, '')]: /AUTH_TYPE is empty/,
    'no config': /No registry key has the host ghcr\.io/,
    [envFile('{"ghcr.io":{"identitytoken":"t"}}', 'docker')]: /token instead of a password/,
    [envFile('{"ghcr.io":{"email":"e"}}', 'docker')]: /the pull is anonymous/,
  }
  for (const [text, reason] of Object.entries(cases))
    assert.match(explainImages(text, ['ghcr.io/a/b'])[0]?.reason ?? '', reason)
  const dockerConfig = explainImages(`{"auths":${GOOD}}`, ['ghcr.io/a/b'])
  assert.equal(dockerConfig[0]?.username, 'u')
})

test('explaining and resolving agree', () => {
  const text = envFile(GOOD)
  const { key, reason } = resolveImage(readStoredConfig(new Secret(text), 'x'), 'ghcr.io/a/b')
  const [explained] = explainImages(text, ['ghcr.io/a/b'])
  assert.deepEqual([explained?.key, explained?.reason.startsWith(reason)], [key, true])
})

test('a user name that is the token itself is not shown', () => {
  const auth = (text: string) => Buffer.from(text).toString('base64')
  const auths = { 'registry.digitalocean.com': { auth: auth('dop_v1:dop_v1') }, 'ghcr.io': { auth: auth('bot:token') } }
  const images = ['registry.digitalocean.com/acme/app', 'ghcr.io/acme/app']
  const names = explainImages(JSON.stringify({ auths }), images).map(({ username }) => username)
  assert.deepEqual(names, ['[secret]', 'bot'])
})
