/** What `--help` prints: for everybody, and for one command. docs/cli.md holds the same, which a test compares. */

import type { CliCommand } from './command.ts'
import { textFacts } from './table.ts'

export function helpForAll(commands: ReadonlyMap<string, CliCommand>): string {
  const rows = [...commands].map(([name, { summary }]) => [name, summary] as const)
  return `Rotates container-registry credentials for Amazon ECS.

Usage: ecs-pull-auth COMMAND [options]

${textFacts(rows)}

Every command takes --json and --help. Exit codes: 0 good, 1 finding or failure, 2 bad usage.`
}

export function helpFor(name: string, { summary, usage, options, optionHelp }: CliCommand): string {
  const own = Object.entries(options).map(([option, { type }]) => {
    const left = `--${option}${type === 'string' ? ' VALUE' : ''}`
    return [left, optionHelp?.[option] ?? ''] as const
  })
  const head = `Usage: ecs-pull-auth ${[name, usage, '[options]'].filter((part) => part !== '').join(' ')}`
  return `${summary}\n\n${head}\n\n${textFacts([...own, ...COMMON_HELP])}`
}

const COMMON_HELP = [
  ['--json', 'print one JSON document'],
  ['--verbose', 'more detail, safe to paste into an issue'],
] as const
