/** Systems Manager Run Command behind the `Fleet` port. */

import { PullAuthError } from '../core/errors.ts'
import type {
  Command,
  CommandOrder,
  CommandStatus,
  DocumentDescription,
  Fleet,
  Invocation,
  InvocationStatus,
  Millis,
  Targets,
} from '../core/ports.ts'
import { askOnce } from './ask-once.ts'
import { ask } from './failure.ts'
import {
  CancelCommandCommand,
  type CommandFilter,
  type CommandInvocation,
  DescribeDocumentCommand,
  DescribeInstanceInformationCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  type Command as SdkCommand,
  type DocumentDescription as SdkDocument,
  SendCommandCommand,
  type SSMClient,
} from './ssm-api.ts'

/** The most that one page holds (facts, SSM section 7.1). */
const PAGE = 50
/** Twice what 50,000 instances need. */
const MOST_PAGES = 2_000
const MOST_EMPTY_PAGES = 20
const OUTPUT = 2_500

export function createFleet(client: SSMClient): Fleet {
  return {
    document: (name) => document(client, name),
    send: (order) => send(client, order),
    recent: (name, since) => recent(client, name, since),
    command: (id) => command(client, id),
    invocations: (id, status) => invocations(client, id, status),
    targets: (id) => targets(client, id),
    connected: (wanted, most) => connected(client, wanted, most),
    known: (ids) => known(client, ids),
    cancel: (id) => cancel(client, id),
  }
}

async function document(client: SSMClient, name: string): Promise<DocumentDescription | null> {
  const found = await describeDocument(client, name)
  if (found === null) return null
  const active = found.Status === 'Active' && found.HashType === 'Sha256' && found.DocumentType === 'Command'
  return { name: found.Name ?? name, version: found.DocumentVersion ?? '', hash: found.Hash ?? '', active }
}

/** Of any type; null: there is none of this name. */
export async function describeDocument(client: SSMClient, name: string): Promise<SdkDocument | null> {
  const asked = { action: 'ssm:DescribeDocument', subject: name }
  const answer = await ask(asked, async () => {
    try {
      return await client.send(new DescribeDocumentCommand({ Name: name }))
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'InvalidDocument') return null
      throw thrown
    }
  })
  return answer?.Document ?? null
}

/** Asked once: SendCommand has no idempotency token, and the SDK's own retry would reload the fleet twice. */
async function send(client: SSMClient, order: CommandOrder): Promise<string> {
  const { name, version, hash } = order.document
  const request = new SendCommandCommand({
    DocumentName: name,
    DocumentVersion: version,
    DocumentHash: hash,
    DocumentHashType: 'Sha256',
    Targets: Object.entries(order.targets).map(([Key, values]) => ({ Key, Values: [...values] })),
    Parameters: Object.fromEntries(Object.entries(order.parameters).map(([key, value]) => [key, [value]])),
    MaxConcurrency: order.maxConcurrency,
    MaxErrors: order.maxErrors,
    TimeoutSeconds: order.timeoutSeconds,
    Comment: order.comment,
    ...(order.alarm === null ? {} : { AlarmConfiguration: { Alarms: [{ Name: order.alarm }] } }),
  })
  const subject = `document ${name}`
  const gone = [
    'DOCUMENT_MISSING',
    `Run Command does not accept the SSM document ${name} version ${version}: it is gone, or its content is not the one that was described.`,
    'Describe the document again; somebody may have changed or deleted it just now.',
  ] as const
  const refused = (why: string) =>
    ['COMMAND_REFUSED', `Run Command refused the rollout with document ${name} (${why}).`, hintFor(why)] as const
  const answer = await ask({ action: 'ssm:SendCommand', subject }, () => askOnce(client, request), {
    InvalidDocument: gone,
    InvalidDocumentVersion: gone,
    ...Object.fromEntries(REFUSALS.map((name) => [name, refused(name)])),
  })
  return answer.Command?.CommandId ?? ''
}

const REFUSALS = [
  'DuplicateInstanceId',
  'InvalidInstanceId',
  'InvalidParameters',
  'InvalidOutputFolder',
  'InvalidRole',
  'InvalidNotificationConfig',
  'MaxDocumentSizeExceeded',
  'UnsupportedPlatformType',
  'ValidationException',
]

function hintFor(name: string): string {
  switch (name) {
    case 'InvalidInstanceId':
      return 'One of the instances is not managed by Systems Manager, is terminated, or may not be targeted; use tags instead of ids.'
    case 'InvalidParameters':
      return 'The document is not the one that this version of ecs-pull-auth ships; publish it again.'
    default:
      return 'Check fleet.targets, fleet.maxConcurrency, fleet.maxErrors and fleet.timeout in the plan.'
  }
}

