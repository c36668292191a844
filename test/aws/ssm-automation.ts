/** Systems Manager Automation: runs of a runbook step by step, their tokens, answers and events (facts, SSM sections 7.3 and 9). */

import {
  parseRunbook,
  type RunbookContent,
  type RunbookStep,
  readParameters,
  resolve,
  type Values,
} from './ssm-runbook.ts'
import {
  AwsRefusal,
  boolean,
  integer,
  type Json,
  list,
  map,
  type Of,
  type Operations,
  operation,
  string,
  structure,
  timestamp,
} from './wire.ts'
import type { World } from './world.ts'

const NAME = string({ pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ })
const ID = string({ min: 36, max: 36 })
const ALARMS = structure(
  {
    IgnorePollAlarmFailure: boolean,
    Alarms: list(structure({ Name: string({ min: 1, max: 255 }) }, ['Name']), { min: 1, max: 1 }),
  },
  ['Alarms'],
)

const shapes = {
  start: structure(
    {
      DocumentName: NAME,
      DocumentVersion: string({ pattern: /^([$]LATEST|[$]DEFAULT|[1-9][0-9]*)$/ }),
      Parameters: map(list(string({ min: 1, max: 512 }), { max: 50 })),
      ClientToken: string({ min: 36, max: 36, pattern: /^[a-fA-F0-9]{8}-([a-fA-F0-9]{4}-){3}[a-fA-F0-9]{12}$/ }),
      AlarmConfiguration: ALARMS,
      TargetLocations: list(
        structure({
          Accounts: list(string(), { min: 1, max: 50 }),
          Regions: list(string(), { min: 1, max: 50 }),
          TargetLocationMaxConcurrency: string({ min: 1, max: 7 }),
          TargetLocationMaxErrors: string({ min: 1, max: 7 }),
          ExecutionRoleName: string({ min: 1, max: 64, pattern: /^[\w+=,.@/-]+$/ }),
        }),
        { min: 1, max: 100 },
      ),
    },
    ['DocumentName'],
  ),
  get: structure({ AutomationExecutionId: ID }, ['AutomationExecutionId']),
  stop: structure({ AutomationExecutionId: ID, Type: string({ values: ['Complete', 'Cancel'] }) }, [
    'AutomationExecutionId',
  ]),
  signal: structure({ AutomationExecutionId: ID, SignalType: string({ values: ['Approve', 'Reject'] }) }, [
    'AutomationExecutionId',
    'SignalType',
  ]),
  describe: structure({
    Filters: list(
      structure(
        {
          Key: string({
            values: ['DocumentNamePrefix', 'ExecutionStatus', 'ExecutionId', 'StartTimeBefore', 'StartTimeAfter'],
          }),
          Values: list(string({ min: 1, max: 150 }), { min: 1, max: 10 }),
        },
        ['Key', 'Values'],
      ),
      { min: 1, max: 10 },
    ),
    MaxResults: integer({ min: 1, max: 50 }),
    NextToken: string(),
  }),
}

type StartInput = Of<typeof shapes.start>
type RunStatus =
  | 'Pending'
  | 'InProgress'
  | 'Waiting'
  | 'Success'
  | 'Failed'
  | 'TimedOut'
  | 'Cancelling'
  | 'Cancelled'
  | 'Rejected'

interface StepRun {
  readonly step: RunbookStep
  status: RunStatus
  outputs: Readonly<Record<string, readonly string[]>>
}

interface Run {
  readonly id: string
  readonly input: StartInput
  readonly startedAt: number
  readonly steps: readonly StepRun[]
  readonly values: Record<string, unknown>
  status: RunStatus
  /** Answers whoever waits for an approval; and takes it back. */
  decide: ((decision: 'Approve' | 'Reject' | 'Cancel') => void) | null
  stopped: boolean
}

