/** The world around a shipped bundle: AWS, a GitLab, its registry, container instances, and a folder as a job has it. */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { parseImage } from '../../src/core/image.ts'
import type { Credential } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { systemClock } from '../../src/wiring.ts'
import { type AwsDouble, startAws } from '../aws/server.ts'
import type { Identity } from '../aws/signature.ts'
import type { RotationSetup } from '../aws/stored-secret.ts'
import type { EventHandler } from '../aws/world.ts'
import { type GitlabDouble, startGitlab } from '../doubles/gitlab.ts'
import { type Instance, runnerOn, startInstance } from '../doubles/instance.ts'
import { marked } from '../doubles/marks.ts'
import { pullImage } from '../doubles/pull.ts'
import { type RegistryDouble, type RegistryOptions, startRegistry } from '../doubles/registry.ts'
import { createTokenStore, type TokenStore } from '../doubles/tokens.ts'
import { Evidence } from '../leaks/evidence.ts'

const ROOT = resolve(import.meta.dirname, '../..')

export const SECRET = 'prod/ecs/agent-config'
export const GITLAB_ROOT = 'prod/gitlab/root'
/** A credential that a person keeps, for provider static. */
export const KEPT = 'prod/registry/pull'
export const DOCUMENT = 'ecs-pull-auth-reload'
export const RUNBOOK = 'ecs-pull-auth-rollout'
export const TAG = { 'ecs-pull-auth': 'prod' }

const ROLLOUT = [
  'DescribeDocument',
  'SendCommand',
  'ListCommands',
  'ListCommandInvocations',
  'DescribeInstanceInformation',
]

const RUNS = ['StartAutomationExecution', 'GetAutomationExecution', 'DescribeAutomationExecutions']

const COVERAGE = ['ListContainerInstances', 'DescribeContainerInstances']

