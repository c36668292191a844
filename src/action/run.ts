/** The Action: inputs to plan, job, report to outputs, annotations and summary. */

import { asPullAuthError, type PullAuthError } from '../core/errors.ts'
import { type JobPorts, type JobReport, runJob } from '../core/job.ts'
import type { Journal } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { spellings } from '../core/secret.ts'
import { versionIdFrom } from '../core/version-id.ts'
import { earliestExpiry, failedCount, jobData } from '../report.ts'
import { INPUT_NAMES, type Inputs, type Request, readRequest } from './inputs.ts'
import { failureSummary, jobSummary } from './summary.ts'

/** What the Action needs of the runner: `@actions/core` and two functions. */
export interface Runner {
  readonly env: Readonly<Record<string, string | undefined>>
  getInput(name: string): string
  setOutput(name: string, value: string): void
  setSecret(value: string): void
  startGroup(title: string): void
  endGroup(): void
  info(message: string): void
  warning(message: string, properties: { title: string }): void
  error(message: string, properties: { title: string }): void
  writeSummary(markdown: string): Promise<void>
  readFile(path: string): string
  /** Aborts when the workflow is cancelled. */
  stopSignal(): AbortSignal
  wire(journal: Journal, given: ReadonlyMap<string, Secret>): JobPorts
}

/** The exit code: 0 only when every target runs the version. */
export async function runAction(runner: Runner): Promise<0 | 1> {
  const groups = { open: false }
  try {
    const inputs = Object.fromEntries(INPUT_NAMES.map((name) => [name, runner.getInput(name)])) as Inputs
    if (inputs.password !== '') runner.setSecret(inputs.password)
    const request = readRequest(inputs, runner.readFile)
    const interrupt = { signal: () => runner.stopSignal(), rollout: request.cancelled }
    const ports = { ...runner.wire(runnerJournal(runner, groups), request.given), interrupt }
    const report = await runJob(ports, request.plan, versionIdOf(runner, request), request.given.size > 0)
    endGroup(runner, groups)
    tellOutputs(runner, report)
    await runner.writeSummary(jobSummary(report))
    if (report.problem === null) return 0
    return fail(runner, report.problem)
  } catch (thrown) {
    endGroup(runner, groups)
    const error = asPullAuthError(thrown)
    await runner.writeSummary(failureSummary(error))
    return fail(runner, error)
  }
}

function fail(runner: Runner, error: PullAuthError): 1 {
  if (error.code === 'INTERNAL' && error.cause instanceof Error)
    runner.info(asText(error.cause.stack ?? error.cause.name))
  runner.error(`${error.message} ${error.hint}`, { title: error.code })
  return 1
}

/** The same run and attempt is the same version: a step that is repeated after a crash resumes its own rotation. */
function versionIdOf({ env }: Runner, { plan }: Request) {
  const run = ['GITHUB_REPOSITORY', 'GITHUB_RUN_ID', 'GITHUB_RUN_ATTEMPT', 'GITHUB_JOB', 'GITHUB_ACTION'].map(
    (name) => env[name] ?? '',
  )
  return versionIdFrom('action', ...run, plan.secret)
}

/** action.yml declares the same names; a test compares them. */
export const OUTPUT_NAMES = [
  'secret-arn',
  'version',
  'changed',
  'rollout-id',
  'targets',
  'on-version',
  'failed',
  'expires-at',
  'result',
] as const

function tellOutputs(runner: Runner, report: JobReport): void {
  const { rollout } = report
  const outputs: Record<(typeof OUTPUT_NAMES)[number], string> = {
    'secret-arn': report.secret,
    version: report.version,
    changed: String(report.changed),
    'rollout-id': rollout?.commandId ?? '',
    targets: String(rollout?.targets ?? 0),
    'on-version': String(rollout?.onVersion ?? 0),
    failed: String(rollout === null ? 0 : failedCount(rollout)),
    'expires-at': earliestExpiry(report.registries) ?? '',
    result: JSON.stringify(jobData(report)),
  }
  for (const [name, value] of Object.entries(outputs)) runner.setOutput(name, value)
}

/** One log group per phase; every spelling of a credential is masked before anything else can print it. */
function runnerJournal(runner: Runner, groups: { open: boolean }): Journal {
  return {
    mask(secret, username) {
      for (const spelling of spellings(secret, username)) runner.setSecret(spelling)
    },
    phase(title) {
      endGroup(runner, groups)
      runner.startGroup(title)
      groups.open = true
    },
    info: (message) => runner.info(asText(message)),
    warn: (message, detail) =>
      runner.warning(message, { title: typeof detail?.['code'] === 'string' ? detail['code'] : 'ecs-pull-auth' }),
  }
}

/** The runner takes `::name::` at the start of a line and `##[name]` anywhere in it for a command; names may hold both. */
function asText(message: string): string {
  return message.replaceAll(/^(\s*):(?=:)/gm, '$1: ').replaceAll('##[', '# #[')
}

function endGroup(runner: Runner, groups: { open: boolean }): void {
  if (groups.open) runner.endGroup()
  groups.open = false
}
