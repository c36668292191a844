/** The process as the terminal of one run of the CLI. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { PullAuthError } from '../core/errors.ts'
import type { CliCommand, Terminal } from './command.ts'
import { runCli } from './run.ts'

let stop: AbortController | null = null

/**
 * Made only for a command that asks for it: all others end at once on Ctrl-C, and every step of theirs can be run again.
 * The second signal ends the process as ever.
 */
function stopSignal(): AbortSignal {
  if (stop !== null) return stop.signal
  const made = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => made.abort(new Error(signal)))
  stop = made
  return made.signal
}

/** One line from a person; the end of input and Ctrl-C are an empty one. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const closed = new Promise<null>((resolve) => lines.once('close', () => resolve(null)))
  lines.once('SIGINT', () => lines.close())
  try {
    const answer = await Promise.race([lines.question(question), closed])
    if (answer === null) process.stderr.write('\n')
    return answer ?? ''
  } finally {
    lines.close()
  }
}

/** Anything but yes is no. */
async function confirm(question: string): Promise<boolean> {
  return /^y(?:es)?$/i.test((await ask(`${question} [y/N] `)).trim())
}

const isAttended = process.stdin.isTTY && process.stderr.isTTY

const CODES = { red: 31, green: 32, yellow: 33 } as const
/** Any value of NO_COLOR but an empty one (no-color.org). */
const coloured = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb' && !process.env['NO_COLOR']

/** Sets the exit code of the process. */
export async function runProcess(commands: ReadonlyMap<string, CliCommand>): Promise<void> {
  // On Node 20 the SDK warns of its own later releases; the one in this bundle is pinned and runs there.
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (!message.startsWith('NodeVersionSupportWarning')) process.stderr.write(`${name}: ${message}\n`)
  })
  for (const stream of [process.stdout, process.stderr]) stream.on('error', survive)
  const code = await runCli(terminal(), commands)
  process.exitCode = code || process.exitCode
  // Whoever asked to stop does not wait for the answer to a call that is under way.
  if (stop?.signal.aborted) process.exit()
}

/**
 * A reader may go away, as `head` does, or a disk may be full: what is under way goes on, since half a rotation is worse
 * than an unread line. What somebody still wanted and did not get makes the exit code 1.
 */
function survive({ code }: NodeJS.ErrnoException): void {
  if (code !== 'EPIPE') process.exitCode ||= 1
}

function terminal(): Terminal {
  return {
    env: process.env,
    argv: process.argv.slice(2),
    stopSignal,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    colour: (name, text) => (coloured ? `\u001b[${CODES[name]}m${text}\u001b[0m` : text),
    live: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb',
    confirm: isAttended ? confirm : null,
    ask: isAttended ? ask : null,
    exists: isThere,
    createFile: (path, text, replace) => {
      try {
        mkdirSync(dirname(path), { recursive: true })
        if (replace && existsSync(path)) replaceFile(realpathSync(path), Buffer.from(text), 0o644)
        else writeFileSync(path, text, { flag: 'wx', mode: 0o644 })
      } catch {
        throw unwritable(path)
      }
    },
    readFile: (path) => {
      try {
        return readFileSync(path === '-' ? 0 : path)
      } catch {
        throw new PullAuthError(
          'FILE_UNREADABLE',
          `${path === '-' ? 'Standard input' : path} cannot be read.`,
          'Check the path and its permissions.',
        )
      }
    },
    writeFile: (path, content) => {
      try {
        replaceFile(realpathSync(path), content, 0o600)
      } catch {
        throw unwritable(path)
      }
    },
  }
}

/** A link that leads nowhere is there too. What cannot be looked at cannot be written either, which says more. */
function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}

function unwritable(path: string): PullAuthError {
  return new PullAuthError(
    'FILE_UNREADABLE',
    `${path} cannot be written.`,
    'Check its permissions and those of its folder.',
  )
}

function replaceFile(path: string, content: Uint8Array, mode: number): void {
  const temporary = `${path}.ecs-pull-auth-${process.pid}`
  try {
    const file = openSync(temporary, 'wx', mode)
    writeSync(file, content)
    fsyncSync(file)
    closeSync(file)
    renameSync(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
}
