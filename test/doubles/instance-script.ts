/** How the SSM agent of a simulated instance runs a script (amazon-ssm-agent, agent/plugins/runscript/runscript.go). */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface ScriptOutcome {
  /** 137: killed. */
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
}

export interface ScriptOrder {
  readonly script: string
  readonly env: Readonly<Record<string, string>>
  readonly timeoutSeconds: number
  /** Aborts when the command is cancelled. */
  readonly signal?: AbortSignal | undefined
}

export class ScriptRunner {
  readonly #folder: string
  readonly #environment: Readonly<Record<string, string>>
  /** Process groups of what runs just now. */
  readonly #groups = new Set<number>()

  /** `environment`: the SSM agent's own, which every script inherits. */
  constructor(folder: string, environment: Readonly<Record<string, string>>) {
    this.#folder = folder
    this.#environment = environment
  }

  /** As a file, by `sh -c` and so by its first line, in a process group that is killed when time is over. */
  async run({ script, env, timeoutSeconds, signal }: ScriptOrder): Promise<ScriptOutcome> {
    const file = join(mkdtempSync(join(this.#folder, 'command-')), '_script.sh')
    writeFileSync(file, script, { mode: 0o700 })
    const child = spawn('/bin/sh', ['-c', file], {
      cwd: dirname(file),
      env: { ...this.#environment, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const group = child.pid
    if (group === undefined) throw new Error('There is no /bin/sh.')
    this.#groups.add(group)
    let timedOut = false
    const cancel = () => killGroup(group)
    signal?.addEventListener('abort', cancel)
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(group)
    }, timeoutSeconds * 1000)
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
      })
    }
    const exitCode = await new Promise<number>((done) => child.on('close', (code) => done(code ?? 137)))
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
    this.#groups.delete(group)
    rmSync(dirname(file), { recursive: true, force: true })
    return { exitCode, ...output, timedOut }
  }

  /** Kills what runs just now, as a reboot would. */
  kill(): void {
    for (const group of this.#groups) killGroup(group)
  }
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
