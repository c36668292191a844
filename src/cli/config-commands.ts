/** The commands that read a config file and nothing else: lint, explain. */

import { type Finding, lintConfig } from '../core/lint.ts'
import { Secret } from '../core/secret.ts'
import { readStoredConfig, resolveImage } from '../core/stored-config.ts'
import type { CliCommand } from './command.ts'
import { textTable } from './table.ts'

export const lint: CliCommand = {
  summary: 'Find every mistake in an ecs.config that the ECS agent would keep silent about.',
  usage: 'FILE',
  options: {},
  least: 1,
  most: 1,
  run: async ({ terminal, arguments: [file = '-'] }) => {
    const findings = lintConfig(terminal.readFile(file))
    const ok = findings.every(({ severity }) => severity === 'note')
    const text =
      findings.length === 0 ? `${file}: no findings.` : findings.map((finding) => findingText(file, finding)).join('\n')
    return { exit: ok ? 0 : 1, json: { ok, findings }, text }
  },
}

function findingText(file: string, { line, severity, code, registry, message, hint }: Finding): string {
  const place = line === undefined ? file : `${file}:${line}`
  return `${place}: ${severity} ${code}${registry === undefined ? '' : ` [${registry}]`}: ${message}\n    ${hint}`
}

export const explain: CliCommand = {
  summary: 'Which entry the ECS agent would use for an image, and why.',
  usage: 'FILE IMAGE…',
  options: {},
  least: 2,
  most: 1000,
  run: async ({ terminal, arguments: [file = '-', ...images] }) => {
    const config = readStoredConfig(new Secret(terminal.readFile(file).toString('utf8')), file)
    const answers = images.map((image) => {
      const { key, credential, ambiguous, candidates, reason } = resolveImage(config, image)
      return { image, key, username: credential?.username ?? null, ambiguous, candidates, reason }
    })
    const rows = answers.map((a) => [
      a.image,
      a.key ?? '-',
      a.username ?? 'anonymous',
      a.ambiguous ? 'AT RANDOM' : '',
      a.reason,
    ])
    return {
      exit: answers.some(({ ambiguous }) => ambiguous) ? 1 : 0,
      json: answers,
      text: textTable(['image', 'key', 'user', '', 'reason'], rows),
    }
  },
}
