/** The managed instances that Systems Manager knows, and the one thing it needs from whoever simulates them. */

/** Runs a document's script on an instance, as root would: `sh -c` on the file, or what its `#!` line names. */
export interface InstanceRunner {
  /**
   * Kills the whole process group with SIGKILL after `timeoutSeconds` (then `timedOut`), and when `signal` aborts.
   * The agent's own environment is not part of `env`.
   */
  run(order: {
    readonly instanceId: string
    readonly script: string
    readonly env: Readonly<Record<string, string>>
    readonly timeoutSeconds: number
    readonly signal: AbortSignal
  }): Promise<ScriptResult>
}

export interface ScriptResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly timedOut?: boolean
}

export type Platform = 'Linux' | 'Windows' | 'MacOS'

export interface InstanceSeed {
  readonly id: string
  readonly tags?: Readonly<Record<string, string>>
  /** Names of the resource groups it is in. */
  readonly groups?: readonly string[]
  /** Connected to Systems Manager; default true. */
  readonly online?: boolean
  readonly platform?: Platform
  /** Before 3.3.2746.0 an agent pastes parameters into the script, also those of type ENV_VAR. Default 3.3.3572.0. */
  readonly agentVersion?: string
  /** `undeliverable` and `denied`: what becomes of a command to it. Default `ok`. */
  readonly delivery?: 'ok' | 'undeliverable' | 'denied'
}

export type Instance = Required<InstanceSeed>

export function instanceOf(seed: InstanceSeed): Instance {
  return {
    tags: {},
    groups: [],
    online: true,
    platform: 'Linux',
    agentVersion: '3.3.3572.0',
    delivery: 'ok',
    ...seed,
  }
}

/** Exports ENV_VAR parameters as `SSM_<name>` (facts, SSM section 2.2). */
export function exportsParameters(agentVersion: string): boolean {
  return compareVersions(agentVersion, '3.3.2746.0') >= 0
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  for (let part = 0; part < 4; part += 1) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

export interface Target {
  readonly key: string
  readonly values: readonly string[]
}

/** Keys are joined by AND, the values of one by OR (section 5). Instances that are not managed are simply not targets. */
export function matchTargets(instances: Iterable<Instance>, targets: readonly Target[]): Instance[] {
  return [...instances].filter((instance) => targets.every((target) => matches(instance, target)))
}

function matches({ id, tags, groups }: Instance, { key, values }: Target): boolean {
  if (key === 'InstanceIds') return values.includes(id)
  if (key === 'tag-key') return values.some((name) => Object.hasOwn(tags, name))
  if (key === 'resource-groups:Name') return groups.some((group) => values.includes(group))
  if (key === 'resource-groups:ResourceTypeFilters') return values.includes('AWS::EC2::Instance')
  const name = key.slice('tag:'.length)
  return key.startsWith('tag:') && Object.hasOwn(tags, name) && values.includes(tags[name] ?? '')
}