/** What the steps of a runbook do elsewhere in Systems Manager. */
export interface RunbookWorld {
  /** SendCommand with what the step says. */
  send(input: Json): string
  /** `StatusDetails` of a command without blanks; null while it goes on. */
  ended(commandId: string): string | null
  cancel(commandId: string): void
}

export class SsmAutomation {
  /** Change calendars by name. */
  readonly calendars = new Map<string, 'OPEN' | 'CLOSED'>()
  /** How runs in other accounts and Regions end. */
  elsewhere: (account: string, region: string) => 'Success' | 'Failed' = () => 'Success'
  readonly #runbooks = new Map<string, RunbookContent>()
  readonly #texts = new Map<string, string>()
  readonly #runs = new Map<string, Run>()
  readonly #tokens = new Map<string, { readonly id: string; readonly input: string }>()
  readonly #world: World
  readonly #ssm: RunbookWorld

  constructor(world: World, ssm: RunbookWorld) {
    this.#world = world
    this.#ssm = ssm
  }

  publish(name: string, content: string): void {
    this.#runbooks.set(name, parseRunbook(content))
    this.#texts.set(name, content)
  }

  /** What DescribeDocument answers for a runbook; null: there is none of this name. */
  described(name: string): Json | null {
    if (!this.#runbooks.has(name)) return null
    return { Document: { Name: name, Status: 'Active', DocumentVersion: '1', DocumentType: 'Automation' } }
  }

  /** What GetDocument answers for a runbook; null: there is none of this name. */
  content(name: string): Json | null {
    const Content = this.#texts.get(name)
    if (Content === undefined) return null
    return { Name: name, Content, Status: 'Active', DocumentVersion: '1', DocumentType: 'Automation' }
  }

  /** Ids, oldest first; for assertions. */
  runs(): readonly string[] {
    return [...this.#runs.keys()]
  }

  /** Whether a run goes on by itself: it has not ended, and does not wait for an approval. */
  moves(): boolean {
    return [...this.#runs.values()].some(({ status, decide }) => !isEnd(status) && decide === null)
  }

  operations(): Operations {
    return {
      StartAutomationExecution: operation(shapes.start, (input) => this.#start(input)),
      GetAutomationExecution: operation(shapes.get, (input, { stale }) =>
        this.#get(input.AutomationExecutionId, stale),
      ),
      DescribeAutomationExecutions: operation(shapes.describe, (input, { stale }) => this.#describe(input, stale)),
      StopAutomationExecution: operation(shapes.stop, (input) => this.#stop(input.AutomationExecutionId)),
      SendAutomationSignal: operation(shapes.signal, (input) => this.#signal(input)),
    }
  }

  #start(input: StartInput): Json {
    const { ClientToken, ...rest } = input
    const key = JSON.stringify(rest)
    const used = ClientToken === undefined ? undefined : this.#tokens.get(ClientToken.toLowerCase())
    if (used !== undefined) {
      if (used.input === key) return { AutomationExecutionId: used.id }
      throw new AwsRefusal('IdempotentParameterMismatch', 'The token was used with other parameters.')
    }
    const content = this.#runbooks.get(input.DocumentName)
    if (content === undefined)
      throw new AwsRefusal('AutomationDefinitionNotFoundException', `Document ${input.DocumentName} does not exist.`)
    const values = readParameters(content, input.Parameters ?? {})
    const id = this.#world.newId()
    const steps = content.mainSteps.map((step): StepRun => ({ step, status: 'Pending', outputs: {} }))
    const startedAt = this.#world.clock.now()
    const run: Run = {
      id,
      input,
      startedAt,
      steps,
      values: { ...values },
      status: 'Pending',
      decide: null,
      stopped: false,
    }
    this.#runs.set(id, run)
    if (ClientToken !== undefined) this.#tokens.set(ClientToken.toLowerCase(), { id, input: key })
    this.#world.background(() => this.#run(run))
    return { AutomationExecutionId: id }
  }

  #find(id: string, stale = false): Run {
    const run = this.#runs.get(id)
    if (run === undefined || stale)
      throw new AwsRefusal('AutomationExecutionNotFoundException', `Automation execution with ID ${id} does not exist.`)
    return run
  }

  #get(id: string, stale: boolean): Json {
    const run = this.#find(id, stale)
    const StepExecutions = run.steps.map(({ step, status, outputs }) => ({
      StepName: step.name,
      Action: step.action,
      StepStatus: status,
      Outputs: outputs,
    }))
    return { AutomationExecution: { ...summaryOf(run), Parameters: run.input.Parameters ?? {}, StepExecutions } }
  }

  #describe({ Filters = [], MaxResults = 50, NextToken }: Of<typeof shapes.describe>, stale: boolean): Json {
    const found = [...this.#runs.values()].filter((run) => !stale && Filters.every((filter) => matches(run, filter)))
    const from = NextToken === undefined ? 0 : Number(NextToken)
    const to = from + MaxResults
    return {
      AutomationExecutionMetadataList: found.slice(from, to).map(summaryOf),
      ...(to < found.length ? { NextToken: String(to) } : {}),
    }
  }

  #stop(id: string): Json {
    const run = this.#find(id)
    if (isEnd(run.status)) throw new AwsRefusal('InvalidAutomationStatusUpdateException', 'The execution has ended.')
    run.stopped = true
    run.decide?.('Cancel')
    const sent = run.steps.find(({ step, status }) => step.action === 'aws:runCommand' && status === 'InProgress')
    const commandId = sent?.outputs['CommandId']?.[0]
    if (commandId !== undefined) this.#ssm.cancel(commandId)
    return {}
  }

  #signal({ AutomationExecutionId, SignalType }: Of<typeof shapes.signal>): Json {
    const { decide } = this.#find(AutomationExecutionId)
    if (decide === null) throw new AwsRefusal('AutomationStepNotFoundException', 'No step waits for a signal.')
    decide(SignalType as 'Approve' | 'Reject')
    return {}
  }

  async #run(run: Run): Promise<void> {
    this.#tell(run, 'InProgress')
    if (run.input.TargetLocations !== undefined) return this.#tell(run, this.#everywhere(run.input.TargetLocations))
    for (let at = 0; at < run.steps.length; ) {
      const current = run.steps[at] as StepRun
      if (run.stopped) return this.#tell(run, 'Cancelled')
      current.status = 'InProgress'
      const { status, next } = await this.#step(run, current)
      current.status = status
      // Every step of ours has onFailure: Abort.
      if (status !== 'Success') return this.#tell(run, run.stopped ? 'Cancelled' : status)
      if (current.step.isEnd === true) break
      at = next === null ? at + 1 : run.steps.findIndex(({ step }) => step.name === next)
    }
    this.#tell(run, 'Success')
  }

  #everywhere(locations: NonNullable<StartInput['TargetLocations']>): RunStatus {
    const ends = locations.flatMap(({ Accounts = [], Regions = [] }) =>
      Accounts.flatMap((account) => Regions.map((region) => this.elsewhere(account, region))),
    )
    return ends.every((end) => end === 'Success') ? 'Success' : 'Failed'
  }

