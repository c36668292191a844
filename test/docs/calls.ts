/** The calls of our command that a page shows: in blocks for a shell, and in the prose. */

import { parseArgs } from 'node:util'
import { COMMANDS } from '../../src/cli/commands.ts'
import { blocksOf, type Page, proseOf, typedIn } from './page.ts'

const COMMON = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  verbose: { type: 'boolean', short: 'v' },
} as const

/** What of a page goes to a shell, each as one text. */
export function shellTexts(page: Page): readonly string[] {
  return blocksOf(page).flatMap(({ language, text }) => {
    if (language === 'console') return typedIn(text).map(({ command }) => command)
    return language === 'sh' ? [text] : []
  })
}

/** Read like calls, and are the comment of a Run Command the status line of an instance, and the boot hook's own program there. */
const NO_CALL = /^ecs-pull-auth (?:canary VERSION$|result=|boot ARN$)/

/** The words after the command's own name. */
export function callsOf(page: Page): readonly (readonly string[])[] {
  const prose = [...proseOf(page).matchAll(/`([^`]+)`/g)]
    .map(([, code = '']) => code.replaceAll('\n', ' '))
    .filter((code) => !NO_CALL.test(code) && /^(?:npx |node dist\/)?(?:ecs-pull-auth|cli\.cjs) [a-z-]/.test(code))
  return [...shellTexts(page), ...prose].flatMap(callsIn)
}

function callsIn(text: string): readonly (readonly string[])[] {
  const found = text
    .replaceAll('\\\n', ' ')
    .matchAll(/(?:^|[\s(;|&])(?:ecs-pull-auth|(?:\S+\/)?cli\.cjs) ((?:[a-z]|--help|--version)[^\n]*)/g)
  return [...found].map(([, rest = '']) => wordsOf(rest)).filter(([first]) => first !== undefined)
}

/** To the end of the simple command, quotes taken off. */
function wordsOf(text: string): readonly string[] {
  const words: string[] = []
  for (const [word] of text.matchAll(/(?:"(?:[^"\\]|\\.|\$\([^)]*\))*"|'[^']*'|[^\s"'|&;<>()#])+|[|&;<>()#]/g)) {
    if (/^[|&;<>()#]$/.test(word)) break
    words.push(word.replaceAll(/^["']|["']$/g, ''))
  }
  return words
}

/** What the command would refuse of a call; null: it would take it. A `…` stands for whatever else it needs. */
export function problemOf([name = '', ...rest]: readonly string[]): string | null {
  if (name.startsWith('--')) return ['--help', '--version'].includes(name) ? null : `there is no ${name}`
  const command = COMMANDS.get(name)
  if (command === undefined) return `there is no command ${name}`
  try {
    const options = { ...COMMON, ...command.options }
    const { values, positionals } = parseArgs({ args: [...rest], options, allowPositionals: true })
    const open = values.help === true || rest.includes('…') || rest.length === 0
    const fits = positionals.length >= command.least && positionals.length <= command.most
    return open || fits ? null : `it takes ${command.usage}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
