/**
 * A container instance in a folder: its files, metadata service, systemd, ECS agent, and an SSM agent that runs scripts.
 * Needs bash and python3, no root and no network but loopback.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PullAuthError } from '../../src/core/errors.ts'
import type { Credential } from '../../src/core/ports.ts'
import { AgentDouble } from './instance-agent.ts'
import { MetadataDouble, type RoleCredentials } from './instance-metadata.ts'
import { type ScriptOrder, type ScriptOutcome, ScriptRunner } from './instance-script.ts'
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

export interface Instance {
  readonly id: string
  /** The path of /etc/ecs/ecs.config. */
  readonly configFile: string
  /** Where the programs are that its scripts find. */
  readonly bin: string
  readonly agent: AgentDouble
  readonly service: ServiceDouble
  readonly metadata: MetadataDouble
  run(order: ScriptOrder): Promise<ScriptOutcome>
  /** Kills what runs just now, as a reboot would. */
  kill(): void
  /** What its agent pulls an image with; null: anonymously, or the agent does not run. */
  credentialFor(image: string): Credential | null
  close(): Promise<void>
}

/** Waits for instances on which nothing takes long; the patience is for a busy machine. */
const WAITS = {
  ECS_PULL_AUTH_HEALTH_SECONDS: '3',
  ECS_PULL_AUTH_POLL_SECONDS: '0.01',
}

/** Starts an instance, its agent running with the config it is given. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { id, folder } = options
  const configFile = join(folder, 'etc/ecs/ecs.config')
  const bin = join(folder, 'bin')
  for (const name of ['etc/ecs', 'var/lib/ecs', 'run', 'bin', 'ssm']) mkdirSync(join(folder, name), { recursive: true })
  if (options.config !== null) writeFileSync(configFile, options.config, { mode: 0o600 })
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

  const scripts = new ScriptRunner(join(folder, 'ssm'), environment)
  return {
    id,
    configFile,
    bin,
    agent,
    service,
    metadata,
    run: (order) => scripts.run(order),
    kill: () => scripts.kill(),
    credentialFor: (image) => agent.credentialFor(image),
    async close() {
      scripts.kill()
      await Promise.all([service.close(), metadata.close(), agent.close()])
    },
  }
}

/** The interpreter itself, not a version manager's shim, which would need a PATH. */
let python: string | undefined
function findPython(): string {
  try {
    python ??= execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
    return python
  } catch (error) {
    throw new PullAuthError(
      'DEMO_FAILED',
      'A simulated instance needs python3, and there is none.',
      'Install python3, which real instances have as well.',
      error,
    )
  }
}

/** What an SSM double calls to run a document's script on one of these instances. */
export function runnerOn(instances: readonly Instance[]) {
  const byId = new Map(instances.map((instance) => [instance.id, instance]))
  return {
    async run({ instanceId, ...order }: ScriptOrder & { readonly instanceId: string }): Promise<ScriptOutcome> {
      const instance = byId.get(instanceId)
      if (instance === undefined) throw new Error(`There is no instance ${instanceId}.`)
      return await instance.run(order)
    },
  }
}

/** The text of /etc/ecs/ecs.config. */
export function configOf(instance: Instance): string {
  return readFileSync(instance.configFile, 'utf8')
}
