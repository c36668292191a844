/** Twenty booted instances and the shipped CLI: one rollout of which a part is killed, and one that heals it. */

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/wiring.ts'
import { type AwsDouble, startAws } from '../aws/server.ts'
import { cliProcess } from '../e2e/cli.ts'
import { CREDENTIALS, storedConfig } from '../node/bench.ts'
import { nspawnNeeds } from './nspawn.ts'
import { BootedInstance, DOCUMENT_TEXT } from './nspawn-instance.ts'
import { configWith, NEW, OLD } from './nspawn-pool.ts'
import { killBefore } from './nspawn-steps.ts'
import { isMissing } from './software.ts'

const SIZE = 20
const SECRET = 'prod/ecs/agent-config'
const PLAN = `version: 1
secret: ${SECRET}
registries:
  ghcr.io: { provider: ghcr, credential: prod/registry/pull, probe: ghcr.io/acme/app:1 }
fleet:
  targets: { "tag:ecs-pull-auth": [prod] }
  maxConcurrency: 100%
  maxErrors: 100%
  jitter: 0s
  drain: 0s
`

/** Killed before the n-th step, by instance. */
const KILLED = new Map([3, 6, 9, 12].map((step, at) => [at, step]))
/** Its agent cannot live with the new credentials at first. */
const DYING = 4
/** Stopped on purpose, as in a warm pool. */
const STOPPED = 5

interface Report {
  readonly ok: boolean
  readonly rollout: {
    readonly onVersion: number
    readonly targets: number
    readonly instances: readonly { readonly instanceId: string; readonly outcome: string }[]
    readonly stragglers: readonly string[]
  }
}

async function bootFleet(t: TestContext, aws: AwsDouble): Promise<readonly BootedInstance[]> {
  const instances = Array.from({ length: SIZE }, (_, n) => {
    const id = instanceId(n)
    return new BootedInstance({ id, credentials: CREDENTIALS, secretsUrl: aws.endpoint, config: configWith(OLD) })
  })
  t.after(() => Promise.all(instances.map((instance) => instance.remove())))
  await Promise.all(instances.map((instance) => instance.boot()))
  await Promise.all(instances.map((instance) => instance.untilRegistered()))
  return instances
}

function instanceId(n: number): string {
  return `i-${String(n).padStart(17, '0')}`
}

async function startService(t: TestContext, fleet: () => readonly BootedInstance[]): Promise<AwsDouble> {
  const node = {
    name: 'node',
    accessKeyId: CREDENTIALS.accessKeyId,
    secretAccessKey: CREDENTIALS.secretAccessKey.reveal(),
    sessionToken: CREDENTIALS.sessionToken.reveal(),
    actions: ['secretsmanager:GetSecretValue'],
  }
  const aws = await startAws({
    clock: systemClock,
    region: 'eu-central-1',
    account: '111122223333',
    identities: [node, OPERATOR],
    instances: Array.from({ length: SIZE }, (_, n) => ({ id: instanceId(n), tags: { 'ecs-pull-auth': 'prod' } })),
    runner: {
      run: async (order) => {
        const instance = fleet().find(({ id }) => id === order.instanceId)
        if (instance === undefined) throw new Error(`There is no instance ${order.instanceId}.`)
        // All restart at once, on one machine.
        return await instance.run({ ...order, env: { ...order.env, ECS_PULL_AUTH_HEALTH_SECONDS: '60' } })
      },
    },
  })
  t.after(() => aws.close())
  aws.ssm.publishDocument('ecs-pull-auth-reload', DOCUMENT_TEXT)
  aws.secrets.create(SECRET, storedConfig(NEW))
  return aws
}

const OPERATOR = { name: 'operator', accessKeyId: 'ASIAOPERATOR', secretAccessKey: 'MARK-operator', actions: ['*'] }

async function reload(t: TestContext, aws: AwsDouble): Promise<Report & { readonly exitCode: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-fleet-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['home', 'tmp']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'plan.yml'), PLAN)
  const { exitCode, stdout, stderr } = await cliProcess({
    folder,
    argv: ['reload', '--plan', 'plan.yml', '--json'],
    cwd: folder,
    env: {
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: OPERATOR.accessKeyId,
      AWS_SECRET_ACCESS_KEY: OPERATOR.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      HOME: join(folder, 'home'),
      TMPDIR: join(folder, 'tmp'),
    },
  })
  t.diagnostic(stderr)
  return { exitCode, ...(JSON.parse(stdout) as Report) }
}

test('of twenty instances every one that is killed or fails is named, and the next rollout heals them all', async (t) => {
  if (isMissing(t, nspawnNeeds())) return
  let fleet: readonly BootedInstance[] = []
  const aws = await startService(t, () => fleet)
  fleet = await bootFleet(t, aws)
  for (const [n, step] of KILLED) fleet[n]?.prelude(killBefore(step, { withQuestions: false }))
  fleet[DYING]?.setFates({ [NEW]: { exits: 5 } })
  await fleet[STOPPED]?.machine.shell('systemctl stop ecs')

  const first = await reload(t, aws)
  assert.deepEqual([first.exitCode, first.rollout.targets, first.rollout.onVersion], [1, SIZE, SIZE - KILLED.size - 1])
  const { instances, stragglers } = first.rollout
  const named = instances.filter(({ instanceId }) => stragglers.includes(instanceId))
  const killed = [...KILLED.keys()].map((n) => `${instanceId(n)} timed-out`)
  assert.deepEqual(
    named.map(({ instanceId, outcome }) => `${instanceId} ${outcome}`).sort(),
    [...killed, `${instanceId(DYING)} rolled-back`].sort(),
  )
  for (const [n, instance] of fleet.entries()) {
    assert.ok([OLD, NEW].map(configWith).includes(instance.config() ?? ''))
    if (!KILLED.has(n)) assert.equal(instance.password(), n === STOPPED ? null : n === DYING ? OLD : NEW)
  }

  const starts = fleet.map((instance) => instance.starts())
  for (const n of KILLED.keys()) fleet[n]?.noPrelude()
  fleet[DYING]?.setFates({})
  const second = await reload(t, aws)
  assert.deepEqual([second.exitCode, second.rollout.onVersion, second.rollout.stragglers], [0, SIZE, []])
  for (const [n, instance] of fleet.entries()) {
    assert.equal(instance.config(), configWith(NEW))
    assert.deepEqual(new Set(instance.files().values()), new Set([0o600]))
    assert.equal(instance.password(), n === STOPPED ? null : NEW)
    if (!KILLED.has(n) && n !== DYING) assert.equal(instance.starts(), starts[n], 'restarted once more')
    assert.doesNotMatch(instance.printed, /MARK|cHVsbGVyOk1BUk/)
  }
})
