/** How commands and invocations show in answers and events (facts ssm-fleet-reload.md sections 6 and 7). */

import type { StepResult, StepStatus } from './ssm-agent.ts'
import type { SendInput } from './ssm-command-shapes.ts'
import type { CommandInvocation, CommandState, InvocationState, Rollout } from './ssm-rollout.ts'
import { type Json, timestamp } from './wire.ts'
import type { World } from './world.ts'

/** `fresh`: as just after sending, before the targets are known (section 7.2). */
export function describeCommand(input: SendInput, rollout: Rollout, fresh: boolean): Json {
  const state = fresh ? 'Pending' : rollout.state()
  const { order } = rollout
  return {
    CommandId: order.id,
    DocumentName: order.document.name,
    DocumentVersion: input.DocumentVersion ?? '$DEFAULT',
    Comment: input.Comment ?? '',
    ExpiresAfter: timestamp(rollout.expiresAt),
    Parameters: input.Parameters ?? {},
    InstanceIds: input.InstanceIds ?? [],
    Targets: input.Targets ?? [],
    RequestedDateTime: timestamp(rollout.requestedAt),
    Status: COMMAND_STATUS[state],
    StatusDetails: spaced(state),
    MaxConcurrency: order.maxConcurrency,
    MaxErrors: order.maxErrors,
    TargetCount: fresh ? 0 : rollout.invocations.length,
    CompletedCount: fresh ? 0 : rollout.completed,
    ErrorCount: fresh ? 0 : rollout.errors,
    DeliveryTimedOutCount: fresh ? 0 : rollout.count('DeliveryTimedOut'),
    TimeoutSeconds: order.timeoutSeconds,
  }
}

export function describeInvocation(input: SendInput, rollout: Rollout, { instance, state }: CommandInvocation): Json {
  return {
    CommandId: rollout.order.id,
    InstanceId: instance.id,
    Comment: input.Comment ?? '',
    DocumentName: rollout.order.document.name,
    DocumentVersion: input.DocumentVersion ?? '$DEFAULT',
    RequestedDateTime: timestamp(rollout.requestedAt),
    Status: INVOCATION_STATUS[state],
    StatusDetails: spaced(state),
  }
}

/** What a Status filter may name to find it: the detail, or the short status. */
export function commandStates(rollout: Rollout): readonly string[] {
  const state = rollout.state()
  return [state === 'RateExceeded' ? 'LimitExceeded' : state, COMMAND_STATUS[state]]
}

export function invocationStates({ state }: CommandInvocation): readonly string[] {
  return [state, INVOCATION_STATUS[state]]
}

/** Standard output and error in one text, cut at 2,500 characters. */
export function pluginOf(step: StepResult): Json {
  const error = step.stderr === '' ? '' : `\n----------ERROR-------\n${step.stderr}`
  return {
    Name: step.name,
    Status: STEP_STATUS[step.status],
    StatusDetails: spaced(step.status),
    ResponseCode: step.exitCode,
    ResponseStartDateTime: timestamp(step.startedAt),
    ResponseFinishDateTime: timestamp(step.endedAt),
    Output: `${step.stdout}${error}`.slice(0, 2_500),
  }
}

export function announceCommand(world: World, rollout: Rollout, input: SendInput, state: CommandState): void {
  world.emit({
    type: 'EC2 Command Status-change Notification',
    source: 'aws.ssm',
    detail: {
      'command-id': rollout.order.id,
      'document-name': rollout.order.document.name,
      'expire-after': new Date(rollout.expiresAt).toISOString(),
      parameters: input.Parameters ?? {},
      'requested-date-time': new Date(rollout.requestedAt).toISOString(),
      status: COMMAND_STATUS[state],
    },
  })
}

export function announceInvocation(world: World, rollout: Rollout, { instance, state }: CommandInvocation): void {
  world.emit({
    type: 'EC2 Command Invocation Status-change Notification',
    source: 'aws.ssm',
    resources: [world.arn('ec2', `instance/${instance.id}`)],
    detail: {
      'command-id': rollout.order.id,
      'document-name': rollout.order.document.name,
      'instance-id': instance.id,
      'requested-date-time': new Date(rollout.requestedAt).toISOString(),
      status: INVOCATION_STATUS[state],
    },
  })
}

/** An empty fleet is a "Success" in the short status; only the details tell. */
const COMMAND_STATUS: Readonly<Record<CommandState, string>> = {
  Pending: 'Pending',
  InProgress: 'InProgress',
  Cancelling: 'Cancelling',
  Success: 'Success',
  NoInstancesInTag: 'Success',
  Cancelled: 'Cancelled',
  DeliveryTimedOut: 'TimedOut',
  ExecutionTimedOut: 'TimedOut',
  Failed: 'Failed',
  Incomplete: 'Failed',
  RateExceeded: 'Failed',
  AccessDenied: 'Failed',
}

const INVOCATION_STATUS: Readonly<Record<InvocationState, string>> = {
  Pending: 'Pending',
  InProgress: 'InProgress',
  Cancelling: 'Cancelling',
  Success: 'Success',
  Cancelled: 'Cancelled',
  DeliveryTimedOut: 'TimedOut',
  ExecutionTimedOut: 'TimedOut',
  Failed: 'Failed',
  Undeliverable: 'Failed',
  Terminated: 'Failed',
  InvalidPlatform: 'Failed',
  AccessDenied: 'Failed',
}

const STEP_STATUS: Readonly<Record<StepStatus, string>> = {
  Success: 'Success',
  Failed: 'Failed',
  ExecutionTimedOut: 'TimedOut',
  Cancelled: 'Cancelled',
}

/** "Delivery Timed Out": details have spaces, filters none (section 6); these two states are spelled in one word. */
function spaced(state: CommandState | InvocationState): string {
  return state === 'InProgress' || state === 'NoInstancesInTag' ? state : state.replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
}
