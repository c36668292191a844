/** The commands that only print what this version knows: providers, document. */

import reloadDocument from '../../deploy/document.json' with { type: 'json' }
import { overviewOf, type ProviderOverview } from '../registries/overview.ts'
import { PROVIDERS } from '../registries/table.ts'
import type { CliCommand } from './command.ts'
import { textFacts } from './table.ts'

export const document: CliCommand = {
  summary: 'Print the SSM Command document, ready for aws ssm create-document.',
  usage: '',
  options: {},
  least: 0,
  most: 0,
  run: async () => ({ exit: 0, json: reloadDocument, text: reloadDocumentText() }),
}

/** One line of script on each line. Systems Manager takes 64 KB at most, and indentation would be a fifth of that. */
function reloadDocumentText(): string {
  return JSON.stringify(reloadDocument, null, 1).replaceAll(/^ +/gm, '')
}

export const providers: CliCommand = {
  summary: 'List the sources of credentials and what each needs and can do.',
  usage: '',
  options: {},
  least: 0,
  most: 0,
  run: async () => {
    const all = [...PROVIDERS.values()].map((provider) => ({ provider, words: overviewOf(provider) }))
    const json = all.map(({ provider: { kind, summary, traits, options }, words }) => {
      const { rootless, schedule } = words
      return { provider: kind, summary, ...traits, rootless, schedule, fields: Object.keys(options) }
    })
    return { exit: 0, json, text: all.map(({ words }) => providerText(words)).join('\n\n') }
  },
}

function providerText({ provider, summary, rootless, ...words }: ProviderOverview): string {
  const facts = Object.entries({ ...words, 'no stored root': rootless })
  const plain = facts.map(([label, text]): [string, string] => [label, text.replaceAll('`', '')])
  return `${provider}  ${summary}\n${textFacts(plain)}`
}