  async #step(run: Run, current: StepRun): Promise<{ status: RunStatus; next: string | null }> {
    const { name, action } = current.step
    const inputs = resolve(current.step.inputs, run.values as Values) as Record<string, unknown>
    const plain = (status: RunStatus) => ({ status, next: null })
    switch (action) {
      case 'aws:branch': {
        const choices = inputs['Choices'] as readonly { NextStep: string; Variable: string; StringEquals: string }[]
        const chosen = choices.find(({ Variable, StringEquals }) => Variable === StringEquals)
        return { status: 'Success', next: chosen?.NextStep ?? String(inputs['Default']) }
      }
      case 'aws:approve':
        return plain(await this.#approve(run, inputs))
      case 'aws:assertAwsResourceProperty':
        return plain(this.#holds(inputs) ? 'Success' : 'Failed')
      case 'aws:runCommand': {
        const commandId = this.#ssm.send(inputs)
        current.outputs = { CommandId: [commandId] }
        run.values[`${name}.CommandId`] = commandId
        const end = await this.#waitFor(commandId)
        // Of the details the step sees the short status alone: a command for nobody is a success (section 6).
        const good = end === 'Success' || end === 'NoInstancesInTag'
        return plain(good ? 'Success' : end === 'Cancelled' ? 'Cancelled' : 'Failed')
      }
    }
  }

  async #waitFor(commandId: string): Promise<string> {
    for (let pause = 50; ; pause = Math.min(2 * pause, 5_000)) {
      const end = this.#ssm.ended(commandId)
      if (end !== null) return end
      await this.#world.clock.sleep(pause, this.#world.closing)
    }
  }

