/** The service's checks of a command's parameters against its document (facts, SSM section 2.1). */

import type { CommandDocument, DocumentParameter } from './document-content.ts'
import { AwsRefusal } from './wire.ts'

/** Given values and defaults of all declared parameters; throws InvalidParameters. */
export function checkParameters(
  document: CommandDocument,
  given: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, readonly string[]>> {
  const declared = document.parameters
  const undeclared = Object.keys(given).find((name) => !Object.hasOwn(declared, name))
  if (undeclared !== undefined) throw invalid(`${undeclared} is not a parameter of the document`)
  const values = Object.entries(declared).map(([name, parameter]): [string, readonly string[]] => {
    const value = given[name] ?? defaultOf(parameter)
    if (value === null) throw invalid(`${name} is required`)
    checkValues(name, parameter, value)
    return [name, value]
  })
  return Object.fromEntries(values)
}

function defaultOf({ default: value }: DocumentParameter): readonly string[] | null {
  if (value === undefined) return null
  return typeof value === 'string' ? [value] : value
}

/** The pattern is a Java one and must match the whole value here; the agent's is not anchored. */
function checkValues(name: string, parameter: DocumentParameter, values: readonly string[]): void {
  const { type, allowedValues, allowedPattern, minChars = 0, maxChars = Number.POSITIVE_INFINITY } = parameter
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = parameter
  if (type === 'String' && values.length !== 1) throw invalid(`${name} takes one value`)
  if (type === 'StringList' && (values.length < minItems || values.length > maxItems))
    throw invalid(`${name} has a wrong number of values`)
  const pattern = allowedPattern === undefined ? null : new RegExp(`^(?:${allowedPattern})$`)
  for (const value of values) {
    if (allowedValues !== undefined && !allowedValues.includes(value))
      throw invalid(`${name} is not one of its allowed values`)
    if (pattern !== null && !pattern.test(value)) throw invalid(`${name} does not match its allowed pattern`)
    if (value.length < minChars || value.length > maxChars) throw invalid(`${name} has a wrong length`)
  }
}

/** Without the value: it may be anything. */
function invalid(what: string): AwsRefusal {
  return new AwsRefusal('InvalidParameters', `Invalid parameters: ${what}.`)
}
