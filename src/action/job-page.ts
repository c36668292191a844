/** The report of a run: what needs somebody first, each with its remedy, then what changed and who runs it. */

import type { PullAuthError } from '../core/errors.ts'
import type { JobReport } from '../core/job.ts'
import { isFine, OUTCOMES, type Outcome } from '../core/outcome.ts'
import type { Millis } from '../core/ports.ts'
import { retiredCount } from '../core/retire.ts'
import type { RolloutReport } from '../core/rollout-report.ts'
import { durationText } from '../core/schedule.ts'
import { coverageText, isoOrNull, knownInstances, outcomeCounts } from '../report.ts'
import { type ConsoleLinks, consoleLinks } from './console-links.ts'
import { problemParts } from './failure-page.ts'
import type { Cell, Page, Part, Share, Span, Table } from './page.ts'
import { remedyFor } from './remedies.ts'

export interface Told {
  readonly now: Millis
  readonly spans: readonly Span[]
  /** What to change in the workflow; null = nothing there. */
  readonly advice: string | null
}

export function jobPage(report: JobReport, told: Told): Page {
  const links = consoleLinks(report.secret)
  return {
    headline: headline(report),
    tone: report.problem === null ? 'good' : 'bad',
    parts: [
      ...problemParts(report.problem, told.advice),
      ...attentionParts(report),
      changeTable(report, links),
      ...registryParts(report, told.now),
      ...fleetParts(report),
      ...timelineParts(told.spans, report.rollout),
      ...instanceParts(report, links),
    ],
  }
}

function headline({ problem, rollout, changed }: JobReport): string {
  if (problem !== null) return problemHeadline(problem, rollout)
  const what = changed ? 'Rotated' : 'Nothing to rotate'
  if (rollout === null) return what
  return rollout.targets === 0
    ? `${what}; no instance matched, which the plan allows`
    : `${what}; ${rollout.onVersion} of ${rollout.targets} instances run the version`
}

function problemHeadline({ code }: PullAuthError, rollout: RolloutReport | null): string {
  if (code === 'OUTPUT_FAILED') return 'Rotated, but not every output was written'
  if (code === 'ROLLOUT_DETACHED') return 'Rotated; the rollout goes on without this run'
  if (code === 'ROLLOUT_CANCELLED') return 'Rotated; the rollout was cancelled'
  if (code === 'RUN_CANCELLED') return 'Rotated; the fleet was not asked to reload'
  if (rollout === null) return 'The fleet was not reloaded'
  if (rollout.canary) return `The canary failed: ${rollout.onVersion} of ${rollout.targets} run the new version`
  return `${rollout.onVersion} of ${rollout.targets} instances run the new version`
}

/** One row for each kind of trouble: fifty instances with the same one need one remedy. */
function attentionParts({ rollout, retire }: JobReport): readonly Part[] {
  const names = new Map<Outcome, string[]>()
  for (const { instanceId, outcome } of rollout === null ? [] : knownInstances(rollout)) {
    if (remedyFor(outcome) !== null) names.set(outcome, [...(names.get(outcome) ?? []), instanceId])
  }
  const rows = [
    ...[...names].map(([outcome, ids]) => [outcome, some(ids), OUTCOMES[outcome], remedyFor(outcome) ?? '']),
    ...(retire?.failed ?? []).map(({ registry, reason, hint }) => [
      'still alive',
      registry,
      `The old credential was not revoked: ${reason}`,
      hint,
    ]),
  ]
  if (rows.length === 0) return []
  return [{ kind: 'table', title: 'What needs somebody', head: ['what', 'where', 'it means', 'remedy'], rows }]
}

function some(ids: readonly string[]): string {
  const more = ids.length > 5 ? ` and ${ids.length - 5} more` : ''
  return `${ids.slice(0, 5).join(', ')}${more}`
}

