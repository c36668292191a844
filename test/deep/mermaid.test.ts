/** The pictures of README and docs, drawn by Mermaid in a real browser. GitHub's own renderer is not at hand. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { blocksOf, readPages, root } from '../docs/page.ts'
import { isMissing, programPath, run } from './software.ts'

const MERMAID = join(root, '.tools/github/node_modules/mermaid/dist/mermaid.min.js')
/** What a page of GitHub is wide; a picture that is much wider is shrunk until nobody can read it. */
const WIDTH = 900

interface Drawn {
  readonly failed: string
  /** The width that each picture asks for. */
  readonly widths: readonly number[]
}

function pageOf(pictures: readonly string[]): string {
  const shown = pictures.map(
    (text) => `<pre class="mermaid">${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</pre>`,
  )
  return `<!doctype html><meta charset="utf-8">${shown.join('')}<script src="file://${MERMAID}"></script><script>
mermaid.initialize({ startOnLoad: false })
const drawn = (failed) => {
  const widths = [...document.querySelectorAll('svg[id^=mermaid]')].map((svg) => Math.round(svg.viewBox.baseVal.width))
  document.title = JSON.stringify({ failed, widths })
}
mermaid.run().then(() => drawn(''), (error) => drawn(error.message))
</script>`
}

test('Mermaid draws every picture, and narrow enough to be read', async (t) => {
  const chromium = programPath('chromium')
  if (isMissing(t, { chromium: chromium !== null, mermaid: existsSync(MERMAID) })) return
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-mermaid-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const blocks = readPages().flatMap(blocksOf)
  const pictures = blocks.filter(({ language }) => language === 'mermaid')
  const file = join(folder, 'page.html')
  writeFileSync(file, pageOf(pictures.map(({ text }) => text)))
  const still = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']
  const own = [`--user-data-dir=${folder}`, '--virtual-time-budget=20000', '--dump-dom', `file://${file}`]
  const { status, stdout, stderr } = await run(chromium ?? '', [...still, ...own], { cwd: folder })
  assert.equal(status, 0, stderr)
  const title = /<title>([\s\S]*?)<\/title>/.exec(stdout.toString())?.[1] ?? ''
  const { failed, widths } = JSON.parse(title.replaceAll('&quot;', '"')) as Drawn
  assert.equal(failed, '')
  assert.equal(widths.length, pictures.length)
  for (const [at, { page, line }] of pictures.entries())
    assert.ok((widths[at] ?? 0) < WIDTH * 1.5, `${page}:${line} is ${widths[at]} wide`)
})
