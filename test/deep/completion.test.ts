/** Completion in a real zsh and a real fish. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { completionScript, type Shell } from '../../src/cli/completion.ts'
import { converse } from '../e2e/terminal.ts'
import { ENVIRONMENT, isMissing, programPath, run } from './software.ts'

function scriptOf(t: TestContext, shell: Shell): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-completion-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'script'), completionScript(shell, COMMANDS))
  return folder
}

/** What is typed, with a Tab for each `→`, and the line that zsh makes of it. */
const ZSH: readonly (readonly [typed: string, line: string])[] = [
  ['ecs-pull-auth rel→--on-→det→', 'ecs-pull-auth reload --on-interrupt detach'],
  ['ecs-pull-auth compl→fi→', 'ecs-pull-auth completion fish'],
  ['ecs-pull-auth iam --repository-i→', 'ecs-pull-auth iam --repository-ids'],
  ['ecs-pull-auth demo --br→los→', 'ecs-pull-auth demo --break lost-response'],
  ['ecs-pull-auth lint scr→', 'ecs-pull-auth lint script'],
]

test('zsh completes commands, options, their values and files', async (t) => {
  const zsh = programPath('zsh')
  if (isMissing(t, { zsh: zsh !== null })) return
  const cwd = scriptOf(t, 'zsh')
  const start = 'PS1=\'GO\'; PS1="$PS1> "; autoload -U compinit; compinit -u -D; source ./script\n'
  for (const [typed, line] of ZSH) {
    // The line is printed instead of run: its first word moves behind an echo.
    const answers: [string, string][] = [
      ['# ', start],
      ['GO> ', `${typed.replaceAll('→', '\t')}\u0001echo "is:" \n`],
      ['is: ecs', 'exit\n'],
    ]
    const { shown } = await converse({
      argv: [zsh ?? '', '-f', '-i'],
      cwd,
      env: { ...ENVIRONMENT, PS1: '# ', TERM: 'dumb' },
      answers,
    })
    assert.match(shown, new RegExp(`^is: ${line} *$`, 'm'))
  }
})

test('fish completes commands, options, their values and files', async (t) => {
  const fish = programPath('fish')
  if (isMissing(t, { fish: fish !== null })) return
  const cwd = scriptOf(t, 'fish')
  const complete = async (line: string) => {
    const argv = ['--no-config', '-c', `source ./script; complete -C ${JSON.stringify(line)}`]
    const { status, stdout, stderr } = await run(fish ?? '', argv, { cwd, env: { ...ENVIRONMENT, HOME: cwd } })
    assert.deepEqual([status, stderr], [0, ''])
    return stdout
      .toString()
      .split('\n')
      .flatMap((row) => (row === '' ? [] : [row.split('\t')[0]]))
  }
  assert.deepEqual((await complete('ecs-pull-auth ')).sort(), [...COMMANDS.keys()].sort())
  for (const [name, { options }] of COMMANDS) {
    const wanted = [...Object.keys(options), 'json', 'verbose', 'help'].map((option) => `--${option}`)
    assert.deepEqual((await complete(`ecs-pull-auth ${name} --`)).sort(), wanted.sort(), name)
  }
  assert.deepEqual((await complete('ecs-pull-auth reload --on-interrupt ')).sort(), ['cancel', 'detach'])
  assert.deepEqual((await complete('ecs-pull-auth completion ')).sort(), ['bash', 'fish', 'zsh'])
  assert.deepEqual(await complete('ecs-pull-auth lint scr'), ['script'])
  assert.deepEqual(await complete('ecs-pull-auth rotate --plan scr'), ['script'])
})
