/** What ListCommands and ListCommandInvocations have in common: filters and pages (facts ssm-fleet-reload.md sections 6 and 7). */

import { AwsRefusal, constraint, type Json } from './wire.ts'

/** Section 6: the values that a Status filter may have. */
const COMMON_FILTER_STATUSES = [
  'Pending',
  'InProgress',
  'Success',
  'Cancelled',
  'Failed',
  'TimedOut',
  'AccessDenied',
  'DeliveryTimedOut',
  'ExecutionTimedOut',
]
export const COMMAND_FILTER_STATUSES = [...COMMON_FILTER_STATUSES, 'Incomplete', 'NoInstancesInTag', 'LimitExceeded']
export const INVOCATION_FILTER_STATUSES = [
  ...COMMON_FILTER_STATUSES,
  'Delayed',
  'Undeliverable',
  'InvalidPlatform',
  'Terminated',
]

export function commandFilter(
  filters: readonly { readonly key: string; readonly value: string }[],
  statuses: readonly string[],
): (command: { document: string; at: number; states: readonly string[] }) => boolean {
  for (const { key, value } of filters) {
    const instant = key === 'InvokedAfter' || key === 'InvokedBefore'
    if (instant && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value))
      throw constraint('filters', `${key} is a time such as 2026-11-24T00:00:00Z`)
    if (key === 'Status' && !statuses.includes(value))
      throw constraint('filters', `Status must be one of ${statuses.join(', ')}`)
    if (key === 'ExecutionStage') throw new AwsRefusal('InvalidFilterKey', 'ExecutionStage is not part of this double.')
  }
  return ({ document, at, states }) =>
    filters.every(({ key, value }) => {
      switch (key) {
        case 'DocumentName':
          return document === value
        case 'InvokedAfter':
          return at >= Date.parse(value)
        case 'InvokedBefore':
          return at <= Date.parse(value)
        default:
          return states.includes(value)
      }
    })
}

/** Both lists hold 50 at most and go on with a token (section 7.1). */
export function page<T>(
  member: string,
  all: readonly T[],
  input: { MaxResults?: number; NextToken?: string },
  show: (item: T) => Json,
): Json {
  const from = input.NextToken === undefined ? 0 : Number(/^page-(\d+)$/.exec(input.NextToken)?.[1] ?? Number.NaN)
  if (Number.isNaN(from) || from > all.length)
    throw new AwsRefusal('InvalidNextToken', 'The specified token is not valid.')
  const to = from + (input.MaxResults ?? 50)
  return { [member]: all.slice(from, to).map(show), ...(to < all.length ? { NextToken: `page-${to}` } : {}) }
}
