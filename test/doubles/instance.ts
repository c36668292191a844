/**
 * A container instance in a folder: its files, metadata service, systemd, ECS agent, and an SSM agent that runs scripts.
 * Needs bash and python3, no root and no network but loopback.
 */

import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Credential } from '../../src/core/ports.ts'
import { AgentDouble } from './instance-agent.ts'
import { MetadataDouble, type RoleCredentials } from './instance-metadata.ts'
import { ServiceDouble } from './instance-service.ts'

export interface InstanceOptions {
  /** Such as `i-0123456789abcdef0`. */
  readonly id: string
  /** The instance's root; made if it is not there. */
  readonly folder: string
  /** Where Secrets Manager is, for this instance. */
  readonly secretsEndpoint: string
  readonly credentials: RoleCredentials
  /** What /etc/ecs/ecs.config holds at first; null: there is no such file. */
  readonly config: string | null
  readonly unit?: 'ecs.service' | 'amazon-ecs.service'
  /** Goes over the script's environment: the waits, for instance. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface ScriptOutcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

export interface Instance {
  readonly id: string
  /** The path of /etc/ecs/ecs.config. */
  readonly configFile: string
  /** Where the programs are that its scripts find. */
  readonly bin: string
  readonly agent: AgentDouble
  readonly service: ServiceDouble
  readonly metadata: MetadataDouble
  /** Runs a script as the SSM agent does: as a file, in a process group of its own, which is killed when time is over. */
  run(script: string, env: Readonly<Record<string, string>>, timeoutSeconds: number): Promise<ScriptOutcome>
  /** Kills what runs just now, as a reboot would. */
  kill(): void
  /** What its agent pulls an image with; null: anonymously, or the agent does not run. */
  credentialFor(image: string): Credential | null
  close(): Promise<void>
}

/** Waits that suit a test: nothing here takes long, and a second of patience is for a busy machine. */
const WAITS = {
  ECS_PULL_AUTH_HEALTH_SECONDS: '1',
  ECS_PULL_AUTH_POLL_SECONDS: '0.01',
}

/** Starts an instance, its agent running with the config it is given. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { id, folder } = options
  const configFile = join(folder, 'etc/ecs/ecs.config')
  const bin = join(folder, 'bin')
  for (const name of ['etc/ecs', 'var/lib/ecs', 'run', 'bin', 'ssm']) mkdirSync(join(folder, name), { recursive: true })
  if (options.config !== null) writeFileSync(configFile, options.config)
  symlinkSync(findPython(), join(bin, 'python3'))

  const agent = new AgentDouble([join(folder, 'var/lib/ecs/ecs.config'), configFile], id)
  const service = new ServiceDouble(options.unit ?? 'ecs.service', agent)
  const metadata = new MetadataDouble(options.credentials)
  await service.install(bin)
  const environment = {
    PATH: bin,
    AWS_SSM_INSTANCE_ID: id,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: await metadata.listen(),
    AWS_ENDPOINT_URL_SECRETS_MANAGER: options.secretsEndpoint,
    ECS_PULL_AUTH_ROOT: folder,
    ECS_PULL_AUTH_INTROSPECTION: await agent.listen(),
    ...WAITS,
    ...options.environment,
  }
  service.start()

  const running = new Set<number>()
  const kill = () => {
    for (const group of running) killGroup(group)
  }
  return {
    id,
    configFile,
    bin,
    agent,
    service,
    metadata,
    run: (script, env, timeoutSeconds) =>
      runScript(join(folder, 'ssm'), script, { ...environment, ...env }, timeoutSeconds, running),
    kill,
    credentialFor: (image) => agent.credentialFor(image),
    async close() {
      kill()
      await Promise.all([service.close(), metadata.close(), agent.close()])
    },
  }
}

/** The interpreter itself, not a version manager's shim, which would need a PATH. */
let python: string | undefined
function findPython(): string {
  python ??= execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
  return python
}

/** amazon-ssm-agent, agent/framework/processor and plugins/runscript: `sh -c <path>`, the first line of the file counts. */
async function runScript(
  folder: string,
  script: string,
  env: Readonly<Record<string, string>>,
  timeoutSeconds: number,
  running: Set<number>,
): Promise<ScriptOutcome> {
  const file = join(mkdtempSync(join(folder, 'command-')), '_script.sh')
  writeFileSync(file, script, { mode: 0o700 })
  const child = spawn('/bin/sh', ['-c', file], {
    cwd: dirname(file),
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const group = child.pid ?? 0
  running.add(group)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    killGroup(group)
  }, timeoutSeconds * 1000)
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  const exitCode = await new Promise<number>((done, failed) => {
    child.on('error', failed)
    child.on('close', (code) => done(code ?? 137))
  })
  clearTimeout(timer)
  running.delete(group)
  rmSync(dirname(file), { recursive: true, force: true })
  return { exitCode, ...output, timedOut }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** What an SSM double calls to run a document's script on one of these instances. */
export function runnerOn(instances: readonly Instance[]) {
  const byId = new Map(instances.map((instance) => [instance.id, instance]))
  return {
    async run(job: {
      instanceId: string
      script: string
      env: Readonly<Record<string, string>>
      timeoutSeconds: number
    }) {
      const instance = byId.get(job.instanceId)
      if (instance === undefined) throw new Error(`There is no instance ${job.instanceId}.`)
      return await instance.run(job.script, job.env, job.timeoutSeconds)
    },
  }
}

/** The text of /etc/ecs/ecs.config. */
export function configOf(instance: Instance): string {
  return readFileSync(instance.configFile, 'utf8')
}
