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
  { text, open, close, members }: ObjectText,
  change: (member: JsonMember, at: number) => string | null | undefined,
  added: readonly string[],
): string {
  const startOf = (at: number) => (at === 0 ? open + 1 : endOf(at - 1) + 1)
  const endOf = (at: number) => (at === members.length - 1 ? close : text.indexOf(',', members[at]?.end))
  const last = members.at(-1)
  const lead = last === undefined ? '' : text.slice(startOf(members.length - 1), last.start)
  const bodyEnd = last?.end ?? open + 1
  // What stays is copied in one piece from one change to the next.
  const parts: string[] = []
  let kept = open + 1
  members.forEach((member, at) => {
    const changed = change(member, at)
    if (changed === undefined) return
    const [start, end] = [startOf(at), endOf(at)]
    if (start > kept) parts.push(text.slice(kept, start - 1))
    const tail = member === last ? '' : text.slice(member.end, end)
    if (changed !== null) parts.push(text.slice(start, member.start) + changed + tail)
    kept = end + 1
  })
  if (kept < bodyEnd) parts.push(text.slice(kept, bodyEnd))
  for (const body of added) parts.push(lead + body)
  return `{${parts.join(',')}${text.slice(bodyEnd, close)}}`
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
