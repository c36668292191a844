/** A fleet, a document and short words for the calls of Run Command, for the tests of the SSM double. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Fixture, start } from './fixture.ts'
import type { InstanceSeed, ScriptResult } from './instances.ts'
import type { AwsOptions } from './server.ts'

export const DOCUMENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: {
    word: { type: 'String', default: 'hi', allowedPattern: '[a-z]+', maxChars: 5 },
    mode: { type: 'String', default: 'one', allowedValues: ['one', 'two'] },
  },
  mainSteps: [
    { action: 'aws:runShellScript', name: 'say', inputs: { runCommand: ['echo {{ word }}'], timeoutSeconds: '600' } },
  ],
})

const SEEN = { command: 0, counters: 0, invocations: 0 }

export function id(number: number): string {
  return `i-${String(number).padStart(17, '0')}`
}

export function fleetOf(count: number, seed: Partial<InstanceSeed> = {}): InstanceSeed[] {
  return Array.from({ length: count }, (_, number) => ({ id: id(number + 1), tags: { role: 'ecs' }, ...seed }))
}

/** What each instance does; those that are not named succeed. */
type Behaviour = Readonly<Record<string, Partial<ScriptResult> | Promise<Partial<ScriptResult>>>>

export async function withFleet(
  context: TestContext,
  instances: InstanceSeed[],
  behaviour: Behaviour = {},
  more: Partial<AwsOptions> = {},
) {
  const ran: string[] = []
  const fixture = await start(context, {
    instances,
    visibility: SEEN,
    runner: {
      run: async ({ instanceId }) => {
        ran.push(instanceId)
        return { exitCode: 0, stdout: `from ${instanceId}`, stderr: '', ...(await behaviour[instanceId]) }
      },
    },
    ...more,
  })
  fixture.aws.ssm.publishDocument('Doc', DOCUMENT)
  return { ...fixture, ran }
}

export const TAGGED = { DocumentName: 'Doc', Targets: [{ Key: 'tag:role', Values: ['ecs'] }] }

export async function send({ ask }: Fixture, input: Record<string, unknown> = {}): Promise<string> {
  const answer = await ask('SendCommand', { ...TAGGED, ...input })
  assert.equal(answer.type, 'ok', answer.message)
  return (answer.body['Command'] as { CommandId: string }).CommandId
}

export async function commandOf({ ask }: Fixture, CommandId: string): Promise<Record<string, unknown>> {
  const { body } = await ask('ListCommands', { CommandId })
  return (body['Commands'] as Record<string, unknown>[])[0] ?? {}
}

export async function invocationsOf(
  { ask }: Fixture,
  input: Record<string, unknown>,
): Promise<Record<string, unknown>[]> {
  const { body } = await ask('ListCommandInvocations', input)
  return body['CommandInvocations'] as Record<string, unknown>[]
}

export function counts(command: Record<string, unknown>): unknown[] {
  return ['StatusDetails', 'TargetCount', 'CompletedCount', 'ErrorCount', 'DeliveryTimedOutCount'].map(
    (name) => command[name],
  )
}
