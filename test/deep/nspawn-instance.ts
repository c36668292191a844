/**
 * Container instances with a real systemd: Amazon's unit, doubles of Docker, ecs-init and the agent (`instances`), and
 * what the document ships, run as the SSM agent runs it. The metadata service is at its own address and the agent's
 * introspection at its own port; only Secrets Manager, which is HTTPS outside, has to be named.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { type NodeStatus, parseNodeStatus } from '../../src/core/node-status.ts'
import { parseDocument } from '../aws/document-content.ts'
import { type InstanceRunner, instanceOf, type ScriptResult } from '../aws/instances.ts'
import { runDocument } from '../aws/ssm-agent.ts'
import { MetadataDouble, type RoleCredentials } from '../doubles/instance-metadata.ts'
import { SECRET_ARN } from '../node/secret-endpoint.ts'
import { Machine, until } from './nspawn.ts'

const DOUBLES = join(import.meta.dirname, 'instances')
export const DOCUMENT_TEXT = readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8')
export const DOCUMENT = parseDocument(DOCUMENT_TEXT)
const DEFAULTS = Object.fromEntries(
  Object.entries(DOCUMENT.parameters).map(([name, parameter]) => [name, String(parameter.default ?? '')]),
)
export const CONFIG = '/etc/ecs/ecs.config'
export const STATE = '/var/lib/ecs-pull-auth'

/** Nothing takes long here, but failures are waited for; the patience is for a busy machine. */
const SEAMS = {
  AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:4566',
  ECS_PULL_AUTH_HEALTH_SECONDS: '10',
  ECS_PULL_AUTH_POLL_SECONDS: '0.1',
  ECS_PULL_AUTH_BOOT_SECONDS: '10',
}

/** How the agent fares with a password: see instances/ecs-agent. */
export interface Fate {
  readonly exits?: number
  readonly registers?: boolean
  readonly after?: number
  readonly answers?: number
  readonly stops?: number
}

export interface LoadedAgent {
  /** How often an agent was started since the boot. */
  readonly starts: number
  readonly pid: number
  /** [user, password] by registry. */
  readonly auth: Readonly<Record<string, readonly [string, string]>>
  readonly registered: boolean
}

export interface Output extends ScriptResult {
  /** null: the script did not live to tell it. */
  readonly status: NodeStatus | null
}

export interface Order {
  readonly parameters?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

export interface InstanceSetup {
  readonly id: string
  readonly credentials: RoleCredentials
  readonly secretsUrl: string
  /** Bytes as Latin-1 text; null: there is no file. */
  readonly config: string | null
}

export class BootedInstance implements InstanceRunner {
  readonly id: string
  readonly metadata: MetadataDouble
  readonly machine: Machine
  /** All that its scripts printed. */
  printed = ''
  readonly #secretsUrl: string
  readonly #relays: Server[] = []
  readonly #running = new Set<ChildProcess>()

  constructor({ id, credentials, secretsUrl, config }: InstanceSetup) {
    this.id = id
    this.#secretsUrl = secretsUrl
    this.metadata = new MetadataDouble(credentials)
    this.machine = new Machine({
      target: 'container-instance.target',
      sharedAt: '/run/aws',
      furnish: (layer) => furnish(layer, id, config),
    })
  }

  /** Resolves when its systemd takes commands; the agent may still be starting. */
  async boot(): Promise<void> {
    if (this.#relays.length === 0) {
      this.#relays.push(await relay(join(this.machine.shared, 'metadata'), await this.metadata.listen()))
      this.#relays.push(await relay(join(this.machine.shared, 'secrets'), this.#secretsUrl))
    }
    await this.machine.boot()
  }

