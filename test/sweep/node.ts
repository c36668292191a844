/** A container instance as far as the promises need one: what its agent has loaded, and what the document does on it. */

import type { Millis } from '../../src/core/ports.ts'
import type { ScriptResult } from '../aws/instances.ts'
import type { Operations } from '../aws/wire.ts'
import type { Calls, Invocation } from './calls.ts'
import { awsRead } from './clients.ts'
import { withAuthOf } from './config-text.ts'
import type { Timeline } from './timeline.ts'

export interface NodeParts {
  readonly timeline: Timeline
  readonly calls: Calls
  readonly operations: Operations
  invocation(name: string): Invocation
  onLoaded(node: Node): void
}

export class Node {
  readonly id: string
  /** The text that its agent was started with. */
  loaded: string
  /** Versions whose credentials it has loaded, oldest first. */
  readonly versions: string[]
  /** What it had loaded before, and until when: a pull that began then may still be under way. */
  before: { readonly text: string; readonly until: Millis } | null = null
  readonly #parts: NodeParts
  #last: Promise<unknown> = Promise.resolve()

  constructor(id: string, text: string, version: string, parts: NodeParts) {
    this.id = id
    this.loaded = text
    this.versions = [version]
    this.#parts = parts
  }

  /** The document's script: one at a time on an instance, as its lock has it. */
  run(env: Readonly<Record<string, string>>): Promise<ScriptResult> {
    const result = this.#last.then(() => this.#reload(env))
    this.#last = result
    return result
  }

  /** deploy/node/reload.py: fetch what is current, merge the two auth lines, restart the agent, tell the version. */
  async #reload(env: Readonly<Record<string, string>>): Promise<ScriptResult> {
    const { timeline, calls, operations } = this.#parts
    const invocation = this.#parts.invocation(`node ${this.id.at(-1)}`)
    const fetch = awsRead(calls, invocation, operations, { SecretId: env['SSM_secretArn'] ?? '' })
    const fetched = await Promise.race([fetch.catch(() => null), invocation.killed])
    if (fetched === undefined) return { exitCode: 137, stdout: '', stderr: '' }
    if (fetched === null) return this.#told('fetch-failed', 11, 'http-400')
    const { VersionId, SecretString } = fetched as { VersionId: string; SecretString: string }
    const reason = env['SSM_versionId'] === VersionId ? '' : 'other-version'
    const wanted = withAuthOf(this.loaded, SecretString)
    const restarts = wanted !== this.loaded
    if (restarts) await timeline.sleep(2_000)
    if (restarts) this.before = { text: this.loaded, until: timeline.now() }
    this.loaded = wanted
    if (this.versions.at(-1) !== VersionId) this.versions.push(VersionId)
    this.#parts.onLoaded(this)
    return this.#told(restarts ? 'applied' : 'unchanged', 0, reason)
  }

  #told(result: string, exitCode: number, reason: string): ScriptResult {
    const line = `ecs-pull-auth result=${result} version=${this.versions.at(-1)} agent=1.105.1 seconds=2`
    return { exitCode, stdout: `${line}${reason === '' ? '' : ` reason=${reason}`}\n`, stderr: '' }
  }
}
