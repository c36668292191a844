/** What the proof of one image asks a registry, by how that one lets people in and by what comes of it. */

import type { Credential, Http, Verdict } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { asHeard, asPlain } from '../doubles/plain-http.ts'
import { createRegistry, type RegistryOptions } from '../doubles/registry.ts'
import { RoundTrips } from '../doubles/round-trips.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'

export interface ProofRequests {
  readonly flow: string
  readonly verdict: Verdict
  /** Method and what is asked for, in order: each waits for the one before. */
  readonly requests: readonly string[]
}

interface Flow {
  readonly flow: string
  readonly options?: RegistryOptions
  /** Default: the one image that is there. */
  readonly images?: readonly string[]
  readonly password?: string
}

const HOST = '127.0.0.1:5000'
const PASSWORD = 'password-of-the-bench'
const IMAGE = 'acme/app:stable'
/** ECR asks so, of a user named AWS. */
const ECR: RegistryOptions = {
  mode: 'basic',
  challenge: () => `Basic realm="https://${HOST}/",service="ecr.amazonaws.com"`,
}

const FLOWS: readonly Flow[] = [
  { flow: 'a token realm' },
  { flow: 'a token realm, two images', images: [IMAGE, 'acme/other:stable'] },
  { flow: 'a token realm, anybody may pull', options: { publicRepositories: ['acme/*'] } },
  { flow: 'a token realm, no such tag (404)', images: ['acme/app:missing'] },
  { flow: 'a token realm, the login refused (401)', password: 'another' },
  { flow: 'Basic', options: { mode: 'basic' } },
  { flow: 'Basic, as ECR asks for it', options: ECR },
  { flow: 'Basic, no such tag (404)', options: { mode: 'basic' }, images: ['acme/app:missing'] },
  { flow: 'Basic, the login refused (401)', options: { mode: 'basic' }, password: 'another' },
  { flow: 'no login at all', options: { mode: 'open' } },
]

export async function requestsOfProofs(): Promise<readonly ProofRequests[]> {
  return await Promise.all(FLOWS.map(requestsOf))
}

async function requestsOf({ flow, options, images = [IMAGE], password = PASSWORD }: Flow): Promise<ProofRequests> {
  const clock = virtualClock()
  const registry = createRegistry({ images: [IMAGE, 'acme/other:stable'], now: clock.now, ...options })
  registry.tokens.add({ username: 'AWS', password: PASSWORD, pulls: ['acme/*'], expiresAt: null })
  const network = new RoundTrips()
  const http: Http = {
    send: (request) => {
      const asked = asPlain(request)
      const what = asked.path.startsWith('/token') ? 'token' : asked.path === '/v2/' ? 'base' : 'manifest'
      const login = asked.headers['authorization']?.split(' ')[0]
      const name = `${asked.method} ${what}${login === undefined ? '' : ` with ${login}`}`
      return network.make(name, () => asHeard(registry.answer(asked)))
    },
  }
  const verify = createPullVerifier(http, clock)
  const credential: Credential = { username: 'AWS', password: new Secret(password) }
  const proofs = []
  for (const image of images) proofs.push(await verify(`${HOST}/${image}`, credential))
  return { flow, verdict: proofs[0]?.verdict ?? 'unknown', requests: network.trips.flat() }
}
