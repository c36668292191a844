/** Lint findings as SARIF 2.1.0, for uploads to code scanning. */

import { type Finding, LINT_RULES } from '../core/lint.ts'
import { VERSION } from '../version.ts'

export function sarifOf(file: string, findings: readonly Finding[]): object {
  const rules = Object.entries(LINT_RULES).map(([id, { severity, meaning, hint }]) => ({
    id,
    shortDescription: { text: meaning },
    help: { text: hint },
    defaultConfiguration: { level: severity },
  }))
  const results = findings.map(({ code, severity, line, message, hint }) => ({
    ruleId: code,
    level: severity,
    message: { text: `${message} ${hint}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: file === '-' ? 'stdin' : file.replaceAll('\\', '/') },
          region: { startLine: line ?? 1 },
        },
      },
    ],
  }))
  const driver = { name: 'ecs-pull-auth', version: VERSION, rules }
  return {
    version: '2.1.0',
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    runs: [{ tool: { driver }, results }],
  }
}
