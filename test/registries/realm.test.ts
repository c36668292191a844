import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trustedRealm } from '../../src/registries/realm.ts'

const TRUSTED: readonly (readonly [string, string])[] = [
  ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
  ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
  ['https://registry.acme.co.uk', 'https://gitlab.acme.co.uk/jwt/auth'],
  ['https://ghcr.io', 'https://ghcr.io/token'],
  ['https://acme.azurecr.io', 'https://acme.azurecr.io/oauth2/token'],
  ['https://registry.digitalocean.com', 'https://api.digitalocean.com/v2/registry/auth'],
  ['https://rg.fr-par.scw.cloud', 'https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens'],
  ['https://harbor.acme.test:8443', 'https://harbor.acme.test/service/token'],
  ['https://10.0.0.7:5000', 'https://10.0.0.7/token'],
  ['https://registry', 'https://registry/token'],
  ['http://127.0.0.1:5000', 'http://localhost:5001/token'],
  ['http://[::1]:5000', 'http://127.0.0.2/token'],
]
for (const [registry, realm] of TRUSTED) {
  test(`${registry} may name ${realm}`, () => {
    assert.equal(String(trustedRealm(new URL(registry), realm, null)), realm)
  })
}

const REFUSED: readonly (readonly [string, string | undefined])[] = [
  ['https://ghcr.io', 'http://ghcr.io/token'],
  ['https://ghcr.io', 'https://evil.test/token'],
  ['https://ghcr.io', 'https://ghcr.io.evil.test/token'],
  ['https://ghcr.io', 'https://evilghcr.io/token'],
  ['https://ghcr.io', 'https://user:pass@ghcr.io/token'],
  ['https://ghcr.io', 'http://127.0.0.1/token'],
  ['https://ghcr.io', 'https://127.0.0.1/token'],
  ['https://ghcr.io', '/token'],
  ['https://ghcr.io', undefined],
  ['https://rg.fr-par.scw.cloud', 'https://rg.nl-ams.scw.cloud/token'],
  ['https://rg.fr-par.scw.cloud', 'http://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens'],
  ['https://rg.fr-par.scw.cloud.evil.test', 'https://api.scaleway.com/token'],
  ['https://acme.functions.fnc.fr-par.scw.cloud', 'https://api.scaleway.com/token'],
  ['https://acme.azurecr.io', 'https://evil.azurecr.io/oauth2/token'],
  ['https://acme.jfrog.io', 'https://jfrog.io/token'],
  ['https://acme.co.uk', 'https://evil.co.uk/token'],
  ['https://acme.com.au', 'https://com.au/token'],
  ['https://123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'https://evil.s3.amazonaws.com/token'],
  ['https://10.0.0.7', 'https://10.0.0.8/token'],
  ['https://1.2.3.7', 'https://9.2.3.7/token'],
  ['https://registry', 'https://other/token'],
  ['http://127.0.0.1:5000', 'https://auth.docker.io/token'],
]
for (const [registry, realm] of REFUSED) {
  test(`${registry} may not name ${realm}`, () => {
    const problem = trustedRealm(new URL(registry), realm, null)
    assert.equal(typeof problem, 'string')
    assert.doesNotMatch(String(problem), /pass/)
  })
}

test('the realm that a plan names is trusted, and over https alone', () => {
  const trusted = 'login.other.test'
  const realm = 'https://login.other.test/token'
  assert.equal(String(trustedRealm(new URL('https://registry.acme.test'), realm, trusted)), realm)
  assert.equal(String(trustedRealm(new URL('https://registry.acme.test'), realm, `${trusted}:443`)), realm)
  const elsewhere = ['https://login.other.test:8443/', 'https://a.login.other.test/', 'https://other.test/']
  for (const other of elsewhere)
    assert.match(String(trustedRealm(new URL('https://registry.acme.test'), other, trusted)), /realm in the plan/)
  assert.equal(
    typeof trustedRealm(new URL('https://registry.acme.test'), 'http://login.other.test/', trusted),
    'string',
  )
})
