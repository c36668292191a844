/** The commands that act on a plan: rotate, reload, status, rollback, retire. */

import { PullAuthError } from '../core/errors.ts'
import { type JobPorts, publish, type RollbackReport, reload, rotate, runRollback } from '../core/job.ts'
import { type Plan, readPlan } from '../core/plan.ts'
import type { Interrupt, VersionId } from '../core/ports.ts'
import { type RetireReport, retire, retiredCount } from '../core/retire.ts'
import type { RollbackProposal } from '../core/rollback.ts'
import { type RolloutReport, rolloutProblem } from '../core/rollout-report.ts'
import { currentOf } from '../core/rotation.ts'
import { readStatus, type StatusReport } from '../core/status.ts'
import { randomVersionId } from '../core/version-id.ts'
import { parsePlanText } from '../plan-text.ts'
import { PROVIDERS } from '../registries/table.ts'
import {
  coverageText,
  errorData,
  instanceRows,
  isoOrNull,
  provenData,
  retireData,
  rollbackData,
  rolloutData,
  rotateData,
} from '../report.ts'
import { connect, wire } from '../wiring.ts'
import type { CliCommand, CommandContext, CommandResult } from './command.ts'
import { textTable } from './table.ts'

export const PLAN_OPTION = { plan: { type: 'string' }, region: { type: 'string' } } as const
export const PLAN_HELP = {
  plan: 'the plan file, YAML or JSON; - for standard input',
  region: 'AWS Region; default: the environment’s',
}

/** What the plan file says, not yet checked. */
export function readPlanFile({ terminal, options }: CommandContext): { value: unknown; path: string } {
  const path = options['plan']
  if (typeof path === 'string') return { value: parsePlanText(terminal.readFile(path).toString('utf8'), path), path }
  throw new PullAuthError('PLAN_MISSING', 'This command needs a plan.', 'Name one: --plan ecs-pull-auth.yaml')
}

function prepare(cx: CommandContext): { plan: Plan; ports: JobPorts } {
  const { terminal, options, journal } = cx
  const { value, path } = readPlanFile(cx)
  const plan = readPlan(value, path, PROVIDERS)
  const region = options['region']
  const ports = wire(connect(terminal.env, typeof region === 'string' ? region : undefined), journal)
  return { plan, ports: { ...ports, interrupt: interruptOf(cx) } }
}

const INTERRUPT_OPTION = { 'on-interrupt': { type: 'string' } } as const
const INTERRUPT_VALUES = { 'on-interrupt': ['detach', 'cancel'] } as const
const INTERRUPT_HELP = {
  'on-interrupt': 'what Ctrl-C does to a rollout under way: detach (it goes on, the default) or cancel',
}

const YES_OPTION = { yes: { type: 'boolean' } } as const
const YES_HELP = { yes: 'do not ask; without a terminal there is nobody to ask' }

function interruptOf({ terminal, options }: CommandContext): Interrupt {
  const asked = options['on-interrupt'] ?? 'detach'
  if (asked !== 'detach' && asked !== 'cancel') {
    const hint = 'Say --on-interrupt detach, or --on-interrupt cancel.'
    throw new PullAuthError('USAGE', `--on-interrupt takes detach or cancel, not ${String(asked)}.`, hint)
  }
  return { signal: terminal.stopSignal, rollout: asked === 'cancel' ? 'cancelled' : 'goes-on' }
}

function command(summary: string, run: (cx: CommandContext) => Promise<CommandResult>): CliCommand {
  return { summary, usage: '--plan FILE', options: PLAN_OPTION, optionHelp: PLAN_HELP, least: 0, most: 0, run }
}

export const rotateSecret = command('Mint, merge, prove and promote; the fleet is left alone.', async (cx) => {
  const { plan, ports } = prepare(cx)
  const outcome = await rotate(ports, plan, randomVersionId(), false)
  const { outputs, problem } = await publish(ports, plan, outcome.version)
  const rows = outcome.registries
    .map(provenData)
    .map(({ registry, image, verdict, expiresAt }) => [registry, image, verdict, expiresAt ?? '-'])
  const what = outcome.changed ? 'is current now' : 'is current; there was nothing to rotate'
  const text = [`Version ${outcome.version} of ${outcome.secret} ${what}.`]
  if (rows.length > 0) text.push(textTable(['registry', 'probe', 'verdict', 'expires'], rows))
  if (outputs.length > 0)
    text.push(
      textTable(
        ['output', 'target', 'outcome'],
        outputs.map(({ kind, target, outcome: what }) => [kind, target, what]),
      ),
    )
  if (problem !== null) text.push(`${problem.code}: ${problem.message}\n${problem.hint}`)
  if (plan.fleet !== null) text.push('Next: ecs-pull-auth reload')
  const json = {
    ok: problem === null,
    ...rotateData(outcome),
    outputs,
    problem: problem === null ? null : errorData(problem),
  }
  return { exit: problem === null ? 0 : 1, json, text: text.join('\n\n') }
})

