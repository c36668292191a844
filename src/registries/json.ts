/** Reads JSON that somebody else wrote. */

export type JsonObject = Readonly<Record<string, unknown>>

/** A JSON object, or an empty one for any other text. The parser's own message is dropped: it quotes the text. */
export function parseObject(text: string): JsonObject {
  return asObject(parseJson(text))
}

/** undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