function changeTable(report: JobReport, links: ConsoleLinks | null): Table {
  const { secret, version, changed, rotatedBy, rollout, retire, outputs } = report
  const commandId = rollout?.commandId ?? report.problem?.message.match(RUN_COMMAND)?.[1] ?? null
  const facts: (readonly [string, Cell | null])[] = [
    ['stored config', linked(secret, links?.secret())],
    ['version', `${version} ${changed ? '(made by this run)' : '(as it was)'}`],
    ['rotated by', rotatedBy === 'function' ? 'its rotation function, which minted and proved' : 'this run'],
    ['rollout', commandId === null ? null : linked(`Run Command ${commandId}`, links?.command(commandId))],
    ['cluster', clusterCell(rollout, links)],
    ...outputs.map(({ kind, target, outcome }) => [`output ${kind}`, `${target}: ${outcome}`] as const),
    ['old credentials', retire === null ? null : `${retiredCount(retire)} retired`],
  ]
  const rows = facts.flatMap(([label, cell]) => (cell === null ? [] : [[label, cell]]))
  return { kind: 'table', title: 'What changed', head: [], rows }
}

/** A rollout that nobody follows any more is named by its error only. */
const RUN_COMMAND = /Run Command ([0-9a-f-]{36})/

function clusterCell(rollout: RolloutReport | null, links: ConsoleLinks | null): Cell | null {
  if (rollout === null || rollout.coverage === null) return null
  const { coverage } = rollout
  return linked(coverageText(coverage), links?.cluster(coverage.cluster))
}

function linked(text: string, href: string | undefined): Cell {
  return href === undefined ? text : { text, href }
}

function registryParts({ registries }: JobReport, now: Millis): readonly Part[] {
  if (registries.length === 0) return []
  const rows = registries.map(({ registry, image, verdict, expiresAt }) => [
    registry,
    image,
    verdict,
    isoOrNull(expiresAt) ?? 'no expiry known',
    expiresAt === null ? '' : lifeLeft(expiresAt - now),
  ])
  const head = ['registry', 'probe', 'verdict', 'expires', 'life']
  return [{ kind: 'table', title: 'Registries', head, rows }]
}

function lifeLeft(left: Millis): string {
  return left <= 0 ? 'over' : `${durationText(Math.floor(left / 60_000) * 60)} left`
}

function fleetParts({ rollout }: JobReport): readonly Part[] {
  if (rollout === null) return []
  const counts = Object.entries(outcomeCounts(rollout)) as [Outcome, number][]
  const shares: Share[] = counts.map(([label, count]) => ({ label, count, tone: isFine(label) ? 'good' : 'bad' }))
  const untold = rollout.targets + rollout.left.length - targetsTold(rollout)
  if (untold > 0) shares.push({ label: 'not told', count: untold, tone: 'open' })
  const shown = shares.filter(({ count }) => count > 0)
  if (shown.length === 0) return []
  const what = rollout.canary ? 'The canaries; the rest was not touched' : 'The fleet'
  return [{ kind: 'bar', title: what, shares: shown }]
}

function targetsTold({ onVersion, stragglers, left }: RolloutReport): number {
  return onVersion + stragglers.length + left.length
}

/** A picture with more than this is no picture. */
const MOST_MOMENTS = 20

function timelineParts(spans: readonly Span[], rollout: RolloutReport | null): readonly Part[] {
  const moments = (rollout?.instances ?? []).flatMap(({ instanceId, outcome, finishedAt }): Span[] => {
    if (finishedAt === null) return []
    const tone = isFine(outcome) ? 'good' : 'bad'
    return [
      {
        section: 'Instances',
        name: `${instanceId} ${outcome}`,
        from: finishedAt,
        to: null,
        tone,
      },
    ]
  })
  const all = [...spans, ...(moments.length > MOST_MOMENTS ? moments.filter(({ tone }) => tone === 'bad') : moments)]
  if (spans.length === 0) return []
  return [{ kind: 'timeline', title: 'Timeline', spans: all.slice(0, spans.length + MOST_MOMENTS) }]
}

function instanceParts({ rollout }: JobReport, links: ConsoleLinks | null): readonly Part[] {
  const rows = rollout === null ? [] : knownInstances(rollout)
  if (rows.length === 0) return []
  const cells = rows.map(({ instanceId, outcome, why }) => [
    linked(instanceId, links?.instance(instanceId)),
    outcome,
    why,
  ])
  return [{ kind: 'table', title: 'Instances', head: ['instance', 'outcome', 'why'], rows: cells }]
}
