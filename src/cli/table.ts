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

export function printable(text: string): string {
  // biome wants no control characters in expressions; their Unicode category says the same.
  return text.replaceAll(/\p{Cc}/gu, ' ')
}
