/** The Action: inputs to plan, job, report to outputs, annotations, summary and HTML file. */

import { refuseUnsafe } from '../core/cadence.ts'
import { asPullAuthError, type PullAuthError } from '../core/errors.ts'
import { type JobPorts, type JobReport, runJob } from '../core/job.ts'
import type { Clock, Journal } from '../core/ports.ts'
import type { Secret } from '../core/secret.ts'
import { spellings } from '../core/secret.ts'
import { versionIdFrom } from '../core/version-id.ts'
import { previewOf } from '../preview.ts'
import { earliestExpiry, failedCount } from '../report.ts'
import { refuseNext, unlessTooLate } from './cancelling.ts'
import { type Chronicle, createChronicle } from './chronicle.ts'
import { asText, type Desk, fail, show } from './desk.ts'
import { failurePage } from './failure-page.ts'
import { readInputs } from './input-rules.ts'
import { type Request, readRequest } from './inputs.ts'
import { jobPage } from './job-page.ts'
import { planPage } from './plan-page.ts'
import { resultText } from './result.ts'
import { adviceFor } from './workflow-advice.ts'

/** What a whole run needs of the runner besides. */
export interface Runner extends Desk {
  readonly clock: Clock
  startGroup(title: string): void
  endGroup(): void
  /** Throws PLAN_MISSING. */
  readFile(path: string): string
  /** Aborts when the workflow is cancelled; until it is asked for, that ends the process at once. */
  stopSignal(): AbortSignal
  wire(journal: Journal, given: ReadonlyMap<string, Secret>): JobPorts
}

/** A run as it goes on. */
interface Run {
  readonly runner: Runner
  readonly chronicle: Chronicle
  readonly groups: { open: boolean }
}

/** The exit code: 0 only when every target runs the version, or when the plan that was to be shown is safe. */
export async function runAction(runner: Runner): Promise<0 | 1> {
  const run: Run = { runner, chronicle: createChronicle(runner.clock.now), groups: { open: false } }
  try {
    const inputs = readInputs(runner.getInput)
    if (inputs.password !== '') runner.setSecret(inputs.password)
    const request = readRequest(inputs, runner.readFile)
    return request.mode === 'plan' ? await showPlan(run, request) : await rotate(run, request)
  } catch (thrown) {
    endGroup(run)
    const error = asPullAuthError(thrown)
    const advice = adviceFor(error, runner)
    await show(runner, failurePage(error, { spans: run.chronicle.spans('last'), advice: advice?.text ?? null }))
    return fail(runner, error, advice)
  }
}

async function rotate(run: Run, request: Request): Promise<0 | 1> {
  const { runner, chronicle } = run
  const stop = runner.stopSignal()
  const interrupt = { signal: () => stop, rollout: request.cancelled }
  const ports = { ...runner.wire(runnerJournal(run, stop), request.given), interrupt }
  const job = runJob(ports, request.plan, versionIdOf(runner, request), request.given.size > 0)
  const report = await unlessTooLate(job, { stop, clock: runner.clock, step: chronicle.current })
  endGroup(run)
  tellOutputs(run, report)
  const { problem } = report
  const advice = problem === null ? null : adviceFor(problem, runner)
  const failed = problem?.code === 'OUTPUT_FAILED' ? 'Write outputs' : 'last'
  const spans = chronicle.spans(problem === null ? null : failed)
  await show(runner, jobPage(report, { now: runner.clock.now(), spans, advice: advice?.text ?? null }))
  return problem === null ? 0 : fail(runner, problem, advice)
}

/** Asks nobody: not AWS, no registry, not GitHub. So a pull request of a fork can have it too. */
async function showPlan({ runner }: Run, { plan }: Request): Promise<0 | 1> {
  const problem = cadenceProblem(plan)
  await show(runner, planPage(previewOf(plan, null, null), problem))
  return problem === null ? 0 : fail(runner, problem, null)
}

function cadenceProblem(plan: Request['plan']): PullAuthError | null {
  try {
    refuseUnsafe(plan, plan.secret)
    return null
  } catch (error) {
    return asPullAuthError(error)
  }
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
  'report',
] as const

function tellOutputs({ runner, chronicle }: Run, report: JobReport): void {
  const { rollout } = report
  const outputs: Record<Exclude<(typeof OUTPUT_NAMES)[number], 'report'>, string> = {
    'secret-arn': report.secret,
    version: report.version,
    changed: String(report.changed),
    'rollout-id': rollout?.commandId ?? chronicle.lastCommand() ?? '',
    // Of a rollout that nobody followed to its end nothing is known.
    targets: String(rollout?.targets ?? ''),
    'on-version': String(rollout?.onVersion ?? ''),
    failed: String(rollout === null ? '' : failedCount(rollout)),
    'expires-at': earliestExpiry(report.registries) ?? '',
    result: resultText(report),
  }
  for (const [name, value] of Object.entries(outputs)) runner.setOutput(name, value)
}

/** One log group per phase; every spelling of a credential is masked before anything else can print it. */
function runnerJournal(run: Run, stop: AbortSignal): Journal {
  const { runner, chronicle, groups } = run
  return {
    mask(secret, username) {
      for (const spelling of spellings(secret, username)) runner.setSecret(spelling)
    },
    phase(title) {
      endGroup(run)
      refuseNext(title, stop)
      chronicle.phase(title)
      runner.startGroup(title)
      groups.open = true
    },
    info(message, detail) {
      // At once: a run that is cancelled or killed later leaves the id to the steps that follow.
      const command = chronicle.saw(detail)
      if (command !== null) runner.setOutput('rollout-id', command)
      runner.info(asText(message))
    },
    warn: (message, detail) =>
      runner.warning(message, { title: typeof detail?.['code'] === 'string' ? detail['code'] : 'ecs-pull-auth' }),
  }
}

function endGroup({ runner, groups }: Run): void {
  if (groups.open) runner.endGroup()
  groups.open = false
}
