/**
 * What each actor of a plan must be allowed, and nothing more: IAM policies by actor. Rules and conditions:
 * facts/secrets-manager-rotation.md section 9, facts/ssm-fleet-reload.md section 12.
 */

import {
  type Account,
  type Condition,
  iamArn,
  keyUse,
  parameterArn,
  type Statement,
  secretArn,
  serviceArn,
  unique,
} from './iam-arn.ts'
import { documentArn, rolloutStatements, runbookStatements } from './iam-rollout.ts'
import { type Repository, serviceTrust, type Trust, workflowTrust } from './iam-trust.ts'
import type { Plan, PlannedRegistry } from './plan.ts'

/** What a plan does not say: where it is deployed, under which names, and which key encrypts its secrets. */
export interface IamSettings extends Account {
  /** What the names of functions and queues begin with. */
  readonly name: string
  /** ARN of the customer key of the plan's secrets; null = the AWS managed key, which needs no permission. */
  readonly kmsKey: string | null
  /** Name of the SSM parameter that holds the plan; null = it is in the functions' environment. */
  readonly planParameter: string | null
  /** The functions run in a VPC. */
  readonly vpc: boolean
  /** Whose workflow rotates; null = none does. */
  readonly repository: Repository | null
}

export interface Policy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly Statement[]
}

export interface ActorPolicies {
  readonly who: string
  readonly policy: Policy
  /** Who may become it; null = a person or role that is there already. */
  readonly trust: { readonly Version: '2012-10-17'; readonly Statement: readonly Trust[] } | null
  /** AWS managed policies that it needs beside this one. */
  readonly managed: readonly string[]
}

export const ACTORS = [
  'rotate-function',
  'react-function',
  'workflow',
  'workflow-direct',
  'operator-status',
  'operator-rotate',
  'operator-rotate-direct',
  'operator-reload',
  'operator-retire',
  'operator-rollback',
  'operator-doctor',
  'approver',
  'instance',
  'runbook',
  'scheduler',
] as const

export type Actor = (typeof ACTORS)[number]

/** Actors that the plan has no use for are missing: no runbook, no schedule below four hours, no fleet. */
export function policiesOf(plan: Plan, settings: IamSettings): Readonly<Partial<Record<Actor, ActorPolicies>>> {
  const cx: Cx = { plan, settings, config: secretArn(settings, plan.secret) }
  const trusted = settings.repository === null ? null : [workflowTrust(settings, settings.repository)]
  const lambda = [serviceTrust('lambda')]
  const all: Readonly<Record<Actor, readonly [who: string, Statement[], readonly Trust[] | null]>> = {
    'rotate-function': ['The rotation function, for Secrets Manager’s four steps.', rotateFunction(cx), lambda],
    'react-function': ['The event function: starts and judges rollouts, retires.', reactFunction(cx), lambda],
    workflow: ['A workflow, where the secret has a rotation function.', asking(cx, true), trusted],
    'workflow-direct': ['A workflow that rotates by itself.', rotatingDirectly(cx, true), trusted],
    'operator-status': ['A person: status, verify and plan --live. Reads only.', readsStatus(cx), null],
    'operator-rotate': ['A person: rotate, where the secret has a rotation function.', asking(cx, false), null],
    'operator-rotate-direct': ['A person: rotate, without a rotation function.', rotatingDirectly(cx, false), null],
    'operator-reload': ['A person: reload.', [...reads(cx), ...followUp(cx)], null],
    'operator-retire': ['A person: retire.', [...readsRollouts(cx), ...outputs(cx), ...retires(cx, false)], null],
    'operator-rollback': ['A person: rollback.', [...reads(cx), ...writes(cx), ...followUp(cx)], null],
    'operator-doctor': ['A person: doctor. Reads only, also what the others may do.', examines(cx), null],
    approver: ['A person whom fleet.runbook.approvers names.', approves(settings), null],
    instance: [
      'Each container instance, and what it starts when it boots.',
      instance(cx),
      [serviceTrust('ec2', settings)],
    ],
    runbook: [
      'The role that Automation assumes for a rollout.',
      runbookStatements(settings, plan.fleet),
      [serviceTrust('ssm', settings, 'automation-execution/*')],
    ],
    scheduler: ['EventBridge Scheduler, calling RotateSecret.', schedules(cx), [serviceTrust('scheduler', settings)]],
  }
  const managed = { instance: [iamArn(settings, 'policy/AmazonSSMManagedInstanceCore', 'aws')] }
  const needed = ACTORS.filter((actor) => isNeeded(plan, actor))
  return Object.fromEntries(
    needed.map((actor) => {
      const [who, statements, trust] = all[actor]
      return [
        actor,
        {
          who,
          policy: document(statements),
          trust: trust === null ? null : { Version: '2012-10-17', Statement: trust },
          managed: actor === 'instance' ? managed.instance : [],
        },
      ]
    }),
  )
}

