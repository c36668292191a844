/** What the demo plays: three rotations under load, or one that something breaks. */

import { asPullAuthError, PullAuthError } from '../../core/errors.ts'
import { type JobReport, reload, runJob } from '../../core/job.ts'
import { type Plan, readPlan } from '../../core/plan.ts'
import type { Credential, Journal } from '../../core/ports.ts'
import { redactConfig } from '../../core/redact.ts'
import { retiredCount } from '../../core/retire.ts'
import { Secret } from '../../core/secret.ts'
import { readStoredConfig, resolveImage } from '../../core/stored-config.ts'
import { randomVersionId } from '../../core/version-id.ts'
import { PROVIDERS } from '../../registries/table.ts'
import { keepPulling, type Pulls, pulls } from './pulls.ts'
import { planFor, SECRET, type Stage } from './stage.ts'

export const BREAKS = ['registry', 'node', 'lost-response'] as const
export type Break = (typeof BREAKS)[number]

export interface DemoResult {
  readonly ok: boolean
  readonly rotations: number
  readonly instances: number
  readonly version: string
  readonly onVersion: number
  readonly stragglers: readonly string[]
  readonly retired: number
  readonly pulls: { readonly attempted: number; readonly failed: number }
  readonly seconds: number
}

interface Tally {
  rotations: number
  retired: number
  readonly old: Credential[]
}

const ROTATIONS = 3

/** Throws DEMO_FAILED, naming what did not hold, when a promise of the product was broken before its eyes. */
export async function play(stage: Stage, journal: Journal, broken: Break | null): Promise<DemoResult> {
  const started = stage.ports.clock.now()
  const tally: Tally = { rotations: 0, retired: 0, old: [] }
  showConfig(stage, journal, 'Stored config before')
  const clients = keepPulling(stage.instances, probeOf(stage.plan))
  try {
    await (broken === null ? rotateThrice(stage, journal, tally) : BREAK_PLAYS[broken](stage, journal, tally))
  } finally {
    await clients.stop()
  }
  showConfig(stage, journal, 'Stored config after')
  return await judge(stage, journal, tally, clients, started)
}

async function rotateThrice(stage: Stage, journal: Journal, tally: Tally): Promise<void> {
  for (let turn = 1; turn <= ROTATIONS; turn++) {
    journal.phase(`Rotation ${turn} of ${ROTATIONS}`)
    await rotateGreen(stage, tally)
  }
}

async function rotateGreen(stage: Stage, tally: Tally): Promise<void> {
  const report = await rotateOnce(stage, tally)
  if (report.problem !== null) throw report.problem
}

async function rotateOnce(stage: Stage, tally: Tally, plan = stage.plan): Promise<JobReport> {
  const before = storedCredential(stage)
  const report = await runJob(stage.ports, plan, randomVersionId(), false)
  tally.rotations += 1
  tally.retired += report.retire === null ? 0 : retiredCount(report.retire)
  tally.old.push(before)
  return report
}

