/** UTF-8 that may be broken, as text and back without losing a byte. */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes as text. A byte that is not part of valid UTF-8 becomes a lone surrogate U+DC80 to U+DCFF (Python's
 * surrogateescape), which no valid UTF-8 decodes to; so `isWellFormed()` tells the two apart and nothing is lost.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return decodeBroken(bytes)
  }
}

/** The bytes of a text from `decodeUtf8`; other lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8')
  const parts: Uint8Array[] = []
  let kept = 0
  for (const escaped of text.matchAll(/[\ud800-\udfff]/gu)) {
    const unit = escaped[0].charCodeAt(0)
    if (unit < 0xdc80 || unit > 0xdcff) continue
    parts.push(Buffer.from(text.slice(kept, escaped.index), 'utf8'), Uint8Array.of(unit - 0xdc00))
    kept = escaped.index + 1
  }
  parts.push(Buffer.from(text.slice(kept), 'utf8'))
  return Buffer.concat(parts)
}

function decodeBroken(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + sequenceLength(bytes, at)
    if (end > at) parts.push(strict.decode(bytes.subarray(at, end)))
    else parts.push(String.fromCharCode(0xdc00 + (bytes[at] ?? 0)))
    at = Math.max(end, at + 1)
  }
  return parts.join('')
}

/** How many bytes from here on are valid UTF-8: a run of ASCII, one longer sequence, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) {
    let end = at + 1
    while (end < bytes.length && (bytes[end] ?? 0) < 0x80) end++
    return end - at
  }
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  try {
    return strict.decode(bytes.subarray(at, at + length)).length > 0 ? length : 0
  } catch {
    return 0
  }
}
