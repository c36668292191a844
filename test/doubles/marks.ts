/** Credentials that can be recognised in anything that was printed, stored or sent, however it was encoded. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

const made = new Set<string>()

/** A new credential; `assertNoMarks` knows it from now on. */
export function marked(name: string): string {
  const mark = `mark-${name}-${randomBytes(9).toString('hex')}`
  made.add(mark)
  return mark
}

/** A credential that the code under test made itself: `assertNoMarks` knows it too from now on. */
export function remember(credential: string): string {
  made.add(credential)
  return credential
}

/** Fails when a marked credential (or one of `more`) is in the text. The message names where, never what is in the text. */
export function assertNoMarks(text: string, where = 'the text', more: readonly string[] = []): void {
  for (const mark of [...made, ...more]) {
    const form = findMark(text, mark)
    assert.ok(form === null, `${where} holds the credential ${mark} (${form})`)
  }
}

/** How a credential is hidden in a text, or null. */
export function findMark(text: string, mark: string): string | null {
  const forms: readonly (readonly [string, string])[] = [
    ['raw', mark],
    ['JSON', JSON.stringify(mark).slice(1, -1)],
    ['JSON in JSON', JSON.stringify(JSON.stringify(mark).slice(1, -1)).slice(1, -1)],
    ['URL', encodeURIComponent(mark)],
    ['hex', Buffer.from(mark).toString('hex')],
    ...[0, 1, 2].map((offset) => [`base64 at ${offset}`, base64Inside(mark, offset)] as const),
  ]
  const plain = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/')
  for (const [name, form] of forms) {
    const base64 = name.startsWith('base64')
    if ((base64 ? plain : text).includes(form)) return name
  }
  return text.toLowerCase().includes(encodeURIComponent(mark).toLowerCase()) ? 'URL' : null
}

/** The base64 characters that a text has wherever `offset` other bytes come before it. */
function base64Inside(text: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)])
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3)).toString('base64')
  return whole.slice(Math.ceil((offset * 8) / 6))
}
