/** What a CLI command is. */

import type { ParseArgsOptionsConfig } from 'node:util'
import type { Journal, JsonValue } from '../core/ports.ts'

export type Colour = 'red' | 'yellow' | 'green'

/** The world of a command: everything it may touch outside the core. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly argv: readonly string[]
  /** Aborts on Ctrl-C; a command that asks for it cleans up by itself. */
  stopSignal(): AbortSignal
  /** Where results go; nothing else is printed there. */
  out(text: string): void
  /** Progress, warnings, errors. */
  err(text: string): void
  /** Paints results for a person who watches `out`; for programs, files and NO_COLOR the text stays as it is. */
  colour(name: Colour, text: string): string
  /** A person watches `err`: a line of it may be written over. */
  readonly live: boolean
  /** Asks a person; null: nobody is there to answer. */
  readonly confirm: ((question: string) => Promise<boolean>) | null
  /** Asks a person for a line; an empty one at the end of input. null: nobody is there to answer. */
  readonly ask: ((question: string) => Promise<string>) | null
  /** Whether anything has this path. */
  exists(path: string): boolean
  /** Writes a file for everybody to read, and the folders above it. Without `replace` it must be new. Throws FILE_UNREADABLE. */
  createFile(path: string, text: string, replace: boolean): void
  /** Throws FILE_UNREADABLE. `-` is standard input. */
  readFile(path: string): Buffer
  /** Replaces the file whole or not at all, mode 0600: it holds credentials. Throws FILE_UNREADABLE. */
  writeFile(path: string, content: Uint8Array): void
}

export interface CommandContext {
  readonly terminal: Terminal
  readonly journal: Journal
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  readonly arguments: readonly string[]
}

export interface CommandResult {
  /** 0 = good, 1 = a finding or a failure. */
  readonly exit: 0 | 1
  readonly json: JsonValue | object
  readonly text: string
}

export interface CliCommand {
  readonly summary: string
  readonly usage: string
  /** Beyond --json and --help, which every command has. */
  readonly options: ParseArgsOptionsConfig
  readonly optionHelp?: Readonly<Record<string, string>>
  /** What an option's value can be, for completion. */
  readonly values?: Readonly<Record<string, readonly string[]>>
  /** What an argument can be, for completion; default: a file. */
  readonly arguments?: readonly string[]
  readonly least: number
  readonly most: number
  run(cx: CommandContext): Promise<CommandResult>
}
