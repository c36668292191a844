/** Who has a policy has a line on the pages that say what its holder can do. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTORS } from '../../src/core/iam.ts'
import { readPage } from './page.ts'

for (const file of ['docs/iam.md', 'docs/security.md']) {
  test(`${file} names every actor in its table`, () => {
    const rows = readPage(file)
      .text.split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|')[1] ?? '')
      .join()
    assert.deepEqual(
      ACTORS.filter((actor) => !rows.includes(`\`${actor}\``)),
      [],
    )
  })
}
