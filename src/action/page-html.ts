/** A page as one HTML file that needs nothing else: no script, no request, and a policy that forbids both. */

import type { Cell, Page, Part, Share, Span, Table, Tone } from './page.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --paper: #fff; --line: #d1d9e0; --soft: #f6f8fa; --link: #0969da;
  --good: #1a7f37; --bad: #cf222e; --open: #6e7781; --warn: #ffebe9 }
@media (prefers-color-scheme: dark) { :root { --ink: #f0f6fc; --paper: #0d1117; --line: #3d444d; --soft: #151b23;
  --link: #4493f8; --good: #3fb950; --bad: #f85149; --open: #9198a1; --warn: #2d1618 } }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.5rem; border-bottom: 1px solid var(--line); padding-bottom: .4rem } h2 { font-size: 1.1rem }
h1.bad { border-color: var(--bad) } h1.good { border-color: var(--good) } a { color: var(--link) }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top }
th { background: var(--soft) } th[scope=row] { width: 12rem } th[scope=col] { white-space: nowrap }
td:first-child { min-width: 7rem }
.problem { border-left: 4px solid var(--bad); background: var(--warn); padding: .5rem 1rem } .problem p { margin: .3rem 0 }
svg { width: 100%; display: block } svg text { fill: var(--ink); font: 12px system-ui, sans-serif }
.fill-good { fill: var(--good) } .fill-bad { fill: var(--bad) } .fill-open { fill: var(--open) }
footer { color: var(--open); font-size: .85rem; margin-top: 2rem }
`
/** SHA-256 of STYLE, base64: the policy allows this style alone. Written down, because loading `node:crypto` for it costs more. */
const HASH = 'SX3cZY/pGEoB8bAX/UHpK5CoIUsnQf9TuOptrqHPFo0='
const POLICY = `default-src 'none'; style-src 'sha256-${HASH}'; base-uri 'none'; form-action 'none'`

export function pageHtml(page: Page, footer: string): string {
  const headline = escaped(page.headline)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${headline}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1 class="${page.tone}">${headline}</h1>
${page.parts.map(partHtml).join('\n')}
</main>
<footer>${escaped(footer)}</footer>
</body>
</html>
`
}

function partHtml(part: Part): string {
  switch (part.kind) {
    case 'problem': {
      const [message = '', ...more] = part.lines
      const lines = [`<strong>${escaped(part.code)}</strong> ${escaped(message)}`, ...more.map(escaped)]
      return `<div class="problem" role="alert">${lines.map((line) => `<p>${line}</p>`).join('')}</div>`
    }
    case 'text':
      return `<p>${escaped(part.text)}</p>`
    case 'table':
      return section(part.title, tableHtml(part))
    case 'bar':
      return section(part.title, barHtml(part.shares))
    case 'timeline':
      return section(part.title, timelineHtml(part.spans))
  }
}

function section(title: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>\n${content}</section>`
}

function tableHtml({ head, rows }: Table): string {
  const headRow =
    head.length === 0 ? '' : `<tr>${head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')}</tr>\n`
  const body = rows.map((row) => {
    const cells = row.map((cell, index) =>
      head.length === 0 && index === 0 ? `<th scope="row">${cellHtml(cell)}</th>` : `<td>${cellHtml(cell)}</td>`,
    )
    return `<tr>${cells.join('')}</tr>\n`
  })
  return `<table>${headRow}${body.join('')}</table>`
}

function cellHtml(cell: Cell): string {
  if (typeof cell === 'string') return escaped(cell)
  return `<a href="${escaped(cell.href)}" rel="noreferrer noopener">${escaped(cell.text)}</a>`
}

const WIDTH = 960

/** Nobody disappears: one instance of 50,000 has its line. */
function barHtml(shares: readonly Share[]): string {
  const total = shares.reduce((sum, { count }) => sum + count, 0)
  const widths = shares.map(({ count }) => Math.max(6, (count / total) * WIDTH))
  const scale = WIDTH / widths.reduce((sum, width) => sum + width, 0)
  let x = 0
  const bars = shares.map(({ tone }, index) => {
    const width = (widths[index] ?? 0) * scale
    x += width
    return rect({ tone, x: x - width, y: 0, width: Math.max(1, width - 1), height: 24 })
  })
  const text = shares.map(({ label, count }) => `${count} ${label}`).join(' · ')
  return `<svg viewBox="0 0 ${WIDTH} 24" role="img" aria-label="${escaped(text)}">${bars.join('')}</svg>\n<p>${escaped(text)}</p>`
}

const ROW = 22
const LABELS = 300

function timelineHtml(spans: readonly Span[]): string {
  const begin = Math.min(...spans.map(({ from }) => from))
  const end = Math.max(begin + 1, ...spans.map(({ from, to }) => to ?? from))
  const place = (time: number) => LABELS + ((time - begin) / (end - begin)) * (WIDTH - LABELS - 90)
  const rows = spans.map(({ section: of, name, from, to, tone }, index) => {
    const y = index * ROW
    const x = place(from)
    const width = Math.max(4, place(to ?? from) - x)
    const took = to === null ? `at ${seconds(from - begin)}` : seconds(to - from)
    const label = of === 'Run Command' ? `Run Command ${name}` : name
    return (
      `<text x="0" y="${y + 15}">${escaped(label)}</text>` +
      rect({ tone, x, y: y + 4, width, height: 14 }) +
      `<text x="${(x + width + 6).toFixed(1)}" y="${y + 15}">${took}</text>`
    )
  })
  const when = `From ${new Date(begin).toISOString()} to ${new Date(end).toISOString()}; instances by their own clocks.`
  const height = spans.length * ROW
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline">${rows.join('\n')}</svg>\n<p>${when}</p>`
}

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}

function rect(at: { tone: Tone; x: number; y: number; width: number; height: number }): string {
  return `<rect class="fill-${at.tone}" x="${at.x.toFixed(1)}" y="${at.y}" width="${at.width.toFixed(1)}" height="${at.height}"/>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
