/** JSON that people store or lint instead of an ecs.config, told apart by its names. */

import type { JsonMember } from './go-json.ts'

export type ForeignJson = 'docker-config' | 'credential' | 'agent-config' | 'registry-map' | 'other'

/** Whether an object is the key/value form of an ecs.config. */
export function isKeyValueForm(members: readonly JsonMember[]): boolean {
  return members.some((member) => /^ECS_[A-Z0-9_]+$/.test(member.name))
}

/** What else an object is; no value is looked at. */
export function foreignKind(members: readonly JsonMember[]): ForeignJson {
  const names = new Set(members.map((member) => member.name.toLowerCase()))
  if (names.has('auths')) return 'docker-config'
  if (names.has('username') || names.has('password')) return 'credential'
  if (names.has('engineauthdata') || names.has('engineauthtype') || names.has('ecsagentconfiguration'))
    return 'agent-config'
  if (members.length > 0 && members.every((member) => member.kind === 'object')) return 'registry-map'
  return 'other'
}
