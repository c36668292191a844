/** Every link of README and docs leads somewhere, and every page can be found. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { type Page, proseOf, readPages, root } from './page.ts'

const PAGES = new Map(readPages().map((page) => [page.file, page]))

interface Link {
  readonly shown: string
  readonly file: string
  readonly anchor: string
}

function linksOf(page: Page): readonly Link[] {
  const found = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return found
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#')
      const file = path === '' ? page.file : normalize(join(dirname(page.file), path))
      return { shown: `${page.file} → ${target}`, file, anchor }
    })
}

/** As GitHub names headings; of the same name, the later ones with a number. */
function anchorsOf(page: Page): readonly string[] {
  const seen = new Map<string, number>()
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const name = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    return count === 0 ? name : `${name}-${count}`
  })
}

test('every link to a file leads to one, and every anchor to a heading', () => {
  let found = 0
  for (const page of PAGES.values()) {
    for (const { shown, file, anchor } of linksOf(page)) {
      found++
      assert.ok(existsSync(join(root, file)), shown)
      if (anchor === '') continue
      const target = PAGES.get(file)
      assert.ok(target !== undefined && anchorsOf(target).includes(anchor), shown)
    }
  }
  assert.ok(found > 100, `${found}`)
})

test('every page of docs is linked from the README, or from one that is', () => {
  const reached = new Set(['README.md'])
  for (const file of reached) {
    const page = PAGES.get(file)
    for (const link of page === undefined ? [] : linksOf(page)) reached.add(link.file)
  }
  assert.deepEqual(
    [...PAGES.keys()].filter((file) => !reached.has(file)),
    [],
  )
})

test('links to elsewhere are https', () => {
  for (const page of PAGES.values())
    for (const [, url = ''] of proseOf(page).matchAll(/\]\(([a-z]+:[^)\s]+)\)/g))
      assert.ok(URL.canParse(url) && url.startsWith('https://'), `${page.file}: ${url}`)
})
