/** What may be released, and what a release is made of. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { judge, majorTag } from '../../make-release.mjs'

const root = resolve(import.meta.dirname, '../..')

const good = {
  version: '1.2.3',
  locked: ['1.2.3', '1.2.3'],
  changelog: '# Changelog\n\nFor people.\n\n## 1.2.3 (2026-11-24)\n\nMore.\n\n## 1.2.2 (2026-10-01)\n',
  stale: [],
  clean: true,
  tag: 'v1.2.3',
  head: 'a'.repeat(40),
  tagged: 'a'.repeat(40),
}

test('a version with its date, its tag on this commit and the dist of its sources may be released', () => {
  assert.deepEqual(judge(good), { wrong: [], open: [] })
})

const problems: readonly (readonly [string, Partial<typeof good>, RegExp])[] = [
  ['a version that is not of three numbers', { version: '1.2.3-beta.1' }, /no version that can be released/],
  ['a lock file that was forgotten', { locked: ['1.2.2', '1.2.3'] }, /package-lock\.json says 1\.2\.2/],
  ['a change log that was forgotten', { changelog: '## 1.2.2 (2026-10-01)\n' }, /begins with 1\.2\.2/],
  ['a change log without a version', { changelog: '# Changelog\n' }, /begins with no version/],
  ['bundles of other sources', { stale: ['dist/rotate.cjs'] as never[] }, /dist\/rotate\.cjs is not what the sources/],
  ['a tag of another version', { tag: 'v1.2.4' }, /The tag is v1\.2\.4/],
  ['a tag without its v', { tag: '1.2.3' }, /The tag is 1\.2\.3/],
]

for (const [what, change, message] of problems) {
  test(`${what} is wrong at any time`, () => {
    const { wrong, open } = judge({ ...good, ...change })
    assert.match(wrong.join('\n'), message)
    assert.deepEqual(open, [])
  })
}

test('what is only missing for a release is no mistake before one', () => {
  const changelog = '## 1.2.3 (unreleased)\n'
  const { wrong, open } = judge({ ...good, changelog, clean: false, tag: null as never, tagged: 'b'.repeat(40) })
  assert.deepEqual(wrong, [])
  assert.equal(open.length, 3)
  assert.match(open.join('\n'), /no date yet[\s\S]*not committed[\s\S]*a tag never moves/)
})

test('the tag that moves is that of the major version', () => {
  assert.equal(majorTag('0.1.0'), 'v0')
  assert.equal(majorTag('12.3.4'), 'v12')
})

function release(...args: string[]) {
  return spawnSync(process.execPath, ['make-release.mjs', ...args], { cwd: root, encoding: 'utf8' })
}

const folder = mkdtempSync(join(tmpdir(), 'release-'))
after(() => rmSync(folder, { recursive: true }))

function dryRun(name: string): ReadonlyMap<string, Buffer> {
  const out = join(folder, name)
  const { status, stderr } = release('--dry-run', '--out', out)
  assert.equal(status, 0, stderr)
  return new Map(readdirSync(out).map((file) => [file, readFileSync(join(out, file))]))
}

test('a dry run makes the zip, the bill of materials, the npm package and their sums, twice the same', () => {
  const files = dryRun('one')
  assert.deepEqual(dryRun('two'), files)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const names = [
    `ecs-pull-auth-${version}-functions.zip`,
    `ecs-pull-auth-${version}.cdx.json`,
    `ecs-pull-auth-${version}.tgz`,
  ]
  assert.deepEqual([...files.keys()].sort(), ['SHA256SUMS', ...names].sort())
  const sums = names.map(
    (name) =>
      `${createHash('sha256')
        .update(files.get(name) ?? '')
        .digest('hex')}  ${name}\n`,
  )
  assert.equal(String(files.get('SHA256SUMS')), sums.join(''))
  assertBill(String(files.get(names[1] ?? '')))
})

/** CycloneDX, of this package and every package that the bundles hold. */
function assertBill(text: string): void {
  const bill = JSON.parse(text)
  assert.equal(bill.bomFormat, 'CycloneDX')
  assert.equal(bill.metadata.component.name, 'ecs-pull-auth')
  const listed = new Set(bill.components.map(({ name, version }: Record<string, string>) => `${name} ${version}`))
  const notices = readFileSync(join(root, 'THIRD-PARTY'), 'utf8')
  const bundled = [...notices.matchAll(/^((?:@[\w.-]+\/)?[\w.-]+ \d+\.\d+\.\d+\S*) \(.+\)$/gm)].map(([, name]) => name)
  assert.ok(bundled.length > 0)
  for (const name of bundled) assert.ok(listed.has(name), name)
  assert.ok(!text.includes(root))
}

test('a release without a tag, or a dry run with one, is refused', () => {
  for (const args of [[], ['--dry-run', '--tag', 'v0.1.0']]) {
    const { status, stderr } = release(...args)
    assert.notEqual(status, 0)
    assert.match(stderr, /Say --dry-run, or --tag/)
  }
})
