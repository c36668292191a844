/** A real container registry on loopback that knows its users by an htpasswd file, and a real client of it. */

import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { tinyImage } from '../doubles/tiny-image.ts'
import { ENVIRONMENT, type Ran, run } from './software.ts'

export interface RealRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** From now on exactly these users may pull and push. */
  allow(users: ReadonlyMap<string, string>): void
  /** Pushes a small image with the credentials of an auth map, as `~/.docker/config.json` has it inside `auths`. */
  push(repository: string, auths: string): Promise<Ran>
  /** Asks for the manifest and the config of an image. */
  inspect(repository: string, auths: string): Promise<Ran>
}

export async function startRealRegistry(t: TestContext): Promise<RealRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const users = join(folder, 'htpasswd')
  writeFileSync(users, '')
  writeLayout(join(folder, 'image'))
  const port = await serve(t, folder, users)
  const host = `127.0.0.1:${port}`
  const skopeo = async (auths: string, command: readonly string[]) => {
    const file = join(folder, 'auth.json')
    writeFileSync(file, `{"auths":${auths}}`, { mode: 0o600 })
    const env = { ...ENVIRONMENT, HOME: folder, REGISTRY_AUTH_FILE: file, TMPDIR: folder }
    return await run('skopeo', ['--insecure-policy', ...command], { env })
  }
  return {
    host,
    allow(credentials) {
      writeFileSync(users, '')
      for (const [user, password] of credentials) appendFileSync(users, userLine(user, password))
    },
    push: (repository, auths) => {
      const target = `docker://${host}/${repository}:v1`
      return skopeo(auths, ['copy', '--dest-tls-verify=false', `oci:${join(folder, 'image')}:v1`, target])
    },
    inspect: (repository, auths) => {
      return skopeo(auths, ['inspect', '--tls-verify=false', `docker://${host}/${repository}:v1`])
    },
  }
}

/** A line of the file; cost 4 is the least that bcrypt has. */
function userLine(user: string, password: string): string {
  const { status, stdout, stderr } = spawnSync('htpasswd', ['-niB', '-C', '4', user], { input: password })
  if (status !== 0) throw new Error(`htpasswd: ${stderr}`)
  return `${String(stdout).trim()}\n`
}

/** Starts the registry, which tells in its log the port that it got. */
async function serve(t: TestContext, folder: string, users: string): Promise<string> {
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    auth: { htpasswd: { realm: 'deep', path: users } },
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
