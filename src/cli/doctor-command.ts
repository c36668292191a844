/** `doctor`: everything that a plan needs, looked at without a change: each line good, or with its remedy. */

import reloadDocument from '../../deploy/document.json' with { type: 'json' }
import runbook from '../../deploy/runbook.json' with { type: 'json' }
import { type Check, examine } from '../core/doctor.ts'
import { PullAuthError } from '../core/errors.ts'
import { ACTORS, type Actor } from '../core/iam.ts'
import { readUnjudgedPlan } from '../core/plan.ts'
import { PROVIDERS } from '../registries/table.ts'
import { connect, connectInspector, wire } from '../wiring.ts'
import type { CliCommand, CommandContext, Terminal } from './command.ts'
import { PLAN_HELP, PLAN_OPTION, readPlanFile } from './plan-commands.ts'
import { printable } from './table.ts'

const TEXT = { type: 'string' } as const

export const doctor: CliCommand = {
  summary: 'Look at all that a plan needs, each line good or with its remedy; changes nothing.',
  usage: '--plan FILE',
  options: { ...PLAN_OPTION, actor: TEXT, principal: TEXT, 'kms-key': TEXT },
  optionHelp: {
    ...PLAN_HELP,
    actor: 'whose permissions, as ecs-pull-auth iam names them; default: who does all by hand',
    principal: 'ARN of the role or user that has them; default: the caller',
    'kms-key': 'ARN of the customer key of the plan’s secrets',
  },
  values: { actor: ACTORS },
  least: 0,
  most: 0,
  run: async (cx) => {
    const { terminal, journal } = cx
    const { value, path } = readPlanFile(cx)
    const plan = readUnjudgedPlan(value, path, PROVIDERS)
    const wish = { actor: actorOf(cx), principal: textOf(cx, 'principal'), kmsKey: textOf(cx, 'kms-key') }
    const region = textOf(cx, 'region') ?? undefined
    const ports = { ...wire(connect(terminal.env, region), journal), inspector: connectInspector(terminal.env, region) }
    const checks = await examine(ports, plan, { document: reloadDocument, runbook }, wish)
    const ok = checks.every((check) => check.ok !== false)
    return { exit: ok ? 0 : 1, json: checks, text: checksText(checks, terminal.colour) }
  },
}

function textOf({ options }: CommandContext, name: string): string | null {
  const value = options[name]
  return typeof value === 'string' && value !== '' ? value : null
}

function actorOf(cx: CommandContext): Actor | null {
  const name = textOf(cx, 'actor')
  const actor = ACTORS.find((known) => known === name)
  if (name === null || actor !== undefined) return actor ?? null
  throw new PullAuthError('USAGE', `There is no actor ${printable(name)}.`, `Actors: ${ACTORS.join(', ')}.`)
}

function checksText(checks: readonly Check[], colour: Terminal['colour']): string {
  const width = Math.max(...checks.map(({ check }) => printable(check).length))
  const lines = checks.map(({ check, ok, detail, remedy }) => {
    const line = `${mark(ok, colour)}  ${printable(check).padEnd(width)}  ${printable(detail)}`
    return remedy === null ? line : `${line}\n         → ${printable(remedy)}`
  })
  const count = (wanted: boolean | null) => checks.filter(({ ok }) => ok === wanted).length
  return [...lines, '', `${count(true)} ok, ${count(false)} to mend, ${count(null)} unknown.`].join('\n')
}

function mark(ok: boolean | null, colour: Terminal['colour']): string {
  if (ok === null) return colour('yellow', 'unknown')
  return ok ? colour('green', 'ok     ') : colour('red', 'mend   ')
}
