/** The text of an ecs.config: read as ecs-init reads it, edited so that every other line stays as it is. */

/** A line as it stands; `text + end` of all lines is the whole text. */
export interface Line {
  readonly text: string
  /** `\r` only at the end of the text: with the line feed that we add it becomes `\r\n`. */
  readonly end: '' | '\n' | '\r\n' | '\r'
}

export interface Assignment {
  readonly key: string
  readonly value: string
}

export const TYPE_KEY = 'ECS_ENGINE_AUTH_TYPE'
export const DATA_KEY = 'ECS_ENGINE_AUTH_DATA'

/** What becomes of the two auth lines and the state line; `state` null: there shall be none. */
export interface AuthLines {
  readonly type: string
  readonly data: string
  readonly state: string | null
}

export function splitLines(text: string): readonly Line[] {
  const lines: Line[] = []
  for (let at = 0; at < text.length; ) {
    const feed = text.indexOf('\n', at)
    if (feed < 0) {
      const cut = text.endsWith('\r')
      lines.push({ text: text.slice(at, cut ? -1 : undefined), end: cut ? '\r' : '' })
      break
    }
    const crlf = feed > at && text.charCodeAt(feed - 1) === 0x0d
    lines.push({ text: text.slice(at, crlf ? feed - 1 : feed), end: crlf ? '\r\n' : '\n' })
    at = feed + 1
  }
  return lines
}

export function joinLines(lines: readonly Line[]): string {
  return lines.map((line) => line.text + line.end).join('')
}

/** A line as ecs-init takes it (ecs-init/docker/docker.go, getEnvVars): trimmed, cut at the first `=`, nothing unquoted. */
export function assignment(line: Line): Assignment | null {
  const text = trimSpace(line.text)
  const equals = text.indexOf('=')
  return equals < 0 ? null : { key: text.slice(0, equals), value: text.slice(equals + 1) }
}

/** All variables as ecs-init hands them to the agent's container; the last of a repeated key counts. */
export function readVariables(text: string): Map<string, string> {
  const variables = new Map<string, string>()
  for (const line of splitLines(text)) {
    const assigned = assignment(line)
    if (assigned !== null) variables.set(assigned.key, assigned.value)
  }
  return variables
}

/** The state that a comment line carries, or null for any other line. */
export function stateOnLine(line: Line): string | null {
  const comment = trimSpace(line.text)
  return comment.startsWith('# ecs-pull-auth:v1:') ? comment.slice(2) : null
}

/**
 * Rewrites the last line of each auth key, which is the one that all readers take, and our state line; what is missing
 * is added. Every other line stays byte for byte, only a last line without a line feed gets one.
 */
export function editLines(text: string, wanted: AuthLines): string {
  const lines = [...splitLines(text)]
  // A text that ends in a lone CR gets its line feed from us, and is a CRLF text from then on.
  const end = lines[0]?.end.startsWith('\r') ? '\r\n' : '\n'
  const kept = lines.filter((line) => stateOnLine(line) === null)
  const typeAt = lastOf(kept, TYPE_KEY)
  const dataAt = lastOf(kept, DATA_KEY)
  const replaced = kept.map((line, at) => {
    if (at === typeAt) return { text: `${TYPE_KEY}=${wanted.type}`, end: line.end }
    return at === dataAt ? { text: `${DATA_KEY}=${wanted.data}`, end: line.end } : line
  })
  const added: Line[] = []
  if (typeAt < 0) added.push({ text: `${TYPE_KEY}=${wanted.type}`, end })
  if (dataAt < 0) added.push({ text: `${DATA_KEY}=${wanted.data}`, end })
  if (wanted.state !== null) added.push({ text: `# ${wanted.state}`, end })
  // Beside the auth line that is there; that line is ours and cannot swallow the next one.
  const beside = Math.max(typeAt, dataAt)
  const place = beside < 0 ? safePlace(replaced) : beside + 1
  const before = replaced.slice(0, place).map((line) => (line.end.endsWith('\n') ? line : withFeed(line, end)))
  return joinLines([...before, ...added, ...replaced.slice(place)])
}

function withFeed(line: Line, end: Line['end']): Line {
  return { ...line, end: line.end === '\r' ? '\r\n' : end }
}

/**
 * The end, but never where systemd would take our lines for a part of others (facts: ecs-agent 7.2): after a value with
 * an open quote, or right after a line that ends in a backslash.
 */
function safePlace(lines: readonly Line[]): number {
  const open = lines.findIndex((line) => opensQuote(line.text))
  const safe = open < 0 ? lines : lines.slice(0, open)
  return safe.findLastIndex((line) => !line.text.endsWith('\\')) + 1
}

/** Whether a value begins with a quote that its line does not close. */
function opensQuote(line: string): boolean {
  const opened = /^[^#;=][^=]*=\s*(["'])/.exec(line)
  return opened !== null && !line.includes(opened[1] ?? '', opened[0].length)
}

function lastOf(lines: readonly Line[], key: string): number {
  return lines.findLastIndex((line) => assignment(line)?.key === key)
}

/** Go's strings.TrimSpace: Unicode white space, which has U+0085 and not the byte order mark. */
export function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isSpace(unit: number): boolean {
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d)
  return (
    unit === 0x85 ||
    unit === 0xa0 ||
    unit === 0x1680 ||
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000
  )
}

/** An auth key spelled so that ecs-init reads another variable: space before `=`, export, quotes, case, BOM, lone CR. */
const STRAY =
  /(?:^|\r)[^\S\r]*(?:(?:export|set|declare -x)[^\S\r]+)?["']?ECS_ENGINE_AUTH_(TYPE|DATA)["']?[^\S\r]*=([^\r]*)/i

/** What a line means to set and does not; null for any other line. */
export function strayAssignment(line: Line): Assignment | null {
  const key = assignment(line)?.key
  if (key === undefined) return null
  const exact = key === TYPE_KEY || key === DATA_KEY
  // A lone CR can hide a second assignment in the value of the first.
  if (exact && !(line.text.includes('\r') && HIDDEN.test(line.text))) return null
  const found = STRAY.exec(line.text)
  if (found === null) return null
  return { key: found[1]?.toUpperCase() === 'TYPE' ? TYPE_KEY : DATA_KEY, value: found[2] ?? '' }
}

const HIDDEN = /\r[^\S\r]*ECS_ENGINE_AUTH_(?:TYPE|DATA)[^\S\r]*=/i

/** The number, from 1, of the first line that means to set an auth key and does not; 0 when there is none. */
export function strayLine(lines: readonly Line[]): number {
  return lines.findIndex((line) => strayAssignment(line) !== null) + 1
}
