/** How long a registry asks to wait. */

import type { Millis } from '../core/ports.ts'

/**
 * Seconds until the next request is welcome, or null. `Retry-After` holds seconds or a date (RFC 9110 section 10.2.3);
 * Docker Hub's `X-Retry-After` and GitLab's `RateLimit-Reset` hold a unix time (facts/registries.md section 3.3).
 */
export function retryAfterSeconds(headers: Readonly<Record<string, string>>, now: Millis): number | null {
  const after = headers['retry-after'] ?? ''
  if (/^[0-9]{1,9}$/.test(after)) return Number(after)
  const date = / GMT$/.test(after) ? Date.parse(after) : Number.NaN
  const moments = [date, unixTime(headers['x-retry-after']), unixTime(headers['ratelimit-reset'])]
  const moment = moments.find((millis) => Number.isFinite(millis))
  return moment === undefined ? null : Math.max(0, Math.ceil((moment - now) / 1000))
}

function unixTime(value: string | undefined): Millis {
  return value !== undefined && /^[0-9]{1,12}$/.test(value) ? Number(value) * 1000 : Number.NaN
}
