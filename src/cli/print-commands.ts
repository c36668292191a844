/** The commands that only print what this version knows: providers, document. */

import { userData } from '../../deploy/boot/user-data.mjs'
import reloadDocument from '../../deploy/document.json' with { type: 'json' }
import runbook from '../../deploy/runbook.json' with { type: 'json' }
import { PullAuthError } from '../core/errors.ts'
import { overviewOf, type ProviderOverview } from '../registries/overview.ts'
import { PROVIDERS } from '../registries/table.ts'
import type { CliCommand } from './command.ts'
import { completionScript, SHELLS } from './completion.ts'
import { textFacts } from './table.ts'

export const document: CliCommand = {
  summary: 'Print the SSM document, the Automation runbook, or user data for new instances.',
  usage: '[--boot ARN | --runbook]',
  options: { boot: { type: 'string' }, runbook: { type: 'boolean' } },
  optionHelp: {
    boot: 'print user data that fetches this secret before the agent starts, and before every later start',
    runbook: 'print the Automation runbook, for a plan with fleet.runbook',
  },
  least: 0,
  most: 0,
  run: async ({ options: { boot, runbook: wanted } }) => {
    if (boot !== undefined && wanted === true)
      throw new PullAuthError('USAGE', '--boot and --runbook print two things.', 'Say one of them.')
    if (wanted === true) return { exit: 0, json: runbook, text: JSON.stringify(runbook, null, 2) }
    if (boot === undefined) return { exit: 0, json: reloadDocument, text: reloadDocumentText() }
    const text = userData(reloadDocument, secretArn(String(boot)), 'auth-only')
    return { exit: 0, json: { userData: text }, text }
  },
}

/** Goes into a shell script, so it has to be what the document's own parameter takes. */
function secretArn(text: string): string {
  if (new RegExp(reloadDocument.parameters.secretArn.allowedPattern).test(text)) return text
  throw new PullAuthError(
    'USAGE',
    '--boot is not the full ARN of a secret.',
    'Give the ARN that aws secretsmanager describe-secret prints.',
  )
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

/** `commands`: the whole table, this command among them. */
export function completion(commands: () => ReadonlyMap<string, CliCommand>): CliCommand {
  return {
    summary: 'Print completion for a shell: source <(ecs-pull-auth completion bash).',
    usage: SHELLS.join('|'),
    options: {},
    arguments: SHELLS,
    least: 1,
    most: 1,
    run: async ({ arguments: [wanted = ''] }) => {
      const shell = SHELLS.find((known) => known === wanted)
      if (shell === undefined)
        throw new PullAuthError(
          'USAGE',
          'completion takes bash, zsh or fish.',
          'For example: source <(ecs-pull-auth completion bash)',
        )
      const script = completionScript(shell, commands())
      return { exit: 0, json: { shell, script }, text: script.trimEnd() }
    },
  }
}

function providerText({ provider, summary, rootless, ...words }: ProviderOverview): string {
  const facts = Object.entries({ ...words, 'no stored root': rootless })
  const plain = facts.map(([label, text]): [string, string] => [label, text.replaceAll('`', '')])
  return `${provider}  ${summary}\n${textFacts(plain)}`
}