async function recent(client: SSMClient, name: string, since: Millis): Promise<readonly Command[]> {
  const asked = { action: 'ssm:ListCommands', subject: `document ${name}` }
  // The filter takes whole seconds; the command that was sent in this second must not be missed.
  const after = `${new Date(since).toISOString().slice(0, 19)}Z`
  const Filters: CommandFilter[] = [
    { key: 'DocumentName', value: name },
    { key: 'InvokedAfter', value: after },
  ]
  const next = (token: { NextToken?: string }) =>
    ask(asked, () => client.send(new ListCommandsCommand({ Filters, MaxResults: PAGE, ...token })))
  const found: SdkCommand[] = []
  for await (const { Commands = [] } of pages(next, (page) => page.Commands?.length ?? 0)) found.push(...Commands)
  const age = ({ RequestedDateTime }: SdkCommand) => RequestedDateTime?.getTime() ?? 0
  return found.sort((a, b) => age(b) - age(a)).map(commandOf)
}

async function command(client: SSMClient, id: string): Promise<Command | null> {
  const asked = { action: 'ssm:ListCommands', subject: `command ${id}` }
  const answer = await ask(asked, async () => {
    try {
      return await client.send(new ListCommandsCommand({ CommandId: id }))
    } catch (thrown) {
      // "Not valid" and "not visible yet" are one class here; the caller's patience is bounded.
      if (thrown instanceof Error && thrown.name === 'InvalidCommandId') return null
      throw thrown
    }
  })
  const first = answer?.Commands?.[0]
  return first === undefined ? null : commandOf(first)
}

/** Filtered once more by what the invocation itself says, so that each appears under exactly one status. */
async function* invocations(client: SSMClient, id: string, status?: InvocationStatus): AsyncGenerator<Invocation> {
  const asked = { action: 'ssm:ListCommandInvocations', subject: `command ${id}` }
  const Filters: CommandFilter[] = [{ key: 'Status', value: status ?? '' }]
  const input = {
    CommandId: id,
    Details: true,
    MaxResults: PAGE,
    ...(status !== undefined && FILTERABLE.has(status) ? { Filters } : {}),
  }
  const next = (token: { NextToken?: string }) =>
    ask(asked, () => client.send(new ListCommandInvocationsCommand({ ...input, ...token })))
  for await (const { CommandInvocations = [] } of pages(next, (page) => page.CommandInvocations?.length ?? 0)) {
    const all = CommandInvocations.map(invocationOf)
    yield* status === undefined ? all : all.filter((invocation) => invocation.status === status)
  }
}

async function* targets(client: SSMClient, id: string): AsyncGenerator<string> {
  const asked = { action: 'ssm:ListCommandInvocations', subject: `command ${id}` }
  const next = (token: { NextToken?: string }) =>
    ask(asked, () => client.send(new ListCommandInvocationsCommand({ CommandId: id, MaxResults: PAGE, ...token })))
  for await (const { CommandInvocations = [] } of pages(next, (page) => page.CommandInvocations?.length ?? 0)) {
    for (const { InstanceId = '' } of CommandInvocations) yield InstanceId
  }
}

/** Pages that are read to find a few: the choice is the same every time for up to 500 instances. */
const MOST_LISTED = 10

/** Tag filters go together with no other, so whether they are connected is looked at here. */
async function connected(client: SSMClient, wanted: Targets, most: number): Promise<readonly string[]> {
  const asked = { action: 'ssm:DescribeInstanceInformation', subject: 'the instances of fleet.targets' }
  const Filters = Object.entries(wanted).map(([Key, values]) => ({ Key, Values: [...values] }))
  const next = (token: { NextToken?: string }) =>
    ask(asked, () => client.send(new DescribeInstanceInformationCommand({ Filters, MaxResults: PAGE, ...token })))
  const found: string[] = []
  let listed = 0
  for await (const { InstanceInformationList = [] } of pages(
    next,
    (page) => page.InstanceInformationList?.length ?? 0,
  )) {
    for (const { InstanceId, PingStatus } of InstanceInformationList)
      if (InstanceId !== undefined && PingStatus === 'Online') found.push(InstanceId)
    listed += 1
    if (listed >= MOST_LISTED && found.length >= most) break
  }
  return found.sort().slice(0, most)
}

/**
 * By ids, as many as one page holds. Whoever is missing from the answer counts as gone, so a list that breaks off is an
 * error. So is an id that the service refuses: it does not say which.
 */
