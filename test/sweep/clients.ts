/** How one invocation reaches AWS and the registries: the ports' own adapters over doubles, without a socket. */

import type { Http, HttpAnswer, Millis } from '../../src/core/ports.ts'
import { AwsRefusal, type Json, type Operations } from '../aws/wire.ts'
import { isRetryable, sdkError } from '../doubles/in-process.ts'
import { asHeard, asPlain, type PlainAnswer, type PlainRequest } from '../doubles/plain-http.ts'
import type { Calls, Invocation } from './calls.ts'
import type { CallSort } from './faults.ts'

const READS = /^(?:Describe|Get|List)/

/** An SDK client whose calls run the double's operations, with the SDK's own three attempts. */
export function awsClient(
  calls: Calls,
  invocation: Invocation,
  operations: Operations,
  onSend: (comment: string) => void,
) {
  return {
    async send(command: { readonly input: object }): Promise<Json> {
      const name = command.constructor.name.replace(/Command$/, '')
      const input = JSON.parse(JSON.stringify(command.input)) as Json
      const run = operations[name]
      if (run === undefined) throw new Error(`The double has no operation ${name}.`)
      const sort = sortOf(name)
      if (name === 'SendCommand') onSend(String(input['Comment']))
      return await calls.make(invocation, sort, describe(name, input), {
        attempts: sort === 'aws-once' ? 1 : 3,
        timeout: 5_000,
        perform: async (how) => {
          const call = { stale: how === 'stale', caller: invocation.name }
          const answer = withDates(await asSdk(() => run.run(input, call)))
          return how === 'lag' ? justSent(answer) : answer
        },
        refuse: (kind) => {
          if (kind === 'throttle') throw sdkError('ThrottlingException', 400)
          throw kind === 'error' ? sdkError('InternalServiceError', 500) : sdkError('AccessDeniedException', 400)
        },
        noAnswer: () => {
          throw sdkError('TimeoutError', 0)
        },
        worthAnother: isRetryable,
      })
    },
  }
}

/** SendCommand is asked once (src/aws/ask-once.ts). */
function sortOf(name: string): CallSort {
  if (name === 'SendCommand') return 'aws-once'
  if (name === 'ListCommands') return 'aws-commands'
  return READS.test(name) ? 'aws-read' : 'aws-write'
}

function justSent(answer: Json): Json {
  const commands = (answer['Commands'] ?? []) as readonly Json[]
  const fresh = { Status: 'Pending', StatusDetails: 'Pending', TargetCount: 0, CompletedCount: 0, ErrorCount: 0 }
  return { ...answer, Commands: commands.map((command) => ({ ...command, ...fresh, DeliveryTimedOutCount: 0 })) }
}

async function asSdk(run: () => Json | Promise<Json>): Promise<Json> {
  try {
    return await run()
  } catch (thrown) {
    throw thrown instanceof AwsRefusal ? sdkError(thrown.type, thrown.status, thrown.message) : thrown
  }
}

function describe(name: string, { VersionStage, VersionStages, VersionId, ClientRequestToken, SecretId }: Json) {
  const parts = [VersionStage, VersionStages, VersionId ?? ClientRequestToken].filter((part) => part !== undefined)
  const which = /prod\/ecs/.test(String(SecretId ?? 'prod/ecs')) ? parts : [SecretId, ...parts]
  return [name, ...which].join(' ')
}

/** The SDK hands out Date objects. */
function withDates(answer: Json): Json {
  const { Commands, CommandInvocations, AutomationExecutionMetadataList: runs, AutomationExecution: run } = answer
  if (Array.isArray(Commands)) return { ...answer, Commands: Commands.map(dated) }
  if (Array.isArray(runs)) return { ...answer, AutomationExecutionMetadataList: runs.map(dated) }
  if (run !== undefined) return { ...answer, AutomationExecution: dated(run as Json) }
  if (!Array.isArray(CommandInvocations)) return dated(answer)
  const invocations = CommandInvocations.map((invocation: Json) => {
    const plugins = invocation['CommandPlugins']
    return { ...dated(invocation), CommandPlugins: Array.isArray(plugins) ? plugins.map(dated) : [] }
  })
  return { ...answer, CommandInvocations: invocations }
}

function dated(item: Json): Json {
  const entries = Object.entries(item)
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      typeof value === 'number' && /(?:Date|Time|After)$/.test(name) ? new Date(value * 1000) : value,
    ]),
  )
}

export interface Site {
  /** Until then it answers 500. */
  downUntil: Millis
  answer(request: PlainRequest, stale: boolean): PlainAnswer
}

export function plainHttp(
  calls: Calls,
  invocation: Invocation,
  sites: ReadonlyMap<string, Site>,
  now: () => Millis,
): Http {
  return {
    async send(request) {
      const url = new URL(request.url)
      const site = sites.get(url.host)
      if (site === undefined) return { kind: 'unreachable', reason: `nobody listens at ${url.host}` }
      const reads = request.method === 'GET' || request.method === 'HEAD'
      const asked = asPlain(request)
      const name = `${request.method} ${url.host}${shown(url)}`
      return await calls.make<HttpAnswer>(invocation, reads ? 'http-read' : 'http-write', name, {
        attempts: 1,
        timeout: request.timeoutMs ?? 10_000,
        perform: (how) => asHeard(now() < site.downUntil ? { status: 500 } : site.answer(asked, how === 'stale')),
        refuse: (kind) => asHeard({ status: { throttle: 429, error: 500, denied: 403 }[kind] }),
        noAnswer: (sent) => ({ kind: sent ? 'lost' : 'unreachable', reason: 'no answer' }),
        worthAnother: () => false,
        fail: (until) => {
          site.downUntil = until
        },
      })
    },
  }
}

function shown({ pathname, searchParams }: URL): string {
  return searchParams.has('scope') ? `${pathname}?scope` : pathname
}

/** The script's own request for AWSCURRENT. It retries for half a minute; a fault that outlasts that is a refusal. */
export async function awsRead(
  calls: Calls,
  invocation: Invocation,
  operations: Operations,
  input: Json,
): Promise<Json> {
  const refuse = () => {
    throw sdkError('refused', 400)
  }
  const perform = (how: string) =>
    asSdk(() => {
      const run = operations['GetSecretValue']
      if (run === undefined) throw new Error('The double has no operation GetSecretValue.')
      return run.run({ ...input, VersionStage: 'AWSCURRENT' }, { stale: how === 'stale', caller: invocation.name })
    })
  const ways = { attempts: 1, timeout: 30_000, perform, refuse, noAnswer: refuse, worthAnother: () => false }
  return await calls.make<Json>(invocation, 'node', 'GetSecretValue AWSCURRENT', ways)
}