  async #approve(run: Run, inputs: Readonly<Record<string, unknown>>): Promise<RunStatus> {
    const { Approvers, NotificationArn } = inputs as { Approvers: readonly string[]; NotificationArn: string }
    if (Approvers.length === 0 || Approvers.length > 10 || !/:Automation[^:]*$/.test(NotificationArn)) return 'Failed'
    run.status = 'Waiting'
    const decision = await new Promise<'Approve' | 'Reject' | 'Cancel'>((decide) => {
      run.decide = decide
      this.#world.closing.addEventListener('abort', () => decide('Cancel'), { once: true })
    })
    run.decide = null
    run.status = 'InProgress'
    return decision === 'Approve' ? 'Success' : decision === 'Reject' ? 'Rejected' : 'Cancelled'
  }

  #holds(inputs: Readonly<Record<string, unknown>>): boolean {
    const { Api, DesiredValues, CalendarNames, CommandId } = inputs as {
      Api: string
      DesiredValues: readonly string[]
      CalendarNames?: readonly string[]
      CommandId?: string
    }
    const found =
      Api === 'GetCalendarState' ? this.calendars.get(CalendarNames?.[0] ?? '') : this.#ssm.ended(CommandId ?? '')
    return found != null && DesiredValues.includes(found)
  }

  #tell(run: Run, status: RunStatus): void {
    run.status = status
    this.#world.emit({
      type: 'EC2 Automation Execution Status-change Notification',
      source: 'aws.ssm',
      detail: {
        ExecutionId: run.id,
        Definition: run.input.DocumentName,
        DefinitionVersion: 1,
        Status: status,
        StartTime: new Date(run.startedAt).toUTCString(),
        EndTime: isEnd(status) ? new Date(this.#world.clock.now()).toUTCString() : '',
        ExecutedBy: this.#world.arn('iam', 'role/caller'),
      },
    })
  }
}

function isEnd(status: RunStatus): boolean {
  return !['Pending', 'InProgress', 'Waiting', 'Cancelling'].includes(status)
}

function summaryOf({ id, input, startedAt, status }: Run): Json {
  return {
    AutomationExecutionId: id,
    DocumentName: input.DocumentName,
    DocumentVersion: '1',
    AutomationExecutionStatus: status,
    ExecutionStartTime: timestamp(startedAt),
  }
}

function matches(run: Run, { Key, Values }: { readonly Key: string; readonly Values: readonly string[] }): boolean {
  const [value = ''] = Values
  switch (Key) {
    case 'DocumentNamePrefix':
      return Values.some((prefix) => run.input.DocumentName.startsWith(prefix))
    case 'ExecutionStatus':
      return Values.includes(run.status)
    case 'ExecutionId':
      return Values.includes(run.id)
    case 'StartTimeBefore':
      return run.startedAt <= Date.parse(value)
    default:
      return run.startedAt >= Date.parse(value)
  }
}