function isNeeded({ fleet, rotation }: Plan, actor: Actor): boolean {
  switch (actor) {
    case 'operator-reload':
    case 'operator-retire':
    case 'instance':
      return fleet !== null
    case 'approver':
      return (fleet?.runbook?.notify ?? null) !== null
    case 'runbook':
      return (fleet?.runbook ?? null) !== null
    case 'scheduler':
      return rotation?.by === 'eventbridge-scheduler'
    default:
      return true
  }
}

interface Cx {
  readonly plan: Plan
  readonly settings: IamSettings
  /** ARN of the stored config. */
  readonly config: string
}

/** What is said twice of one thing, by two parts of an actor's work, is one statement; a Sid is there once. */
function document(statements: readonly Statement[]): Policy {
  const joined: Statement[] = []
  for (const statement of statements) {
    const at = joined.findIndex((earlier) => merged(earlier, statement) !== null)
    const both = merged(joined[at] ?? statement, statement)
    if (at < 0 || both === null) joined.push(statement)
    else joined[at] = both
  }
  const Statement = joined.map((statement, index) => {
    const before = joined.slice(0, index).filter(({ Sid }) => Sid === statement.Sid).length
    return before === 0 ? statement : { ...statement, Sid: `${statement.Sid}${before + 1}` }
  })
  return { Version: '2012-10-17', Statement }
}

/** Two that differ in one part only, as one that allows what both do and no more; null = they differ in more. */
function merged(one: Statement, other: Statement): Statement | null {
  if (one.Sid !== other.Sid) return null
  const same = (part: 'Action' | 'Resource' | 'Condition') => JSON.stringify(one[part]) === JSON.stringify(other[part])
  if (same('Resource') && same('Condition')) return { ...one, Action: unique([...one.Action, ...other.Action]) }
  if (same('Action') && same('Condition')) return { ...one, Resource: unique([...one.Resource, ...other.Resource]) }
  return same('Action') && same('Resource') ? withSecrets(one, other) : null
}

/** Statements about a key differ in the secrets that it may be used for. */
function withSecrets(one: Statement, other: Statement): Statement | null {
  const [secrets, more] = [secretsOf(one), secretsOf(other)]
  if (secrets === null || more === null) return null
  const StringLike = { 'kms:EncryptionContext:SecretARN': unique([...secrets, ...more]) }
  return { ...one, Condition: { ...one.Condition, StringLike } }
}

function secretsOf({ Condition }: Statement): readonly string[] | null {
  return Condition?.['StringLike']?.['kms:EncryptionContext:SecretARN'] ?? null
}

function allow(
  Sid: string,
  Action: readonly string[],
  Resource: readonly string[],
  Condition?: Condition,
): Statement[] {
  if (Action.length === 0 || Resource.length === 0) return []
  return [{ Sid, Effect: 'Allow', Action, Resource, ...(Condition === undefined ? {} : { Condition }) }]
}

