/** What the Action says: the report as summary and file, and the annotation of what went wrong. */

import { framesOf, type PullAuthError } from '../core/errors.ts'
import type { Millis } from '../core/ports.ts'
import type { Page } from './page.ts'
import { pageHtml } from './page-html.ts'
import { pageMarkdown } from './page-markdown.ts'
import type { Advice } from './workflow-advice.ts'

/** What the Action needs of the runner to tell something: `@actions/core` and a few functions. */
export interface Desk {
  readonly env: Readonly<Record<string, string | undefined>>
  getInput(name: string): string
  setOutput(name: string, value: string): void
  setSecret(value: string): void
  info(message: string): void
  warning(message: string, properties: { title: string }): void
  error(message: string, properties: { title: string; file?: string; startLine?: number }): void
  readonly clock: { now(): Millis }
  writeSummary(markdown: string): Promise<void>
  /** The path of the file, or null where a step has no folder for it. */
  writeReport(html: string): string | null
  readText(path: string): string | null
}

/** What was done is done: a report that cannot be written makes no run red. */
export async function show(desk: Desk, page: Page): Promise<void> {
  try {
    const path = desk.writeReport(pageHtml(page, footerOf(desk)))
    if (path !== null) desk.setOutput('report', path)
    await desk.writeSummary(pageMarkdown(page, path))
  } catch (error) {
    const kind = error instanceof Error && 'code' in error ? String(error.code) : 'no reason told'
    desk.warning(`The report of this run could not be written (${kind}).`, { title: 'ecs-pull-auth' })
  }
}

function footerOf({ env, clock }: Desk): string {
  const names = ['GITHUB_REPOSITORY', 'GITHUB_WORKFLOW', 'GITHUB_JOB', 'GITHUB_RUN_ID', 'GITHUB_RUN_ATTEMPT']
  const run = names.flatMap((name) => env[name] ?? []).join(' · ')
  return `ecs-pull-auth · ${run} · ${new Date(clock.now()).toISOString()}`
}

/** The annotation. Returns the exit code. */
export function fail(desk: Desk, error: PullAuthError, advice: Advice | null): 1 {
  // What GitHub sets when a job is run again with debug logging.
  if (desk.env['RUNNER_DEBUG'] === '1') for (const frame of framesOf(error)) desk.info(asText(frame))
  const place = advice?.place ?? null
  const text = [error.message, error.hint, ...(advice === null ? [] : [advice.text])].join(' ')
  desk.error(text, { title: error.code, ...(place === null ? {} : { file: place.file, startLine: place.line }) })
  return 1
}

/** The runner takes `::name::` at the start of a line and `##[name]` anywhere in it for a command; names may hold both. */
export function asText(message: string): string {
  return message.replaceAll(/^(\s*):(?=:)/gm, '$1: ').replaceAll('##[', '# #[')
}
