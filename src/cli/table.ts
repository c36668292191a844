/** Plain tables for people. */

/** Columns as wide as their widest cell; control characters cannot move the cursor. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(printable))
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const lines = all.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}

/** Labels with their texts beside them; long texts go on below, within 100 columns where their words allow it. */
export function textFacts(facts: readonly (readonly [label: string, text: string])[]): string {
  const width = Math.max(...facts.map(([label]) => printable(label).length))
  const room = 100 - width - 4
  return facts
    .map(([label, text]) => {
      const [first = '', ...more] = folded(printable(text), room)
      const below = more.map((line) => `${' '.repeat(width + 4)}${line}`)
      return [`  ${printable(label).padEnd(width)}  ${first}`, ...below].join('\n')
    })
    .join('\n')
}

function folded(text: string, room: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

export function printable(text: string): string {
  // biome wants no control characters in expressions; their Unicode category says the same.
  return text.replaceAll(/\p{Cc}/gu, ' ')
}
