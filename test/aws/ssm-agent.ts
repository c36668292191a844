/** What the SSM agent does with a document on an instance: parameters, preconditions, steps, exit codes (facts, SSM section 2). */

import { type CommandDocument, type DocumentStep, runsOn } from './document-content.ts'
import { exportsParameters, type Instance, type InstanceRunner, type ScriptResult } from './instances.ts'
import { isObject, type Json } from './wire.ts'

export type StepStatus = 'Success' | 'Failed' | 'ExecutionTimedOut' | 'Cancelled'

export interface StepResult {
  readonly name: string
  readonly status: StepStatus
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly startedAt: number
  readonly endedAt: number
}

export interface DocumentRun {
  readonly commandId: string
  readonly region: string
  readonly instance: Instance
  readonly document: CommandDocument
  readonly parameters: Readonly<Record<string, readonly string[]>>
  readonly runner: InstanceRunner
  readonly signal: AbortSignal
  readonly now: () => number
}

/** What the agent keeps of a step's output (section 7.2). */
const STDOUT = 24_000
const STDERR = 8_000

/** Exit codes that mean more than success or failure (section 2.3). */
const STOP_AS_SUCCESS = 168
const STOP_AS_FAILURE = 169
const REBOOT = 194
const KILLED = 137

export async function runDocument(run: DocumentRun): Promise<readonly StepResult[]> {
  const results: StepResult[] = []
  let stopped = false
  for (const step of run.document.mainSteps) {
    const last = step === run.document.mainSteps.at(-1)
    const skip =
      skipReason(run, step) ?? (stopped && !(last && isTrue(step.inputs.finallyStep)) ? 'previous step exited' : null)
    const result = skip === null ? await runStep(run, step) : skipped(run, step, skip)
    results.push(result)
    if (skip === null) stopped ||= stopsDocument(step, result)
    if (run.signal.aborted) break
  }
  return results
}

/** A skipped step is a form of success, so a document whose steps are all skipped succeeds (section 2.3). */
export function documentStatus(results: readonly StepResult[]): StepStatus {
  const worst: readonly StepStatus[] = ['Cancelled', 'Failed', 'ExecutionTimedOut']
  return worst.find((status) => results.some((result) => result.status === status)) ?? 'Success'
}

/** `onFailure: exit` stops after a failure, but not after a timeout; 168, 169 and 194 always stop. */
function stopsDocument(step: DocumentStep, { status, exitCode }: StepResult): boolean {
  if (exitCode === STOP_AS_SUCCESS || exitCode === STOP_AS_FAILURE || exitCode === REBOOT) return true
  if (status === 'Failed') return step.inputs.onFailure === 'exit'
  return status === 'Success' && step.inputs.onSuccess === 'exit'
}

async function runStep(run: DocumentRun, step: DocumentStep): Promise<StepResult> {
  const startedAt = run.now()
  const { script, env } = prepare(run, step)
  const result = await run.runner.run({
    instanceId: run.instance.id,
    script,
    env,
    timeoutSeconds: stepTimeout(step, run.parameters),
    signal: run.signal,
  })
  const status = statusOf(result, run.signal)
  const note =
    result.exitCode === 0 || result.exitCode === STOP_AS_SUCCESS
      ? ''
      : `\nfailed to run commands: exit status ${result.exitCode}`
  return {
    name: step.name,
    status,
    exitCode: result.timedOut === true ? KILLED : result.exitCode,
    stdout: result.stdout.slice(0, STDOUT),
    stderr: `${result.stderr.slice(0, STDERR - note.length)}${note}`,
    startedAt,
    endedAt: run.now(),
  }
}

function statusOf(result: ScriptResult, signal: AbortSignal): StepStatus {
  if (signal.aborted) return 'Cancelled'
  if (result.timedOut === true || result.exitCode === KILLED) return 'ExecutionTimedOut'
  return result.exitCode === 0 || result.exitCode === STOP_AS_SUCCESS ? 'Success' : 'Failed'
}

/** Under 5 or over 172800 seconds counts as an hour (section 2.3). */
export function stepTimeout(step: DocumentStep, parameters: DocumentRun['parameters']): number {
  const seconds = Number(substitute(String(step.inputs.timeoutSeconds ?? 3600), parameters))
  return seconds >= 5 && seconds <= 172_800 ? seconds : 3600
}

/**
 * New agents export `SSM_<name>` and leave `{{ name }}` of such a parameter alone; old ones know nothing of
 * interpolationType and paste the value into the script (sections 2.2 and 14).
 */
function prepare(run: DocumentRun, step: DocumentStep): { script: string; env: Record<string, string> } {
  const { instance, document, parameters } = run
  const byEnvironment = Object.keys(parameters).filter(
    (name) => document.parameters[name]?.interpolationType === 'ENV_VAR' && exportsParameters(instance.agentVersion),
  )
  const pasted = Object.fromEntries(Object.entries(parameters).filter(([name]) => !byEnvironment.includes(name)))
  const exported = byEnvironment.map((name) => [`SSM_${name}`, parameters[name]?.join(',') ?? ''])
  return {
    script: step.inputs.runCommand.map((line) => substitute(line, pasted)).join('\n'),
    env: {
      SSM_COMMAND_ID: run.commandId,
      AWS_SSM_INSTANCE_ID: instance.id,
      AWS_SSM_REGION_NAME: run.region,
      AWS_SSM_PLATFORM_NAME: instance.platform === 'Linux' ? 'Amazon Linux' : instance.platform,
      AWS_SSM_PLATFORM_VERSION: '2023',
      ...Object.fromEntries(exported),
    },
  }
}

/** A single pass, in which `$$` of a value becomes `$`; unknown names stay (section 2.1). */
function substitute(text: string, parameters: DocumentRun['parameters']): string {
  return text.replace(/\{\{\s*([a-zA-Z0-9]+)\s*\}\}/g, (whole, name: string) => {
    const values = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    return values === undefined ? whole : values.join(' ').replaceAll('$$', '$')
  })
}

function skipReason(run: DocumentRun, step: DocumentStep): string | null {
  if (!runsOn(step, run.instance.platform)) return `unsupported plugin: ${step.action}`
  return step.precondition === undefined || holds(run, step.precondition) ? null : 'unsatisfied preconditions'
}

/** StringEquals with exactly two operands, one of which may be platformType (section 2.3). */
function holds(run: DocumentRun, precondition: Json): boolean {
  const operands = isObject(precondition) ? precondition['StringEquals'] : undefined
  if (!Array.isArray(operands) || operands.length !== 2) return false
  const [left, right] = operands.map((operand: unknown) =>
    operand === 'platformType' ? run.instance.platform : substitute(String(operand), run.parameters),
  )
  return left === right
}

function skipped(run: DocumentRun, step: DocumentStep, reason: string): StepResult {
  const now = run.now()
  const stdout = `Step execution skipped due to ${reason}. Step name: ${step.name}`
  return { name: step.name, status: 'Success', exitCode: 0, stdout, stderr: '', startedAt: now, endedAt: now }
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true'
}