  async remove(): Promise<void> {
    await this.machine.remove()
    for (const server of this.#relays) server.close()
    await this.metadata.close()
  }

  // ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────

  read(name: string): string | null {
    const path = this.machine.path(name)
    return existsSync(path) ? readFileSync(path, 'latin1') : null
  }

  /** With mode 0600, unless told otherwise. */
  write(name: string, text: string, mode = 0o600): void {
    const path = this.machine.path(name)
    writeFileSync(path, text, 'latin1')
    chmodSync(path, mode)
  }

  delete(name: string): void {
    rmSync(this.machine.path(name), { recursive: true, force: true })
  }

  config(): string | null {
    return this.read(CONFIG)
  }

  /** Everything beside the config and beside the stamp, with its permission bits, by path. */
  files(): ReadonlyMap<string, number> {
    const paths = ['/etc/ecs', STATE].flatMap((folder) => {
      const path = this.machine.path(folder)
      return existsSync(path) ? readdirSync(path).map((name) => join(folder, name)) : []
    })
    return new Map(paths.map((path) => [path, statSync(this.machine.path(path)).mode & 0o7777]))
  }

  // ── The agent ────────────────────────────────────────────────────────────────────────────────────────────────────

  setFates(fates: Readonly<Record<string, Fate>>): void {
    this.write('/srv/agent.json', JSON.stringify(fates))
  }

  /** The agent that runs; null: none. */
  agent(): LoadedAgent | null {
    const loaded = JSON.parse(this.read('/run/ecs-agent.json') || 'null') as LoadedAgent | null
    return loaded !== null && this.read(`/proc/${loaded.pid}/comm`)?.trim() === 'ecs-agent' ? loaded : null
  }

  starts(): number {
    return (JSON.parse(this.read('/run/ecs-agent.json') || '{"starts":0}') as LoadedAgent).starts
  }

  /** The password of the registered agent; null: there is none. */
  password(): string | null {
    const agent = this.agent()
    return agent?.registered === true ? (agent.auth['ghcr.io']?.[1] ?? null) : null
  }

  async untilRegistered(): Promise<void> {
    await until(`the agent of ${this.id} is registered`, async () => this.agent()?.registered === true)
  }

  // ── The script ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** As the SSM agent runs the document. */
  async reload({ parameters = {}, env = {} }: Order = {}): Promise<Output> {
    const given = { ...DEFAULTS, secretArn: SECRET_ARN, jitterSeconds: '0', ...parameters }
    const [step] = await runDocument({
      commandId: randomUUID(),
      region: 'eu-central-1',
      instance: instanceOf({ id: this.id }),
      document: DOCUMENT,
      parameters: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]])),
      runner: { run: (order) => this.run({ ...order, env: { ...order.env, ...env } }) },
      signal: new AbortController().signal,
      now: () => 0,
    })
    if (step === undefined) throw new Error('The document has no step.')
    return { ...step, status: parseNodeStatus(step.stdout) }
  }

  /** In the orchestration folder, by `sh -c`, in a process group that is killed when time is over. */
  async run(order: Omit<Parameters<InstanceRunner['run']>[0], 'instanceId'>): Promise<ScriptResult> {
    const { script, env, timeoutSeconds, signal } = order
    const folder = `/var/lib/amazon/ssm/${this.id}/document/orchestration/${env['SSM_COMMAND_ID']}/reload`
    mkdirSync(this.machine.path(folder), { recursive: true })
    this.write(`${folder}/_script.sh`, script, 0o700)
    const argv = ['sh', '-c', 'cd "$0" && exec sh -c "$0/_script.sh"', folder]
    const [command = '', ...args] = this.machine.commandLine(argv, { ...SEAMS, ...env })
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#running.add(child)
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child)
    }, timeoutSeconds * 1000)
    signal.addEventListener('abort', () => killGroup(child))
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (part: Buffer) => {
      output.stdout += part
    })
    child.stderr.on('data', (part: Buffer) => {
      output.stderr += part
    })
    const exitCode = await new Promise<number>((done) => child.on('close', (code) => done(code ?? 137)))
    clearTimeout(timer)
    this.#running.delete(child)
    this.printed += output.stdout + output.stderr
    return { exitCode, ...output, timedOut }
  }

  /** What a timeout of Run Command does. */
  killScripts(): void {
    for (const child of this.#running) killGroup(child)
  }

  /** From now on this Python runs in the script's process before its own. */
  prelude(python: string): void {
    this.write('/srv/prelude.py', `${python}\nimport sys\nexec(compile(sys.stdin.read(), '<stdin>', 'exec'))\n`)
    this.write('/usr/local/bin/python3', '#!/bin/sh\nexec /usr/bin/python3 -I /srv/prelude.py\n', 0o755)
  }

  noPrelude(): void {
    this.delete('/usr/local/bin/python3')
  }
}

function furnish(layer: string, id: string, config: string | null): void {
  const folders = [
    'etc/systemd/system',
    'etc/systemd/system.conf.d',
    'usr/libexec',
    'usr/local/bin',
    'etc/ecs',
    'var/lib/ecs',
    'srv',
  ]
  for (const folder of folders) mkdirSync(join(layer, folder), { recursive: true })
  for (const name of readdirSync(DOUBLES)) {
    const isUnit = /\.(service|socket|target)$/.test(name)
    cpSync(join(DOUBLES, name), join(layer, isUnit ? 'etc/systemd/system' : 'usr/libexec', name))
  }
  writeFileSync(join(layer, 'etc/hostname'), `${id}\n`)
  // The boot hook has its environment from systemd.
  const environment = Object.entries(SEAMS).map(([name, value]) => `${name}=${value}`)
  writeFileSync(
    join(layer, 'etc/systemd/system.conf.d/seams.conf'),
    `[Manager]\nDefaultEnvironment=${environment.join(' ')}\n`,
  )
  if (config !== null) writeFileSync(join(layer, CONFIG), config, { encoding: 'latin1', mode: 0o600 })
}

/** A Unix socket, which a machine without a network can reach, for a server on loopback. */
async function relay(path: string, url: string): Promise<Server> {
  const server = createServer((socket) => {
    const onward = connect(Number(new URL(url).port), '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  await new Promise<void>((done) => server.listen(path, done))
  return server
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
