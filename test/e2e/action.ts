/** Runs the shipped Action on a stage, and keeps what it said as evidence. */

import assert from 'node:assert/strict'
import { type ActionOrder, type ActionRun, runAction } from './action-runner.ts'
import type { Stage } from './stage.ts'

export interface StepOptions {
  readonly inputs: Readonly<Record<string, string>>
  /** Over or beside what the job has; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly onOutput?: ActionOrder['onOutput']
}

export async function actionStep(stage: Stage, { inputs, env = {}, onOutput }: StepOptions): Promise<ActionRun> {
  const all = { ...stage.env('operator'), ...env }
  const run = await runAction({
    folder: stage.folder,
    workspace: stage.workspace,
    inputs,
    ...(onOutput === undefined ? {} : { onOutput }),
    env: Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  })
  const unmasked = run.stdout
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n')
  stage.evidence.add('standard output of the Action', unmasked)
  stage.evidence.add('standard error of the Action', run.stderr)
  stage.evidence.add('outputs of the Action', JSON.stringify(run.outputs))
  stage.evidence.add('the job summary', run.summary)
  stage.evidence.add('the HTML report', run.report)
  stage.evidence.add('environment and state of later steps', run.environment + run.state)
  assert.deepEqual(
    run.commands.filter(({ name }) => !OBEYED.includes(name)),
    [],
    'a command that nobody meant',
  )
  return run
}

/** The commands that this Action means to give. */
const OBEYED = ['add-mask', 'group', 'endgroup', 'error', 'warning']
