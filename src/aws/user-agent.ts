/** What a request says of its sender: the user agent that CloudTrail keeps, and the trace that Lambda hands on. */

import { release } from 'node:os'

type Environment = Readonly<Record<string, string | undefined>>

/** Name and version pairs, in the form of the SDKs (`name/version`, `md/key#value`). */
export function userAgentHeader(pairs: readonly (readonly [string, string])[], env: Environment): string {
  const runner = env['AWS_EXECUTION_ENV']
  const all: readonly (readonly [string, string])[] = [
    ['ua', '2.1'],
    [`os/${process.platform}`, release()],
    ['lang/js', ''],
    ['md/nodejs', process.versions.node],
    ...(runner === undefined ? [] : [[`exec-env/${runner}`, ''] as const]),
    ...pairs,
  ]
  return all.map(section).join(' ')
}

function section([name, version]: readonly [string, string]): string {
  const clean = (text: string) => text.replaceAll(/[^!$%&'*+\-.^_`|~\w#]/g, '-')
  const path = name.split('/').map(clean).join('/')
  return version === '' ? path : `${path}${path.includes('/') ? '#' : '/'}${clean(version)}`
}

/** Lambda stops functions that call themselves in a ring by this header. */
export function traceHeaders(env: Environment): Readonly<Record<string, string>> {
  const { AWS_LAMBDA_FUNCTION_NAME: name, _X_AMZN_TRACE_ID: trace } = env
  return name && trace ? { 'x-amzn-trace-id': trace } : {}
}
