/** The output `result`: the whole report as JSON, as far as it fits. */

import type { JobReport } from '../core/job.ts'
import { isFine } from '../core/outcome.ts'
import type { RolloutReport } from '../core/rollout-report.ts'
import { jobData, outcomeCounts } from '../report.ts'

/** Linux takes no environment variable above 128 KiB, and GitHub 1 MB of outputs a job in UTF-16. */
const MOST_CHARACTERS = 100_000
const MOST_LISTED = [1_000, 300, 100, 30, 10, 0]

/**
 * Counts are always those of the whole fleet (`outcomes`). Of lists that do not fit the first ones stay, those that need
 * somebody first, and `omitted` says how many are not there.
 */
export function resultText(report: JobReport): string {
  const whole = JSON.stringify(jobData(report))
  if (whole.length <= MOST_CHARACTERS || report.rollout === null) return whole
  const texts = MOST_LISTED.map((most) => cutText(report, report.rollout as RolloutReport, most))
  return texts.find((text) => text.length <= MOST_CHARACTERS) ?? texts.at(-1) ?? whole
}

function cutText(report: JobReport, rollout: RolloutReport, most: number): string {
  const { stragglers, left, coverage } = rollout
  const sorted = [...rollout.instances].sort((a, b) => Number(isFine(a.outcome)) - Number(isFine(b.outcome)))
  const cut = {
    ...rollout,
    instances: sorted.slice(0, most),
    stragglers: stragglers.slice(0, most),
    left: left.slice(0, most),
    coverage: coverage === null ? null : { ...coverage, uncovered: coverage.uncovered.slice(0, most) },
  }
  const data = jobData({ ...report, rollout: cut })
  const omitted = {
    instances: sorted.length - cut.instances.length,
    stragglers: stragglers.length - cut.stragglers.length,
    left: left.length - cut.left.length,
    uncovered: (coverage?.uncovered.length ?? 0) - (cut.coverage?.uncovered.length ?? 0),
  }
  return JSON.stringify({ ...data, rollout: { ...data.rollout, outcomes: outcomeCounts(rollout), omitted } })
}
