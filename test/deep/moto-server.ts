/** A real moto server on loopback, as setup.sh installs it: an implementation of AWS that others wrote. */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { ENVIRONMENT, isProgram } from './software.ts'

const PROGRAM = resolve(import.meta.dirname, '../../.tools/moto/bin/moto_server')

export const REGION = 'us-east-1'
export const ACCOUNT = '123456789012'
/** A function that exists and does nothing: moto waits for it inside RotateSecret. */
export const FUNCTION = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:rotate`

export interface Moto {
  readonly endpoint: string
  /** Forgets everything but the function. */
  reset(): Promise<void>
}

export function hasMoto(): boolean {
  return isProgram(PROGRAM)
}

export async function startMoto(t: Pick<TestContext, 'after'>): Promise<Moto> {
  const home = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-moto-'))
  const env = { ...ENVIRONMENT, HOME: home, TMPDIR: home, PYTHONUNBUFFERED: '1' }
  const args = ['--pdeathsig', 'KILL', PROGRAM, '-H', '127.0.0.1', '-p', '0']
  const server = spawn('setpriv', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const closed = new Promise((done) => server.once('close', done))
  t.after(async () => {
    server.kill('SIGKILL')
    await closed
    rmSync(home, { recursive: true, force: true })
  })
  const said: string[] = []
  for await (const line of createInterface(server.stderr)) {
    said.push(line)
    const endpoint = /Running on (http:\/\/127\.0\.0\.1:[0-9]+)/.exec(line)?.[1]
    if (endpoint === undefined) continue
    server.stderr.resume()
    const moto = { endpoint, reset: () => reset(endpoint) }
    await moto.reset()
    return moto
  }
  throw new Error(`moto_server ended without listening: ${said.join('\n')}`)
}

async function reset(endpoint: string): Promise<void> {
  await post(`${endpoint}/moto-api/reset`)
  // Without it, moto runs functions in containers (facts/secrets-manager-rotation.md section 12.1, case 14).
  await post(`${endpoint}/moto-api/config`, { body: JSON.stringify({ lambda: { use_docker: false } }) })
  const trust = new URLSearchParams({
    Action: 'CreateRole',
    Version: '2010-05-08',
    RoleName: 'rotate',
    AssumeRolePolicyDocument: '{}',
  })
  await post(endpoint, { headers: signedFor('iam'), body: trust })
  const code = {
    FunctionName: 'rotate',
    Runtime: 'nodejs24.x',
    Handler: 'rotate.handler',
    Role: `arn:aws:iam::${ACCOUNT}:role/rotate`,
    // An empty archive: nobody runs it.
    Code: { ZipFile: Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`, 'latin1').toString('base64') },
  }
  await post(`${endpoint}/2015-03-31/functions`, { headers: signedFor('lambda'), body: JSON.stringify(code) })
}

/** moto reads service and Region from it, and checks no signature. */
function signedFor(service: string): Record<string, string> {
  const scope = `AKIAMOTO/20261124/${REGION}/${service}/aws4_request`
  return { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none` }
}

async function post(url: string, request: RequestInit = {}): Promise<void> {
  const answer = await fetch(url, { ...request, method: 'POST' })
  if (!answer.ok) throw new Error(`moto: ${url} answered ${answer.status} ${await answer.text()}`)
}
