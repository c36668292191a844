/** `init`: a plan, a workflow and the stack's parameters, from an existing config, from options, or from a few questions. */

import { partitionOf } from '../aws/partitions.ts'
import { PullAuthError } from '../core/errors.ts'
import { type FirstPlan, firstPlan, manageableKeys, type Wishes } from '../core/first-plan.ts'
import { readPlan } from '../core/plan.ts'
import { shownKey } from '../core/registry-key.ts'
import { decodeUtf8 } from '../core/utf8.ts'
import { parsePlanText } from '../plan-text.ts'
import { PROVIDERS } from '../registries/table.ts'
import type { CliCommand, CommandContext, Terminal } from './command.ts'
import { firstWorkflow } from './first-workflow.ts'
import { parameterList } from './iam-command.ts'

const TEXT = { type: 'string' } as const

const PLAN_FILE = 'ecs-pull-auth.yaml'
const WORKFLOW_FILE = '.github/workflows/ecs-pull-auth.yml'
const PARAMETERS_FILE = 'ecs-pull-auth.parameters.json'

export const init: CliCommand = {
  summary: 'Write a plan, a workflow and stack parameters, from an ecs.config or a few answers.',
  usage: '[CONFIG]',
  options: {
    secret: TEXT,
    image: TEXT,
    tag: TEXT,
    cluster: TEXT,
    account: TEXT,
    region: TEXT,
    folder: TEXT,
    yes: { type: 'boolean' },
  },
  optionHelp: {
    secret: 'name or ARN of the stored config in Secrets Manager',
    image: 'an image of each registry, separated by commas: each proves a credential',
    tag: 'value of the tag ecs-pull-auth on the instances; default prod',
    cluster: 'ECS cluster whose container instances must all be reloaded',
    account: 'with it the stack’s parameters are written too',
    region: 'AWS Region; default: the environment’s',
    folder: 'where to; default: here',
    yes: 'replace files that are there',
  },
  least: 0,
  most: 1,
  run: async (cx) => {
    const { terminal } = cx
    const [file] = cx.arguments
    const config = file === undefined ? null : decodeUtf8(terminal.readFile(file))
    const answers = await readAnswers(cx, config, file === '-' ? null : terminal.ask)
    const plan = firstPlan(answers.wishes)
    const files = filesOf(plan, answers)
    const folder = textOf(cx, 'folder') ?? '.'
    const paths = Object.keys(files).map((name) => (folder === '.' ? name : `${folder}/${name}`))
    if (cx.options['yes'] !== true) refuseOverwriting(terminal, paths)
    for (const [at, text] of Object.values(files).entries())
      terminal.createFile(paths[at] ?? '', text, cx.options['yes'] === true)
    const next = nextSteps(plan, answers, paths)
    const left = plan.left.map(shownKey)
    const notes = left.length === 0 ? [] : [`No image was named for ${left.join(', ')}: left alone by the plan.`]
    const text = [
      ...paths.map((path) => `wrote ${path}`),
      ...notes,
      '',
      'Next:',
      ...next.map((step, at) => `${at + 1}. ${step}`),
    ]
    return { exit: 0, json: { ok: true, written: paths, left, next }, text: text.join('\n') }
  },
}

function textOf({ options }: CommandContext, name: string): string | null {
  const value = options[name]
  return typeof value === 'string' && value !== '' ? value : null
}

interface Answers {
  readonly wishes: Wishes
  readonly region: string
  readonly account: string | null
}

/** Asks only for what no option says, and only when something that must be said is missing. */
async function readAnswers(cx: CommandContext, config: string | null, ask: Terminal['ask']): Promise<Answers> {
  const missing = textOf(cx, 'secret') === null || textOf(cx, 'image') === null
  if (missing && ask === null) throw nobodyToAsk()
  const question = async (name: string, text: string, usual: string): Promise<string> => {
    const given = textOf(cx, name)
    if (given !== null || !missing || ask === null) return given ?? usual
    const answer = (await ask(`${text}${usual === '' ? '' : ` [${usual}]`}: `)).trim()
    return answer === '' ? usual : answer
  }
  const { env } = cx.terminal
  const secret = await question('secret', 'Secret with the ecs.config (name or ARN)', 'prod/ecs/agent-config')
  const images = await askImages(cx, config, ask)
  const tag = await question('tag', 'Value of the tag ecs-pull-auth on the container instances', 'prod')
  const cluster = await question('cluster', 'ECS cluster (empty: none is compared)', '')
  const [, inArn] = /^arn:[a-z-]+:secretsmanager:([a-z0-9-]+):/.exec(secret) ?? []
  const region = await question('region', 'AWS Region', inArn ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? '')
  if (!/^[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}$/.test(region))
    throw usage('No Region is known for the workflow.', 'Name it: --region eu-central-1')
  const account = await question('account', 'AWS account, for the stack (empty: no stack)', '')
  if (account !== '' && !/^[0-9]{12}$/.test(account))
    throw usage('An account has twelve digits.', 'For example --account 111122223333')
  return {
    wishes: { secret, config, images, tag, cluster: cluster === '' ? null : cluster },
    region,
    account: account === '' ? null : account,
  }
}