const BREAK_PLAYS: Readonly<Record<Break, (stage: Stage, journal: Journal, tally: Tally) => Promise<void>>> = {
  /** The new credential may not pull the probe: it never becomes current, and nobody notices anything. */
  registry: async (stage, journal, tally) => {
    journal.phase('Broken on purpose: the probe is an image that the new credential may not pull')
    const current = stage.aws.secrets.secret(SECRET).text('AWSCURRENT')
    const error = await failure(rotateOnce(stage, tally, forbiddenProbe(stage)))
    journal.warn(`${error.code}: ${error.message}`)
    expect(error.code === 'PROBE_DENIED', `the rotation ended with ${error.code}`)
    expect(stage.aws.secrets.secret(SECRET).text('AWSCURRENT') === current, 'the stored config changed')
    journal.info('The stored config is what it was, and every instance keeps pulling.')
    journal.phase('Mended: the probe names an image of the team again')
    await rotateGreen(stage, tally)
  },

  /** One agent does not come back with the new file: the node rolls back, the job is red, the old credential lives. */
  node: async (stage, journal, tally) => {
    const [, node] = stage.instances
    if (node === undefined) return
    journal.phase(`Broken on purpose: the agent of ${node.id} never registers with a new file`)
    const old = storedCredential(stage)
    node.agent.health = () => (node.agent.starts > 1 && node.agent.starts < 3 ? 'unregistered' : 'healthy')
    const report = await rotateOnce(stage, tally)
    if (report.problem !== null) journal.warn(`${report.problem.code}: ${report.problem.message}`)
    expect(report.problem?.code === 'ROLLOUT_INCOMPLETE', 'the job was green')
    expect(report.rollout?.stragglers[0]?.instanceId === node.id, 'the straggler was not named')
    expect(await pulls(probeOf(stage.plan), old), 'the old credential was revoked while an instance needed it')
    journal.info(`${node.id} runs the file it had; its credential was not revoked.`)
    node.agent.health = () => 'healthy'
    journal.phase('Mended: the same version is rolled out again')
    const { secret, version } = report
    const again = await reload(stage.ports, stage.plan, { secret, version })
    if (again.problem !== null) throw again.problem
    tally.retired += again.retire === null ? 0 : retiredCount(again.retire)
  },

  /** Four answers are lost after their calls took effect: nothing is done twice, nothing is left over. */
  'lost-response': async (stage, journal, tally) => {
    journal.phase('Broken on purpose: GitLab, Secrets Manager (twice) and Run Command lose one answer each')
    let minted = false
    stage.gitlab.fault = ({ method }) => {
      if (method !== 'POST' || minted) return null
      minted = true
      return { when: 'after', fault: { kind: 'hang-up' } }
    }
    for (const operation of ['PutSecretValue', 'UpdateSecretVersionStage', 'SendCommand']) {
      stage.aws.faults.add({ kind: 'lost', match: (name) => name === operation })
    }
    await rotateGreen(stage, tally)
    const commands = stage.aws.requests.filter(({ operation }) => operation === 'SendCommand').length
    expect(commands === 1, `Run Command was asked ${commands} times`)
    expect(stage.gitlab.deployTokens().length === 1, 'a token was left over at GitLab')
    journal.info('One token, one version, one rollout.')
  },
}

function forbiddenProbe({ registry, gitlab }: Stage): Plan {
  const plan = planFor(registry.host, gitlab.url, 'outside/app')
  return readPlan(plan, 'of the demo', PROVIDERS)
}

async function failure(work: Promise<unknown>): Promise<PullAuthError> {
  try {
    await work
  } catch (error) {
    return asPullAuthError(error)
  }
  throw failed('the rotation succeeded')
}

async function judge(
  stage: Stage,
  journal: Journal,
  tally: Tally,
  { count }: Pulls,
  started: number,
): Promise<DemoResult> {
  journal.phase('Judge')
  const image = probeOf(stage.plan)
  const secret = stage.aws.secrets.secret(SECRET)
  const current = storedCredential(stage)
  const stragglers = stage.instances
    .filter((instance) => !same(instance.credentialFor(image), current))
    .map(({ id }) => id)
  const alive = await Promise.all(tally.old.filter((old) => !same(old, current)).map((old) => pulls(image, old)))
  expect(stragglers.length === 0, `${stragglers.join(', ')} did not load the last version`)
  expect(!alive.includes(true), 'an old credential still pulls')
  expect(count.failed === 0, `${count.failed} pulls failed`)
  journal.info(`The registry refuses ${alive.length} old credentials; ${count.attempted} pulls, none failed.`)
  return {
    ok: true,
    rotations: tally.rotations,
    instances: stage.instances.length,
    version: secret.versions.holder('AWSCURRENT') ?? '',
    onVersion: stage.instances.length - stragglers.length,
    stragglers,
    retired: tally.retired,
    pulls: { ...count },
    seconds: Math.round((stage.ports.clock.now() - started) / 100) / 10,
  }
}

function probeOf(plan: Plan): string {
  return plan.registries[0]?.probe ?? ''
}

function storedCredential(stage: Stage): Credential {
  const text = stage.aws.secrets.secret(SECRET).text('AWSCURRENT') ?? ''
  const { credential } = resolveImage(readStoredConfig(new Secret(text), SECRET), probeOf(stage.plan))
  if (credential === null) throw failed('the stored config has no credential')
  return credential
}

function same(one: Credential | null, other: Credential): boolean {
  return one !== null && one.username === other.username && one.password.equals(other.password)
}

function showConfig(stage: Stage, journal: Journal, title: string): void {
  journal.phase(title)
  for (const line of redactConfig(stage.aws.secrets.secret(SECRET).text('AWSCURRENT') ?? '')
    .trimEnd()
    .split('\n'))
    journal.info(line)
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw failed(otherwise)
}

function failed(what: string): PullAuthError {
  return new PullAuthError(
    'DEMO_FAILED',
    `The demo did not end as it should: ${what}.`,
    'Please open an issue with the output.',
  )
}
