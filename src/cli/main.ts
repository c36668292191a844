/** Entry of `dist/cli.cjs`. */

import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { PullAuthError } from '../core/errors.ts'
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

/** Anything but yes is no, also the end of input and Ctrl-C. */
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('\n')))
  lines.once('SIGINT', () => lines.close())
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `), closed])
    if (answer === '\n') process.stderr.write(answer)
    return /^y(?:es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}

// On Node 20 the SDK warns of its own later releases; the one in this bundle is pinned and runs there.
process.removeAllListeners('warning')
process.on('warning', ({ name, message }) => {
  if (!message.startsWith('NodeVersionSupportWarning')) process.stderr.write(`${name}: ${message}\n`)
})

const CODES = { red: 31, green: 32, yellow: 33 } as const
/** Any value of NO_COLOR but an empty one (no-color.org). */
const coloured = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb' && !process.env['NO_COLOR']

void runCli({
  env: process.env,
  argv: process.argv.slice(2),
  stopSignal,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colour: (name, text) => (coloured ? `\u001b[${CODES[name]}m${text}\u001b[0m` : text),
  live: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb',
  confirm: process.stdin.isTTY && process.stderr.isTTY ? confirm : null,
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
      replaceFile(realpathSync(path), content)
    } catch {
      throw new PullAuthError(
        'FILE_UNREADABLE',
        `${path} cannot be written.`,
        'Check its permissions and those of its folder.',
      )
    }
  },
}).then((code) => {
  process.exitCode = code
})

function replaceFile(path: string, content: Uint8Array): void {
  const temporary = `${path}.ecs-pull-auth-${process.pid}`
  try {
    const file = openSync(temporary, 'wx', 0o600)
    writeSync(file, content)
    fsyncSync(file)
    closeSync(file)
    renameSync(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
}
