/** Everything that a run printed, wrote, sent or showed, and the search for credentials in it. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { AwsDouble } from '../aws/server.ts'
import type { GitlabDouble } from '../doubles/gitlab.ts'
import type { Instance } from '../doubles/instance.ts'
import { assertNoMarks } from '../doubles/marks.ts'
import type { RegistryDouble } from '../doubles/registry.ts'

export interface Watched {
  readonly aws: AwsDouble
  readonly gitlab: GitlabDouble
  readonly registry: RegistryDouble
  readonly instances: readonly Instance[]
}

export class Evidence {
  readonly #folder: string
  readonly #texts: (readonly [where: string, text: string])[] = []
  /** Command lines that were seen, of all processes of this machine. */
  readonly commandLines = new Set<string>()
  #requests: () => readonly (readonly [where: string, text: string])[] = () => []

  constructor(folder: string) {
    this.#folder = folder
  }

  /** What was printed or logged; masks of the Action are no leak and are left out by the caller. */
  add(where: string, text: string): void {
    this.#texts.push([where, text])
  }

  /** Looks at the process list at every request to AWS, and at everything that was sent in the end. */
  watch({ aws, gitlab, registry, instances }: Watched): void {
    aws.faults.add({
      kind: 'stale',
      match: () => {
        this.look()
        return false
      },
    })
    this.#requests = () => [
      ...aws.requests.map((request) => [`AWS request ${request.operation}`, JSON.stringify(request)] as const),
      ...aws.ssm.rollouts().map((rollout) => {
        const steps = rollout.invocations.flatMap((invocation) => invocation.steps)
        return ['an SSM parameter or output', JSON.stringify([rollout.order.parameters, steps])] as const
      }),
      ['a path at GitLab', JSON.stringify(gitlab.requests)],
      ['the name of a deploy token', JSON.stringify(gitlab.deployTokens())],
      ['a path at the registry', JSON.stringify(registry.requests)],
      ...instances.map(
        ({ id, service }) => [`a command line or environment on ${id}`, service.callers.join('\n')] as const,
      ),
    ]
  }

  /** At the command lines of all processes, just now. */
  look(): void {
    for (const line of commandLines()) this.commandLines.add(line)
  }

  /** Fails with the place of the first credential that is where none may be. */
  assertClean(): void {
    for (const [where, text] of [...this.#texts, ...this.#requests()]) assertNoMarks(text, where)
    for (const line of this.commandLines) assertNoMarks(line, 'a command line')
    for (const [file, mode] of filesBelow(this.#folder)) {
      if ((mode & 0o077) !== 0)
        assertNoMarks(readFileSync(file, 'latin1'), `${relative(this.#folder, file)} (${mode.toString(8)})`)
    }
  }

  assertSeen(pattern: RegExp): void {
    assert.match([...this.commandLines].join('\n'), pattern)
  }
}

/** Of every process; empty where there is no /proc. */
function commandLines(): readonly string[] {
  return numbersIn('/proc').flatMap((pid) => {
    try {
      return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()]
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
}

function numbersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

function filesBelow(folder: string): readonly (readonly [file: string, mode: number])[] {
  return (
    readdirSync(folder, { recursive: true, withFileTypes: true })
      // The bundles are copied in, and were there before any credential.
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.cjs'))
      .map((entry) => {
        const file = join(entry.parentPath, entry.name)
        return [file, statSync(file).mode & 0o777]
      })
  )
}
