/** Where a value stands in JSON that somebody else wrote: a JSON Pointer (RFC 6901), or the bare name of a member. */

import { asObject } from './json.ts'

/** `/a/0/b`, where `~1` is a slash and `~0` a tilde; without a slash at the front it is one member's name. undefined = nothing there. */
export function pointedAt(value: unknown, pointer: string): unknown {
  return partsOf(pointer).reduce(memberOf, value)
}

/** What is wrong with a pointer of the plan, in words; null when nothing is. */
export function pointerProblem(pointer: string): string | null {
  if (pointer === '' || pointer === '/') return 'must name a member'
  return /~(?![01])/.test(pointer) ? 'has a ~ that is not ~0 or ~1, as JSON Pointers write it' : null
}

function partsOf(pointer: string): readonly string[] {
  if (!pointer.startsWith('/')) return [pointer]
  const parts = pointer.slice(1).split('/')
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function memberOf(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(name) ? value[Number(name)] : undefined
  const members = asObject(value)
  return Object.hasOwn(members, name) ? members[name] : undefined
}
