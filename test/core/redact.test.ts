import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactConfig, redactedDifference } from '../../src/core/redact.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'

const password = marked('redact')
const auth = Buffer.from(`user:${password}`).toString('base64')
const data = `{"ghcr.io":{"auth":"${auth}"}}`

test('a person sees which registries there are, and every other line', () => {
  const text = `ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\nECS_IMAGE_PULL_BEHAVIOR=always\nECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"${auth}"},"quay.io":{"auth":"${auth}"}}\n# a note\n`
  const others = 'ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256\nECS_IMAGE_PULL_BEHAVIOR=always\n'
  assert.equal(redactConfig(text), `${others}ECS_ENGINE_AUTH_DATA={ghcr.io: ***, quay.io: ***}\n# a note\n`)
})

test('the state line is shortened', () => {
  assert.equal(redactConfig('# ecs-pull-auth:v1:eyJlbnRyaWVzIjpbXX0'), '# ecs-pull-auth:v1:…')
})

const malformed: readonly [string, string][] = [
  ['single quotes', `ECS_ENGINE_AUTH_DATA='${data}'`],
  ['escaped quotes', `ECS_ENGINE_AUTH_DATA="${data.replaceAll('"', '\\"')}"`],
  ['a commented-out old value', `# ECS_ENGINE_AUTH_DATA=${data}`],
  ['export', `export ECS_ENGINE_AUTH_DATA=${data}`],
  ['blanks round the equals sign', `ECS_ENGINE_AUTH_DATA = ${data}`],
  ['another case', `ecs_engine_auth_data=${data}`],
  ['broken JSON', `ECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"${auth}`],
  [
    'JSON over several lines',
    `ECS_ENGINE_AUTH_DATA={\n  "ghcr.io": {\n    "auth": "${auth}",\n    "password": "${password}"\n  }\n}`,
  ],
  ['type docker', `ECS_ENGINE_AUTH_DATA={"ghcr.io":{"username":"user","password":"${password}"}}`],
  ['the console’s key/value form', JSON.stringify({ ECS_CLUSTER: 'prod', ECS_ENGINE_AUTH_DATA: data })],
  ['the same over several lines', JSON.stringify({ ECS_CLUSTER: 'prod', ECS_ENGINE_AUTH_DATA: data }, null, 2)],
  ['a docker config.json', JSON.stringify({ auths: { 'ghcr.io': { auth } } }, null, 2)],
  ['a token in another variable', `ECS_OTHER=${password}`],
  ['a token in a comment', `# the old token was ${password}`],
]
for (const [what, text] of malformed) {
  test(`no credential is shown: ${what}`, () => assertNoMarks(redactConfig(text), what))
}

test('a difference shows the lines that changed, without credentials', () => {
  const before = `ECS_CLUSTER=prod\r\nECS_ENGINE_AUTH_DATA='${data}'\nECS_LOGLEVEL=warn\n`
  const after = `ECS_CLUSTER=prod\r\nECS_ENGINE_AUTH_DATA=${data}\nECS_LOGLEVEL=warn\n`
  const difference = redactedDifference(before, after)
  assertNoMarks(difference, 'the difference')
  assert.match(
    difference,
    /^- ECS_ENGINE_AUTH_DATA=\*\*\* \(\d+ characters\)\n\+ ECS_ENGINE_AUTH_DATA=\{ghcr\.io: \*\*\*\}$/,
  )
})
