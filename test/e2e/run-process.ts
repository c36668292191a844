/** Runs one process to its end and keeps what it said. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface Ended {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProcessOrder {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly input?: string
  /** Sees what is printed while the process runs, and may send it a signal. */
  readonly onOutput?: (text: string, signal: (name: NodeJS.Signals) => void) => void
}

/** Ctrl-C, or the runner's first signal, as soon as this was said. */
export function interruptAt(words: string): NonNullable<ProcessOrder['onOutput']> {
  let done = false
  return (text, signal) => {
    if (done || !text.includes(words)) return
    done = true
    signal('SIGINT')
  }
}

/** For the environment of a process: its pauses take no time. */
export const NO_WAITING = { NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'no-waiting.mjs'))}` }

/** The Node that the shipped bundles are for; these tests run on it. */
export const NODE_24 = process.execPath

export async function runProcess({ argv, cwd, env, input, onOutput }: ProcessOrder): Promise<Ended> {
  const [program = '', ...rest] = argv
  const child = spawn(program, rest, { cwd, env, stdio: 'pipe' })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      onOutput?.(text, (signal) => child.kill(signal))
    })
  }
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const exitCode = await new Promise<number>((done, failed) => {
    child.on('error', failed)
    child.on('close', (code, signal) => done(code ?? (signal === null ? 1 : 128)))
  })
  return { exitCode, ...said }
}
