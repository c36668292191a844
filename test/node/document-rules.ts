/**
 * What a Command document of ours must keep to, beyond what CreateDocument refuses (facts ssm-fleet-reload.md sections 2
 * and 14): all of it is accepted by Systems Manager and goes wrong on the instance.
 */

type Json = Readonly<Record<string, unknown>>

interface Step {
  readonly name?: unknown
  readonly action?: unknown
  readonly precondition?: Json
  readonly inputs?: Json
}

/** The plugin that runs a platform's step. PowerShell's would run on Linux as well, were it not for the precondition. */
const ACTIONS: Readonly<Record<string, string>> = { Linux: 'aws:runShellScript', Windows: 'aws:runPowerShellScript' }

const MOST_BYTES = 64 * 1024
/** 137 is told as a timeout, 168 and 169 stop the document, 194 reboots the machine, 3010 and -1 mean as much on Windows. */
const RESERVED_EXITS = /\bexit\s+(?:137|168|169|194|3010|-1)\b/

/** Every rule that the content breaks, in words; empty: none. */
export function documentProblems(content: string): readonly string[] {
  const document = JSON.parse(content) as Json
  const steps = (document['mainSteps'] ?? []) as readonly Step[]
  const parameters = (document['parameters'] ?? {}) as Readonly<Record<string, Json>>
  const names = steps.map(({ name }) => name)
  return [
    Buffer.byteLength(content) > MOST_BYTES ? 'more than 64 KB' : null,
    document['schemaVersion'] === '2.2' ? null : 'schemaVersion is not 2.2',
    new Set(steps.map(platformOf)).size === steps.length
      ? null
      : 'two steps for one platform: the first one fails alone',
    new Set(names).size === names.length ? null : 'step names repeat',
    ...Object.entries(parameters).flatMap(([name, parameter]) => parameterProblems(name, parameter)),
    ...steps.flatMap((step) => stepProblems(step, Object.keys(parameters))),
  ].filter((problem) => problem !== null)
}

function platformOf({ precondition }: Step): string {
  const operands = precondition?.['StringEquals'] as readonly string[] | undefined
  return operands?.length === 2 && operands[0] === 'platformType' ? String(operands[1]) : ''
}

function parameterProblems(name: string, parameter: Json): readonly (string | null)[] {
  const pattern = parameter['allowedPattern']
  return [
    /^[a-zA-Z0-9]+$/.test(name) ? null : `the agent drops the parameter ${name}`,
    parameter['type'] === 'String' ? null : `${name} is no String`,
    parameter['interpolationType'] === 'ENV_VAR' ? null : `${name} is pasted into the script by every agent`,
    typeof pattern === 'string'
      ? patternProblem(name, pattern)
      : `${name} has no allowedPattern, all that an agent checks`,
    parameter['default'] === undefined || new RegExp(String(pattern)).test(String(parameter['default']))
      ? null
      : `the default of ${name} does not match its pattern`,
  ]
}

/** One pattern, three engines: Java at the API, RE2 unanchored in the agent, and JavaScript here. */
function patternProblem(name: string, pattern: string): string | null {
  if (!/^\^.*\$$/.test(pattern)) return `the pattern of ${name} is not anchored`
  if (/(?<!\()\|(?![^()]*\))/.test(pattern)) return `the pattern of ${name} has an alternative outside of brackets`
  if (/\(\?|\\[1-9k]|[*+?}][+]/.test(pattern)) return `the pattern of ${name} uses what RE2 or Java do not share`
  const shell = ['$', '`', '"', "'", ';', '&', '|', '<', '>', '\\', ' ', '\n', '{', '(', '#', '*', '~', '!']
  const literal = pattern.replaceAll(/\[[^\]]*\]/g, '').replaceAll(/[\^$(){}|*+?]|\{[0-9,]+\}/g, '')
  const classes = [...pattern.matchAll(/\[([^\]]*)\]/g)].map(([, set = '']) => set).join('')
  const open = shell.find((sign) => literal.includes(sign) || classes.includes(sign))
  return open === undefined
    ? null
    : `the pattern of ${name} allows ${JSON.stringify(open)}, which means something to a shell`
}

function stepProblems(step: Step, parameters: readonly string[]): readonly (string | null)[] {
  const inputs = step.inputs ?? {}
  const script = (inputs['runCommand'] as readonly string[]).join('\n')
  const timeout = inputs['timeoutSeconds']
  const seconds = Number(timeout)
  const placeholders = [...script.matchAll(/\{\{\s*([^}]*?)\s*\}\}/g)].map(([, name = '']) => name)
  return [
    ['onFailure', 'timeoutSeconds'].some((name) => name in step)
      ? 'onFailure or timeoutSeconds beside inputs is ignored'
      : null,
    typeof timeout === 'string' && seconds >= 5 && seconds <= 172_800 ? null : 'timeoutSeconds counts as 3600',
    ACTIONS[platformOf(step)] === step.action ? null : 'a step whose plugin is not that of its platform is skipped',
    platformOf(step) !== 'Linux' || script.startsWith('#!/bin/bash\n') ? null : 'the script runs under whatever sh is',
    /\bset\s+-\w*x/.test(script) ? 'set -x prints values' : null,
    RESERVED_EXITS.test(script) ? 'an exit code that Systems Manager takes for something else' : null,
    placeholders.every((name) => parameters.includes(name)) ? null : 'a placeholder that is no parameter',
    placeholders.length === script.split('{{').length - 1 ? null : 'two braces that are no placeholder',
  ]
}
