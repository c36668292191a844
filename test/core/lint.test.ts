import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Finding, LINT_RULES, lintConfig, lintStored } from '../../src/core/lint.ts'
import { Secret } from '../../src/core/secret.ts'
import { readStoredConfig } from '../../src/core/stored-config.ts'
import { LINT_SUITES } from './lint-cases.ts'

function told(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ code, line, registry }) => {
    return `${code}${line === undefined ? '' : `@${line}`}${registry === undefined ? '' : `[${registry}]`}`
  })
}

for (const { title, notes, cases } of LINT_SUITES) {
  test(notes ? `${title}, notes included` : title, () => {
    for (const { text, told: expected } of cases) {
      const findings = lintConfig(text).filter(({ severity }) => notes || severity !== 'note')
      assert.deepEqual(told(findings), expected, String(text).slice(0, 300))
    }
  })
}

test('every rule has a case, words and a hint', () => {
  const met = new Set(
    LINT_SUITES.flatMap(({ cases }) =>
      cases.flatMap(({ told: codes }) => codes.map((code) => code.split('@')[0]?.split('[')[0])),
    ),
  )
  for (const [code, { meaning, hint }] of Object.entries(LINT_RULES)) {
    assert.match(code, /^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    assert.ok(met.has(code), `no case for ${code}`)
    assert.ok(meaning.endsWith('.') && hint.length > 0, code)
  }
})

test('a finding names its rule, how bad it is and what to do', () => {
  assert.deepEqual(lintConfig('ECS_CLUSTER=c\nFOO\n').slice(-1), [
    {
      code: 'line-without-equals',
      line: 2,
      severity: 'warning',
      message: LINT_RULES['line-without-equals'].meaning,
      hint: LINT_RULES['line-without-equals'].hint,
    },
  ])
})

test('a config that is read already gets the same findings', () => {
  const data = '{"ghcr.io/a":{"auth":"dTpw"},"ghcr.io/b":{"auth":"dTpx"},"docker.io":{"auth":"eA=="}}'
  for (const text of [
    `ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${data}\n`,
    `ECS_ENGINE_AUTH_DATA=\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"dTpw"}}\n`,
    JSON.stringify({ ECS_CLUSTER: 'prod', ECS_ENGINE_AUTH_TYPE: 'dockercfg', ECS_ENGINE_AUTH_DATA: data }),
  ]) {
    assert.deepEqual(lintStored(readStoredConfig(new Secret(text), 'test')), lintConfig(text))
  }
})
