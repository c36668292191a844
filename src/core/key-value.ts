/** The console's key/value form of a stored config: one JSON object of strings, edited so that the rest stays as it is. */

import { type AuthLines, DATA_KEY, TYPE_KEY } from './ecs-config.ts'
import { decodeString, isFault, type JsonMember, readJson, stringEnd } from './go-json.ts'
import { editObject, wholeObject } from './json-edit.ts'

export const STATE_KEY = 'ecs-pull-auth'

/** The last member of a key: what every JSON reader takes. */
function memberOf(members: readonly JsonMember[], key: string): JsonMember | undefined {
  return members.findLast((member) => member.name === key)
}

/** A member's string; undefined when there is no such key, null when its value is no string. */
export function stringOf(text: string, members: readonly JsonMember[], key: string): string | null | undefined {
  const member = memberOf(members, key)
  if (member === undefined) return undefined
  return member.kind === 'string' ? decodeString(text.slice(member.valueStart, member.end)) : null
}

/** Replaces the three values where they stand, adds those that are missing, keeps every other byte. */
export function editKeyValue(text: string, wanted: AuthLines): string {
  const read = readJson(text, 1)
  const members = isFault(read) ? [] : read.members
  const values = new Map([
    [TYPE_KEY, wanted.type],
    [DATA_KEY, wanted.data],
  ])
  if (wanted.state !== null) values.set(STATE_KEY, wanted.state)
  const current = new Map([...values.keys()].map((key) => [key, memberOf(members, key)]))
  const change = (member: JsonMember) => {
    const value = values.get(member.name)
    if (value !== undefined && current.get(member.name) === member) {
      return text.slice(member.start, member.valueStart) + JSON.stringify(value)
    }
    return member.name === STATE_KEY ? null : undefined
  }
  const added = [...values].filter(([key]) => current.get(key) === undefined)
  const last = members.at(-1)
  const colon = last === undefined ? ':' : text.slice(stringEnd(text, last.start), last.valueStart)
  const object = wholeObject(text, members)
  const edited = editObject(
    object,
    change,
    added.map(([key, value]) => `"${key}"${colon}${JSON.stringify(value)}`),
  )
  return text.slice(0, object.open) + edited + text.slice(object.close + 1)
}
