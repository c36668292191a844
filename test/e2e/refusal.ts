/** Bad input: a stable code, one sentence, a hint, and nothing changed. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { configOf } from '../doubles/instance.ts'
import { actionStep } from './action.ts'
import { cliCommand } from './cli.ts'
import { gitlabPlan } from './plans.ts'
import { actionParts, cliParts, matchSnapshot, requestParts } from './snapshot.ts'
import { SECRET, type Stage, type StageOptions, setStage } from './stage.ts'

export interface Refusal {
  readonly what: string
  readonly code: string
  readonly says: RegExp
  readonly stage?: StageOptions
  /** Over the operator's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Deploy tokens that are left over for a later run to find by their name. Default: none. */
  readonly orphans?: number
}

export interface ActionRefusal extends Refusal {
  /** The inputs, and whatever else makes it bad. */
  inputs(stage: Stage): Readonly<Record<string, string>>
}

export interface CliRefusal extends Refusal {
  readonly exit?: 1 | 2
  argv(stage: Stage): readonly string[]
}

/** All of them at once: most of their time is waiting. */
export function actionRefuses(refusals: readonly ActionRefusal[]): void {
  test('the Action refuses', { concurrency: 4 }, async (parent) => {
    const done = refusals.map((refusal) => {
      const { what, code, says, env = {}, inputs } = refusal
      return parent.test(`${code}: ${what}`, async (t) => {
        const stage = await setStage(t, { instances: 1, ...refusal.stage })
        const given = inputs(stage)
        const before = whatIsUsed(stage)
        const run = await actionStep(stage, { inputs: given, env })
        matchSnapshot(t, stage, [...actionParts(run), ...requestParts(stage, ['operator'])])

        assert.equal(run.exitCode, 1)
        const errors = run.commands.filter(({ name }) => name === 'error')
        assert.deepEqual(
          errors.map(({ properties }) => properties['title']),
          [code],
        )
        assert.match(errors[0]?.message ?? '', says)
        assert.ok(run.summary.startsWith('## Nothing changed\n') && run.summary.includes(`**${code}**`), run.summary)
        assert.deepEqual(Object.keys(run.outputs), ['report'])
        assert.ok(run.report.includes(`<strong>${code}</strong>`))
        assertUnchanged(stage, before, refusal.orphans ?? 0)
      })
    })
    await Promise.all(done)
  })
}

export function cliRefuses(refusals: readonly CliRefusal[]): void {
  test('the CLI refuses', { concurrency: 4 }, async (parent) => {
    const done = refusals.map((refusal) => {
      const { what, code, says, env = {}, exit = 1, argv } = refusal
      return parent.test(`${code}: ${what}`, async (t) => {
        const stage = await setStage(t, { instances: 1, ...refusal.stage })
        const args = argv(stage)
        const before = whatIsUsed(stage)
        const run = await cliCommand(stage, [...args, '--json'], env)
        matchSnapshot(t, stage, [...cliParts(run), ...requestParts(stage, ['operator'])])

        assert.equal(run.exitCode, exit)
        const { ok, error, problem } = JSON.parse(run.stdout)
        assert.equal(ok, false)
        const told = error ?? problem
        assert.equal(told.code, code)
        assert.match(`${told.message} ${told.hint}`, says)
        assertUnchanged(stage, before, refusal.orphans ?? 0)
      })
    })
    await Promise.all(done)
  })
}

/** What anybody uses: the labels that are read, every other secret, tokens, commands, the instances. Digests, no secrets. */
function whatIsUsed({ aws, gitlab, instances }: Stage) {
  const secret = aws.secrets.secret(SECRET)
  const labels = ['AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING'].map((label) => {
    const text = secret.text(label)
    return [label, secret.versions.holder(label) ?? null, text === null ? null : digest(text)]
  })
  return {
    labels,
    deployTokens: gitlab.deployTokens().map(({ id }) => id),
    commands: aws.ssm.rollouts().filter(({ invocations }) => invocations.length > 0).length,
    instances: instances.map((instance) => [digest(configOf(instance)), instance.agent.starts]),
  }
}

function assertUnchanged(stage: Stage, before: ReturnType<typeof whatIsUsed>, orphans: number): void {
  const { deployTokens, ...after } = whatIsUsed(stage)
  const { deployTokens: known, ...expected } = before
  assert.deepEqual(after, expected)
  assert.deepEqual(
    known.filter((id) => !deployTokens.includes(id)),
    [],
    'a token was revoked',
  )
  const more = stage.gitlab.deployTokens().filter(({ id }) => !known.includes(id))
  assert.equal(more.length, orphans, 'tokens left over')
  for (const { name } of more) assert.match(name, new RegExp(`^ecs-pull-auth/${SECRET}/`))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

export function planFile(stage: Stage, text: string): { plan: string } {
  return { plan: stage.file('plan.yaml', text) }
}

/** `--plan` with the usual plan, changed somehow. */
export function planOption(stage: Stage, change: (plan: string) => string = (plan) => plan): readonly string[] {
  return ['--plan', planFile(stage, change(gitlabPlan(stage))).plan]
}

/** The inputs for one registry without a plan file, with the credential that everything uses already. */
export function singleInputs(
  stage: Stage,
  over: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return {
    secret: SECRET,
    registry: stage.registry.host,
    ...stage.first,
    probe: stage.probe,
    targets: 'tag:ecs-pull-auth=prod',
    ...over,
  }
}
