/** The same requests to moto and to our double through the SDK, and in which members the answers differ. */

import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import {
  CancelRotateSecretCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  RotateSecretCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import {
  CancelCommandCommand,
  CreateDocumentCommand,
  DeleteDocumentCommand,
  DescribeDocumentCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  GetDocumentCommand,
  GetParameterCommand,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  PutParameterCommand,
  SendCommandCommand,
  UpdateDocumentCommand,
  UpdateDocumentDefaultVersionCommand,
} from '@aws-sdk/client-ssm'
import type { InstanceSeed } from '../aws/instances.ts'
import { startAws } from '../aws/server.ts'
import { isObject, type Json } from '../aws/wire.ts'
import { type SdkClients, sdkClients } from '../doubles/sdk-clients.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'
import { ACCOUNT, FUNCTION, type Moto, REGION } from './moto-server.ts'

const SECRETS = {
  CancelRotateSecret: CancelRotateSecretCommand,
  CreateSecret: CreateSecretCommand,
  DeleteSecret: DeleteSecretCommand,
  DescribeSecret: DescribeSecretCommand,
  GetSecretValue: GetSecretValueCommand,
  ListSecretVersionIds: ListSecretVersionIdsCommand,
  PutSecretValue: PutSecretValueCommand,
  RestoreSecret: RestoreSecretCommand,
  RotateSecret: RotateSecretCommand,
  UpdateSecret: UpdateSecretCommand,
  UpdateSecretVersionStage: UpdateSecretVersionStageCommand,
}

const SYSTEMS_MANAGER = {
  CancelCommand: CancelCommandCommand,
  CreateDocument: CreateDocumentCommand,
  DeleteDocument: DeleteDocumentCommand,
  DescribeDocument: DescribeDocumentCommand,
  DescribeInstanceInformation: DescribeInstanceInformationCommand,
  GetCommandInvocation: GetCommandInvocationCommand,
  GetDocument: GetDocumentCommand,
  GetParameter: GetParameterCommand,
  ListCommandInvocations: ListCommandInvocationsCommand,
  ListCommands: ListCommandsCommand,
  SendCommand: SendCommandCommand,
  UpdateDocument: UpdateDocumentCommand,
  UpdateDocumentDefaultVersion: UpdateDocumentDefaultVersionCommand,
}

type Operation = keyof typeof SECRETS | keyof typeof SYSTEMS_MANAGER

/** Members of an answer, or the name of a refusal. */
export type Answer = Json | string

/** One of the two that are asked. */
export interface System {
  send(operation: Operation, input: Json): Promise<Json>
  keepParameter(name: string, value: string): Promise<void>
  /** Lets all that goes on after an answer end; a rotation function, which is busy until now, without an error. */
  settle(): Promise<void>
}

/** What moto says although the service says something else; `Answer` here is only what differs. */
export interface Lie {
  readonly moto: Answer
  readonly service: Answer
  /**
   * Sections are those of facts/secrets-manager-rotation.md, `SSM` those of facts/ssm-fleet-reload.md; [M] is the API
   * model. `[?]`: nobody has recorded this from AWS, and the double says what our code must be ready for.
   */
  readonly source: string
  readonly why: string
}

export interface Step {
  readonly text: string
  readonly act: (system: System) => Promise<Answer>
  readonly lie: Lie | null
}

export interface Case {
  readonly name: string
  readonly steps: readonly Step[]
}

// ── Steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface View {
  /** Only this part of an answer is compared. */
  readonly of?: (answer: Json) => Json
  /** Of a refusal more than its name is compared. */
  readonly refusal?: 'with message' | 'with status'
}

export function ask(operation: Operation, input: Json, view: View = {}): Step {
  return {
    text: `${operation} ${JSON.stringify(plain(input))}`,
    act: async (system) => {
      try {
        const answer = plain(await system.send(operation, input)) as Json
        return view.of === undefined ? answer : (plain(view.of(answer)) as Json)
      } catch (thrown) {
        return refusalOf(thrown, view)
      }
    },
    lie: null,
  }
}

/** Something that is no request. */
export function happens(text: string, act: (system: System) => Promise<void>): Step {
  return { text, act: async (system) => act(system).then(() => ({})), lie: null }
}

export function lie(step: Step, known: Lie): Step {
  return { ...step, lie: known }
}

/** The id of the command that the last SendCommand made. */
export const LAST_COMMAND = '(the last command)'

// ── Comparison ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Fails where they differ and nobody has listed it, and where a listed lie is told no longer, or told otherwise. */
export async function compare({ steps }: Case, moto: System, double: System): Promise<void> {
  for (const { text, act, lie } of steps) {
    const found = difference(await act(moto), await act(double))
    const known = lie === null ? null : { moto: lie.moto, service: lie.service }
    const asked = text.length > 300 ? `${text.slice(0, 300)}…` : text
    assert.deepEqual({ asked, differs: found }, { asked, differs: known })
  }
}

