/** Reads `WWW-Authenticate`. */

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** By name in lower case; of a repeated name the first counts. */
  readonly parameters: ReadonlyMap<string, string>
}

const SPACE = /[ \t,]*/y
const SCHEME = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +|(?=\s*(?:,|$)))/y
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",=][^\s",]*))/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y

/**
 * Every challenge of a header, in order. One header may hold several, and a quoted value may hold commas
 * (RFC 9110 section 11.6.1). What cannot be read ends the list: a guess could send a credential astray.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(header)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  for (take(SPACE); at < header.length; take(SPACE)) {
    const parameters = challenges.at(-1)?.parameters
    const parameter = parameters === undefined ? null : take(PARAMETER)
    if (parameters !== undefined && parameter !== null) {
      const name = (parameter[1] ?? '').toLowerCase()
      if (!parameters.has(name)) parameters.set(name, parameter[2]?.replace(/\\(.)/g, '$1') ?? parameter[3] ?? '')
      continue
    }
    const scheme = take(SCHEME)
    if (scheme === null) break
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters: new Map() })
    if (!startsParameter(header, at)) take(TOKEN68)
  }
  return challenges
}

function startsParameter(header: string, at: number): boolean {
  PARAMETER.lastIndex = at
  return PARAMETER.test(header)
}
