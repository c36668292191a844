/** Short words for requests to Secrets Manager about one secret, for the cases that moto and the double are asked. */

import { version } from '../aws/fixture.ts'
import type { Json } from '../aws/wire.ts'
import { ask, type Step, type View } from './moto-contract.ts'

export const SecretId = 's'

export function create(id = 1, more: Json = {}): Step {
  return ask('CreateSecret', { Name: SecretId, ClientRequestToken: version(id), SecretString: `S${id}`, ...more })
}

export function put(id: number, labels?: readonly string[], text = `S${id}`, more: Json = {}): Step {
  return ask('PutSecretValue', { ...putInput(version(id), labels, text), ...more }, { of: inOrder })
}

export function putInput(token: string, labels?: readonly string[], text = 'S2'): Json {
  const stages = labels === undefined ? {} : { VersionStages: labels }
  return { SecretId, ClientRequestToken: token, SecretString: text, ...stages }
}

export function putUnder(token: string): Step {
  return ask('PutSecretValue', putInput(token))
}

/** Labels sorted: their order is a case of its own. */
function inOrder(answer: Json): Json {
  return { ...answer, VersionStages: [...((answer['VersionStages'] ?? []) as string[])].sort() }
}

export function update(id: number, text = `S${id}`): Step {
  return ask('UpdateSecret', { SecretId, ClientRequestToken: version(id), SecretString: text })
}

export function get(at: { version?: number; label?: string } = {}, view: View = {}): Step {
  const id = at.version === undefined ? {} : { VersionId: version(at.version) }
  const label = at.label === undefined ? {} : { VersionStage: at.label }
  return ask('GetSecretValue', { SecretId, ...id, ...label }, { of: inOrder, ...view })
}

export function move(label: string, { from, to }: { from?: number; to?: number }): Step {
  return ask('UpdateSecretVersionStage', {
    SecretId,
    VersionStage: label,
    ...(from === undefined ? {} : { RemoveFromVersionId: version(from) }),
    ...(to === undefined ? {} : { MoveToVersionId: version(to) }),
  })
}

/** Labels by version, of the versions that have any; without an order. */
export const labels: Step = ask('DescribeSecret', { SecretId }, { of: labelsOf })

function labelsOf(answer: Json): Json {
  const stages = Object.entries((answer['VersionIdsToStages'] ?? {}) as Record<string, string[]>)
  return Object.fromEntries(
    stages.filter(([, labels]) => labels.length > 0).map(([id, labels]) => [id, [...labels].sort()]),
  )
}

export const describe: Step = ask('DescribeSecret', { SecretId })

export function list(more: Json = {}): Step {
  return ask('ListSecretVersionIds', { SecretId, ...more }, { of: listedOf })
}

function listedOf(answer: Json): Json {
  const versions = answer['Versions'] as { VersionId: string; VersionStages?: string[] }[]
  return Object.fromEntries(versions.map(({ VersionId, VersionStages = [] }) => [VersionId, VersionStages]))
}

export function remove(more: Json = {}): Step {
  return ask('DeleteSecret', { SecretId, ...more })
}

export const restore: Step = ask('RestoreSecret', { SecretId })