/** What differs, or null. Members that are equal are left out, and of an answer beside a refusal there is only `ok`. */
function difference(moto: Answer, double: Answer): { moto: Answer; service: Answer } | null {
  if (isDeepStrictEqual(moto, double)) return null
  if (typeof moto === 'string' || typeof double === 'string') {
    return { moto: brief(moto), service: brief(double) }
  }
  return { moto: without(moto, double), service: without(double, moto) }
}

function brief(answer: Answer): string {
  return typeof answer === 'string' ? answer : 'ok'
}

function without(answer: Json, other: Json): Json {
  return Object.fromEntries(Object.entries(answer).filter(([name, value]) => !isDeepStrictEqual(value, other[name])))
}

/** Without what differs at every run: times, ids that nobody chose, the end of a secret's ARN. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return '(time)'
  if (value instanceof Uint8Array) return `(bytes) ${Buffer.from(value).toString('base64')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'string') return plainText(value)
  if (!isObject(value)) return value
  const members = Object.entries(value).filter(([name, member]) => name !== '$metadata' && member != null)
  return Object.fromEntries(members.map(([name, member]) => [plainText(name), plain(member)]))
}

function plainText(text: string): string {
  const ids = text.replace(/0*([1-9][0-9]*)-0000-4000-8000-0{12}/g, 'v$1')
  const arns = ids.replace(/(:secret:[^ ]+)-[A-Za-z0-9]{6}\b/g, '$1')
  return arns.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '(id)')
}

interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $fault?: string
}

function refusalOf(thrown: unknown, { refusal }: View): string {
  const error = thrown as SdkError
  const status = error.$metadata?.httpStatusCode
  if (error.$fault === undefined) return `no answer that the SDK can read, status ${status}`
  if (refusal === 'with status') return `${error.name}, status ${status}`
  return refusal === 'with message' ? `${error.name}: ${plainText(error.message)}` : error.name
}

// ── Systems ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const KEYS = { accessKeyId: 'AKIACONTRACT00000001', secretAccessKey: 'any' }

export interface Opened extends System {
  close(): Promise<void>
}

export async function openMoto(moto: Moto): Promise<Opened> {
  await moto.reset()
  const clients = clientsAt(moto.endpoint)
  return {
    send: sender(clients),
    keepParameter: async (Name, Value) => {
      const put = clients.ssm.send(new PutParameterCommand({ Name, Value, Type: 'String' }))
      await put.catch((error: Error) => {
        // A busy machine was late, and the SDK asked twice.
        if (error.name !== 'ParameterAlreadyExists') throw error
      })
    },
    // Nothing goes on after an answer: it invokes a function inside RotateSecret.
    settle: async () => undefined,
    close: async () => destroy(clients),
  }
}

export async function openDouble(instances: readonly InstanceSeed[]): Promise<Opened> {
  let busy = Promise.withResolvers<void>()
  const aws = await startAws({
    clock: virtualClock(),
    region: REGION,
    account: ACCOUNT,
    instances,
    visibility: { command: 0, counters: 0, invocations: 0 },
    // moto knows no RotationToken.
    rotation: { functions: [FUNCTION], requireRotationToken: false },
    invokeLambda: async () => busy.promise.then(() => ({})),
  })
  const clients = clientsAt(aws.endpoint)
  const settle = async () => {
    busy.resolve()
    await aws.idle()
    busy = Promise.withResolvers<void>()
  }
  return {
    send: sender(clients),
    keepParameter: async (name, value) => void aws.ssm.parameters.set(name, value),
    settle,
    close: async () => {
      await settle()
      destroy(clients)
      await aws.close()
    },
  }
}

function clientsAt(endpoint: string): SdkClients {
  return sdkClients({ region: REGION, endpoint, credentials: KEYS })
}

function destroy({ secrets, ssm }: SdkClients): void {
  secrets.destroy()
  ssm.destroy()
}

/** Inputs are not typed: some are what the SDK's types forbid. */
function sender({ secrets, ssm }: SdkClients): System['send'] {
  let lastCommand = ''
  return async (operation, input) => {
    const given = input['CommandId'] === LAST_COMMAND ? { ...input, CommandId: lastCommand } : input
    if (operation in SECRETS) return await send(secrets, SECRETS[operation as keyof typeof SECRETS], given)
    const answer = await send(ssm, SYSTEMS_MANAGER[operation as keyof typeof SYSTEMS_MANAGER], given)
    const { Command: sent } = answer
    if (isObject(sent)) lastCommand = String(sent['CommandId'])
    return answer
  }
}

async function send(client: unknown, Command: unknown, input: Json): Promise<Json> {
  const { send } = client as { send(command: object): Promise<Json> }
  return await send.call(client, new (Command as new (input: Json) => object)(input))
}
