/** `plan`: everything a rotation would do, told before it does it. */

import { judgeRealSchedule } from '../core/cadence.ts'
import { PullAuthError } from '../core/errors.ts'
import { type Plan, readUnjudgedPlan } from '../core/plan.ts'
import { type Preview, previewOf } from '../preview.ts'
import { previewParts } from '../preview-text.ts'
import { PROVIDERS } from '../registries/table.ts'
import { connect } from '../wiring.ts'
import type { CliCommand, CommandContext } from './command.ts'
import { PLAN_HELP, PLAN_OPTION, readPlanFile } from './plan-commands.ts'
import { textFacts } from './table.ts'

export const plan: CliCommand = {
  summary: 'Everything a rotation would do, and whether its schedule is safe; asks nobody.',
  usage: '--plan FILE',
  options: { ...PLAN_OPTION, live: { type: 'boolean' }, instances: { type: 'string' } },
  optionHelp: {
    ...PLAN_HELP,
    live: 'also judge the schedule that the secret really has, and count the instances of fleet.cluster',
    instances: 'how many container instances there are: the rollout must end in time for them',
  },
  least: 0,
  most: 0,
  run: async (cx) => {
    const { value, path } = readPlanFile(cx)
    const wanted = readUnjudgedPlan(value, path, PROVIDERS)
    const given = readInstances(cx.options['instances'])
    const { real, counted } = cx.options['live'] === true ? await askAws(cx, wanted, given === null) : NOT_ASKED
    const preview = previewOf(wanted, real, given ?? counted)
    return { exit: preview.ok ? 0 : 1, json: preview, text: previewText(preview) }
  },
}

const NOT_ASKED = { real: null, counted: null }

async function askAws({ terminal, journal, options }: CommandContext, plan: Plan, count: boolean) {
  const region = options['region']
  const { store, cluster } = connect(terminal.env, typeof region === 'string' ? region : undefined)
  journal.phase('Look at the secret’s schedule, and count instances')
  const real = judgeRealSchedule(plan, await store.describe(plan.secret))
  const name = count ? (plan.fleet?.cluster ?? null) : null
  if (name === null) return { real, counted: null }
  let counted = 0
  for await (const _ of cluster.instances(name)) counted += 1
  return { real, counted }
}

function readInstances(text: string | boolean | undefined): number | null {
  if (text === undefined) return null
  if (typeof text === 'string' && /^[1-9][0-9]{0,6}$/.test(text)) return Number(text)
  throw new PullAuthError('USAGE', '--instances is not a number from 1 to 9999999.', 'For example --instances 1000.')
}

function previewText(preview: Preview): string {
  return previewParts(preview)
    .map(([title, facts]) => `${title}\n${textFacts(facts)}`)
    .join('\n\n')
}
