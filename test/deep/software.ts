/** The real programs that the deeper checks run, where setup.sh put them. */

import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'

const root = resolve(import.meta.dirname, '../..')

const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']

/** All that a program sees of the environment of the tests. */
export const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

/** The path of a program, or null. */
export function programPath(name: string): string | null {
  return FOLDERS.map((folder) => join(folder, name)).find(isProgram) ?? null
}

/** Every docker CLI there is: Debian's, which setup.sh unpacks, and the machine's own. */
export function dockerCommands(): readonly string[] {
  const found = [join(root, '.tools/docker/docker'), programPath('docker')]
  return found.filter((path) => path !== null && isProgram(path)) as readonly string[]
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether this machine can start a container of its own: it takes root and namespaces. */
export function hasNamespaces(): boolean {
  return spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status === 0
}

/** Ends a test for which something cannot be had: as skipped, or as failed where everything must be had. */
export function isMissing(t: TestContext, needs: Readonly<Record<string, boolean>>): boolean {
  const missing = Object.keys(needs).filter((what) => !needs[what])
  if (missing.length === 0) return false
  const message = `${missing.join(', ')} cannot be had here; bash test/deep/setup.sh tells why`
  if (process.env.CI === 'true') throw new Error(message)
  t.skip(message)
  return true
}

export interface Ran {
  readonly status: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/**
 * Runs a program while servers of this process can answer it. It is ended with this process, even when that is killed,
 * and when it hangs; its status is null then.
 */
export async function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ran> {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
    env: ENVIRONMENT,
    timeout: 600_000,
    killSignal: 'SIGKILL',
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout?.on('data', (part: Buffer) => stdout.push(part))
  child.stderr?.on('data', (part: Buffer) => stderr.push(part))
  const status = await new Promise<number | null>((done, failed) => child.on('error', failed).on('close', done))
  return { status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}
