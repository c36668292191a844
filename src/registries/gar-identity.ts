/** What Google takes as proof of who runs us: a signed AWS request, an identity token, or an assertion of a service-account key. */

import { sign } from 'node:crypto'
import { PullAuthError } from '../core/errors.ts'
import type { ProviderContext } from '../core/ports.ts'
import { Secret } from '../core/secret.ts'
import { parseObject } from './json.ts'

export interface SubjectToken {
  readonly type: string
  readonly token: Secret
}

/**
 * A signed GetCallerIdentity, as text: Google sends it to AWS and reads there who signed it. The pool's provider is signed
 * too, so that the text is of no use elsewhere (facts/registries.md section 3.5).
 */
export async function awsSubject(cx: ProviderContext, provider: string): Promise<SubjectToken> {
  const { url, headers } = await cx.signAws({
    service: 'sts',
    region: null,
    method: 'POST',
    url: 'https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15',
    headers: { 'x-goog-cloud-target-resource': `//iam.googleapis.com/${provider}` },
  })
  const list = Object.entries(headers).map(([key, value]) => ({
    key,
    value: value instanceof Secret ? value.reveal() : value,
  }))
  const text = JSON.stringify({ url, method: 'POST', headers: list })
  return { type: 'urn:ietf:params:aws:token-type:aws4_request', token: masked(cx, encodeURIComponent(text)) }
}

export async function oidcSubject(cx: ProviderContext, audience: string): Promise<SubjectToken> {
  const token = await cx.identityToken(audience)
  cx.journal.mask(token)
  return { type: 'urn:ietf:params:oauth:token-type:jwt', token }
}

/** The token endpoint is fixed: a key file that names another one must not choose where its assertion goes. */
const TOKEN_ENDPOINT = 'https://oauth2.googleapis.com/token'
const HOUR = 3600

/** A JWT that the service-account key in a secret signs, good for one hour and one endpoint. Throws CREDENTIAL_INVALID. */
export async function keyAssertion(cx: ProviderContext, name: string, scope: string): Promise<Secret> {
  const text = (await cx.readSecret(name)).reveal()
  const { client_email: email, private_key: key, private_key_id: kid } = parseObject(text)
  if (typeof email !== 'string' || typeof key !== 'string') throw noKey(name, 'holds no service-account key')
  masked(cx, key)
  const seconds = Math.floor(cx.clock.now() / 1000)
  const header = { alg: 'RS256', typ: 'JWT', ...(typeof kid === 'string' ? { kid } : {}) }
  const claims = { iss: email, sub: email, aud: TOKEN_ENDPOINT, scope, iat: seconds, exp: seconds + HOUR }
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return masked(cx, `${signed}.${signature(name, signed, key)}`)
}

function signature(name: string, text: string, key: string): string {
  try {
    return sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')
  } catch {
    // The message of OpenSSL is dropped: it is about the text of the key.
    throw noKey(name, 'has a private_key that cannot be read')
  }
}

function masked(cx: ProviderContext, text: string): Secret {
  const secret = new Secret(text)
  cx.journal.mask(secret)
  return secret
}

function noKey(name: string, what: string): PullAuthError {
  return new PullAuthError(
    'CREDENTIAL_INVALID',
    `Secret ${name} ${what}.`,
    'Store the JSON file that Google gave for the key, as it is, as the text of the secret.',
  )
}
