/** A report as Markdown and as HTML: nothing in it gets out of its place, and what does not fit is counted. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Page, Part } from '../../src/action/page.ts'
import { pageHtml } from '../../src/action/page-html.ts'
import { pageMarkdown } from '../../src/action/page-markdown.ts'

const HOSTILE = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '![x](https://evil.example/x.png)',
  '[click](javascript:alert(1))',
  'a | b\n| c | d |\n\n# title',
  '`code` *bold* _it_ ~~gone~~ $x$ &lt;',
  '"\'><svg onload=alert(1)>',
  '```\n::add-mask::x\n```mermaid\nclick a call b()',
  'end\u2028x\u0000\u001b[31m',
]

function pageOf(text: string): Page {
  const parts: Part[] = [
    { kind: 'problem', code: 'INTERNAL', lines: [text, text] },
    { kind: 'text', text },
    {
      kind: 'table',
      title: text,
      head: [text, 'b'],
      rows: [[text, { text, href: 'https://console.aws.amazon.com/x' }]],
    },
    { kind: 'table', title: text, head: [], rows: [[text, text]] },
    { kind: 'bar', title: text, shares: [{ label: text, count: 3, tone: 'bad' }] },
    { kind: 'timeline', title: text, spans: [{ section: text, name: text, from: 1, to: null, tone: 'bad' }] },
  ]
  return { headline: text, tone: 'bad', parts }
}

for (const text of HOSTILE) {
  test(`stays text, in HTML and in Markdown: ${JSON.stringify(text)}`, () => {
    const html = pageHtml(pageOf(text), text)
    assert.deepEqual(tagsOf(html), tagsOf(pageHtml(pageOf('plain'), 'plain')))
    const markdown = pageMarkdown(pageOf(text), null)
    const plain = pageMarkdown(pageOf('plain'), null)
    assert.equal(markdown.split('\n').length, plain.split('\n').length, markdown)
    assert.equal(pipesOf(markdown), pipesOf(plain), markdown)
    // An unescaped bracket, angle or backtick is one of ours.
    for (const mark of ['<', '`', '![', '](', '$', '*', '~'])
      assert.equal(unescaped(markdown, mark), unescaped(plain, mark), `${mark} in ${markdown}`)
  })
}

function tagsOf(html: string): readonly string[] {
  return [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/="[^"]*"/g, '='))
}

const unescaped = (text: string, mark: string) => text.replaceAll(/\\./g, '').split(mark).length

const pipesOf = (text: string) => unescaped(text, '|')

test('the HTML needs nothing but itself: no script, no style but the one that its policy names', () => {
  const html = pageHtml(pageOf('x'), 'x')
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  assert.match(html, /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-/)
  assert.ok(html.includes(`style-src 'sha256-${hash}'`))
  assert.doesNotMatch(html, /<(?:script|link|img|iframe|object|form)|\sstyle=|\ssrc=|\son[a-z]+=|url\(|@import/i)
  for (const [, href] of html.matchAll(/href="([^"]*)"/g)) assert.match(href ?? '', /^https:/)
})

test('a table of 50,000 rows is cut in the summary, its first rows stay, and the rest is counted', () => {
  const rows = Array.from({ length: 50_000 }, (_, index) => [`i-${index}`, index === 0 ? 'rolled-back' : 'undelivered'])
  const page: Page = {
    headline: 'x',
    tone: 'bad',
    parts: [{ kind: 'table', title: 'Instances', head: ['a', 'b'], rows }],
  }
  const markdown = pageMarkdown(page, '/tmp/report.html')
  assert.match(markdown, /\| i-0 \| rolled-back \|/)
  assert.match(markdown, /_49800 more rows\. The HTML report has all: \/tmp\/report\.html_/)
  assert.ok(pageHtml(page, '').includes('i-49999'))
})

test('GitHub would drop a summary above 1,024 KiB whole: it ends before, and says what is left out', () => {
  const text = { kind: 'text', text: 'ä'.repeat(100_000) } as const
  const page: Page = {
    headline: 'x',
    tone: 'bad',
    parts: [{ kind: 'problem', code: 'ROLLOUT_INCOMPLETE', lines: ['y'] }, ...Array(20).fill(text)],
  }
  const markdown = pageMarkdown(page, null)
  assert.ok(Buffer.byteLength(markdown) < 1024 * 1024)
  assert.match(markdown, /\*\*ROLLOUT_INCOMPLETE\*\* y/)
  assert.match(markdown, /_The summary is full: 16 parts are left out\._\n$/)
})

test('one instance of 50,000 has its square, and is told', () => {
  const shares = [
    { label: 'on-version', count: 49_999, tone: 'good' },
    { label: 'rolled-back', count: 1, tone: 'bad' },
  ] as const
  const markdown = pageMarkdown(
    { headline: 'x', tone: 'bad', parts: [{ kind: 'bar', title: 'The fleet', shares }] },
    null,
  )
  assert.match(markdown, /^🟩{19}🟥 49999 on-version · 1 rolled-back$/mu)
})
