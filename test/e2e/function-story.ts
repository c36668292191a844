/** A rotation by Secrets Manager through both functions, from RotateSecret to the revoked old credential. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { randomVersionId } from '../../src/core/version-id.ts'
import type { RotationEvent } from '../aws/stored-secret.ts'
import type { AwsEvent } from '../aws/world.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import { holdsMetrics } from '../lambda/emf.ts'
import { asJson, gitlabPlan, rotatedByGitlab } from './plans.ts'
import { type FunctionOrder, type LambdaFunction, startFunction } from './runtime-api.ts'
import { awsRequests, mark, part, requestParts } from './snapshot.ts'
import { SECRET, type Stage, setStage } from './stage.ts'

export const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:111122223333:function:ecs-pull-auth-rotate'

/** EventBridge: the two rules of docs/lambda.md. */
export function isForReact(event: AwsEvent): boolean {
  const { 'detail-type': type, source, detail } = event
  return (
    (source === 'aws.secretsmanager' && type === 'Secret Label Updated' && detail['labelUpdated'] === 'AWSCURRENT') ||
    (source === 'aws.ssm' &&
      type === 'EC2 Command Status-change Notification' &&
      detail['document-name'] === 'ecs-pull-auth-reload')
  )
}

export interface Story {
  readonly stage: Stage
  /** What happened, for a snapshot. */
  readonly parts: readonly string[]
}

/** Everything that must hold is asserted here. `runtime`: the program that serves the handlers. */
export async function rotateThroughFunctions(t: TestContext, runtime?: FunctionOrder['runtime']): Promise<Story> {
  const running = new Map<string, LambdaFunction>()
  const events: RotationEvent[] = []
  const steps: string[] = []
  const failures: unknown[] = []
  const stage: Stage = await setStage(t, {
    config: rotatedByGitlab,
    invokeLambda: async (_, event) => {
      events.push(event)
      const from = mark(stage)
      const { error } = (await running.get('rotate')?.invoke(event)) ?? { error: null }
      steps.push(`════ ${event.Step}`, ...requestParts(stage, ['rotate'], from))
      return error === null ? {} : { error: error.errorMessage }
    },
    onEvent: async (event) => {
      const react = running.get('react')
      if (react === undefined || !isForReact(event)) return
      // Through a queue, so that a message that fails would come again.
      const message = { Records: [{ messageId: event.id, body: JSON.stringify(event) }] }
      const answer = await react.invoke(message)
      failures.push(...((answer.result as { batchItemFailures?: unknown[] } | null)?.batchItemFailures ?? [answer]))
    },
  })
  for (const bundle of ['rotate', 'react'] as const) {
    const env = { ...stage.env(bundle), PLAN: asJson(gitlabPlan(stage)) }
    const order = { folder: stage.folder, bundle, env, ...(runtime === undefined ? {} : { runtime }) }
    running.set(bundle, await startFunction(t, order))
  }
  const old = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(old)
  stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
  const scheduled = { SecretId: SECRET, ClientRequestToken: randomVersionId() }
  await stage.aws.secrets.operations()['RotateSecret']?.run(scheduled, { stale: false, caller: 'the schedule' })
  await stage.aws.idle()

  assert.deepEqual(
    events.map(({ Step }) => Step),
    ['createSecret', 'setSecret', 'testSecret', 'finishSecret'],
  )
  assert.deepEqual(failures, [])
  for (const instance of stage.instances) {
    const loaded = instance.credentialFor(stage.probe)
    assert.ok(loaded !== null && (await stage.pulls(loaded)), `${instance.id} cannot pull`)
  }
  assert.equal(await stage.pulls(old), false, 'the old credential still pulls')
  const calls = awsRequests(stage, 'rotate')
  assert.ok(calls.length <= 10, `${calls.length} AWS calls`)
  const logs = [...running].map(([name, { log }]) => [name, log()] as const)
  for (const [name, log] of logs) assertLog(stage, name, log, events)
  return {
    stage,
    parts: [
      `${calls.length} AWS calls of one rotation`,
      ...steps,
      '════ react',
      part('AWS requests of react', awsRequests(stage, 'react').join('\n')),
      ...logs.map(([name, log]) => part(`log of ${name}`, log)),
    ],
  }
}

/**
 * JSON lines, without credentials and without the token that proves who rotates. Metrics are what CloudWatch can read, and
 * whatever is about the rotation carries its version.
 */
function assertLog(stage: Stage, name: string, log: string, events: readonly RotationEvent[]): void {
  stage.evidence.add(`the log of ${name}`, log)
  const tokens = events.map(({ RotationToken }) => RotationToken)
  assertNoMarks(log, `the log of ${name}`, tokens)
  for (const line of log.trim().split('\n')) {
    const { level, message, step, version } = JSON.parse(line)
    assert.ok((level === 'info' || level === 'warn') && typeof message === 'string', line)
    assert.doesNotThrow(() => holdsMetrics(line), line)
    if (step !== 'other') assert.equal(version, events[0]?.ClientRequestToken, line)
  }
}
