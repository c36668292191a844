/** Edits of valid JSON texts that leave every byte alone that they are not about. */

import { decodeString, type JsonMember, stringEnd } from './go-json.ts'

/** An object inside a text: `open` and `close` are the offsets of its braces, `members` what `readJson` found in it. */
export interface ObjectText {
  readonly text: string
  readonly open: number
  readonly close: number
  readonly members: readonly JsonMember[]
}

/** The outermost object of a text. */
export function wholeObject(text: string, members: readonly JsonMember[]): ObjectText {
  return { text, open: text.indexOf('{'), close: text.lastIndexOf('}'), members }
}

/**
 * The object with some members changed and others added at its end. `change` gives the new `"name":value` of a member,
 * null to leave it out, undefined to keep it as it stands. White space and order stay; an added member gets the white
 * space that stands before the last one.
 */
export function editObject(
  object: ObjectText,
  change: (member: JsonMember, at: number) => string | null | undefined,
  added: readonly string[],
): string {
  const { text, members } = object
  const parts: string[] = []
  let from = object.open + 1
  let lead = ''
  let tail = text.slice(from, object.close)
  members.forEach((member, at) => {
    const last = at === members.length - 1
    const to = last ? object.close : text.indexOf(',', member.end)
    lead = text.slice(from, member.start)
    tail = text.slice(member.end, to)
    const changed = change(member, at)
    const body = changed === undefined ? text.slice(member.start, member.end) : changed
    if (body !== null) parts.push(lead + body + (last ? '' : tail))
    from = to + 1
  })
  for (const body of added) parts.push(lead + body)
  return `{${parts.join(',')}${tail}}`
}

/** A valid JSON text without the white space between its tokens. */
export function compactJson(json: string): string {
  return mapTokens(json, (between) => between.replace(/[ \t\r\n]+/g, ''), null)
}

/** A valid JSON text whose strings use no escape that they can do without: `\/` and `\u003d` become plain characters. */
export function unescapeJson(json: string): string {
  return json.includes('\\') ? mapTokens(json, null, (token) => JSON.stringify(decodeString(token))) : json
}

type Rewrite = ((part: string) => string) | null

function mapTokens(json: string, between: Rewrite, strings: Rewrite): string {
  const parts: string[] = []
  for (let at = 0; at < json.length; ) {
    const quote = json.indexOf('"', at)
    const open = quote < 0 ? json.length : quote
    const end = quote < 0 ? open : stringEnd(json, open)
    const [gap, token] = [json.slice(at, open), json.slice(open, end)]
    parts.push(between === null ? gap : between(gap), strings === null || token === '' ? token : strings(token))
    at = end
  }
  return parts.join('')
}
