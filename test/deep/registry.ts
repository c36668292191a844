/** A real container registry on loopback, with users in an htpasswd file or with tokens of a server of ours, and a real client of it. */

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { tinyImage } from '../doubles/tiny-image.ts'
import { ENVIRONMENT, type Ran, run } from './software.ts'
import { ISSUER, SERVICE, type TokenAuth } from './token-server.ts'

export interface RealRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** Pushes a small image with the credentials of an auth map, as `~/.docker/config.json` has it inside `auths`. */
  push(repository: string, auths: string, tag?: string): Promise<Ran>
  /** Asks for the manifest and the config of an image. */
  inspect(repository: string, auths: string, tag?: string): Promise<Ran>
}

export interface HtpasswdRegistry extends RealRegistry {
  /** From now on exactly these users may pull and push. */
  allow(users: ReadonlyMap<string, string>): void
}

/** Whoever ends what was started: a test, or all tests of a file together. */
export interface Scope {
  after(end: () => unknown): void
}

export async function startRealRegistry(t: Scope): Promise<HtpasswdRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const users = join(folder, 'htpasswd')
  writeFileSync(users, '')
  const registry = await startIn(t, folder, { htpasswd: { realm: 'deep', path: users } })
  const lines = new Map<string, string>()
  let changes = 0
  return {
    ...registry,
    allow(credentials) {
      const wanted = [...credentials].map(([user, password]) => {
        const key = JSON.stringify([user, password])
        const line = lines.get(key) ?? userLine(user, password)
        lines.set(key, line)
        return line
      })
      writeFileSync(users, wanted.join(''))
      // It reads the file anew only when that looks younger, and two changes may share one tick of the clock.
      changes += 1
      utimesSync(users, new Date(), new Date(Date.now() + changes * 1000))
    },
  }
}

/** Takes the bearers of a token server of ours, told by the certificate of its key. */
export async function startTokenRegistry(t: Scope, { realm, certificate }: TokenAuth): Promise<RealRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const rootcertbundle = join(folder, 'issuer.pem')
  writeFileSync(rootcertbundle, certificate)
  return await startIn(t, folder, { token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle } })
}

async function startIn(t: Scope, folder: string, auth: object): Promise<RealRegistry> {
  writeLayout(join(folder, 'image'))
  const port = await serve(t, folder, auth)
  const host = `127.0.0.1:${port}`
  const skopeo = async (auths: string, command: readonly string[]) => {
    const file = join(folder, 'auth.json')
    writeFileSync(file, `{"auths":${auths}}`, { mode: 0o600 })
    const env = { ...ENVIRONMENT, HOME: folder, REGISTRY_AUTH_FILE: file, TMPDIR: folder }
    return await run('skopeo', ['--insecure-policy', ...command], { env })
  }
  return {
    host,
    push: (repository, auths, tag = 'v1') => {
      const target = `docker://${host}/${repository}:${tag}`
      return skopeo(auths, ['copy', '--dest-tls-verify=false', `oci:${join(folder, 'image')}:v1`, target])
    },
    inspect: (repository, auths, tag = 'v1') => {
      return skopeo(auths, ['inspect', '--tls-verify=false', `docker://${host}/${repository}:${tag}`])
    },
  }
}

/** bcrypt looks at no more bytes of a password. */
export const BCRYPT_BYTES = 72

/** A line of the file; cost 4 is the least that bcrypt has. */
function userLine(user: string, password: string): string {
  const { status, stdout, stderr } = spawnSync('htpasswd', ['-niB', '-C', '4', user], {
    input: password.slice(0, BCRYPT_BYTES),
  })
  if (status !== 0) throw new Error(`htpasswd: ${stderr}`)
  return `${String(stdout).trim()}\n`
}

/** Starts the registry, which tells in its log the port that it got. */
async function serve(t: Scope, folder: string, auth: object): Promise<string> {
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    auth,
    http: { addr: '127.0.0.1:0', secret: 'for tests' },
  }
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config))
  const args = ['--pdeathsig', 'KILL', 'docker-registry', 'serve', join(folder, 'config.yml')]
  const server = spawn('setpriv', args, { env: ENVIRONMENT, stdio: ['ignore', 'ignore', 'pipe'] })
  const closed = new Promise((done) => server.once('close', done))
  t.after(async () => {
    server.kill('SIGKILL')
    await closed
  })
  for await (const line of createInterface(server.stderr)) {
    const port = /listening on 127\.0\.0\.1:([0-9]+)/.exec(line)?.[1]
    if (port !== undefined) {
      server.stderr.resume()
      return port
    }
  }
  throw new Error('docker-registry ended without listening')
}

/** An OCI image layout with one image, tagged v1. */
function writeLayout(folder: string): void {
  const { manifest, config, layer } = tinyImage()
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  for (const { digest, content } of [manifest, config, layer]) {
    writeFileSync(join(folder, 'blobs/sha256', digest.slice('sha256:'.length)), content)
  }
  const annotations = { 'org.opencontainers.image.ref.name': 'v1' }
  const descriptor = { mediaType: manifest.type, digest: manifest.digest, size: manifest.content.length, annotations }
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }))
}
