/** The content of an SSM Command document, checked as CreateDocument does (facts ssm-fleet-reload.md section 2). */

import type { Platform } from './instances.ts'
import { AwsRefusal, isObject, type Json, list, string } from './wire.ts'

export interface DocumentParameter {
  readonly type: 'String' | 'StringList'
  readonly default?: string | readonly string[]
  readonly description?: string
  readonly allowedValues?: readonly string[]
  readonly allowedPattern?: string
  readonly displayType?: string
  readonly minItems?: number
  readonly maxItems?: number
  readonly minChars?: number
  readonly maxChars?: number
  readonly interpolationType?: 'ENV_VAR'
}

export interface DocumentStep {
  readonly action: 'aws:runShellScript' | 'aws:runPowerShellScript'
  readonly name: string
  readonly precondition?: Json
  readonly inputs: {
    readonly runCommand: readonly string[]
    readonly timeoutSeconds?: string | number
    readonly onFailure?: string
    readonly onSuccess?: string
    readonly finallyStep?: boolean | string
    readonly workingDirectory?: string
  }
}

export interface CommandDocument {
  readonly description?: string
  readonly parameters: Readonly<Record<string, DocumentParameter>>
  readonly mainSteps: readonly DocumentStep[]
}

const MOST_BYTES = 64 * 1024

const STRINGS = list(string())
const PARAMETER_FIELDS = [
  'type',
  'description',
  'default',
  'allowedValues',
  'allowedPattern',
  'displayType',
  'minItems',
  'maxItems',
  'minChars',
  'maxChars',
  'interpolationType',
]

/** Throws what CreateDocument answers. */
export function parseDocument(content: string): CommandDocument {
  if (Buffer.byteLength(content, 'utf8') > MOST_BYTES) {
    throw new AwsRefusal('MaxDocumentSizeExceeded', 'The size limit of a document is 64 KB.')
  }
  const document = parseJson(content)
  if (document['schemaVersion'] !== '2.2') {
    throw new AwsRefusal('InvalidDocumentSchemaVersion', 'The version of the document schema is not supported.')
  }
  const parameters = document['parameters'] ?? {}
  if (!isObject(parameters)) throw broken('parameters is not an object')
  for (const [name, parameter] of Object.entries(parameters)) checkParameter(name, parameter)
  const steps = document['mainSteps']
  if (!Array.isArray(steps) || steps.length === 0) throw broken('mainSteps is missing or empty')
  const names = steps.map((step: unknown) => checkStep(step, parameters))
  if (new Set(names).size !== names.length) throw broken('step names are not unique')
  return { ...document, parameters, mainSteps: steps } as CommandDocument
}

function parseJson(content: string): Json {
  try {
    const value: unknown = JSON.parse(content)
    if (isObject(value)) return value
  } catch {
    // Refused below, without the text.
  }
  throw broken('content is not a JSON object')
}

function checkParameter(name: string, parameter: unknown): void {
  if (!/^[a-zA-Z0-9]+$/.test(name)) throw broken(`parameter name ${name}`)
  if (!isObject(parameter)) throw broken(`parameter ${name}`)
  const type = parameter['type']
  if (type !== 'String' && type !== 'StringList') throw broken(`type of parameter ${name}`)
  const unknown = Object.keys(parameter).find((field) => !PARAMETER_FIELDS.includes(field))
  if (unknown !== undefined) throw broken(`field ${unknown} of parameter ${name}`)
  const interpolation = parameter['interpolationType']
  if (interpolation !== undefined && interpolation !== 'ENV_VAR') throw broken(`interpolationType of parameter ${name}`)
  const pattern = parameter['allowedPattern']
  try {
    if (pattern !== undefined) new RegExp(String(pattern))
  } catch {
    throw broken(`allowedPattern of parameter ${name}`)
  }
}

/** `{{ name }}` only for declared parameters: CreateDocument may refuse others (section 2.1, "So"). */
function checkStep(step: unknown, parameters: Json): string {
  if (!isObject(step)) throw broken('a step is not an object')
  const { action, name, inputs } = step
  if (typeof name !== 'string' || !/^[a-zA-Z0-9_]{3,128}$/.test(name)) throw broken('step name')
  if (action !== 'aws:runShellScript' && action !== 'aws:runPowerShellScript') throw broken(`action of step ${name}`)
  if (!isObject(inputs)) throw broken(`inputs of step ${name}`)
  const lines = STRINGS.check(inputs['runCommand'], `${name}.runCommand`)
  for (const [, used = ''] of lines.join('\n').matchAll(/\{\{\s*([a-zA-Z0-9]+)\s*\}\}/g)) {
    if (!Object.hasOwn(parameters, used)) throw broken(`undeclared parameter ${used} in step ${name}`)
  }
  return name
}

function broken(what: string): AwsRefusal {
  return new AwsRefusal('InvalidDocumentContent', `The content for the document is not valid: ${what}.`)
}

/** Platforms on which some step of the document can run. */
export function platformsOf(document: CommandDocument): readonly Platform[] {
  const all: readonly Platform[] = ['Linux', 'Windows', 'MacOS']
  return all.filter((platform) => document.mainSteps.some((step) => runsOn(step, platform)))
}

export function runsOn({ action }: DocumentStep, platform: Platform): boolean {
  return action === 'aws:runShellScript' ? platform !== 'Windows' : platform !== 'MacOS'
}
