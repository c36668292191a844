/** The job summary: what changed, what was proven, which instances run it; failures first. */

import type { ErrorCode, PullAuthError } from '../core/errors.ts'
import type { JobReport } from '../core/job.ts'
import { retiredCount } from '../core/retire.ts'
import { coverageText, instanceRows, isoOrNull } from '../report.ts'

/** Longer tables than this say nothing more to a reader. */
const MOST_ROWS = 50

export function jobSummary(report: JobReport): string {
  const parts = [
    `## ${headline(report)}`,
    problemBlock(report.problem),
    registryTable(report),
    outputTable(report),
    fleetTable(report),
    retireLine(report),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** After these a version may have been stored or promoted: the last word was not heard. */
const OPEN: readonly ErrorCode[] = ['AWS_UNAVAILABLE', 'INTERNAL', 'ROTATION_TIMEOUT']

export function failureSummary(error: PullAuthError): string {
  return `## ${OPEN.includes(error.code) ? 'Not finished' : 'Nothing changed'}\n\n${problemBlock(error)}\n`
}

function headline({ problem, rollout, changed }: JobReport): string {
  if (problem?.code === 'OUTPUT_FAILED') return 'Rotated, but not every output was written'
  if (problem !== null)
    return rollout === null
      ? 'The fleet was not reloaded'
      : `${rollout.onVersion} of ${rollout.targets} instances run the new version`
  const what = changed ? 'Rotated' : 'Nothing to rotate'
  if (rollout === null) return what
  return rollout.targets === 0
    ? `${what}; no instance matched, which the plan allows`
    : `${what}; ${rollout.onVersion} of ${rollout.targets} instances run the version`
}

function problemBlock(problem: PullAuthError | null): string {
  return problem === null
    ? ''
    : `> [!CAUTION]\n> **${problem.code}** ${cell(problem.message)}\n>\n> ${cell(problem.hint)}`
}

function registryTable({ registries, secret, version, rotatedBy }: JobReport): string {
  const what = `Stored config \`${secret}\`, version \`${version}\`.`
  if (rotatedBy === 'function') return `${what} Its rotation function minted and proved the credentials.`
  const rows = registries.map(({ registry, image, verdict, expiresAt }) => [
    registry,
    image,
    verdict,
    isoOrNull(expiresAt) ?? 'no expiry known',
  ])
  return `${what}\n\n${table(['registry', 'probe', 'verdict', 'expires'], rows)}`
}

function outputTable({ outputs }: JobReport): string {
  if (outputs.length === 0) return ''
  return table(
    ['output', 'target', 'outcome'],
    outputs.map(({ kind, target, outcome }) => [kind, target, outcome]),
  )
}

function fleetTable({ rollout }: JobReport): string {
  if (rollout === null) return ''
  const all = instanceRows(rollout)
  const rows = all.slice(0, MOST_ROWS)
  const more = all.length - rows.length
  const parts = [
    ...(rollout.coverage === null ? [] : [cell(coverageText(rollout.coverage))]),
    ...(rows.length === 0 ? [] : [table(['instance', 'outcome', 'why'], rows)]),
    ...(more > 0 ? [`${more} more instances.`] : []),
  ]
  return parts.join('\n\n')
}

function retireLine({ retire }: JobReport): string {
  if (retire === null) return ''
  const failed = retire.failed.map(({ registry, reason }) => `\n- ${cell(registry)}: still alive, ${cell(reason)}`)
  const count = retiredCount(retire)
  return `${count} old credential${count === 1 ? '' : 's'} retired.${failed.join('')}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Text that cannot leave its table cell. */
function cell(text: string): string {
  return text
    .replaceAll(/[\r\n]+/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
}
