/** Systems Manager Automation behind the `Automation` port. */

import type { Automation, Execution, Millis, RunbookOrder } from '../core/ports.ts'
import { runbookMissing } from '../core/runbook.ts'
import { ask } from './failure.ts'
import { describeDocument, pages } from './fleet.ts'
import {
  type AutomationExecution,
  DescribeAutomationExecutionsCommand,
  GetAutomationExecutionCommand,
  type SSMClient,
  StartAutomationExecutionCommand,
  StopAutomationExecutionCommand,
} from './ssm-api.ts'

export function createAutomation(client: SSMClient): Automation {
  return {
    exists: (runbook) => exists(client, runbook),
    start: (order) => start(client, order),
    recent: (runbook, since) => recent(client, runbook, since),
    execution: (id) => execution(client, id),
    stop: (id) => stop(client, id),
  }
}

async function exists(client: SSMClient, runbook: string): Promise<boolean> {
  const found = await describeDocument(client, runbook)
  return found?.DocumentType === 'Automation' && found.Status === 'Active'
}

async function start(client: SSMClient, order: RunbookOrder): Promise<string | null> {
  const { runbook, token, parameters, alarm, locations } = order
  const asked = { action: 'ssm:StartAutomationExecution', subject: `runbook ${runbook}` }
  const request = new StartAutomationExecutionCommand({
    DocumentName: runbook,
    ClientToken: token,
    Parameters: Object.fromEntries(Object.entries(parameters).map(([name, values]) => [name, [...values]])),
    ...(alarm === null ? {} : { AlarmConfiguration: { Alarms: [{ Name: alarm }] } }),
    ...(locations.length === 0
      ? {}
      : {
          TargetLocations: locations.map(({ accounts, regions, role }) => ({
            Accounts: [...accounts],
            Regions: [...regions],
            ...(role === null ? {} : { ExecutionRoleName: role }),
          })),
        }),
  })
  const missing = runbookMissing(runbook)
  const refused = (why: string) =>
    [
      'COMMAND_REFUSED',
      `Automation refused to start ${runbook} (${why}).`,
      'Publish the runbook of this version again; check fleet.runbook in the plan, and how many automations run at the same time.',
    ] as const
  const answer = await ask(
    asked,
    async () => {
      try {
        return await client.send(request)
      } catch (thrown) {
        if (thrown instanceof Error && thrown.name === 'IdempotentParameterMismatch') return null
        throw thrown
      }
    },
    {
      AutomationDefinitionNotFoundException: missing,
      AutomationDefinitionVersionNotFoundException: missing,
      ...Object.fromEntries(REFUSALS.map((name) => [name, refused(name)])),
    },
  )
  return answer === null ? null : (answer.AutomationExecutionId ?? '')
}

const REFUSALS = [
  'AutomationExecutionLimitExceededException',
  'InvalidAutomationExecutionParametersException',
  'InvalidTarget',
  'ValidationException',
]

async function recent(client: SSMClient, runbook: string, since: Millis): Promise<readonly string[]> {
  const asked = { action: 'ssm:DescribeAutomationExecutions', subject: `runbook ${runbook}` }
  const Filters = [
    { Key: 'DocumentNamePrefix' as const, Values: [runbook] },
    { Key: 'StartTimeAfter' as const, Values: [`${new Date(since).toISOString().slice(0, 19)}Z`] },
  ]
  const next = (token: { NextToken?: string }) =>
    ask(asked, () => client.send(new DescribeAutomationExecutionsCommand({ Filters, MaxResults: 50, ...token })))
  const found: { id: string; at: Millis }[] = []
  const size = (page: { AutomationExecutionMetadataList?: readonly unknown[] | undefined }) =>
    page.AutomationExecutionMetadataList?.length ?? 0
  for await (const { AutomationExecutionMetadataList = [] } of pages(next, size)) {
    for (const {
      AutomationExecutionId: id,
      DocumentName,
      ExecutionStartTime,
      ParentAutomationExecutionId,
    } of AutomationExecutionMetadataList) {
      const own = DocumentName === runbook && ParentAutomationExecutionId === undefined
      if (id !== undefined && own) found.push({ id, at: ExecutionStartTime?.getTime() ?? 0 })
    }
  }
  return found.sort((a, b) => b.at - a.at).map(({ id }) => id)
}

async function execution(client: SSMClient, id: string): Promise<Execution | null> {
  const asked = { action: 'ssm:GetAutomationExecution', subject: `execution ${id}` }
  const answer = await ask(asked, async () => {
    try {
      return await client.send(new GetAutomationExecutionCommand({ AutomationExecutionId: id }))
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'AutomationExecutionNotFoundException') return null
      throw thrown
    }
  })
  return answer?.AutomationExecution === undefined ? null : executionOf(id, answer.AutomationExecution)
}

async function stop(client: SSMClient, id: string): Promise<void> {
  const asked = { action: 'ssm:StopAutomationExecution', subject: `execution ${id}` }
  await ask(asked, () => client.send(new StopAutomationExecutionCommand({ AutomationExecutionId: id, Type: 'Cancel' })))
}

function executionOf(id: string, found: AutomationExecution): Execution {
  const status = found.AutomationExecutionStatus ?? 'Pending'
  const parameters = Object.entries(found.Parameters ?? {})
  const steps = (found.StepExecutions ?? []).map(({ StepName = '', StepStatus = 'Pending' }) => ({
    name: StepName,
    status: StepStatus as string,
  }))
  return {
    id,
    status,
    ended: ENDED.has(status),
    startedAt: found.ExecutionStartTime?.getTime() ?? null,
    parameters: Object.fromEntries(parameters.map(([name, values]) => [name, values.join(',')])),
    // The list holds all steps from the beginning.
    steps: steps.filter(({ status }) => status !== 'Pending'),
  }
}

/** What a run does not leave any more; all other statuses, and new ones, go on. */
const ENDED: ReadonlySet<string> = new Set([
  'Success',
  'TimedOut',
  'Cancelled',
  'Failed',
  'Rejected',
  'ChangeCalendarOverrideRejected',
  'CompletedWithSuccess',
  'CompletedWithFailure',
  'Exited',
])
