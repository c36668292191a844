/** The commands that only print what this version knows: providers, document. */

import reloadDocument from '../../deploy/document.json' with { type: 'json' }
import { PROVIDERS } from '../registries/table.ts'
import type { CliCommand } from './command.ts'
import { textTable } from './table.ts'

export const document: CliCommand = {
  summary: 'Print the SSM Command document, ready for aws ssm create-document.',
  usage: '',
  options: {},
  least: 0,
  most: 0,
  run: async () => ({ exit: 0, json: reloadDocument, text: JSON.stringify(reloadDocument, null, 2) }),
}

export const providers: CliCommand = {
  summary: 'List the sources of credentials and what each needs and can do.',
  usage: '',
  options: {},
  least: 0,
  most: 0,
  run: async () => {
    const all = [...PROVIDERS.values()]
    const json = all.map(({ kind, summary, traits, options }) => ({
      provider: kind,
      summary,
      ...traits,
      fields: Object.keys(options),
    }))
    const rows = json.map(({ provider, rotation, revoke, fields, summary }) => [
      provider,
      rotation,
      revoke,
      fields.join(', '),
      summary,
    ])
    return { exit: 0, json, text: textTable(['provider', 'class', 'revoke', 'fields', 'what'], rows) }
  },
}
