import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixConfig } from '../../src/core/fix.ts'
import { lintConfig } from '../../src/core/lint.ts'
import { auth, envFile, GOOD, HEAD } from './lint-cases.ts'

/** The codes of what lint still finds, without notes. */
function left(text: string): readonly string[] {
  return lintConfig(text)
    .filter(({ severity }) => severity !== 'note')
    .map(({ code }) => code)
}

test('a repair brings every beyond-doubt mistake to the line that all readers take', () => {
  const good = envFile(GOOD)
  const broken = [
    envFile(`'${GOOD}'`),
    envFile(`"${GOOD}"`),
    envFile(`"${GOOD.replaceAll('"', '\\"')}"`),
    envFile(GOOD.replaceAll('"', '\\"')),
    envFile(` ${GOOD}`),
    envFile(`${GOOD}\u00a0`),
    envFile(`{"auths":${GOOD},"credsStore":"x"}`),
    envFile(`{"auths":${GOOD}}`, ''),
    envFile(GOOD, 'DOCKERCFG'),
    envFile(GOOD, '"dockercfg"'),
    envFile(GOOD, 'docker'),
    envFile(GOOD, ''),
    envFile(GOOD).replace('DATA=', 'DATA = '),
    envFile(GOOD).replace('ECS_ENGINE_AUTH_DATA', 'export ECS_ENGINE_AUTH_DATA'),
    envFile(GOOD).replace('ECS_ENGINE_AUTH_TYPE', 'ecs_engine_auth_type'),
    envFile('{"ghcr.io":{"username":"u","password":"p"}}'),
    envFile('{"ghcr.io":{"auth":"dTpw\\n"}}'),
    envFile(`{"ghcr.io":{"auth":"${auth('u:p\n')}"}}`),
    envFile('{"ghcr.io":{"auth":"dTpw"},"ghcr.io":{"auth":"dTpw"}}'),
    envFile('{"ghcr.io":{"auth":"dTpw"},"https://ghcr.io/":{"auth":"dTpw"}}'),
    envFile('{"ghcr.io":{"auth":"dTpw"},"credsStore":"x"}'),
    envFile('{"\\u0067hcr.io":{"auth":"dTpw"}}'),
    `\ufeff${good}`,
    good.replaceAll('\n', '\r'),
  ]
  for (const text of broken) {
    const fixed = fixConfig(text)
    assert.equal(fixed.text, good, text)
    assert.ok(fixed.notes.length > 0)
  }
})

test('a value over several lines, and a comment behind it, find their places', () => {
  const pretty = envFile(JSON.stringify(JSON.parse(GOOD), null, 2)).concat('X=1\n')
  assert.deepEqual(JSON.parse(dataIn(fixConfig(pretty).text)), JSON.parse(GOOD))
  assert.deepEqual(left(fixConfig(pretty).text), [])
  const continued = envFile(GOOD.replace(':{', ':\\\n{'))
  assert.deepEqual(JSON.parse(dataIn(fixConfig(continued).text)), JSON.parse(GOOD))
  const commented = fixConfig(envFile(`${GOOD} # note`)).text
  assert.equal(commented, `${HEAD}ECS_ENGINE_AUTH_TYPE=dockercfg\n# note\nECS_ENGINE_AUTH_DATA=${GOOD}\n`)
})

function dataIn(text: string): string {
  return text.split('ECS_ENGINE_AUTH_DATA=')[1]?.split('\n')[0] ?? ''
}

test('keys are brought to the spelling that the agent finds, and hosts to a key of their own', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"docker.io":{"auth":"dTpw"}}', '{"https://index.docker.io/v1/":{"auth":"dTpw"}}'],
    ['{"HTTPS://ghcr.io ":{"auth":"dTpw"}}', '{"https://ghcr.io":{"auth":"dTpw"}}'],
    [
      '{"ghcr.io/a/":{"auth":"dTpw"},"ghcr.io/b/":{"auth":"dTpx"}}',
      '{"ghcr.io/a/":{"auth":"dTpw"},"ghcr.io/b/":{"auth":"dTpx"},"ghcr.io":{"auth":"dTpw"}}',
    ],
    [
      '{"ghcr.io/":{"auth":"dTpw"},"ghcr.io/b/":{"auth":"dTpx"}}',
      '{"ghcr.io":{"auth":"dTpw"},"ghcr.io/b/":{"auth":"dTpx"}}',
    ],
  ]
  for (const [data, expected] of cases) {
    assert.equal(fixConfig(envFile(data)).text, envFile(expected))
    assert.deepEqual(left(envFile(expected)), [])
  }
})

test('what needs a decision stays as it is', () => {
  const undecided = [
    envFile('{"ghcr.io":{"auth":"dTpw"},"https://ghcr.io":{"auth":"dTpx"}}'),
    envFile('{"docker.io":{"auth":"dTpw"},"index.docker.io":{"auth":"dTpx"}}'),
    envFile('{"ghcr.io":{"auth":"????"}}'),
    envFile('{"ghcr.io":{"auth":"dTpw"},}'),
    envFile('{"ghcr.io":{"identitytoken":"t"}}'),
    `${envFile(GOOD)}ECS_ENGINE_AUTH_DATA =${GOOD}\n`,
    '{"auths":{}}',
    'ECS_CLUSTER=prod\r ECS_ENGINE_AUTH_DATA={}\nX=1\n',
    'token',
    '',
  ]
  for (const text of undecided) assert.deepEqual(fixConfig(text), { text, notes: [] })
})

test('the key/value form is repaired in place', () => {
  const text = `{\n "ECS_CLUSTER": "c",\n "ECS_ENGINE_AUTH_TYPE": "DOCKERCFG",\n "ECS_ENGINE_AUTH_DATA": ${JSON.stringify(GOOD)}\n}\n`
  assert.equal(fixConfig(text).text, text.replace('DOCKERCFG', 'dockercfg'))
})

test('comments that only systemd knows, or that swallow a line there, become comments for all', () => {
  assert.equal(fixConfig(`; one\n${HEAD}# two \\\nX=1\n`).text, `# one\n${HEAD}# two\nX=1\n`)
})

test('a repair that makes another one possible brings it along', () => {
  const auth = '{"http://10.0.0.5//":{"auth":"dTpw"},"10.0.0.5/org":{"auth":"dTpx"}}'
  const once = fixConfig(`ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${auth}\n`)
  assert.ok(once.notes.length >= 2, once.notes.join(' '))
  assert.deepEqual(fixConfig(once.text), { text: once.text, notes: [] })
})