/** What README and docs/lambda.md say that each actor must be allowed, and nothing more. */
export const ALLOWED = {
  operator: [
    ...['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage', 'RotateSecret'].map(
      (name) => `secretsmanager:${name}`,
    ),
    ...[...ROLLOUT, ...RUNS, 'CancelCommand', 'StopAutomationExecution'].map((name) => `ssm:${name}`),
    ...COVERAGE.map((name) => `ecs:${name}`),
  ],
  rotate: ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage'].map(
    (name) => `secretsmanager:${name}`,
  ),
  react: [
    ...['DescribeSecret', 'GetSecretValue'].map((name) => `secretsmanager:${name}`),
    ...[...ROLLOUT, ...RUNS].map((name) => `ssm:${name}`),
    ...COVERAGE.map((name) => `ecs:${name}`),
  ],
  node: ['secretsmanager:GetSecretValue'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** Who calls AWS: a person or a workflow, the two functions, an instance's role. */
export type Actor = keyof typeof ALLOWED

export interface StageOptions {
  readonly instances?: number
  /** What the operator may do, instead of what the documentation asks for. */
  readonly operatorMay?: readonly string[]
  /** What the two functions may do beside that. */
  readonly functionsMay?: readonly string[]
  readonly registry?: Omit<RegistryOptions, 'tokens'>
  /** The stored config, made once everything has its address; null: the secret is there without a value. */
  readonly config?: ((parts: ConfigParts) => string | Promise<string>) | null
  /** false: nobody has created the SSM document. */
  readonly document?: boolean
  /** true: somebody has created the runbook too. */
  readonly runbook?: boolean
  /** true: Run Command shows commands and invocations late, as the real one does. */
  readonly lag?: boolean
  readonly onEvent?: EventHandler
  readonly invokeLambda?: RotationSetup['invokeLambda']
}

export interface ConfigParts {
  readonly host: string
  readonly first: Login
  readonly gitlab: GitlabDouble
  /** The token that may mint at the GitLab. */
  readonly root: string
}

export interface Login {
  readonly username: string
  readonly password: string
}

export interface Stage {
  readonly aws: AwsDouble
  readonly gitlab: GitlabDouble
  readonly registry: RegistryDouble
  readonly tokens: TokenStore
  readonly instances: readonly Instance[]
  /** What the stored config holds at first, and what the instances have loaded. */
  readonly first: Login
  readonly probe: string
  /** Everything is below it. */
  readonly folder: string
  /** What a checkout makes: the repository's files. */
  readonly workspace: string
  readonly evidence: Evidence
  readonly identities: Readonly<Record<Actor, Identity>>
  /** The AWS part of an actor's environment, and a home and a temporary folder of its own. */
  env(actor: Actor): Readonly<Record<string, string>>
  /** A secret besides the stored config. */
  keep(name: string, text: string): void
  /** A file of the repository; returns its path from there. */
  file(name: string, text: string): string
  pulls(login: Login | Credential, image?: string): Promise<boolean>
}

/** The world is searched for credentials and taken down when the test is over. */
export async function setStage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-e2e-'))
  const evidence = new Evidence(folder)
  const closers: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const close of closers.reverse()) await close()
    try {
      evidence.assertClean()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  for (const name of ['workspace', 'home', 'tmp']) mkdirSync(join(folder, name))

  const tokens = createTokenStore()
  const registry = await startRegistry({
    images: ['acme/app:stable', 'acme/vault:stable'],
    ...options.registry,
    tokens,
  })
  closers.push(() => registry.close())
  const first = { username: 'puller', password: marked('first') }
  tokens.add({ ...first, pulls: ['acme/*'], expiresAt: null })
  const root = `glpat-${marked('root')}`
  const gitlab = await startGitlab({
    tokens,
    access: [{ token: root, scopes: ['api'], sees: ['acme'], manages: ['acme'] }],
    tokenText: (n) => `gldt-${marked(`deploy-token-${n}`)}`,
  })
  closers.push(() => gitlab.close())

  const identities = makeIdentities(options.operatorMay ?? ALLOWED.operator, options.functionsMay ?? [])
  const instances: Instance[] = []
  const waiting = new Set<() => void>()
  const ids = Array.from({ length: options.instances ?? 3 }, (_, index) => `i-0a11c0ffee000000${index + 1}`)
  const aws = await startAws({
    clock: systemClock,
    region: 'eu-central-1',
    account: '111122223333',
    identities: Object.values(identities),
    instances: ids.map((id) => ({ id, tags: TAG })),
    // Restarts are spread over time on real instances; here nobody waits.
    runner: { run: (job) => runnerOn(instances).run({ ...job, env: { ...job.env, SSM_jitterSeconds: '0' } }) },
    onEvent: async (event) => {
      for (const wake of waiting) wake()
      await options.onEvent?.(event)
    },
    ...(options.lag === true ? {} : { visibility: { command: 0, counters: 0, invocations: 0 } }),
    ...(options.invokeLambda === undefined ? {} : { invokeLambda: options.invokeLambda }),
  })
  closers.push(() => aws.close())
  evidence.watch({ aws, gitlab, registry, instances })
  // A look at a command is answered when it has ended, so that what is told of its progress is the same at every run.
  const rolloutsEnded = async () => {
    const ended = () => aws.ssm.rollouts().every((rollout) => rollout.completed === rollout.invocations.length)
    while (!ended()) await new Promise<void>((wake) => waiting.add(wake))
  }
  aws.faults.add({
    kind: 'before',
    match: (operation, input) => operation === 'ListCommands' && input['CommandId'] !== undefined,
    times: Number.POSITIVE_INFINITY,
    run: rolloutsEnded,
  })

  if (options.document !== false)
    aws.ssm.publishDocument(DOCUMENT, readFileSync(join(ROOT, 'deploy/document.json'), 'utf8'))
  if (options.runbook === true) {
    aws.ssm.automation.publish(RUNBOOK, readFileSync(join(ROOT, 'deploy/runbook.json'), 'utf8'))
    const isLook = (operation: string) => operation === 'GetAutomationExecution'
    aws.faults.add({ kind: 'before', match: isLook, times: Number.POSITIVE_INFINITY, run: () => runsEnded(aws) })
  }
  const parts = { host: registry.host, first, gitlab, root }
  const text = options.config === null ? undefined : await (options.config ?? storedConfig)(parts)
  aws.secrets.create(SECRET, text)
  aws.secrets.create(GITLAB_ROOT, root)
  for (const id of ids) {
    const instance = await bootInstance({ id, folder, aws, identity: identities.node, config: text ?? '' })
    instances.push(instance)
    closers.push(() => instance.close())
  }

  const workspace = join(folder, 'workspace')
  return {
    aws,
    gitlab,
    registry,
    tokens,
    instances,
    first,
    probe: `${registry.host}/acme/app:stable`,
    folder,
    workspace,
    evidence,
    identities,
    env: (actor) => environmentOf(identities[actor], aws, folder),
    keep: (name, value) => void aws.secrets.create(name, value),
    file: (name, content) => {
      writeFileSync(join(workspace, name), content)
      return name
    },
    pulls: async (login, image = `${registry.host}/acme/app:stable`) => {
      const parsed = parseImage(image)
      return parsed !== null && (await pullImage({ ...parsed, credential: login })).ok
    },
  }
}

