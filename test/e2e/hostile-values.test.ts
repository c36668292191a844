/** Values that try to be more than values: commands to the runner, lines of a file, markup. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readVariables } from '../../src/core/ecs-config.ts'
import { marked } from '../doubles/marks.ts'
import { actionStep } from './action.ts'
import { gitlabPlan } from './plans.ts'
import { actionRefuses, cliRefuses, planFile, planOption, singleInputs } from './refusal.ts'
import { actionParts, matchSnapshot, requestParts } from './snapshot.ts'
import { SECRET, setStage } from './stage.ts'

const COMMANDS = '\n::set-output name=version::1\n::stop-commands::x\n##[add-path]/tmp'

actionRefuses([
  {
    what: 'commands in the name of a secret',
    code: 'PLAN_INVALID',
    says: /secret is not the name or ARN of a secret/,
    inputs: (stage) => singleInputs(stage, { secret: `prod${COMMANDS}` }),
  },
  {
    what: 'commands in a registry key',
    code: 'PLAN_INVALID',
    says: /must be printable ASCII without blanks/,
    inputs: (stage) => singleInputs(stage, { registry: `${stage.registry.host}${COMMANDS}` }),
  },
  {
    what: 'commands in a probe',
    code: 'PLAN_INVALID',
    says: /probe is not an image reference/,
    inputs: (stage) => singleInputs(stage, { probe: `${stage.probe}${COMMANDS}` }),
  },
  {
    what: 'commands in the targets',
    code: 'USAGE',
    says: /has the line "::stop-commands::x" without a value/,
    inputs: (stage) => singleInputs(stage, { targets: `tag:a=b\n::stop-commands::x` }),
  },
  {
    what: 'commands and markup in the name of a field',
    code: 'PLAN_INVALID',
    says: /is not a field of the plan/,
    inputs: (stage) => planFile(stage, `${gitlabPlan(stage)}"<img src=x>|\\n::set-output name=version::1": true\n`),
  },
  {
    what: 'commands in the path of a plan',
    code: 'PLAN_MISSING',
    says: /cannot be read/,
    inputs: () => ({ plan: `nowhere${COMMANDS}` }),
  },
  {
    what: 'a line break in a user name',
    code: 'CREDENTIAL_INVALID',
    says: /username that has a control character or a line break/,
    inputs: (stage) => singleInputs(stage, { username: `puller${COMMANDS}` }),
  },
  {
    what: 'a second line in a password',
    code: 'CREDENTIAL_INVALID',
    says: /password that has a control character or a line break/,
    inputs: (stage) => singleInputs(stage, { password: `${marked('two-lines')}\nECS_CLUSTER=theirs` }),
  },
  {
    what: 'a name from the prototype of all objects',
    code: 'PLAN_INVALID',
    says: /__proto__ is not a field of the plan/,
    inputs: (stage) => planFile(stage, `${gitlabPlan(stage)}__proto__: { secret: other }\n`),
  },
  {
    what: 'a plan that would grow without end when it is read',
    code: 'PLAN_INVALID',
    says: /a is not a field of the plan/,
    inputs: (stage) => planFile(stage, BILLION_LAUGHS),
  },
])

cliRefuses([
  {
    what: 'control characters in an argument',
    code: 'USAGE',
    says: /no command rotate +\[2J/,
    exit: 2,
    argv: () => ['rotate\u001b[2J'],
  },
  {
    what: 'a Region that is an address',
    code: 'AWS_CREDENTIALS',
    says: /needs a Region, and the one that is set is none/,
    argv: (stage) => ['status', ...planOption(stage), '--region', 'x.example.com/#'],
  },
])

test('a registry key that spells a command is shown, and not obeyed', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const registry = `${stage.registry.host}/##[stop-commands]x`
  const run = await actionStep(stage, { inputs: singleInputs(stage, { registry }) })
  matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator'])])
})

test('a password with every sign that somebody could misread is written as it is', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const fresh = { username: 'robot$x', password: `${marked('signs')} $HOME \`id\` #'"\\%{}|<b>::error::` }
  stage.tokens.add({ ...fresh, pulls: ['acme/*'], expiresAt: null })
  const run = await actionStep(stage, { inputs: singleInputs(stage, fresh) })
  assert.equal(run.exitCode, 0, run.stdout)
  const loaded = stage.instances[0]?.credentialFor(stage.probe)
  assert.ok(loaded && (await stage.pulls(loaded)))
  const variables = readVariables(stage.aws.secrets.secret(SECRET).text('AWSCURRENT') ?? '')
  assert.equal(variables.get('ECS_CLUSTER'), 'prod')
})

const BILLION_LAUGHS = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  ...[...'bcdefghi'].map((name, index) => {
    const before = 'abcdefgh'[index]
    return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`
  }),
  '',
].join('\n')
