/** What GitHub's runner does with an Action: inputs from action.yml, a process, its files, its workflow commands. */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { load } from 'js-yaml'
import { type Ended, NODE_24, type ProcessOrder, runProcess } from './run-process.ts'

const ROOT = resolve(import.meta.dirname, '../..')

interface ActionFile {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>
  readonly outputs: Readonly<Record<string, unknown>>
  readonly runs: { readonly using: string; readonly main: string }
}

const ACTION = load(readFileSync(join(ROOT, 'action.yml'), 'utf8')) as ActionFile

export interface WorkflowCommand {
  readonly name: string
  readonly properties: Readonly<Record<string, string>>
  readonly message: string
}

export interface ActionRun extends Ended {
  /** Standard output as people see it: what was masked is `***`, and the masks themselves are not there. */
  readonly log: string
  readonly commands: readonly WorkflowCommand[]
  readonly masks: readonly string[]
  readonly outputs: Readonly<Record<string, string>>
  readonly summary: string
  /** The HTML file that the output `report` names; empty without one. */
  readonly report: string
  /** What the step wrote to GITHUB_ENV and GITHUB_STATE. */
  readonly environment: string
  readonly state: string
}

export interface ActionOrder {
  /** Below it are the workspace and the Action's own folder, with nothing in it but action.yml and the bundle. */
  readonly folder: string
  readonly workspace: string
  readonly inputs: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly onOutput?: ProcessOrder['onOutput']
}

export async function runAction({ folder, workspace, inputs, env, onOutput }: ActionOrder): Promise<ActionRun> {
  if (ACTION.runs.using !== 'node24' || !process.version.startsWith('v24.'))
    throw new Error('The runner needs Node 24.')
  const main = install(folder)
  const files = makeFiles(folder)
  const places = { GITHUB_WORKSPACE: workspace, RUNNER_TEMP: mkdtempSync(join(folder, '_temp-')) }
  const ended = await runProcess({
    argv: [NODE_24, main],
    cwd: workspace,
    env: { ...RUNNER, ...files.variables, ...places, ...inputVariables(inputs), ...env },
    ...(onOutput === undefined ? {} : { onOutput }),
  })
  const { commands, log } = readLog(ended.stdout)
  const outputs = readOutputs(files.read('GITHUB_OUTPUT'))
  return {
    ...ended,
    commands,
    log,
    masks: commands.filter(({ name }) => name === 'add-mask').map(({ message }) => message),
    outputs,
    summary: files.read('GITHUB_STEP_SUMMARY'),
    report: outputs['report'] === undefined ? '' : readFileSync(outputs['report'], 'utf8'),
    environment: files.read('GITHUB_ENV'),
    state: files.read('GITHUB_STATE'),
  }
}

/** What a job of a workflow run has in its environment, as far as anybody here might look at it. */
const RUNNER = {
  CI: 'true',
  GITHUB_ACTIONS: 'true',
  GITHUB_ACTION: 'rotate',
  GITHUB_JOB: 'rotate',
  GITHUB_REPOSITORY: 'acme/infrastructure',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_RUN_ID: '1234567890',
  RUNNER_OS: 'Linux',
}

/** The bundle, and those that it loads late, where no node_modules is near. */
function install(folder: string): string {
  const main = join(folder, '_actions/ecs-pull-auth', ACTION.runs.main)
  mkdirSync(dirname(main), { recursive: true })
  copyFileSync(join(ROOT, 'action.yml'), join(folder, '_actions/ecs-pull-auth/action.yml'))
  for (const name of [ACTION.runs.main, 'dist/action-whole.cjs', 'dist/credential-chain.cjs']) {
    copyFileSync(join(ROOT, name), join(folder, '_actions/ecs-pull-auth', name))
  }
  return main
}

function makeFiles(folder: string) {
  const names = ['GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY', 'GITHUB_ENV', 'GITHUB_STATE']
  const commands = mkdtempSync(join(folder, '_runner_file_commands-'))
  const variables = Object.fromEntries(names.map((name) => [name, join(commands, name.toLowerCase())]))
  for (const file of Object.values(variables)) writeFileSync(file, '')
  return { variables, read: (name: string) => readFileSync(variables[name] ?? '', 'utf8') }
}

function inputVariables(given: Readonly<Record<string, string>>): Record<string, string> {
  const unknown = Object.keys(given).filter((name) => ACTION.inputs[name] === undefined)
  if (unknown.length > 0) throw new Error(`action.yml has no input ${unknown.join(', ')}.`)
  const variables = Object.entries(ACTION.inputs).map(([name, field]) => {
    const value = given[name] ?? field.default ?? ''
    return [`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`, value] as const
  })
  return Object.fromEntries(variables)
}

/** Every command that a runner obeys; what else stands between colons is text. */
const COMMANDS = [
  'add-mask',
  'add-matcher',
  'add-path',
  'debug',
  'echo',
  'endgroup',
  'error',
  'group',
  'notice',
  'remove-matcher',
  'save-state',
  'set-env',
  'set-output',
  'stop-commands',
  'warning',
]

/** actions/runner, ActionCommand.cs: `::name k=v,k=v::message` at the start of a line, `##[name k=v;k=v]message` anywhere. */
function readCommand(line: string): WorkflowCommand | null {
  const now = /^\s*::([A-Za-z-]+)(?: (.*?))?::(.*)$/s.exec(line)
  const old = /##\[([A-Za-z-]+)(?: (.*?))?\](.*)$/s.exec(line)
  const [, name = '', properties = '', message = ''] = now ?? old ?? []
  if (!COMMANDS.includes(name.toLowerCase())) return null
  const pairs = properties.split(now === null ? ';' : ',').flatMap((pair) => {
    const at = pair.indexOf('=')
    return at < 1 ? [] : [[pair.slice(0, at), decode(pair.slice(at + 1))]]
  })
  return { name: name.toLowerCase(), properties: Object.fromEntries(pairs), message: decode(message) }
}

function decode(text: string): string {
  const characters: Readonly<Record<string, string>> = { '%0D': '\r', '%0A': '\n', '%3A': ':', '%2C': ',', '%25': '%' }
  return text.replaceAll(/%(?:0D|0A|3A|2C|25)/g, (escaped) => characters[escaped] ?? escaped)
}

function readLog(stdout: string): { commands: readonly WorkflowCommand[]; log: string } {
  const commands: WorkflowCommand[] = []
  const masks: string[] = []
  const lines: string[] = []
  for (const line of stdout.split(/\r\n|\r|\n/)) {
    const command = readCommand(line)
    if (command !== null) commands.push(command)
    if (command?.name === 'add-mask') masks.push(command.message)
    else lines.push(masks.filter((mask) => mask !== '').reduce((text, mask) => text.replaceAll(mask, '***'), line))
  }
  return { commands, log: lines.join('\n') }
}

/** `name<<delimiter`, lines, `delimiter`. */
function readOutputs(text: string): Readonly<Record<string, string>> {
  const outputs: Record<string, string> = {}
  for (const [, name = '', , value = ''] of text.matchAll(/^([^\n<]+)<<(\S+)\n([\s\S]*?)\n\2$/gm)) {
    if (!Object.hasOwn(ACTION.outputs, name)) throw new Error(`action.yml has no output ${name}.`)
    // What is written again counts from then on.
    delete outputs[name]
    outputs[name] = value
  }
  return outputs
}
