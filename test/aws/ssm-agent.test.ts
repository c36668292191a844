/** What the SSM agent does with a document on an instance: facts ssm-fleet-reload.md sections 2.1 to 2.3. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseDocument } from './document-content.ts'
import { type InstanceSeed, instanceOf, type ScriptResult } from './instances.ts'
import { documentStatus, runDocument } from './ssm-agent.ts'
import { checkParameters } from './ssm-parameters.ts'

type Step = Record<string, unknown> & { name: string }

function shell(name: string, inputs: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Step {
  return { action: 'aws:runShellScript', name, inputs: { runCommand: [name], ...inputs }, ...more }
}

interface Ran {
  readonly script: string
  readonly env: Readonly<Record<string, string>>
  readonly timeoutSeconds: number
}

/** Runs a document on one instance; `results` says what each script, named by its text, does. */
async function run(
  mainSteps: readonly Step[],
  options: {
    results?: Readonly<Record<string, Partial<ScriptResult>>>
    parameters?: Readonly<Record<string, unknown>>
    given?: Readonly<Record<string, readonly string[]>>
    seed?: Partial<InstanceSeed>
  } = {},
) {
  const document = parseDocument(
    JSON.stringify({ schemaVersion: '2.2', parameters: options.parameters ?? {}, mainSteps }),
  )
  const ran: Ran[] = []
  const steps = await runDocument({
    commandId: 'the-command',
    region: 'eu-central-1',
    instance: instanceOf({ id: 'i-0123456789abcdef0', ...options.seed }),
    document,
    parameters: checkParameters(document, options.given ?? {}),
    signal: new AbortController().signal,
    now: () => 0,
    runner: {
      run: async ({ script, env, timeoutSeconds }) => {
        ran.push({ script, env, timeoutSeconds })
        return { exitCode: 0, stdout: '', stderr: '', ...options.results?.[script] }
      },
    },
  })
  return { status: documentStatus(steps), steps, ran, scripts: ran.map(({ script }) => script) }
}

describe('exit codes and the steps after them (section 2.3)', () => {
  const cases: [string, readonly Step[], Record<string, Partial<ScriptResult>>, string[], string][] = [
    ['0 goes on', [shell('one'), shell('two')], {}, ['one', 'two'], 'Success'],
    [
      'a failure goes on, and the document fails',
      [shell('one'), shell('two')],
      { one: { exitCode: 1 } },
      ['one', 'two'],
      'Failed',
    ],
    [
      'onFailure beside action is ignored',
      [shell('one', {}, { onFailure: 'exit' }), shell('two')],
      { one: { exitCode: 1 } },
      ['one', 'two'],
      'Failed',
    ],
    [
      'onFailure in inputs stops',
      [shell('one', { onFailure: 'exit' }), shell('two')],
      { one: { exitCode: 1 } },
      ['one'],
      'Failed',
    ],
    [
      'but not before a last step that is a finallyStep',
      [shell('one', { onFailure: 'exit' }), shell('two'), shell('end', { finallyStep: true })],
      { one: { exitCode: 1 } },
      ['one', 'end'],
      'Failed',
    ],
    [
      'and not after a timeout',
      [shell('one', { onFailure: 'exit' }), shell('two')],
      { one: { exitCode: -1, timedOut: true } },
      ['one', 'two'],
      'ExecutionTimedOut',
    ],
    ['168 stops as a success', [shell('one'), shell('two')], { one: { exitCode: 168 } }, ['one'], 'Success'],
    ['169 stops as a failure', [shell('one'), shell('two')], { one: { exitCode: 169 } }, ['one'], 'Failed'],
    ['194 stops, and would reboot', [shell('one'), shell('two')], { one: { exitCode: 194 } }, ['one'], 'Failed'],
    ['137 counts as a timeout', [shell('one')], { one: { exitCode: 137 } }, ['one'], 'ExecutionTimedOut'],
  ]
  for (const [what, steps, results, scripts, status] of cases) {
    test(what, async () => {
      const outcome = await run(steps, { results })
      assert.deepEqual([outcome.scripts, outcome.status], [scripts, status])
    })
  }

  test('a timeout keeps the output so far and shows 137', async () => {
    const { steps } = await run([shell('one')], {
      results: { one: { exitCode: -1, timedOut: true, stdout: 'so far' } },
    })
    assert.deepEqual([steps[0]?.exitCode, steps[0]?.stdout], [137, 'so far'])
  })

  test('timeoutSeconds under 5 or over 172,800, or none, is an hour', async () => {
    for (const [given, seconds] of [
      ['4', 3600],
      ['5', 5],
      ['172800', 172_800],
      ['172801', 3600],
      ['x', 3600],
      [undefined, 3600],
    ] as const) {
      const { ran } = await run([shell('one', given === undefined ? {} : { timeoutSeconds: given })])
      assert.equal(ran[0]?.timeoutSeconds, seconds, given)
    }
  })
})