async function known(client: SSMClient, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let from = 0; from < ids.length; from += PAGE) {
    const Values = ids.slice(from, from + PAGE)
    const asked = { action: 'ssm:DescribeInstanceInformation', subject: `${Values.length} instances` }
    const input = { Filters: [{ Key: 'InstanceIds', Values }], MaxResults: PAGE }
    const next = (token: { NextToken?: string }) =>
      ask(asked, () => client.send(new DescribeInstanceInformationCommand({ ...input, ...token })))
    let goesOn = false
    for await (const page of pages(next, ({ InstanceInformationList = [] }) => InstanceInformationList.length)) {
      for (const { InstanceId = '' } of page.InstanceInformationList ?? []) found.add(InstanceId)
      goesOn = Boolean(page.NextToken)
    }
    if (goesOn) throw endless()
  }
  return found
}

async function cancel(client: SSMClient, id: string): Promise<void> {
  const asked = { action: 'ssm:CancelCommand', subject: `command ${id}` }
  await ask(asked, () => client.send(new CancelCommandCommand({ CommandId: id })))
}

/**
 * All pages. A NextToken that never ends is a known fault (facts 7.2): a repeated one, or many empty pages, is the end;
 * a list that still goes on is an error, because what it does not show could be an instance that failed.
 */
export async function* pages<Page extends { NextToken?: string | undefined }>(
  next: (token: { NextToken?: string }) => Promise<Page>,
  size: (page: Page) => number,
): AsyncGenerator<Page> {
  let token: string | undefined
  let empty = 0
  for (let number = 0; number < MOST_PAGES; number += 1) {
    const page = await next(token === undefined ? {} : { NextToken: token })
    yield page
    empty = size(page) === 0 ? empty + 1 : 0
    if (!page.NextToken || page.NextToken === token || empty === MOST_EMPTY_PAGES) return
    token = page.NextToken
  }
  throw endless()
}

function endless(): PullAuthError {
  return new PullAuthError(
    'AWS_UNAVAILABLE',
    'A list of Systems Manager did not end.',
    'Run again; if it stays so, use narrower fleet.targets.',
  )
}

function commandOf(found: SdkCommand): Command {
  const parameters = Object.entries(found.Parameters ?? {})
  return {
    id: found.CommandId ?? '',
    status: statusOf(COMMAND_STATUSES, found.StatusDetails, found.Status) ?? 'InProgress',
    comment: found.Comment ?? '',
    document: found.DocumentName ?? '',
    parameters: Object.fromEntries(parameters.map(([key, values]) => [key, values.join(',')])),
    targets: found.TargetCount ?? 0,
    completed: found.CompletedCount ?? 0,
    errors: found.ErrorCount ?? 0,
    deliveryTimedOut: found.DeliveryTimedOutCount ?? 0,
    requestedAt: found.RequestedDateTime?.getTime() ?? 0,
    expiresAt: found.ExpiresAfter?.getTime() ?? null,
  }
}

function invocationOf(found: CommandInvocation): Invocation {
  const plugins = found.CommandPlugins ?? []
  const outputs = plugins.map(({ Output }) => Output ?? '')
  const finishes = plugins.flatMap(({ ResponseFinishDateTime }) => ResponseFinishDateTime?.getTime() ?? [])
  return {
    instanceId: found.InstanceId ?? '',
    status: statusOf(INVOCATION_STATUSES, found.StatusDetails, found.Status) ?? 'InProgress',
    output: outputs
      .filter((output) => output !== '')
      .join('\n')
      .slice(0, OUTPUT),
    finishedAt: finishes.length === 0 || finishes.length < plugins.length ? null : Math.max(...finishes),
  }
}

/**
 * `StatusDetails` says more than `Status`, which calls an empty fleet "Success". Details come with spaces ("Delivery
 * Timed Out") in some answers and without in others (facts 6).
 */
function statusOf<S extends string>(
  known: ReadonlySet<S>,
  details: string | undefined,
  status: string | undefined,
): S | undefined {
  for (const text of [details, status]) {
    const name = text?.replaceAll(' ', '')
    const spelled = name === 'RateExceeded' ? 'LimitExceeded' : name
    for (const one of known) if (one === spelled) return one
  }
  return undefined
}

const COMMAND_STATUSES: ReadonlySet<CommandStatus> = new Set([
  'Pending',
  'InProgress',
  'Delayed',
  'Cancelling',
  'Success',
  'Cancelled',
  'Failed',
  'TimedOut',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
  'Incomplete',
  'LimitExceeded',
  'AccessDenied',
  'NoInstancesInTag',
])

const INVOCATION_STATUSES: ReadonlySet<InvocationStatus> = new Set([
  'Pending',
  'InProgress',
  'Delayed',
  'Cancelling',
  'Success',
  'Cancelled',
  'Failed',
  'TimedOut',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
  'Undeliverable',
  'Terminated',
  'InvalidPlatform',
  'AccessDenied',
])

/** Every invocation status but this one is also a filter (facts 6). */
const FILTERABLE: ReadonlySet<InvocationStatus> = new Set(
  [...INVOCATION_STATUSES].filter((status) => status !== 'Cancelling'),
)
