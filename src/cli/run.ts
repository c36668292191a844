/** The CLI: arguments to a command, its result to text or JSON, its errors to one clear block. */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { asPullAuthError, framesOf, PullAuthError } from '../core/errors.ts'
import { nearest } from '../core/fields.ts'
import type { Journal } from '../core/ports.ts'
import { createMasking } from '../masking.ts'
import { errorData } from '../report.ts'
import { VERSION } from '../version.ts'
import type { CliCommand, Terminal } from './command.ts'
import { errorLines } from './error-lines.ts'
import { helpFor, helpForAll } from './help.ts'
import { printable } from './table.ts'

const COMMON: ParseArgsOptionsConfig = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  verbose: { type: 'boolean', short: 'v' },
}

type Commands = ReadonlyMap<string, CliCommand>

/** The exit code: 0 good, 1 finding or failure, 2 bad usage. */
export async function runCli(terminal: Terminal, commands: Commands): Promise<0 | 1 | 2> {
  const masking = createMasking()
  const lines = errorLines(terminal)
  const out = (text: string) => {
    lines.end()
    terminal.out(`${masking.clean(text)}\n`)
  }
  const err = (text: string) => lines.print(masking.clean(text))
  const [name, ...rest] = terminal.argv
  const json = terminal.argv.includes('--json')
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      out(helpForAll(commands))
      return name === undefined ? 2 : 0
    }
    if (name === '--version') {
      out(VERSION)
      return 0
    }
    const command = findCommand(name, commands)
    const { values, positionals } = parse(name, command, rest)
    if (values['help'] === true) {
      out(helpFor(name, command))
      return 0
    }
    const journal = {
      ...terminalJournal(err, masking.add, values['verbose'] === true),
      ...(terminal.live ? { progress: (text: string) => lines.replace(masking.clean(`  ${printable(text)}`)) } : {}),
    }
    const result = await command.run({ terminal, journal, options: values, arguments: positionals })
    out(json ? JSON.stringify(result.json) : result.text)
    return result.exit
  } catch (thrown) {
    const error = asPullAuthError(thrown)
    if (json) out(JSON.stringify({ ok: false, error: errorData(error) }))
    err(`error ${error.code}: ${printable(error.message)}\n  ${printable(error.hint)}`)
    const frames = terminal.argv.includes('--verbose') ? framesOf(error) : []
    if (frames.length > 0) err(frames.join('\n'))
    return error.code === 'USAGE' ? 2 : 1
  }
}

function findCommand(name: string, commands: Commands): CliCommand {
  const command = commands.get(name)
  if (command !== undefined) return command
  const near = nearest(name, [...commands.keys()])
  const hint = near === null ? `Commands: ${[...commands.keys()].join(', ')}.` : `Did you mean ${near}?`
  throw new PullAuthError('USAGE', `There is no command ${printable(name).slice(0, 60)}.`, hint)
}

function parse(name: string, command: CliCommand, argv: readonly string[]) {
  const hint = `ecs-pull-auth ${name} --help shows what it takes.`
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] }
  try {
    const read = parseArgs({ args: [...argv], options: { ...COMMON, ...command.options }, allowPositionals: true })
    parsed = { values: read.values as Record<string, string | boolean | undefined>, positionals: read.positionals }
  } catch (error) {
    // The message of parseArgs names the option and what is wrong with it.
    throw new PullAuthError(
      'USAGE',
      error instanceof Error ? (error.message.split('. ')[0] ?? '') : 'Bad arguments',
      hint,
    )
  }
  const count = parsed.positionals.length
  if (parsed.values['help'] !== true && (count < command.least || count > command.most)) {
    throw new PullAuthError('USAGE', `${name} takes ${command.usage}; got ${count} arguments.`, hint)
  }
  return parsed
}

/** People see what happens on standard error, so that `--json` on standard output stays one document. */
function terminalJournal(err: (text: string) => void, mask: Journal['mask'], verbose: boolean): Journal {
  return {
    mask,
    phase: (title) => err(`▸ ${title}`),
    info: (message, detail) => err(`  ${printable(message)}${verbose && detail ? ` ${JSON.stringify(detail)}` : ''}`),
    warn: (message) => err(`  warning: ${printable(message)}`),
  }
}