describe('preconditions and platforms (section 2.3)', () => {
  const linux = shell('linux', {}, { precondition: { StringEquals: ['platformType', 'Linux'] } })
  const windows = {
    ...shell('windows'),
    action: 'aws:runPowerShellScript',
    precondition: { StringEquals: ['platformType', 'Windows'] },
  }

  test('a step runs where its precondition holds; a skipped one is a success', async () => {
    const outcome = await run([linux, windows])
    assert.deepEqual([outcome.scripts, outcome.status], [['linux'], 'Success'])
    assert.match(outcome.steps[1]?.stdout ?? '', /^Step execution skipped due to unsatisfied preconditions/)
    assert.deepEqual((await run([linux, windows], { seed: { platform: 'Windows' } })).scripts, ['windows'])
  })

  test('a document whose steps are all skipped is a success that did nothing', async () => {
    const outcome = await run([windows])
    assert.deepEqual([outcome.scripts, outcome.status], [[], 'Success'])
  })

  test('parameters may be compared, with two operands and StringEquals only', async () => {
    const parameters = { mode: { type: 'String', default: 'on' } }
    const when = (precondition: unknown) => run([shell('one', {}, { precondition })], { parameters })
    assert.deepEqual((await when({ StringEquals: ['{{ mode }}', 'on'] })).scripts, ['one'])
    assert.deepEqual((await when({ StringEquals: ['{{ mode }}', 'off'] })).scripts, [])
    assert.deepEqual((await when({ StringEquals: ['a', 'a', 'a'] })).scripts, [])
    assert.deepEqual((await when({ StringLike: ['a', 'a'] })).scripts, [])
  })
})

describe('parameters (sections 2.1 and 2.2)', () => {
  const parameters = { word: { type: 'String', interpolationType: 'ENV_VAR' }, other: { type: 'String', default: 'o' } }
  const line = 'echo {{ word }} {{other}} {{ unknown-name }} {{.Names}}'

  test('an agent from 3.3.2746.0 on exports SSM_<name> and leaves its placeholder', async () => {
    for (const agentVersion of ['3.3.2746.0', '3.3.4624.0', '4.0.0.0']) {
      const { ran } = await run([shell(line.replace('echo', 'say'), { runCommand: [line] }, { name: 'say' })], {
        parameters,
        given: { word: ['hi'] },
        seed: { agentVersion },
      })
      assert.equal(ran[0]?.script, 'echo {{ word }} o {{ unknown-name }} {{.Names}}', agentVersion)
      assert.equal(ran[0]?.env['SSM_word'], 'hi')
      assert.equal(ran[0]?.env['SSM_other'], undefined)
    }
  })

  test('an older agent ignores the key and pastes the value, commands and all', async () => {
    const { ran } = await run([shell('say', { runCommand: ['echo {{ word }}'] })], {
      parameters,
      given: { word: ['$(id)'] },
      seed: { agentVersion: '3.3.987.0' },
    })
    assert.deepEqual([ran[0]?.script, ran[0]?.env['SSM_word']], ['echo $(id)', undefined])
  })

  test('the paste is a single pass, and $$ of a value becomes $', async () => {
    const { ran } = await run([shell('say', { runCommand: ['{{ a }}', '{{ b }}'] })], {
      parameters: { a: { type: 'String' }, b: { type: 'String' } },
      given: { a: ['{{ b }}'], b: ['$$HOME'] },
    })
    assert.equal(ran[0]?.script, '{{ b }}\n$HOME')
  })

  test('the script knows its command, instance, Region and platform (section 2.4)', async () => {
    const { ran } = await run([shell('one')])
    assert.deepEqual(ran[0]?.env, {
      SSM_COMMAND_ID: 'the-command',
      AWS_SSM_INSTANCE_ID: 'i-0123456789abcdef0',
      AWS_SSM_REGION_NAME: 'eu-central-1',
      AWS_SSM_PLATFORM_NAME: 'Amazon Linux',
      AWS_SSM_PLATFORM_VERSION: '2023',
    })
  })
})
