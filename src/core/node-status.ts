/** What the document's script tells about one container instance: an exit code and one line of text. */

/** The results of the script, in the order of its exit codes. The first three leave the instance as it should be. */
export const NODE_RESULTS = [
  'applied',
  'unchanged',
  'written',
  'busy',
  'fetch-failed',
  'refused',
  'rolled-back',
  'rollback-failed',
  'unsupported',
  'write-failed',
  'agent-down',
] as const

export type NodeResult = (typeof NODE_RESULTS)[number]

export interface NodeStatus {
  readonly result: NodeResult
  /** The secret version that the agent runs, or with `written` will read at its start; null: not known. */
  readonly version: string | null
  /** The ECS agent's version; null: it did not answer. */
  readonly agent: string | null
  readonly seconds: number
  /** A short code that says why; null: there is nothing to say. */
  readonly reason: string | null
}

/** Exit codes of the script beside 0. SSM gives 137, 168, 169, 194 and 3010 a meaning of their own, so none is one of them. */
export const NODE_EXITS: Readonly<Record<number, { readonly result: NodeResult; readonly meaning: string }>> = {
  10: {
    result: 'busy',
    meaning: 'Another run held the lock for a minute, or somebody else changed the file; nothing was done.',
  },
  11: { result: 'fetch-failed', meaning: 'The instance could not read the secret; nothing was changed.' },
  12: { result: 'refused', meaning: 'The stored config or a parameter is not usable; nothing was changed.' },
  13: { result: 'rolled-back', meaning: 'The agent was unhealthy with the new file; it runs again with the old one.' },
  14: { result: 'rollback-failed', meaning: 'The agent is unhealthy with the new and with the old file.' },
  15: { result: 'unsupported', meaning: 'No ECS agent that can be reloaded safely was found; nothing was changed.' },
  16: { result: 'write-failed', meaning: 'A file could not be written; the next run takes it up again.' },
  17: { result: 'agent-down', meaning: 'No agent is up, by no doing of the script; its next start has the new file.' },
}

/** Of key=value fields, so that a later script may add some. */
const LINE = /^ecs-pull-auth((?: [a-z]+=[^\s=]*)+)\r?$/m

/**
 * Finds the status line in what an instance printed. null: there is none, or it is not one of ours. Output is kept only
 * in part (2,500 characters) and a shell or profile may print lines of its own, so the line may be anywhere.
 */
export function parseNodeStatus(output: string): NodeStatus | null {
  const line = LINE.exec(output)?.[1]
  if (line === undefined) return null
  const fields = new Map(
    line
      .trim()
      .split(' ')
      .map((field) => field.split('=', 2) as [string, string]),
  )
  const result = NODE_RESULTS.find((known) => known === fields.get('result'))
  if (result === undefined) return null
  const seconds = Number(fields.get('seconds') ?? Number.NaN)
  return {
    result,
    version: known(fields.get('version')),
    agent: known(fields.get('agent')),
    seconds: Number.isFinite(seconds) ? seconds : 0,
    reason: known(fields.get('reason')),
  }
}

function known(field: string | undefined): string | null {
  return field === undefined || field === '' || field === '-' ? null : field
}