function secretActions(...names: readonly string[]): readonly string[] {
  return names.map((name) => `secretsmanager:${name}`)
}

// ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const READ = secretActions('DescribeSecret', 'GetSecretValue')
const WRITE = secretActions('PutSecretValue', 'UpdateSecretVersionStage')

function reads(cx: Cx): Statement[] {
  return [...allow('StoredConfig', READ, [cx.config]), ...key(cx, 'decrypt', [cx.config])]
}

function writes(cx: Cx): Statement[] {
  return [...allow('StoredConfig', WRITE, [cx.config]), ...key(cx, 'encrypt', [cx.config])]
}

/** What the plan's credentials are made from. */
function readsRoots(cx: Cx, registries: readonly PlannedRegistry[]): Statement[] {
  const roots = unique(registries.flatMap(({ secrets }) => secrets.map((name) => secretArn(cx.settings, name))))
  return [...allow('RootSecrets', secretActions('GetSecretValue'), roots), ...key(cx, 'decrypt', roots)]
}

function key({ settings }: Cx, use: 'encrypt' | 'decrypt', secrets: readonly string[]): Statement[] {
  return settings.kmsKey === null || secrets.length === 0 ? [] : [keyUse(settings, settings.kmsKey, use, secrets)]
}

// ── Outputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function outputs(cx: Cx): Statement[] {
  const secrets = unique(
    cx.plan.outputs.flatMap((output) => (output.kind === 's3' ? [] : [secretArn(cx.settings, output.secret)])),
  )
  return [
    ...allow('OutputSecrets', [...READ, ...WRITE], secrets),
    ...key(cx, 'encrypt', secrets),
    ...cx.plan.outputs.flatMap((output) => (output.kind === 's3' ? objectOutput(cx.settings, output) : [])),
  ]
}

function objectOutput(
  settings: IamSettings,
  { bucket, key: name, kmsKey }: { bucket: string; key: string; kmsKey: string | null },
): Statement[] {
  const arn = `arn:${settings.partition}:s3:::${bucket}`
  return [
    ...objectReads(settings, { bucket, key: name }),
    ...allow('OutputObject', ['s3:PutObject'], [`${arn}/${name}`]),
    ...(kmsKey === null ? [] : objectKey(settings, kmsKey, `${arn}/${name}`, arn)),
  ]
}

function objectReads({ partition }: IamSettings, { bucket, key }: { bucket: string; key: string }): Statement[] {
  const arn = `arn:${partition}:s3:::${bucket}`
  return [
    ...allow('OutputObject', ['s3:GetObject'], [`${arn}/${key}`]),
    // Without it, S3 calls an object that is not there yet forbidden.
    ...allow('OutputBucket', ['s3:ListBucket'], [arn]),
  ]
}

