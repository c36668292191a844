/** One instance and its secret, for the tests of the document's script. */

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { TestContext } from 'node:test'
import { type NodeStatus, parseNodeStatus } from '../../src/core/node-status.ts'
import { Secret } from '../../src/core/secret.ts'
import { parseDocument } from '../aws/document-content.ts'
import { instanceOf } from '../aws/instances.ts'
import { runDocument } from '../aws/ssm-agent.ts'
import { configOf, type Instance, type InstanceOptions, runnerOn, startInstance } from '../doubles/instance.ts'
import { SECRET_ARN, type SecretEndpoint, startSecretEndpoint } from './secret-endpoint.ts'

export const DOCUMENT = parseDocument(readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8'))

export const CREDENTIALS = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: new Secret('MARK-secret-key/+='),
  sessionToken: new Secret('MARK-session-token=='),
}

/** Version ids of successive secret versions. */
export const V1 = version(1)
export const V2 = version(2)
export const V3 = version(3)

export function version(n: number): string {
  return `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`
}

/** Stored config with one registry, and lines before that. */
export function storedConfig(password: string, ...otherLines: readonly string[]): string {
  return [...otherLines, ...authLines(password)].map((line) => `${line}\n`).join('')
}

export function authLines(password: string): readonly string[] {
  const auth = Buffer.from(`puller:${password}`).toString('base64')
  return ['ECS_ENGINE_AUTH_TYPE=dockercfg', `ECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"${auth}"}}`]
}

export interface Output {
  /** 137: killed. */
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface Ran extends Output {
  readonly status: NodeStatus
}

type Parameters = Readonly<Record<string, string>>

export interface Bench {
  readonly folder: string
  readonly instance: Instance
  readonly secret: SecretEndpoint
  /** Makes a version current, with that password. */
  publish(version: string, password: string): void
  /** As the SSM agent runs the document. The values are taken as they are: checking them is the service's part. */
  run(parameters?: Parameters, agentVersion?: string): Promise<Output>
  /** A run that lives long enough to tell its status. */
  reload(parameters?: Parameters, agentVersion?: string): Promise<Ran>
  /** The text of ecs.config. */
  config(): string
  /** The password that the running agent pulls with; null: none. */
  password(): string | null
  /** How often systemd was told to start the agent anew. */
  restarts(): number
  /** From now on the script can make files, but no byte goes into them: a full disk. */
  limitFiles(): void
  /** From now on this Python runs before the script's own. */
  preludePython(code: string): void
}

export async function startBench(t: TestContext, options: Partial<InstanceOptions> = {}): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-'))
  const secret = await startSecretEndpoint(CREDENTIALS)
  const instance = await startInstance({
    id: 'i-0123456789abcdef0',
    folder,
    secretsEndpoint: secret.url,
    credentials: CREDENTIALS,
    config: 'ECS_CLUSTER=prod\n',
    ...options,
    // Nothing here takes long; the patience is for a busy machine.
    environment: { ECS_PULL_AUTH_HEALTH_SECONDS: '20', ...options.environment },
  })
  t.after(async () => {
    await Promise.all([instance.close(), secret.close()])
    rmSync(folder, { recursive: true, force: true })
  })
  const bench: Bench = {
    folder,
    instance,
    secret,
    publish(version, password) {
      secret.version = version
      secret.text = storedConfig(password)
    },
    run: (parameters, agentVersion) => runOn(instance, parameters, agentVersion),
    async reload(parameters, agentVersion) {
      const outcome = await bench.run(parameters, agentVersion)
      const status = parseNodeStatus(outcome.stdout)
      if (status !== null) return { ...outcome, status }
      throw new Error(`no status line: exit ${outcome.exitCode}, ${outcome.stdout}${outcome.stderr}`)
    },
    config: () => configOf(instance),
    password: () => instance.credentialFor('ghcr.io/acme/app:1')?.password.reveal() ?? null,
    restarts: () => instance.service.calls.filter((call) => /^(try-)?restart /.test(call)).length,
    ...pythonOf(instance),
  }
  bench.publish(V1, 'MARK-one')
  return bench
}

async function runOn(instance: Instance, parameters: Parameters = {}, agentVersion = '3.3.3572.0'): Promise<Output> {
  const given = {
    secretArn: SECRET_ARN,
    versionId: 'any',
    mode: 'auth-only',
    jitterSeconds: '0',
    bootHook: 'keep',
    ...parameters,
  }
  const [step] = await runDocument({
    commandId: '00000000-0000-4000-8000-00000000c0de',
    region: 'eu-central-1',
    instance: instanceOf({ id: instance.id, agentVersion }),
    document: DOCUMENT,
    parameters: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]])),
    runner: runnerOn([instance]),
    signal: new AbortController().signal,
    now: () => 0,
  })
  if (step === undefined) throw new Error('The document has no step.')
  return step
}

function pythonOf({ bin }: Instance): Pick<Bench, 'limitFiles' | 'preludePython'> {
  const python = readlinkSync(join(bin, 'python3'))
  const replace = (lines: readonly string[]) => {
    rmSync(join(bin, 'python3'))
    writeFileSync(join(bin, 'python3'), ['#!/bin/bash', ...lines, ''].join('\n'), { mode: 0o700 })
  }
  return {
    limitFiles: () => replace(['ulimit -f 0', `exec '${python}' "$@"`]),
    preludePython(code) {
      const file = join(bin, 'prelude.py')
      writeFileSync(file, `${code}\nexec(compile(sys.stdin.read(), '<stdin>', 'exec'), {'__name__': '__main__'})\n`)
      replace([`exec '${python}' -I '${file}'`])
    },
  }
}

/** Every file of the instance but its programs, by its path, with its permission bits. */
export function filesOf({ folder, instance }: Bench): ReadonlyMap<string, number> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(instance.bin))
  return new Map(paths.sort().map((path) => [relative(folder, path), statSync(path).mode & 0o777]))
}
