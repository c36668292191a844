/** Pulls an image from a loopback registry as dockerd does: ask, log in as told, manifests, blobs, digests checked. */

import { Agent, get } from 'node:http'
import { Secret } from '../../src/core/secret.ts'
import { digestOf } from './tiny-image.ts'

export interface PullOrder {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly repository: string
  /** A tag or digest. */
  readonly reference: string
  /** What the ECS agent hands to dockerd; null = an anonymous pull. */
  readonly credential: { readonly username: string; readonly password: string | Secret } | null
}

export interface PullResult {
  readonly ok: boolean
  /** What ended the pull: base, token, manifest, blob; or done. */
  readonly step: 'base' | 'token' | 'manifest' | 'blob' | 'done'
  /** The last HTTP status; 0 = no whole answer. */
  readonly status: number
}

const ACCEPT =
  'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, ' +
  'application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'

export async function pullImage(order: PullOrder): Promise<PullResult> {
  const agent = new Agent({ keepAlive: true })
  try {
    return await pull(order, agent)
  } finally {
    agent.destroy()
  }
}

async function pull({ host, repository, reference, credential }: PullOrder, agent: Agent): Promise<PullResult> {
  const base = await fetchFrom(`http://${host}/v2/`, {}, agent)
  const failed = (step: PullResult['step'], status: number): PullResult => ({ ok: false, step, status })
  if (base.status !== 200 && base.status !== 401) return failed('base', base.status)

  const challenge = base.challenge
  const basic = credential === null ? null : `Basic ${encode(credential)}`
  let authorization = /^Basic/i.test(challenge) ? basic : null
  const realm = /^Bearer.*realm="([^"]+)"/i.exec(challenge)?.[1]
  if (realm !== undefined) {
    const service = /service="([^"]+)"/.exec(challenge)?.[1] ?? ''
    const query = new URLSearchParams({ service, scope: `repository:${repository}:pull` })
    if (credential !== null) query.set('account', credential.username)
    const answer = await fetchFrom(`${realm}?${query}`, basic === null ? {} : { authorization: basic }, agent)
    if (answer.status !== 200) return failed('token', answer.status)
    const { token, access_token: accessToken } = JSON.parse(answer.content.toString('utf8'))
    authorization = `Bearer ${token ?? accessToken}`
  }

  const headers = { accept: ACCEPT, ...(authorization === null ? {} : { authorization }) }
  const at = (kind: string, name: string) =>
    fetchFrom(`http://${host}/v2/${repository}/${kind}/${name}`, headers, agent)
  let manifest = await at('manifests', reference)
  if (manifest.status !== 200) return failed('manifest', manifest.status)
  const { manifests } = JSON.parse(manifest.content.toString('utf8'))
  if (manifests !== undefined) manifest = await at('manifests', manifests[0].digest)
  if (manifest.status !== 200) return failed('manifest', manifest.status)
  const { config, layers } = JSON.parse(manifest.content.toString('utf8'))
  for (const { digest } of [config, ...layers]) {
    const blob = await at('blobs', digest)
    if (blob.status !== 200 || digestOf(blob.content) !== digest) return failed('blob', blob.status)
  }
  return { ok: true, step: 'done', status: 200 }
}

function encode({ username, password }: NonNullable<PullOrder['credential']>): string {
  const plain = password instanceof Secret ? password.reveal() : password
  return Buffer.from(`${username}:${plain}`).toString('base64')
}

interface Fetched {
  readonly status: number
  readonly challenge: string
  readonly content: Buffer
}

function fetchFrom(url: string, headers: Record<string, string>, agent: Agent): Promise<Fetched> {
  const lost: Fetched = { status: 0, challenge: '', content: Buffer.alloc(0) }
  return new Promise((resolve) => {
    const request = get(url, { headers, agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', () => resolve(lost))
      response.on('end', () => {
        const challenge = response.headers['www-authenticate'] ?? ''
        resolve({ status: response.statusCode ?? 0, challenge, content: Buffer.concat(chunks) })
      })
    })
    request.on('error', () => resolve(lost))
  })
}
