/** Completion for bash, zsh and fish, made from the table of commands. Each script asks the CLI nothing while somebody types. */

import type { CliCommand } from './command.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

type Commands = ReadonlyMap<string, CliCommand>

interface Option {
  readonly name: string
  readonly help: string
  readonly takesValue: boolean
  /** What the value can be; null = a text of one's own, or a file. */
  readonly values: readonly string[] | null
}

const COMMON: readonly Option[] = [
  { name: 'json', help: 'print one JSON document', takesValue: false, values: null },
  { name: 'verbose', help: 'more detail, safe to paste into an issue', takesValue: false, values: null },
  { name: 'help', help: 'what the command takes', takesValue: false, values: null },
]

function optionsOf({ options, optionHelp, values }: CliCommand): readonly Option[] {
  const own = Object.entries(options).map(([name, { type }]) => ({
    name,
    help: optionHelp?.[name] ?? '',
    takesValue: type === 'string',
    values: values?.[name] ?? null,
  }))
  return [...own, ...COMMON]
}

export function completionScript(shell: Shell, commands: Commands): string {
  switch (shell) {
    case 'bash':
      return bashScript(commands)
    case 'zsh':
      return zshScript(commands)
    case 'fish':
      return fishScript(commands)
  }
}

/** An empty answer lets readline complete files, as `-o default` asks. For bash 3.2 too. */
function bashScript(commands: Commands): string {
  const cases = [...commands].map(([name, command]) => {
    const options = optionsOf(command)
    const chosen = options.filter(({ values }) => values !== null)
    const values = chosen.map(({ name: option, values: words }) => `--${option}) words='${words?.join(' ')}' ;;`)
    const free = options
      .filter((option) => option.takesValue && option.values === null)
      .map((option) => `--${option.name}`)
    const inner = [...values, ...(free.length === 0 ? [] : [`${free.join('|')}) return ;;`])]
    const flags = `flags='${options.map((option) => `--${option.name}`).join(' ')}'`
    const rest = command.arguments === undefined ? '' : ` rest='${command.arguments.join(' ')}'`
    const previous =
      inner.length === 0 ? '' : `\n      case $previous in\n        ${inner.join('\n        ')}\n      esac`
    return `    ${name})\n      ${flags}${rest}${previous}\n      ;;`
  })
  return `# ecs-pull-auth completion for bash: source <(ecs-pull-auth completion bash)
_ecs_pull_auth() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words= flags= rest=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${[...commands.keys()].join(' ')} --help --version' -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
    *) return ;;
  esac
  if [ -z "$words" ]; then
    case $word in
      -*) words=$flags ;;
      *) words=$rest ;;
    esac
  fi
  [ -z "$words" ] || COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _ecs_pull_auth ecs-pull-auth
`
}

function zshScript(commands: Commands): string {
  const names = [...commands].map(([name, { summary }]) => `    ${quoted(`${name}:${summary}`)}`)
  const cases = [...commands].map(([name, command]) => {
    const options = optionsOf(command).map(({ name: option, help, takesValue, values }) => {
      const what = values === null ? ':value:_files' : `:value:(${values.join(' ')})`
      return quoted(`--${option}[${help.replaceAll(/[[\]\\:]/g, '\\$&')}]${takesValue ? what : ''}`)
    })
    const rest = command.arguments === undefined ? '*:file:_files' : `:argument:(${command.arguments.join(' ')})`
    return `    ${name}) _arguments ${[...options, quoted(rest)].join(' ')} ;;`
  })
  return `#compdef ecs-pull-auth
# ecs-pull-auth completion for zsh: source <(ecs-pull-auth completion zsh), or as _ecs-pull-auth in a folder of fpath
_ecs_pull_auth() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _ecs-pull-auth ]]; then
  _ecs_pull_auth "$@"
else
  compdef _ecs_pull_auth ecs-pull-auth
fi
`
}

function fishScript(commands: Commands): string {
  const lines = [...commands].flatMap(([name, command]) => {
    const seen = `complete -c ecs-pull-auth -n '__fish_seen_subcommand_from ${name}'`
    const options = optionsOf(command).map(({ name: option, help, takesValue, values }) => {
      const value = values === null ? (takesValue ? ' -r' : '') : ` -x -a ${fishQuoted(values.join(' '))}`
      return `${seen} -l ${option}${value} -d ${fishQuoted(help)}`
    })
    const rest = command.arguments === undefined ? [] : [`${seen} -f -a ${fishQuoted(command.arguments.join(' '))}`]
    return [
      `complete -c ecs-pull-auth -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(command.summary)}`,
      ...options,
      ...rest,
    ]
  })
  return `# ecs-pull-auth completion for fish: ecs-pull-auth completion fish | source\n${lines.join('\n')}\n`
}

/** A word in single quotes, in which zsh reads everything as it is. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** In fish a backslash takes the quote, or a backslash, for itself. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`
}