/** An alias is no resource of these actions: the key behind it is named by a condition. */
function objectKey(settings: IamSettings, kmsKey: string, object: string, bucket: string): Statement[] {
  const [, alias] = /(alias\/.+)$/.exec(kmsKey) ?? []
  const id = kmsKey.replace(/^.*key\//, '')
  const resource =
    alias === undefined && kmsKey.startsWith('arn:')
      ? kmsKey
      : serviceArn(settings, 'kms', `key/${alias === undefined ? id : '*'}`)
  return allow('OutputObjectKey', ['kms:GenerateDataKey'], [resource], {
    StringEquals: {
      'kms:ViaService': [`s3.${settings.region}.${settings.domain}`],
      // The bucket's ARN instead of the object's where the bucket has a bucket key.
      'kms:EncryptionContext:aws:s3:arn': [object, bucket],
    },
    ...(alias === undefined ? {} : { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': [alias] } }),
  })
}

// ── Minting and revoking ─────────────────────────────────────────────────────────────────────────────────────────────

/** `github`: a workflow's identity comes from GitHub, not from AWS. */
function provides(cx: Cx, registries: readonly PlannedRegistry[], github: boolean): Statement[] {
  const needs = registries.flatMap(({ provider, config, key: name }) => provider.permissions?.(config, name) ?? [])
  const audiences = unique(needs.flatMap((need) => ('identityToken' in need ? [need.identityToken] : [])))
  const token = github
    ? []
    : allow('IdentityTokens', audiences.length === 0 ? [] : ['sts:GetWebIdentityToken'], ['*'], {
        'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': audiences },
        // "For all" is also true of none at all.
        Null: { 'sts:IdentityTokenAudience': ['false'] },
      })
  const actions = needs.flatMap((need) => {
    if ('identityToken' in need) return []
    const { action, resource = '*', equals } = need
    const condition =
      equals === undefined
        ? undefined
        : { StringEquals: Object.fromEntries(Object.entries(equals).map(([name, value]) => [name, [value]])) }
    return allow(
      `Provider${action.replaceAll(/[^A-Za-z0-9]/g, '')}`,
      [action],
      [resource.replace('{partition}', cx.settings.partition)],
      condition,
    )
  })
  return [...token, ...actions]
}

function mints(cx: Cx, github: boolean): Statement[] {
  const { registries } = cx.plan
  return [...readsRoots(cx, registries), ...provides(cx, registries, github)]
}

/** Of sources that have something to revoke; the others' credentials die of age. */
function retires(cx: Cx, github: boolean, others: readonly PlannedRegistry[] = []): Statement[] {
  const { fleet, registries } = cx.plan
  const revocable = fleet === null ? [] : registries.filter(({ provider }) => provider.revoke !== undefined)
  const asked = registries.filter((registry) => revocable.includes(registry) || others.includes(registry))
  return [...readsRoots(cx, asked), ...provides(cx, revocable, github)]
}

// ── Actors ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reload, write outputs, retire: what follows a promotion. */
function followUp(cx: Cx, github = false): Statement[] {
  return [...rolloutStatements(cx.settings, cx.plan.fleet, { follows: true }), ...outputs(cx), ...retires(cx, github)]
}

function readsStatus(cx: Cx): Statement[] {
  return readsRollouts(cx, [...WATCHING, 'Runs', 'FindRuns'])
}

function readsRollouts(cx: Cx, wanted = WATCHING): Statement[] {
  const rollouts = rolloutStatements(cx.settings, cx.plan.fleet, { follows: false })
  return [...reads(cx), ...rollouts.filter(({ Sid }) => wanted.includes(Sid))]
}

/** What nobody but `doctor` looks at: the documents' content, and what IAM would allow whom. */
function examines(cx: Cx): Statement[] {
  const { plan, settings } = cx
  const { fleet, outputs, registries } = plan
  const names = fleet === null ? [] : [fleet.document, ...(fleet.runbook === null ? [] : [fleet.runbook.name])]
  const documents = names.map((name) => documentArn(settings, name))
  const written = outputs.flatMap((output) => (output.kind === 's3' ? [] : [secretArn(settings, output.secret)]))
  const objects = outputs.flatMap((output) => (output.kind === 's3' ? objectReads(settings, output) : []))
  return [
    ...readsRollouts(cx),
    ...readsRoots(cx, registries),
    ...allow('OutputSecrets', secretActions('DescribeSecret'), unique(written)),
    ...objects,
    ...allow('Document', ['ssm:DescribeDocument'], documents.slice(0, 1)),
    ...allow('DocumentContent', ['ssm:GetDocument'], documents),
    ...allow(
      'Simulate',
      ['iam:SimulatePrincipalPolicy'],
      ['role/*', 'user/*'].map((kind) => iamArn(settings, kind)),
    ),
  ]
}

/** The statements of a rollout that change nothing, of its commands. */
const WATCHING: readonly string[] = ['Rollouts', 'Cluster', 'ClusterInstances']

function asksForRotation({ config, settings }: Cx): Statement[] {
  const fn = serviceArn(settings, 'lambda', `function:${settings.name}-rotate`)
  return [
    ...allow('AskForRotation', secretActions('RotateSecret'), [config]),
    // Secrets Manager checks that whoever asks may invoke the function too.
    ...allow('RotationFunction', ['lambda:InvokeFunction'], [fn]),
  ]
}

function schedules(cx: Cx): Statement[] {
  const dead = serviceArn(cx.settings, 'sqs', `${cx.settings.name}-schedule-dead`)
  return [...asksForRotation(cx), ...allow('DeadLetters', ['sqs:SendMessage'], [dead])]
}

function asking(cx: Cx, github: boolean): Statement[] {
  return [...reads(cx), ...asksForRotation(cx), ...(github ? followUp(cx, true) : outputs(cx))]
}

function rotatingDirectly(cx: Cx, github: boolean): Statement[] {
  return [...reads(cx), ...writes(cx), ...mints(cx, github), ...(github ? followUp(cx, true) : outputs(cx))]
}

/** Of a run that waits: to see what it would do, and to answer. A run answers to nobody but the approvers that it was started with. */
function approves(settings: IamSettings): Statement[] {
  const runs = [serviceArn(settings, 'ssm', 'automation-execution/*')]
  return allow('Runs', ['ssm:GetAutomationExecution', 'ssm:SendAutomationSignal'], runs)
}

/** Confined to secrets that this function rotates, whoever calls it (facts, Secrets Manager section 9). */
function rotateFunction(cx: Cx): Statement[] {
  const { settings, config } = cx
  const fn = serviceArn(settings, 'lambda', `function:${settings.name}-rotate`)
  const own = { StringEquals: { 'secretsmanager:resource/AllowRotationLambdaArn': [fn] } }
  return [
    ...allow('StoredConfig', [...READ, ...WRITE], [config], own),
    ...key(cx, 'encrypt', [config]),
    ...mints(cx, false),
    ...runsAsFunction(settings, 'rotate'),
  ]
}

/** It never follows a rollout. Its watch asks when roots end, where their source tells. */
function reactFunction(cx: Cx): Statement[] {
  const { plan, settings } = cx
  const watched = plan.registries.filter(({ provider }) => provider.rootExpiry !== undefined)
  const receive = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes']
  const queues = ['current', 'ended'].map((queue) => serviceArn(settings, 'sqs', `${settings.name}-${queue}`))
  return [
    ...reads(cx),
    ...rolloutStatements(settings, plan.fleet, { follows: false }),
    ...outputs(cx),
    ...retires(cx, false, watched),
    ...allow('Events', receive, queues),
    ...runsAsFunction(settings, 'react'),
  ]
}

function runsAsFunction(settings: IamSettings, which: 'rotate' | 'react'): Statement[] {
  const { planParameter, vpc } = settings
  const streams = serviceArn(settings, 'logs', `log-group:/aws/lambda/${settings.name}-${which}:log-stream:*`)
  return [
    ...allow(
      'Plan',
      planParameter === null ? [] : ['ssm:GetParameter'],
      planParameter === null ? [] : [parameterArn(settings, planParameter)],
    ),
    ...allow('Log', ['logs:CreateLogStream', 'logs:PutLogEvents'], [streams]),
    // As AWSLambdaVPCAccessExecutionRole has it; Lambda checks them when it makes the network interfaces.
    ...allow('Network', vpc ? NETWORK : [], ['*']),
  ]
}

const NETWORK = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]

/** It asks for AWSCURRENT by name, so it needs no other version. */
function instance(cx: Cx): Statement[] {
  const current = { StringEquals: { 'secretsmanager:VersionStage': ['AWSCURRENT'] } }
  return [
    ...allow('CurrentConfig', secretActions('GetSecretValue'), [cx.config], current),
    ...key(cx, 'decrypt', [cx.config]),
  ]
}
