/** Signature Version 4, held against AWS's own signer and AWS's own example. */

import assert from 'node:assert/strict'
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { test } from 'node:test'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { signedHeaders } from '../../src/aws/sigv4.ts'
import { RUNS } from '../core/configs.ts'

class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Buffer)
  }

  update(data: Uint8Array): void {
    this.#hash.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {}
}

const DATE = new Date('2026-11-24T12:34:56.789Z')
const word = fc.stringMatching(/^[a-z0-9-]{1,12}$/)
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const path = fc.array(fc.stringMatching(/^[\w .~!$&'()*+,;=:@é-]{1,8}$/), { maxLength: 3 })
const headers = fc.dictionary(
  fc.constantFrom('content-type', 'x-amz-target', 'user-agent', 'x-amzn-trace-id', 'if-match', 'x-goog-any'),
  fc.stringMatching(/^[ -~]*$/),
  { noNullPrototype: true },
)

test('any request is signed as the SDK’s signer signs it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('secretsmanager', 'ssm', 's3', 'sts', 'ecr-public'),
      fc.constantFrom('GET', 'POST', 'HEAD', 'PUT'),
      path,
      fc.dictionary(word, text, { noNullPrototype: true }),
      headers,
      text,
      fc.option(word, { nil: undefined }),
      async (service, method, segments, query, given, body, sessionToken) => {
        const url = new URL('https://host.test:8443')
        url.pathname = segments.map(encode).join('/')
        for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value)
        const identity = { accessKeyId: 'AKIA', secretAccessKey: 'secret', ...(sessionToken ? { sessionToken } : {}) }
        const isS3 = service === 's3'
        const signer = new SignatureV4({
          service,
          region: 'eu-west-1',
          credentials: identity,
          sha256: Sha256,
          uriEscapePath: !isS3,
          applyChecksum: isS3,
        })
        const unsigned = {
          method,
          protocol: 'https:',
          hostname: 'host.test',
          path: url.pathname,
          query,
          headers: { ...given, host: url.host },
          body,
        }
        const theirs = await signer.sign(unsigned, { signingDate: DATE })
        const scope = { service, region: 'eu-west-1', date: DATE }
        assert.deepEqual(signedHeaders({ method, url, headers: given, body }, identity, scope), theirs.headers)
      },
    ),
    RUNS,
  )
})

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

test('an object whose key has spaces and brackets is signed as S3 decodes it, however the URL spells it', () => {
  const identity = { accessKeyId: 'AKIA', secretAccessKey: 'secret' }
  const scope = { service: 's3', region: 'eu-west-1', date: DATE }
  const spelled = ['https://s3.test/bucket/a b(1).txt', 'https://s3.test/bucket/a%20b%281%29.txt']
  const [plain, escaped] = spelled.map(
    (url) => signedHeaders({ method: 'HEAD', url: new URL(url), headers: {}, body: '' }, identity, scope).authorization,
  )
  assert.equal(plain, escaped)
})
