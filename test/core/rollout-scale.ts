/** One rollout of a very large fleet with failures of every kind, followed to its report, in virtual time. */

import type { FleetPlan } from '../../src/core/plan.ts'
import { rollOut } from '../../src/core/rollout.ts'
import type { RolloutReport } from '../../src/core/rollout-report.ts'
import type { InstanceSeed, ScriptResult } from '../aws/instances.ts'
import type { Json } from '../aws/wire.ts'
import type { CallFault } from '../doubles/in-process.ts'
import { Timeline } from '../sweep/timeline.ts'
import { applied, type FleetWorld, fleetOf, plan, WANTED } from './fleet-world.ts'

interface Kind {
  readonly outcome: string
  readonly answer?: ScriptResult
  readonly seed?: Partial<InstanceSeed>
}

const said = (exitCode: number, result: string): ScriptResult => ({
  exitCode,
  stdout: `ecs-pull-auth result=${result} version=- agent=- seconds=9 reason=because\n`,
  stderr: '',
})

/** Every way in which one instance can stay behind that Run Command or the node tells of, but for those that stop a rollout. */
const KINDS: readonly Kind[] = [
  { outcome: 'rolled-back', answer: said(13, 'rolled-back') },
  { outcome: 'rollback-failed', answer: said(14, 'rollback-failed') },
  { outcome: 'busy', answer: said(10, 'busy') },
  { outcome: 'fetch-failed', answer: said(11, 'fetch-failed') },
  { outcome: 'refused', answer: said(12, 'refused') },
  { outcome: 'unsupported', answer: said(15, 'unsupported') },
  { outcome: 'timed-out', answer: { exitCode: -1, stdout: '', stderr: '', timedOut: true } },
  { outcome: 'undelivered', seed: { delivery: 'undeliverable' } },
  { outcome: 'undelivered', seed: { delivery: 'denied' } },
  { outcome: 'undelivered', seed: { online: false } },
  { outcome: 'unsupported', seed: { platform: 'Windows' } },
]

/** The parameters of deploy/document.json, and as good as no script: 50,000 copies of 40 KB are no part of this. */
export const CONTENT = JSON.stringify({
  schemaVersion: '2.2',
  parameters: Object.fromEntries(
    ['secretArn', 'versionId', 'mode', 'jitterSeconds', 'bootHook'].map((name) => [
      name,
      { type: 'String', default: '-' },
    ]),
  ),
  mainSteps: [
    { action: 'aws:runShellScript', name: 'reload', inputs: { runCommand: ['reload'], timeoutSeconds: '1600' } },
  ],
})

/** One of so many fails: 0.5 %. */
const FAILS = 200

/** undefined: it is well. */
export function kindOf(index: number): Kind | undefined {
  return index % FAILS === FAILS - 1 ? KINDS[Math.floor(index / FAILS) % KINDS.length] : undefined
}

export interface ScaleOrder {
  readonly instances: number
  /** Decides the fate of each call, as in the world of the double. */
  readonly onCall?: (operation: string) => CallFault | null
  /** What is answered instead. */
  readonly answer?: (operation: string, answer: Json) => Json
}

export interface Scale {
  readonly world: FleetWorld
  readonly report: RolloutReport
  readonly calls: number
  /** Those that read invocations, one page each. */
  readonly pages: number
  readonly expected: ReadonlyMap<string, string>
  /** Of virtual time. */
  readonly minutes: number
}

export const SCALE: FleetPlan = { ...plan, maxConcurrency: '10%', maxErrors: '100%' }

export async function rollOutAtScale({ instances, onCall, answer }: ScaleOrder): Promise<Scale> {
  const timeline = new Timeline()
  const world = fleetOf(
    instances,
    (index) => kindOf(index)?.answer ?? applied,
    (index) => kindOf(index)?.seed ?? {},
    { clock: timeline, seconds: 30, events: false },
  )
  world.ssm.publishDocument(plan.document, CONTENT)
  if (onCall !== undefined) world.client.onCall = onCall
  if (answer !== undefined) {
    const { send } = world.client
    world.client.send = async (command) => answer(command.constructor.name.replace(/Command$/, ''), await send(command))
  }
  const begun = timeline.now()
  let report: RolloutReport | null = null
  let failure: unknown = null
  const rollout = rollOut(world.ports, SCALE, WANTED, { again: true }).then(
    (found) => {
      report = found
    },
    (error: unknown) => {
      failure = error
    },
  )
  await timeline.run()
  await rollout
  if (failure !== null) throw failure
  if (report === null) throw new Error('There is no report.')
  const calls = world.client.calls.length
  const pages = world.client.calls.filter(({ operation }) => operation === 'ListCommandInvocations').length
  const expected = new Map<string, string>()
  for (let index = 0; index < instances; index += 1) {
    const kind = kindOf(index)
    if (kind !== undefined) expected.set(`i-${index.toString(16).padStart(17, '0')}`, kind.outcome)
  }
  return { world, report, calls, pages, expected, minutes: (timeline.now() - begun) / 60_000 }
}
