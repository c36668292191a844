/** A page as GitHub's Markdown, for the job summary. Whatever does not fit is counted, never silently gone. */

import type { Cell, Page, Part, Share, Span, Table, Tone } from './page.ts'

/** GitHub drops a step's summary whole when it has more than 1,024 KiB. */
const MOST_BYTES = 1_000_000
/** A longer table says nothing more to a reader. */
const MOST_ROWS = 200

export function pageMarkdown(page: Page, where: string | null): string {
  const parts = [`## ${escaped(page.headline)}`]
  let bytes = 0
  for (const [index, part] of page.parts.entries()) {
    const text = partMarkdown(part, where)
    bytes += Buffer.byteLength(text)
    if (bytes > MOST_BYTES) {
      parts.push(`_The summary is full: ${page.parts.length - index} parts are left out.${elsewhere(where)}_`)
      break
    }
    parts.push(text)
  }
  return `${parts.join('\n\n')}\n`
}

function elsewhere(where: string | null): string {
  return where === null ? '' : ` The HTML report has all: ${escaped(where)}`
}

function partMarkdown(part: Part, where: string | null): string {
  switch (part.kind) {
    case 'problem':
      return `> [!CAUTION]\n> **${part.code}** ${part.lines.map(escaped).join('\n>\n> ')}`
    case 'text':
      return escaped(part.text)
    case 'table':
      return `### ${escaped(part.title)}\n\n${tableMarkdown(part, where)}`
    case 'bar':
      return `### ${escaped(part.title)}\n\n${barMarkdown(part.shares)}`
    case 'timeline':
      return `### ${escaped(part.title)}\n\n${ganttMarkdown(part.spans)}`
  }
}

function tableMarkdown({ head, rows }: Table, where: string | null): string {
  const shown = rows.slice(0, MOST_ROWS).map((row) => row.map(cellMarkdown))
  const more = rows.length - shown.length
  const rest = more === 0 ? '' : `\n\n_${more} more rows.${elsewhere(where)}_`
  // GitHub has no table without a head, and would show an empty one.
  if (head.length === 0) return `${shown.map(([label, value]) => `- **${label}**: ${value}`).join('\n')}${rest}`
  const lines = [head.map(escaped), head.map(() => '---'), ...shown]
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}${rest}`
}

function cellMarkdown(cell: Cell): string {
  // Our links hold no parenthesis and no blank: URLSearchParams and encodeURIComponent see to that.
  return typeof cell === 'string' ? escaped(cell) : `[${escaped(cell.text)}](${cell.href.replaceAll(')', '%29')})`
}

/** Text that stays text: no markup, link, image, formula, or end of its line or cell. */
function escaped(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').replaceAll(/[\\`*[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&')
}

const SQUARES: Readonly<Record<Tone, string>> = { good: '🟩', bad: '🟥', open: '⬜' }
const WIDTH = 20

function barMarkdown(shares: readonly Share[]): string {
  const counts = shares.map(({ label, count }) => `${count} ${escaped(label)}`)
  return `${squares(shares)} ${counts.join(' · ')}`
}

/** Nobody disappears: one instance of 50,000 has its square. */
function squares(shares: readonly Share[]): string {
  const total = shares.reduce((sum, { count }) => sum + count, 0)
  const tones = (['bad', 'open', 'good'] as const).map((tone) => ({
    tone,
    count: shares.filter((share) => share.tone === tone).reduce((sum, { count }) => sum + count, 0),
  }))
  let room = WIDTH
  const wide = tones.map(({ tone, count }) => {
    const width =
      count === 0 ? 0 : tone === 'good' ? room : Math.min(room, Math.max(1, Math.round((count / total) * WIDTH)))
    room -= width
    return SQUARES[tone].repeat(width)
  })
  return wide.reverse().join('')
}

const TAGS: Readonly<Record<Tone, string>> = { good: 'done', bad: 'crit', open: 'active' }

/** Times are shown in the time zone of whoever reads it. */
function ganttMarkdown(spans: readonly Span[]): string {
  const lines: string[] = []
  let section = ''
  for (const { name, from, to, tone, ...span } of spans) {
    if (span.section !== section) lines.push(`  section ${ganttText(span.section)}`)
    section = span.section
    const when = to === null ? `milestone, ${from}, 0ms` : `${from}, ${Math.max(to, from + 1)}`
    lines.push(`  ${ganttText(name)} :${TAGS[tone]}, ${when}`)
  }
  return ['```mermaid', 'gantt', '  dateFormat x', '  axisFormat %H:%M:%S', ...lines, '```'].join('\n')
}

/** A colon, a semicolon or a hash means something to Mermaid. */
function ganttText(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9 .,_/()-]/g, ' ')
}
