import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorLines } from '../../src/cli/error-lines.ts'

function written() {
  const parts: string[] = []
  return { parts, lines: errorLines({ err: (text) => void parts.push(text) }) }
}

test('progress takes the place of progress, and everything else begins on a line of its own', () => {
  const { parts, lines } = written()
  lines.print('Sent.')
  lines.replace('1 of 3')
  lines.replace('2 of 3')
  lines.print('warning')
  lines.replace('3 of 3')
  lines.end()
  lines.end()
  assert.equal(parts.join(''), 'Sent.\n1 of 3\r\u001b[2K2 of 3\nwarning\n3 of 3\n')
})
