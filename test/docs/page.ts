/** README and docs as their readers get them: fenced blocks, what a reader does by them, headings, links. */

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

export interface Page {
  /** From the root of the repository. */
  readonly file: string
  readonly text: string
}

export interface Block {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly text: string
  /** The last line of prose before it. */
  readonly before: string
}

export function readPage(file: string): Page {
  return { file, text: readFileSync(join(root, file), 'utf8') }
}

/** Everything that people read on the way: the files beside the README, and all of docs. */
export function readPages(): readonly Page[] {
  const files = ['.', 'docs', 'docs/registries'].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => (name.endsWith('.md') ? [join(folder, name)] : [])),
  )
  return files.sort().map(readPage)
}

export function blocksOf({ file, text }: Page): readonly Block[] {
  const found = [...text.matchAll(/^( *)```([^\n`]*)\n([\s\S]*?)^ *```$/gm)]
  return found.map(({ index, 1: indent = '', 2: language = '', 3: inside = '' }) => ({
    page: file,
    line: text.slice(0, index).split('\n').length,
    language,
    text: inside.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    before: text.slice(0, index).trimEnd().split('\n').at(-1) ?? '',
  }))
}

/** The page without its blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^( *)```[^\n`]*\n[\s\S]*?^ *```$/gm, '')
}

/** What a reader does who follows a page from top to bottom. */
export type Act =
  | { readonly kind: 'save'; readonly name: string; readonly text: string }
  | { readonly kind: 'command'; readonly command: string; readonly shown: string }

/** `Save … as NAME:` before a block is a file; in a `console` block `$` and `>` begin what is typed, the rest is shown. */
export function actsOf(page: Page): readonly Act[] {
  return blocksOf(page).flatMap((block): readonly Act[] => {
    const name = /[Ss]ave (?:this|it) as `([^`]+)`/.exec(block.before)?.[1]
    if (name !== undefined) return [{ kind: 'save', name, text: block.text }]
    return block.language === 'console' ? typedIn(block.text) : []
  })
}

export function typedIn(text: string): readonly Extract<Act, { kind: 'command' }>[] {
  const [, ...parts] = `\n${text}`.split('\n$ ')
  return parts.map((part) => {
    const [first = '', ...rest] = part.replace(/\n$/, '').split('\n')
    const more = rest.findIndex((line) => !line.startsWith('> '))
    const typed = more < 0 ? rest.length : more
    const command = [first, ...rest.slice(0, typed).map((line) => line.slice(2))].join('\n')
    return { kind: 'command', command, shown: rest.slice(typed).join('\n') }
  })
}