export const reloadFleet: CliCommand = {
  ...command('Reload the fleet with the current version, then revoke what nothing uses any more.', runReload),
  options: { ...PLAN_OPTION, command: { type: 'string' }, ...INTERRUPT_OPTION },
  optionHelp: { ...PLAN_HELP, command: 'follow this Run Command instead of sending one', ...INTERRUPT_HELP },
  values: INTERRUPT_VALUES,
}

async function runReload(cx: CommandContext): Promise<CommandResult> {
  const { plan, ports } = prepare(cx)
  if (plan.fleet === null) throw withoutFleet(plan)
  const commandId = readCommandId(cx.options['command'])
  const { arn, version } = await currentVersion(ports, plan)
  const { rollout, problem, retire: retired } = await reload(ports, plan, { secret: arn, version }, commandId)
  const parts = [rollout === null ? `Version ${version} was rolled out in every location.` : rolloutText(rollout)]
  if (retired !== null) parts.push(retiredText(retired))
  if (problem !== null) parts.push(`${problem.code}: ${problem.message}\n${problem.hint}`)
  const json = {
    ok: problem === null,
    secret: arn,
    version,
    rollout: rollout === null ? null : rolloutData(rollout),
    retire: retired === null ? null : retireData(retired),
    problem: problem === null ? null : errorData(problem),
  }
  return { exit: problem === null ? 0 : 1, json, text: parts.join('\n\n') }
}

function readCommandId(value: string | boolean | undefined): string | null {
  if (value === undefined) return null
  if (typeof value === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) return value
  throw new PullAuthError('USAGE', '--command takes the id of a Run Command.', 'aws ssm list-commands shows them.')
}

export const status = command('What is current, how long it lives, which instances run it.', async (cx) => {
  const { plan, ports } = prepare(cx)
  cx.journal.phase('Look at the stored config and its rollout')
  const report = await readStatus(ports, plan)
  const { run, ...rest } = report
  const json = {
    ok: report.findings.length === 0,
    ...rest,
    ...(run === null ? {} : { run: { id: run.id, status: run.status, steps: run.steps } }),
    registries: report.registries.map((entry) => ({
      ...entry,
      issuedAt: isoOrNull(entry.issuedAt),
      expiresAt: isoOrNull(entry.expiresAt),
    })),
    rollout: report.rollout === null ? null : rolloutData(report.rollout),
  }
  return { exit: report.findings.length === 0 ? 0 : 1, json, text: statusText(report) }
})

export const retireOld: CliCommand = {
  ...command('Revoke old credentials for good, if every instance runs the current version.', runRetire),
  options: { ...PLAN_OPTION, ...YES_OPTION },
  optionHelp: { ...PLAN_HELP, ...YES_HELP },
}

async function runRetire(cx: CommandContext): Promise<CommandResult> {
  const agree = agreement(cx, 'retire')
  const { plan, ports } = prepare(cx)
  if (plan.fleet === null) throw withoutFleet(plan)
  cx.journal.phase('Look at the stored config and its rollout')
  const { rollout, rollingOut } = await readStatus(ports, plan)
  if (rollout === null || rollingOut || rolloutProblem(rollout, plan.fleet) !== null) {
    throw new PullAuthError(
      'RETIRE_NOT_YET',
      `No finished rollout proves that every instance runs the current version of ${plan.secret}.`,
      'Run ecs-pull-auth reload first; it retires by itself when every instance has the version.',
    )
  }
  const { onVersion, targets, version } = rollout
  const question = `${onVersion} of ${targets} instances run version ${version} of ${plan.secret}. Revoke every older credential of it, for good?`
  if (!(await agree(question))) return UNCHANGED
  const report = await retire(ports, plan, rollout, { wait: false })
  const rows = [
    ...report.retired.map(({ registry, provider, outcome }) => [registry, provider, outcome]),
    ...report.failed.map(({ registry, provider, reason }) => [registry, provider, reason]),
  ]
  const text = rows.length === 0 ? 'There was nothing to retire.' : textTable(['registry', 'provider', 'outcome'], rows)
  return {
    exit: report.failed.length === 0 ? 0 : 1,
    json: { ok: report.failed.length === 0, ...retireData(report) },
    text,
  }
}