/** One for each registry of the config, or any where there is none. */
async function askImages(cx: CommandContext, config: string | null, ask: Terminal['ask']): Promise<readonly string[]> {
  const given = textOf(cx, 'image')
  const keys = config === null ? [] : manageableKeys(config)
  const answers: string[] = []
  if (given !== null) answers.push(...given.split(','))
  else if (keys.length > 0)
    for (const key of keys)
      answers.push(
        (await ask?.(`An image that the credential of ${shownKey(key)} must pull (empty: leave it alone): `)) ?? '',
      )
  else answers.push(...((await ask?.('Images, one of each registry, separated by commas: ')) ?? '').split(','))
  const images = answers.map((answer) => answer.trim()).filter((answer) => answer !== '')
  if (images.length > 0) return images
  throw usage(
    'No image was named.',
    'A plan needs one of each registry, to prove its credential: --image ghcr.io/acme/app:stable',
  )
}

/** Files by their names. What is written is read back as every other command reads it. */
function filesOf(plan: FirstPlan, { region, account, wishes }: Answers): Readonly<Record<string, string>> {
  const value = parsePlanText(plan.text, PLAN_FILE)
  const checked = readPlan(value, PLAN_FILE, PROVIDERS)
  const files = { [PLAN_FILE]: plan.text, [WORKFLOW_FILE]: firstWorkflow(region, PLAN_FILE) }
  const owner = account ?? /^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:([0-9]{12}):/.exec(wishes.secret)?.[1]
  if (owner === undefined) return files
  const { name: partition, domain } = partitionOf(region)
  const settings = {
    ...{ account: owner, region, partition, domain },
    ...{ name: 'ecs-pull-auth', kmsKey: null, planParameter: null, vpc: false, repository: null },
  }
  return { ...files, [PARAMETERS_FILE]: `${JSON.stringify(parameterList(checked, settings, value), null, 2)}\n` }
}

function refuseOverwriting(terminal: Terminal, paths: readonly string[]): void {
  const there = paths.filter((path) => terminal.exists(path))
  if (there.length === 0) return
  throw usage(
    `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already; nothing was written.`,
    'Say --yes to replace what is there, or --folder for another place.',
  )
}

function nextSteps(
  { registries }: FirstPlan,
  { wishes, region, account }: Answers,
  paths: readonly string[],
): readonly string[] {
  const [plan = PLAN_FILE, workflow = WORKFLOW_FILE, parameters = PARAMETERS_FILE] = paths
  const stores = registries.map(
    ({ credential, key }) =>
      `Keep the credential of ${shownKey(key)}, {"username":"…","password":"…"}, in secret ${credential} of ${region}.`,
  )
  const stack =
    account === null
      ? []
      : [`Either deploy the stack with ${parameters}, or let ${workflow} rotate: docs/deploy.md, docs/iam.md.`]
  return [
    `Store your ecs.config as secret ${wishes.secret}, if it is not there yet.`,
    ...stores,
    `Tag the container instances ecs-pull-auth=${wishes.tag}.`,
    ...stack,
    `ecs-pull-auth doctor --plan ${plan}`,
    `ecs-pull-auth rotate --plan ${plan}, then reload`,
  ]
}

function nobodyToAsk(): PullAuthError {
  return usage(
    'init needs the secret and an image of each registry, and there is no terminal to ask on.',
    'Say --secret prod/ecs/agent-config --image ghcr.io/acme/app:stable',
  )
}

function usage(message: string, hint: string): PullAuthError {
  return new PullAuthError('USAGE', message, hint)
}
