/** The commands that read a config file and nothing else: lint, explain. */

import { PullAuthError } from '../core/errors.ts'
import { explainImages } from '../core/explain.ts'
import { fixConfig } from '../core/fix.ts'
import { type Finding, lintConfig } from '../core/lint.ts'
import { redactedDifference } from '../core/redact.ts'
import { decodeUtf8, encodeUtf8 } from '../core/utf8.ts'
import type { CliCommand, CommandResult, Terminal } from './command.ts'
import { sarifOf } from './sarif.ts'
import { textFacts, textTable } from './table.ts'

export const lint: CliCommand = {
  summary: 'Find every mistake in an ecs.config that the ECS agent would keep silent about.',
  usage: 'FILE',
  options: { fix: { type: 'boolean' }, sarif: { type: 'boolean' } },
  optionHelp: { fix: 'mend what has one meaning only, and show the redacted difference', sarif: 'print SARIF 2.1.0' },
  least: 1,
  most: 1,
  run: async ({ terminal, options, arguments: [file = '-'] }) => {
    if (options['fix'] === true) return fix(terminal, file)
    const findings = lintConfig(terminal.readFile(file))
    const ok = isGood(findings)
    if (options['sarif'] === true) {
      const sarif = sarifOf(file, findings)
      return { exit: ok ? 0 : 1, json: sarif, text: JSON.stringify(sarif, null, 2) }
    }
    return { exit: ok ? 0 : 1, json: { ok, findings }, text: findingsText(terminal, file, findings) }
  },
}

/** Writes only when something was mended, whole or not at all; what needs a decision stays and is listed. */
function fix(terminal: Terminal, file: string): CommandResult {
  if (file === '-') {
    throw new PullAuthError('USAGE', 'lint --fix writes the file, and standard input is none.', 'Name a file.')
  }
  const before = decodeUtf8(terminal.readFile(file))
  const { text: after, notes } = fixConfig(before)
  if (after !== before) terminal.writeFile(file, encodeUtf8(after))
  const findings = lintConfig(encodeUtf8(after))
  const ok = isGood(findings)
  const difference = redactedDifference(before, after)
  const parts =
    after === before ? ['There was nothing to mend.'] : [...notes.map((note) => `mended: ${note}`), difference]
  return {
    exit: ok ? 0 : 1,
    json: { ok, changed: after !== before, fixed: notes, difference, findings },
    text: [...parts, findingsText(terminal, file, findings)].join('\n'),
  }
}

function isGood(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === 'note')
}

function findingsText(terminal: Terminal, file: string, findings: readonly Finding[]): string {
  return findings.length === 0
    ? `${file}: no findings.`
    : findings.map((finding) => findingText(terminal, file, finding)).join('\n')
}

const COLOURS = { error: 'red', warning: 'yellow', note: 'green' } as const

function findingText({ colour }: Terminal, file: string, finding: Finding): string {
  const { line, severity, code, registry, message, hint } = finding
  const place = line === undefined ? file : `${file}:${line}`
  return `${place}: ${colour(COLOURS[severity], severity)} ${code}${registry === undefined ? '' : ` [${registry}]`}: ${message}\n    ${hint}`
}

export const explain: CliCommand = {
  summary: 'Which entry the ECS agent would use for an image, and why.',
  usage: 'FILE IMAGE…',
  options: {},
  least: 2,
  most: 1000,
  run: async ({ terminal, arguments: [file = '-', ...images] }) => {
    const answers = explainImages(decodeUtf8(terminal.readFile(file)), images)
    const rows = answers.map(({ image, key, username, ambiguous, candidates }) => [
      image,
      ambiguous ? `at random: ${candidates.join(', ')}` : (key ?? '-'),
      username ?? (ambiguous ? '?' : 'anonymous'),
    ])
    const reasons = textFacts(answers.map(({ image, reason }) => [image, reason]))
    return {
      exit: answers.some(({ ambiguous }) => ambiguous) ? 1 : 0,
      json: answers,
      text: `${textTable(['image', 'key', 'user'], rows)}\n\n${reasons}`,
    }
  },
}