const UNCHANGED: CommandResult = { exit: 1, json: { ok: false, changed: false }, text: 'Nothing was changed.' }

/** Whether somebody agrees to what cannot be undone. Throws USAGE at once where nobody is there to ask. */
function agreement({ terminal: { confirm }, options }: CommandContext, name: string) {
  if (options['yes'] === true) return async () => true
  if (confirm === null) throw nobodyToAsk(name)
  return confirm
}

export const rollback: CliCommand = {
  summary: 'Go back to the previous credentials, if they still pull, and reload the fleet.',
  usage: '--plan FILE',
  options: { ...PLAN_OPTION, ...YES_OPTION, ...INTERRUPT_OPTION },
  optionHelp: { ...PLAN_HELP, ...YES_HELP, ...INTERRUPT_HELP },
  values: INTERRUPT_VALUES,
  least: 0,
  most: 0,
  run: async (cx) => {
    const agree = agreement(cx, 'rollback')
    const { plan, ports } = prepare(cx)
    const report = await runRollback(ports, plan, (proposal) => agree(rollbackQuestion(proposal, plan)))
    if (report === null) return UNCHANGED
    return { exit: report.problem === null ? 0 : 1, json: rollbackData(report), text: rollbackText(report) }
  },
}

function rollbackQuestion({ secret, from, to, registries }: RollbackProposal, { fleet }: Plan): string {
  const what = `Version ${from} of ${secret} is current. Go back to the credentials of version ${to} for ${registries.join(', ')}`
  return `${what}${fleet === null ? '' : ', and restart the ECS agent on every instance'}?`
}

function rollbackText({ version, from, how, rollout, retire: retired, problem }: RollbackReport): string {
  const facts: Readonly<Record<RollbackReport['how'], string>> = {
    moved: `Version ${version} is current again, in place of ${from}.`,
    merged: `Version ${version} is current: today's config with the previous credentials, in place of ${from}.`,
    already: `Version ${version} is current: it had been rolled back to already, from ${from}.`,
  }
  const parts = [facts[how], ...(rollout === null ? [] : [rolloutText(rollout)])]
  if (retired !== null) parts.push(retiredText(retired))
  if (problem !== null) parts.push(`${problem.code}: ${problem.message}\n${problem.hint}`)
  return parts.join('\n\n')
}

function retiredText(retired: RetireReport): string {
  return `${retiredCount(retired)} old credentials retired, ${retired.failed.length} could not be revoked.`
}

function nobodyToAsk(name: string): PullAuthError {
  return new PullAuthError(
    'USAGE',
    `${name} asks before it changes anything, and there is no terminal to ask on.`,
    'Say --yes if you mean it; ecs-pull-auth status shows what is current.',
  )
}

async function currentVersion(ports: JobPorts, plan: Plan) {
  const description = await ports.store.describe(plan.secret)
  const version: VersionId | null = currentOf(description)
  if (version !== null) return { arn: description.arn, version }
  throw new PullAuthError(
    'CONFIG_EMPTY',
    `The secret ${description.arn} has no current value.`,
    'Store the ecs.config in it first.',
  )
}

function withoutFleet(plan: Plan): PullAuthError {
  return new PullAuthError(
    'USAGE',
    `The plan for ${plan.secret} has no fleet.`,
    'Add fleet.targets, for example { "tag:ecs-pull-auth": [prod] }.',
  )
}

function rolloutText(rollout: RolloutReport): string {
  const { commandId, canary, version, targets, onVersion, coverage } = rollout
  const rows = instanceRows(rollout)
  const head = [
    `${onVersion} of ${targets} ${canary ? 'canaries' : 'instances'} run version ${version} (Run Command ${commandId}).`,
    ...(coverage === null ? [] : [coverageText(coverage)]),
  ].join('\n')
  return rows.length === 0 ? head : `${head}\n\n${textTable(['instance', 'outcome', 'why'], rows)}`
}

function statusText(report: StatusReport): string {
  const rows = report.registries.map(({ registry, provider, username, expiresAt }) => [
    registry,
    provider ?? 'not ours',
    username ?? '-',
    isoOrNull(expiresAt) ?? '-',
  ])
  const parts = [
    `Stored config ${report.secret}\nVersion       ${report.version ?? 'none'}\nRotated by    ${report.rotationFunction ?? 'ecs-pull-auth itself'}`,
    textTable(['registry', 'provider', 'user', 'expires'], rows),
  ]
  if (report.rollout !== null) parts.push(rolloutText(report.rollout))
  parts.push(
    report.findings.length === 0 ? 'Nothing to do.' : report.findings.map((finding) => `• ${finding}`).join('\n'),
  )
  return parts.join('\n\n')
}
