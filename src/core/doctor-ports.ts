/** What `doctor` asks beyond what the stories ask. Every call reads. Throws as the other ports do. */

import type { Account } from './iam-arn.ts'
import type { Targets } from './ports.ts'

export interface Caller extends Account {
  /** As GetCallerIdentity says it: `arn:aws:sts::…:assumed-role/NAME/session` for a role. */
  readonly arn: string
}

export interface ManagedInstance {
  readonly id: string
  readonly online: boolean
  /** Version of the SSM agent. */
  readonly agent: string
  readonly platform: string
}

/** One question: may this principal do that there? */
export interface Simulation {
  /** ARN of a role or user. */
  readonly principal: string
  readonly action: string
  readonly resource: string
  /** Values of condition keys. */
  readonly context: Readonly<Record<string, readonly string[]>>
}

export interface Inspector {
  caller(): Promise<Caller>
  /** Content of an SSM document, in its default version; null: there is none. */
  documentText(name: string): Promise<string | null>
  /** Instances under targets, by tags alone or by InstanceIds alone. */
  managed(targets: Targets): Promise<readonly ManagedInstance[]>
  simulate(simulation: Simulation): Promise<boolean>
}