/** An ecs.config as a person wrote it: one entry that a plan manages, and one that it does not. */
export function storedConfig({ host, first }: Pick<ConfigParts, 'host' | 'first'>): string {
  const entries = { 'mirror.acme.example': `mirror:${OTHER}`, [host]: `${first.username}:${first.password}` }
  const auth = Object.entries(entries).map(([key, login]) => [key, { auth: Buffer.from(login).toString('base64') }])
  return [
    '# made by the platform team',
    'ECS_CLUSTER=prod',
    'ECS_IMAGE_PULL_BEHAVIOR=always',
    'ECS_ENGINE_AUTH_TYPE=dockercfg',
    `ECS_ENGINE_AUTH_DATA=${JSON.stringify(Object.fromEntries(auth))}`,
    '',
  ].join('\n')
}

const OTHER = marked('other')

/** Or wait for somebody to approve. A look that finds a run, and does not follow it, sees it as it is. */
async function runsEnded({ ssm, requests }: AwsDouble): Promise<void> {
  if (requests.at(-2)?.operation === 'DescribeAutomationExecutions') return
  while (ssm.automation.moves()) await systemClock.sleep(20)
}

function makeIdentities(operatorMay: readonly string[], functionsMay: readonly string[]): Record<Actor, Identity> {
  const make = (actor: Actor, actions: readonly string[]): Identity => ({
    name: `arn:aws:sts::111122223333:assumed-role/${actor}/session`,
    accessKeyId: `ASIA${actor.toUpperCase().padEnd(16, '0')}`,
    secretAccessKey: `${marked(`${actor}-key`)}/+=`,
    sessionToken: `${marked(`${actor}-session`)}/+==`,
    actions,
  })
  return {
    operator: make('operator', operatorMay),
    rotate: make('rotate', [...ALLOWED.rotate, ...functionsMay]),
    react: make('react', [...ALLOWED.react, ...functionsMay]),
    node: make('node', ALLOWED.node),
  }
}

function environmentOf(identity: Identity, aws: AwsDouble, folder: string): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_REGION: aws.region,
    AWS_ACCESS_KEY_ID: identity.accessKeyId,
    AWS_SECRET_ACCESS_KEY: identity.secretAccessKey ?? '',
    AWS_SESSION_TOKEN: identity.sessionToken ?? '',
    // Nothing outside is asked, not even the metadata service of the machine that runs the tests.
    AWS_EC2_METADATA_DISABLED: 'true',
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
  }
}

async function bootInstance(order: {
  id: string
  folder: string
  aws: AwsDouble
  identity: Identity
  config: string
}): Promise<Instance> {
  const { id, aws, identity } = order
  const instance = await startInstance({
    id,
    folder: join(order.folder, id),
    secretsEndpoint: aws.endpoint,
    credentials: {
      accessKeyId: identity.accessKeyId,
      secretAccessKey: new Secret(identity.secretAccessKey ?? ''),
      sessionToken: new Secret(identity.sessionToken ?? ''),
    },
    config: order.config,
  })
  chmodSync(instance.configFile, 0o600)
  return instance
}
