/**
 * The job summary and the HTML report as pictures, of real runs of the shipped Action: .tools/pictures, for the eye.
 * GitHub's own renderer and styles are not at hand: marked, Mermaid and a copy of the styles of GitHub's Markdown stand in.
 */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { marked as mark } from '../doubles/marks.ts'
import { actionStep } from '../e2e/action.ts'
import type { ActionRun } from '../e2e/action-runner.ts'
import { FLEET, gitlabPlan, rotatedByGitlab } from '../e2e/plans.ts'
import { SECRET, setStage } from '../e2e/stage.ts'
import { isMissing, programPath, run } from './software.ts'

const root = resolve(import.meta.dirname, '../..')
const tools = join(root, '.tools/github/node_modules')
const pictures = join(root, '.tools/pictures')
const folder = mkdtempSync(join(tmpdir(), 'pictures-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const SCENES: Readonly<Record<string, { readonly headline: RegExp; play(t: TestContext): Promise<ActionRun> }>> = {
  'all-good': {
    headline: /^Rotated; 3 of 3 instances run the version$/,
    play: async (t) => {
      const stage = await setStage(t, { config: rotatedByGitlab })
      return await actionStep(stage, { inputs: { plan: stage.file('plan.yaml', gitlabPlan(stage)) } })
    },
  },
  'canary-failed': {
    headline: /^The canary failed: 0 of 1 run the new version$/,
    play: async (t) => {
      const stage = await setStage(t, { config: rotatedByGitlab })
      breakAgents(stage.instances.slice(0, 1))
      const plan = gitlabPlan(stage, `${FLEET}\n  canary: 1`)
      return await actionStep(stage, { inputs: { plan: stage.file('plan.yaml', plan) } })
    },
  },
  stragglers: {
    headline: /^6 of 9 instances run the new version$/,
    play: async (t) => {
      const stage = await setStage(t, { config: rotatedByGitlab, instances: 9 })
      breakAgents(stage.instances.slice(6))
      const plan = gitlabPlan(stage, `${FLEET}\n  maxErrors: 100%`)
      return await actionStep(stage, { inputs: { plan: stage.file('plan.yaml', plan) } })
    },
  },
  'plan-only': {
    headline: /^Plan only: nothing was asked, nothing changed$/,
    play: async (t) => {
      const stage = await setStage(t, { instances: 0 })
      const plan = stage.file('plan.yaml', gitlabPlan(stage))
      return await actionStep(stage, { inputs: { mode: 'plan', plan } })
    },
  },
  'nothing-to-do': {
    headline: /^Nothing to rotate; 3 of 3 instances run the version$/,
    play: async (t) => {
      const stage = await setStage(t)
      const fresh = { username: 'robot', password: mark('workflow') }
      stage.tokens.add({ ...fresh, pulls: ['acme/*'], expiresAt: null })
      const single = { secret: SECRET, registry: stage.registry.host, probe: stage.probe, ...fresh }
      const inputs = { ...single, targets: 'tag:ecs-pull-auth=prod' }
      await actionStep(stage, { inputs })
      return await actionStep(stage, { inputs, env: { GITHUB_RUN_ID: '1234567891' } })
    },
  },
}

/** Their agents do not come back with a new file, and do with the one that they had. */
function breakAgents(instances: Awaited<ReturnType<typeof setStage>>['instances']): void {
  for (const { agent } of instances) agent.health = () => (agent.starts === 2 ? 'exits' : 'healthy')
}

for (const [name, { headline, play }] of Object.entries(SCENES)) {
  test(`${name}: the report and the summary can be looked at`, async (t) => {
    if (isMissing(t, { chromium: programPath('chromium') !== null, marked: existsSync(tools) })) return
    const { report, summary } = await play(t)

    const html = await draw(`${name}-report`, report)
    assert.match(titleOf(html), headline)
    assert.equal(html.split('<section>').length, summary.split('\n### ').length, 'a part is missing')

    const markdown = await draw(`${name}-summary`, summaryPage(summary))
    const seen = JSON.parse(titleOf(markdown)) as { headline: string; charts: number; broken: number; tables: number }
    assert.match(seen.headline, headline)
    assert.equal(seen.charts, summary.split('```mermaid').length - 1, 'Mermaid did not draw it')
    assert.equal(seen.broken, 0, 'Mermaid found a mistake')
    assert.equal(seen.tables, summary.split(/^\| --- /m).length - 1)
  })
}

const loadTool = createRequire(join(tools, 'x.js'))

/** The title is what a script saw when all was drawn. */
function summaryPage(summary: string): string {
  const { parse } = loadTool('marked') as { parse(markdown: string, options: object): string }
  const css = readFileSync(join(tools, 'github-markdown-css/github-markdown-light.css'), 'utf8')
  const mermaid = readFileSync(join(tools, 'mermaid/dist/mermaid.min.js'), 'utf8').replaceAll('</script', '<\\/script')
  const article = parse(summary, { gfm: true }).replaceAll(
    /<pre><code class="language-mermaid">([\s\S]*?)<\/code><\/pre>/g,
    '<pre class="mermaid">$1</pre>',
  )
  return `<!doctype html><meta charset="utf-8"><style>${css} body { max-width: 900px; margin: 16px auto }</style>
<article class="markdown-body">${article}</article><script>${mermaid}</script><script>
mermaid.initialize({ startOnLoad: false })
mermaid.run().catch(() => undefined).then(() => {
  const count = (what) => document.querySelectorAll(what).length
  document.title = JSON.stringify({ headline: document.querySelector('h2').textContent, charts: count('.mermaid svg'),
    broken: count('.error-icon'), tables: count('table') })
})
</script>`
}

/** A picture of the page, and what its document was in the end. Nothing that its policy forbids may be in it. */
async function draw(name: string, page: string): Promise<string> {
  mkdirSync(pictures, { recursive: true })
  const file = join(folder, `${name}.html`)
  writeFileSync(file, page)
  const picture = join(pictures, `${name}.png`)
  rmSync(picture, { force: true })
  await chromium([`--screenshot=${picture}`, '--window-size=1000,2000', `file://${file}`])
  assert.equal(readFileSync(picture).subarray(1, 4).toString(), 'PNG')
  const { stdout, stderr } = await chromium(['--dump-dom', `file://${file}`])
  assert.doesNotMatch(stderr, /CONSOLE.*(?:Refused|violates)/)
  return stdout.toString()
}

async function chromium(args: readonly string[]) {
  const quiet = ['--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update']
  const profile = `--user-data-dir=${mkdtempSync(join(folder, 'profile-'))}`
  const logs = ['--enable-logging=stderr', '--virtual-time-budget=10000']
  const all = ['--headless', '--no-sandbox', ...quiet, '--disable-sync', ...logs, profile, ...args]
  const ran = await run(programPath('chromium') ?? '', all, { cwd: folder, timeout: 60_000 })
  assert.equal(ran.status, 0, ran.stderr)
  return ran
}

function titleOf(html: string): string {
  return /<title>([\s\S]*?)<\/title>/.exec(html)?.[1] ?? ''
}
