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

/** Ctrl-C, or the runner's first signal, as soon as this was said: in one piece or, on a busy machine, in several. */
export function interruptAt(words: string, name: NodeJS.Signals = 'SIGINT'): NonNullable<ProcessOrder['onOutput']> {
  let heard = ''
  let done = false
  return (text, signal) => {
    heard += text
    if (done || !heard.includes(words)) return
    done = true
    signal(name)
  }
}

/** For the environment of a process: its pauses take no time. */
export const NO_WAITING = { NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'no-waiting.mjs'))}` }

/** The Node that the shipped bundles are for; these tests run on it. */
export const NODE_24 = process.execPath

/** Milliseconds. Nothing here takes a tenth of it; what waits for ever should say what it was doing, not stop every other test. */
const LONGEST = 180_000

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
    const stuck = setTimeout(() => {
      child.kill('SIGKILL')
      // A program that it started may hold the pipes open: they are not waited for.
      for (const pipe of [child.stdout, child.stderr]) pipe.destroy()
      failed(
        new Error(
          `${argv.join(' ')} had not ended after ${LONGEST / 1000} s. It said:\n${said.stdout}\n${said.stderr}`,
        ),
      )
    }, LONGEST)
    child.on('error', failed)
    child.on('close', (code, signal) => {
      clearTimeout(stuck)
      done(code ?? (signal === null ? 1 : 128))
    })
  })
  return { exitCode, ...said }
}
