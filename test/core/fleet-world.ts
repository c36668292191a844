/** A fleet behind the strict Systems Manager, without a wire: what the stories of a rollout need, and nothing else. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createAutomation } from '../../src/aws/automation.ts'
import { createFleet } from '../../src/aws/fleet.ts'
import type { AwsClient } from '../../src/aws/json-api.ts'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { FleetPlan } from '../../src/core/plan.ts'
import type { Clock, SecretArn, VersionId } from '../../src/core/ports.ts'
import { type RolloutPorts, rollOut } from '../../src/core/rollout.ts'
import type { RolloutReport } from '../../src/core/rollout-report.ts'
import type { InstanceSeed, ScriptResult } from '../aws/instances.ts'
import { SsmDouble } from '../aws/ssm.ts'
import { type AwsEvent, World } from '../aws/world.ts'
import { type InProcessClient, inProcessClient } from '../doubles/in-process.ts'
import { noCluster } from '../doubles/no-identity.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'

export const SECRET = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/ecs/agent-config-AbCdEf' as SecretArn
export const VERSION = '00000000-0000-4000-8000-000000000002' as VersionId
export const WANTED = { secret: SECRET, version: VERSION }
export const DOCUMENT = readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8')

export const plan: FleetPlan = {
  targets: { 'tag:ecs-pull-auth': ['prod'] },
  document: 'ecs-pull-auth-reload',
  mode: 'auth-only',
  maxConcurrency: '100%',
  maxErrors: '100%',
  timeout: 3600,
  jitter: 0,
  drain: 300,
  cluster: null,
  allowEmpty: false,
  canary: null,
  runbook: null,
  alarm: null,
}

export const DESCRIBED = {
  arn: SECRET,
  name: 'prod/ecs/agent-config',
  rotationEnabled: false,
  rotationFunction: null,
  rotationRules: null,
}

export interface FleetWorld {
  readonly ssm: SsmDouble
  readonly world: World
  readonly events: AwsEvent[]
  readonly client: InProcessClient
  readonly ports: RolloutPorts
  readonly notes: string[]
  /** What AWSCURRENT is on. */
  current: VersionId
  sent(): number
}

export function status(result: string, version: string = VERSION): string {
  return `ecs-pull-auth result=${result} version=${version} agent=1.105.1 seconds=1\n`
}

export const applied: ScriptResult = { exitCode: 0, stdout: status('applied'), stderr: '' }

/** Instances by number; what each answers to the document's script, and whether Systems Manager reaches it. */
export function fleetOf(
  count: number,
  answer: (index: number) => ScriptResult = () => applied,
  seed: (index: number) => Partial<InstanceSeed> = () => ({}),
  {
    clock = virtualClock(),
    seconds = 0,
    events: kept = true,
  }: { clock?: Clock; seconds?: number; events?: boolean } = {},
): FleetWorld {
  const events: AwsEvent[] = []
  const world = new World({
    clock,
    region: 'eu-west-1',
    account: '111122223333',
    ...(kept ? { onEvent: (event: AwsEvent) => void events.push(event) } : {}),
  })
  const ids = Array.from({ length: count }, (_, index) => `i-${index.toString(16).padStart(17, '0')}`)
  const instances = ids.map((id, index): InstanceSeed => ({ id, tags: { 'ecs-pull-auth': 'prod' }, ...seed(index) }))
  const ssm = new SsmDouble(world, {
    instances,
    runner: {
      run: async ({ instanceId }) => {
        if (seconds > 0) await clock.sleep(seconds * 1000)
        return answer(Number.parseInt(instanceId.slice(2), 16))
      },
    },
  })
  const client = inProcessClient(ssm.operations())
  const notes: string[] = []
  const journal = {
    mask: () => undefined,
    phase: () => undefined,
    info: (text: string) => notes.push(text),
    warn: (text: string) => notes.push(text),
  }
  const ports: RolloutPorts = {
    fleet: createFleet(client as unknown as AwsClient),
    automation: createAutomation(client as unknown as AwsClient),
    store: { describe: async () => ({ ...DESCRIBED, versions: new Map([[fleet.current, ['AWSCURRENT']]]) }) },
    cluster: noCluster,
    clock,
    journal,
  }
  const sent = () => ssm.rollouts().length
  const fleet: FleetWorld = { ssm, world, events, client, ports, notes, sent, current: VERSION }
  return fleet
}

export function published(world: FleetWorld): FleetWorld {
  world.ssm.publishDocument('ecs-pull-auth-reload', DOCUMENT)
  return world
}

export async function rolledOut(ports: RolloutPorts, wanted: FleetPlan): Promise<RolloutReport> {
  const report = await rollOut(ports, wanted, WANTED, { again: true })
  assert.ok(report)
  return report
}

export async function code(promise: Promise<unknown>): Promise<ErrorCode> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof PullAuthError, String(error))
    return error.code
  }
  assert.fail('it succeeded')
}
