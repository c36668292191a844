/** The AWS doubles without a wire: an SDK-like client whose calls run the double's operations in this process. */

import { AwsRefusal, isObject, type Json, type Operations } from '../aws/wire.ts'

/** What a test does to one call. `before` and `after` the operation: `lost` performs it and loses the answer. */
export type CallFault = 'throttle' | 'server-error' | 'refused' | 'reset' | 'lost'

export interface CallRecord {
  readonly operation: string
  readonly input: Json
}

export interface InProcessClient {
  readonly calls: readonly CallRecord[]
  /** Decides the fate of each attempt; null = it goes well. */
  onCall: (operation: string, input: Json) => CallFault | null
  send(command: { readonly input: object }): Promise<Json>
}

/** As the SDK is set up in src/aws/clients.ts: three attempts for what is worth another one. */
const ATTEMPTS = 3

export function inProcessClient(operations: Operations): InProcessClient {
  const calls: CallRecord[] = []
  const client: InProcessClient = {
    calls,
    onCall: () => null,
    async send(command) {
      const operation = command.constructor.name.replace(/Command$/, '')
      const input = structuredClone(command.input) as Json
      for (let attempt = 1; ; attempt++) {
        calls.push({ operation, input })
        try {
          return await perform(operations, operation, input, client.onCall(operation, input))
        } catch (thrown) {
          // SendCommand is asked once (src/aws/ask-once.ts).
          if (attempt === ATTEMPTS || operation === 'SendCommand' || !isRetryable(thrown)) throw thrown
        }
      }
    },
  }
  return client
}

async function perform(operations: Operations, name: string, input: Json, fault: CallFault | null): Promise<Json> {
  if (fault === 'throttle') throw sdkError('ThrottlingException', 400)
  if (fault === 'server-error') throw sdkError('InternalServiceError', 500)
  if (fault === 'refused') throw sdkError('AccessDeniedException', 400)
  if (fault === 'reset') throw sdkError('TimeoutError', 0)
  const operation = operations[name]
  if (operation === undefined) throw new Error(`The double has no operation ${name}.`)
  try {
    const answer = await operation.run(input, { stale: false, caller: 'test' })
    if (fault === 'lost') throw sdkError('TimeoutError', 0)
    return withDates(answer) as Json
  } catch (thrown) {
    if (thrown instanceof AwsRefusal) throw sdkError(thrown.type, thrown.status, thrown.message)
    throw thrown
  }
}

/** The wire has seconds where the SDK gives a Date. */
function withDates(value: unknown, name = ''): unknown {
  if (typeof value === 'number' && /(?:Date|Time|After)$/.test(name)) return new Date(value * 1000)
  if (Array.isArray(value)) return value.map((member: unknown) => withDates(member))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withDates(member, key)]))
}

/** What the SDK throws; status 0 = there was no answer. */
export function sdkError(name: string, status: number, message = name): Error {
  return Object.assign(new Error(message), { name, $metadata: status === 0 ? {} : { httpStatusCode: status } })
}

/** What the SDK itself tries again. */
export function isRetryable(thrown: unknown): boolean {
  return (
    thrown instanceof Error && ['ThrottlingException', 'InternalServiceError', 'TimeoutError'].includes(thrown.name)
  )
}
