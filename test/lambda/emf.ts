/**
 * The embedded metric format as its specification has it, and what CloudWatch itself takes: names, units, dimensions.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */

import assert from 'node:assert/strict'

const RATES = ['Bytes', 'Kilobytes', 'Megabytes', 'Gigabytes', 'Terabytes', 'Bits', 'Kilobits', 'Megabits', 'Gigabits']
const UNITS: readonly string[] = [
  ...['Seconds', 'Microseconds', 'Milliseconds', 'Percent', 'Count', 'Count/Second', 'None', 'Terabits'],
  ...RATES,
  ...[...RATES, 'Terabits'].map((unit) => `${unit}/Second`),
]

export interface Line {
  readonly [member: string]: unknown
  readonly _aws?: {
    readonly Timestamp: number
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string
      readonly Dimensions: readonly (readonly string[])[]
      readonly Metrics: readonly {
        readonly Name: string
        readonly Unit?: string
        readonly StorageResolution?: number
      }[]
    }[]
  }
}

/** Throws what is wrong with the line; says whether it holds metrics. */
export function holdsMetrics(text: string): boolean {
  assert.ok(Buffer.byteLength(text) <= 256 * 1024)
  assert.ok(!text.includes('\n'))
  const line = JSON.parse(text) as Line
  if (line._aws === undefined) return false
  const { Timestamp, CloudWatchMetrics, ...unknown } = line._aws
  assert.deepEqual(unknown, {})
  assert.ok(Number.isSafeInteger(Timestamp))
  assert.ok(CloudWatchMetrics.length > 0)
  for (const { Namespace, Dimensions, Metrics, ...more } of CloudWatchMetrics) {
    assert.deepEqual(more, {})
    assert.match(Namespace, /^(?!AWS\/)[A-Za-z0-9._/#:-]{1,255}$/)
    assert.ok(Dimensions.length > 0)
    for (const set of Dimensions) {
      assert.ok(set.length <= 30 && new Set(set).size === set.length)
      for (const name of set) assertDimension(name, line[name])
    }
    assert.ok(Metrics.length > 0 && Metrics.length <= 100)
    for (const { Name, Unit, StorageResolution } of Metrics) {
      assert.match(Name, /^[!-~]{1,255}$/)
      assert.ok(Unit === undefined || UNITS.includes(Unit), Unit)
      assert.ok(StorageResolution === undefined || StorageResolution === 1 || StorageResolution === 60)
      assert.equal(typeof line[Name], 'number')
      assert.ok(Number.isFinite(line[Name]), Name)
    }
  }
  return true
}

function assertDimension(name: string, value: unknown): void {
  assert.match(name, /^(?!:)[ -~]{1,250}$/)
  assert.ok(typeof value === 'string', `${name} is no text`)
  assert.match(value, /^(?!\s*$)[ -~]{1,1024}$/)
}
