/** The content of an Automation runbook (schema 0.3), as far as ours uses it, and its parameters, checked as the service does. */

import { AwsRefusal, isObject, type Json } from './wire.ts'

export type RunbookAction = 'aws:branch' | 'aws:approve' | 'aws:assertAwsResourceProperty' | 'aws:runCommand'

export interface RunbookStep {
  readonly name: string
  readonly action: RunbookAction
  readonly inputs: Json
  readonly isEnd?: boolean
}

interface RunbookParameter {
  readonly type: 'String' | 'StringList' | 'MapList' | 'Integer'
  readonly default?: unknown
  readonly allowedValues?: readonly string[]
  readonly allowedPattern?: string
}

export interface RunbookContent {
  readonly parameters: Readonly<Record<string, RunbookParameter>>
  readonly mainSteps: readonly RunbookStep[]
}

/** What a parameter is inside the runbook: a text, a number, a list of texts, a list of maps. */
export type Values = Readonly<Record<string, unknown>>

const ACTIONS = ['aws:branch', 'aws:approve', 'aws:assertAwsResourceProperty', 'aws:runCommand']
const STEP_FIELDS = ['name', 'action', 'inputs', 'isEnd', 'onFailure', 'timeoutSeconds']

/** Throws what CreateDocument answers. */
export function parseRunbook(text: string): RunbookContent {
  const bad = (why: string) => new AwsRefusal('InvalidDocumentContent', why)
  if (Buffer.byteLength(text, 'utf8') > 64 * 1024) throw new AwsRefusal('MaxDocumentSizeExceeded', '64 KB')
  const content = JSON.parse(text) as RunbookContent & { readonly schemaVersion: string; readonly assumeRole: string }
  if (content.schemaVersion !== '0.3') throw bad('schemaVersion must be 0.3')
  const names = content.mainSteps.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw bad('Step names must be unique')
  for (const step of content.mainSteps) {
    if (!/^[a-zA-Z0-9_]{3,128}$/.test(step.name)) throw bad(`Bad step name ${step.name}`)
    if (!ACTIONS.includes(step.action)) throw bad(`This double has no ${step.action}`)
    const unknown = Object.keys(step).find((field) => !STEP_FIELDS.includes(field))
    if (unknown !== undefined) throw bad(`Unknown field ${unknown} of step ${step.name}`)
    for (const next of nextSteps(step)) if (!names.includes(next)) throw bad(`No step ${next}`)
  }
  for (const [, reference = ''] of text.matchAll(/\{\{ ([A-Za-z0-9.]+) \}\}/g)) {
    const [head = ''] = reference.split('.')
    const known = reference.includes('.') ? names.includes(head) : Object.hasOwn(content.parameters, head)
    if (!known) throw bad(`Undeclared {{ ${reference} }}`)
  }
  return content
}

function nextSteps({ action, inputs }: RunbookStep): readonly string[] {
  if (action !== 'aws:branch') return []
  const { Choices, Default } = inputs as { Choices: readonly { NextStep: string }[]; Default: string }
  return [...Choices.map(({ NextStep }) => NextStep), Default]
}

/** Throws InvalidAutomationExecutionParametersException. */
export function readParameters(content: RunbookContent, given: Readonly<Record<string, readonly string[]>>): Values {
  const bad = (why: string) => new AwsRefusal('InvalidAutomationExecutionParametersException', why)
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(content.parameters, name))
  if (unknown !== undefined) throw bad(`Unknown parameter ${unknown}`)
  const values = Object.entries(content.parameters).map(([name, parameter]) => {
    const texts = given[name]
    if (texts === undefined) {
      if (parameter.default === undefined) throw bad(`Parameter ${name} is required`)
      return [name, parameter.default]
    }
    if (texts.some((text) => text.length > 512)) throw bad(`A value of ${name} is longer than 512 characters`)
    for (const text of texts) checkText(name, parameter, text, bad)
    return [name, readValue(name, parameter, texts, bad)]
  })
  return Object.fromEntries(values)
}

type Bad = (why: string) => AwsRefusal

function checkText(name: string, { allowedValues, allowedPattern }: RunbookParameter, text: string, bad: Bad): void {
  if (allowedValues !== undefined && !allowedValues.includes(text))
    throw bad(`${name} must be one of its allowed values`)
  if (allowedPattern !== undefined && !new RegExp(allowedPattern).test(text))
    throw bad(`${name} must match its pattern`)
}

function readValue(name: string, { type }: RunbookParameter, texts: readonly string[], bad: Bad): unknown {
  switch (type) {
    case 'StringList':
      return texts
    case 'MapList': {
      const maps = texts.map((text) => JSON.parse(text) as unknown)
      if (!maps.every(isObject)) throw bad(`${name} must be a list of maps`)
      return maps
    }
    default: {
      const [text, ...more] = texts
      if (text === undefined || more.length > 0) throw bad(`${name} must have one value`)
      return type === 'Integer' ? Number(text) : text
    }
  }
}

/** Replaces `{{ name }}` and `{{ step.Output }}`: alone it is the value itself, within a text its text. */
export function resolve(value: unknown, values: Values): unknown {
  if (Array.isArray(value)) return value.map((member) => resolve(member, values))
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member, values)]))
  if (typeof value !== 'string') return value
  const alone = /^\{\{ ([A-Za-z0-9.]+) \}\}$/.exec(value)?.[1]
  if (alone !== undefined) return values[alone]
  return value.replaceAll(/\{\{ ([A-Za-z0-9.]+) \}\}/g, (_, name: string) => String(values[name]))
}
