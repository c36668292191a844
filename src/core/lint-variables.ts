/** What lint says about variables, whichever form of the config they stand in. */

import { type AuthData, parseAuthData } from './auth-data.ts'
import { DATA_KEY, TYPE_KEY, trimSpace } from './ecs-config.ts'
import { isFault, readJson } from './go-json.ts'
import { lintAuth } from './lint-auth.ts'
import { type Finding, finding } from './lint-rules.ts'

export interface Variable {
  readonly key: string
  readonly value: string
  readonly line: number
}

/** Variables that stop the agent when they are not JSON objects of strings (agent/config/parse.go). */
const JSON_VARIABLES = ['ECS_INSTANCE_ATTRIBUTES', 'ECS_CONTAINER_INSTANCE_TAGS']

/** `parsed`: the auth of these variables, where somebody has read it already. */
export function lintVariables(variables: readonly Variable[], parsed?: AuthData): readonly Finding[] {
  const last = new Map(variables.map((variable) => [variable.key, variable]))
  return [...lintRepeated(variables, last), ...lintAuthPair(variables, last, parsed), ...lintOthers(last)]
}

type Last = ReadonlyMap<string, Variable>

function lintRepeated(variables: readonly Variable[], last: Last): readonly Finding[] {
  return variables.flatMap((variable) => {
    const counts = last.get(variable.key)
    if (counts === undefined || counts === variable || variable.key.startsWith('#')) return []
    if (variable.key === DATA_KEY && counts.value === '' && variable.value !== '') {
      return [finding('auth-switched-off', { line: counts.line, detail: `set on line ${variable.line}` })]
    }
    return [finding('duplicate-variable', { line: variable.line, detail: `line ${counts.line} sets it again` })]
  })
}

function lintAuthPair(variables: readonly Variable[], last: Last, parsed?: AuthData): readonly Finding[] {
  const type = last.get(TYPE_KEY)
  const data = last.get(DATA_KEY)
  const switchedOff = data?.value === '' && variables.some(({ key, value }) => key === DATA_KEY && value !== '')
  const line = data?.line ?? type?.line
  if (switchedOff) return []
  if ((type === undefined || trimSpace(type.value) === '') && (data === undefined || data.value === ''))
    return [finding('auth-none')]
  const auth = parsed ?? parseAuthData(type?.value ?? '', data?.value ?? '')
  if (auth.fault?.kind === 'type-unknown') return [finding('auth-type-unknown', { line: type?.line })]
  return lintAuth(auth, line)
}

function lintOthers(last: Last): readonly Finding[] {
  const findings: Finding[] = []
  const value = (key: string) => trimSpace(last.get(key)?.value ?? '')
  const line = (key: string) => last.get(key)?.line
  if (value('ECS_CLUSTER') === '') findings.push(finding('cluster-missing'))
  for (const key of JSON_VARIABLES) {
    if (value(key) !== '' && !isStringMap(value(key)))
      findings.push(finding('json-variable-invalid', { line: line(key), detail: key }))
  }
  const behaviour = value('ECS_IMAGE_PULL_BEHAVIOR')
  if (value(DATA_KEY) !== '' && behaviour !== 'always' && behaviour !== 'once') {
    findings.push(finding('stale-image', { line: line('ECS_IMAGE_PULL_BEHAVIOR') }))
  }
  if (value('ECS_LOGLEVEL') === 'debug') findings.push(finding('debug-log', { line: line('ECS_LOGLEVEL') }))
  if (value('ECS_LOG_DRIVER') !== '' && value('ECS_LOGLEVEL_ON_INSTANCE') === '') {
    findings.push(finding('log-elsewhere', { line: line('ECS_LOG_DRIVER') }))
  }
  if (value('ECS_CHECKPOINT') === 'false') findings.push(finding('checkpoint-off', { line: line('ECS_CHECKPOINT') }))
  return findings
}

function isStringMap(value: string): boolean {
  const read = readJson(value, 1)
  return (
    !isFault(read) && read.kind === 'object' && read.members.every(({ kind }) => kind === 'string' || kind === 'null')
  )
}
